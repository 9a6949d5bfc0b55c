"""Official opens and closes, out of the prints of auctions.

Every exchange tells an official open (Q) and close (M) of what it trades, and only those of the exchange that lists a
stock are the ones that everybody means. Where nobody says which one that is, the exchanges must agree: else the price
is not known.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np

from qm.history.assets import listings
from qm.history.catalogue import Catalogue
from qm.history.layout import AUCTIONS
from qm.rules.auctions import OFFICIAL


class Official(NamedTuple):
    """One official price."""

    price: float
    known_at: int
    """ns UTC."""


class _Print(NamedTuple):
    ts: int
    price: float
    exchange: str
    condition: str


def official(catalogue: Catalogue, dataset: str, date: dt.date, side: str) -> dict[str, Official]:
    """Return the official prices of a session by symbol, `side` open or close; DataError when a file is damaged.

    Empty where there are no auctions of that session.
    """
    if date not in catalogue.facts(dataset, AUCTIONS):
        return {}
    columns = catalogue.fact(dataset, AUCTIONS, date)
    told = _conditions(side, date)
    asked = (columns["side"] == side) & np.isin(columns["condition"].astype(str), [*told[0], *told[1]])
    names = columns["names"][columns["symbol"][asked]].tolist()
    rest = (columns[name][asked].tolist() for name in _Print._fields)
    prints: dict[str, list[_Print]] = {}
    for name, *values in zip(names, *rest, strict=True):
        prints.setdefault(name, []).append(_Print(*values))
    listed = listings(catalogue, dataset, date)
    found = {name: _official(each, told, listed.get(name)) for name, each in prints.items()}
    return {name: price for name, price in found.items() if price is not None}


def _conditions(side: str, date: dt.date) -> tuple[str, str]:
    """Return the conditions of official prices, and of the auction itself where an exchange tells no official one."""
    marks = OFFICIAL.at(date)
    if side == "open":
        return marks.opening, marks.open_cross + marks.reopening
    return marks.closing, marks.close_cross


def _official(prints: list[_Print], told: tuple[str, str], listing: str | None) -> Official | None:
    if listing is not None:
        prints = [each for each in prints if each.exchange == listing]
    for conditions in told:
        chosen = [each for each in prints if each.condition in conditions]
        if listing is not None and chosen:
            last = max(chosen, key=lambda each: each.ts)
            return Official(last.price, last.ts)
        if chosen and len({each.price for each in chosen}) == 1:
            return Official(chosen[0].price, max(each.ts for each in chosen))
        if chosen:
            return None
    return None
