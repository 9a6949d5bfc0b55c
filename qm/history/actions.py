"""Splits, dividends, new names and ends of symbols: as files told them, and as a vendor's corporate actions do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qm.history.catalogue import Catalogue
from qm.history.layout import ACTIONS, DIVIDENDS, SPLITS, Array
from qm.history.reference import Split


class Renamed(NamedTuple):
    """A symbol that means something else from a session on."""

    symbol: str
    becomes: str
    """Its name from then on; "" where it ends."""
    date: dt.date
    """First session under the new name."""
    known_at: int
    """When it was known, ns UTC."""


def splits(catalogue: Catalogue, dataset: str) -> list[Split]:
    """Return all splits of a dataset; what somebody imported stands in the place of what a vendor tells. DataError."""
    found: list[Split] = []
    for date in catalogue.facts(dataset, SPLITS):
        columns = catalogue.fact(dataset, SPLITS, date)
        names = columns["names"][columns["symbol"]]
        told = zip(names.tolist(), columns["factor"].tolist(), columns["ts"].tolist(), strict=True)
        found += [Split(str(name), date, factor, known_at) for name, factor, known_at in told]
    by_hand = {(split.symbol, split.date) for split in found}
    for date in catalogue.facts(dataset, ACTIONS):
        for name, columns, row in _actions(catalogue, dataset, date):
            factor = float(columns["factor"][row])
            if not np.isnan(factor) and (name, date) not in by_hand:
                found.append(Split(name, date, factor, int(columns["ts"][row])))
    return found


def dividends(catalogue: Catalogue, dataset: str, on: dt.date, known_by: int) -> dict[str, float]:
    """Return the cash that goes ex in a session, $ per share, as far as it was known by a moment, ns UTC. DataError."""
    found: dict[str, float] = {}
    if on in catalogue.facts(dataset, ACTIONS):
        for name, columns, row in _actions(catalogue, dataset, on):
            amount = float(columns["amount"][row])
            if columns["ts"][row] <= known_by and not np.isnan(amount):
                found[name] = found.get(name, 0.0) + amount
    if on in catalogue.facts(dataset, DIVIDENDS):
        columns = catalogue.fact(dataset, DIVIDENDS, on)
        names = columns["names"][columns["symbol"]].tolist()
        told = zip(names, columns["amount"].tolist(), columns["ts"].tolist(), strict=True)
        found |= {str(name): amount for name, amount, known_at in told if known_at <= known_by}
    return found


def renamed(catalogue: Catalogue, dataset: str) -> list[Renamed]:
    """Return which symbols of a dataset got another name or came to their end, by session; DataError."""
    found = []
    for date in catalogue.facts(dataset, ACTIONS):
        for name, columns, row in _actions(catalogue, dataset, date):
            becomes = str(columns["becomes"][row])
            if becomes or columns["ends"][row]:
                found.append(Renamed(name, becomes, date, int(columns["ts"][row])))
    return found


def _actions(catalogue: Catalogue, dataset: str, date: dt.date) -> Iterator[tuple[str, dict[str, Array], int]]:
    columns = catalogue.fact(dataset, ACTIONS, date)
    for row, name in enumerate(columns["names"][columns["symbol"]].tolist()):
        yield str(name), columns, row
