"""Splits, dividends, new names and ends of symbols: as files told them, and as a vendor's corporate actions do."""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

from qm.history.catalogue import Catalogue
from qm.history.layout import ACTIONS, DIVIDENDS, SPLITS
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


class _Paid(NamedTuple):
    symbol: str
    amount: float
    known_at: int


class Actions:
    """What happened to the companies of a dataset, over all its sessions.

    What somebody imported for a symbol and session stands in the place of what a vendor tells.
    """

    def __init__(self, catalogue: Catalogue, dataset: str) -> None:
        """Read everything; DataError when a file is damaged."""
        self.splits: list[Split] = []
        """By the session from which they hold."""
        self.renamed: list[Renamed] = []
        """By the session from which they hold."""
        self._dividends: dict[dt.date, list[_Paid]] = {}
        for date in catalogue.facts(dataset, ACTIONS):
            self._happened(catalogue, dataset, date)
        for date in catalogue.facts(dataset, SPLITS):
            rows = [
                Split(name, date, factor, at) for name, factor, at in _told(catalogue, dataset, SPLITS, date, "factor")
            ]
            by_hand = {split.symbol for split in rows}
            self.splits = [each for each in self.splits if each.date != date or each.symbol not in by_hand] + rows
        for date in catalogue.facts(dataset, DIVIDENDS):
            paid = [_Paid(*row) for row in _told(catalogue, dataset, DIVIDENDS, date, "amount")]
            by_hand = {each.symbol for each in paid}
            others = [each for each in self._dividends.get(date, []) if each.symbol not in by_hand]
            self._dividends[date] = others + paid

    def dividends(self, on: dt.date, known_by: int) -> dict[str, float]:
        """Return the cash that goes ex in a session by symbol, $ per share, as far as it was known by then, ns UTC."""
        found: dict[str, float] = {}
        for each in self._dividends.get(on, []):
            if each.known_at <= known_by:
                found[each.symbol] = found.get(each.symbol, 0.0) + each.amount
        return found

    def _happened(self, catalogue: Catalogue, dataset: str, date: dt.date) -> None:
        columns = catalogue.fact(dataset, ACTIONS, date)
        names = columns["names"][columns["symbol"]].tolist()
        rest = (columns[name].tolist() for name in ("ts", "factor", "amount", "becomes", "ends"))
        for name, at, factor, amount, becomes, ends in zip(names, *rest, strict=True):
            if not math.isnan(factor):
                self.splits.append(Split(name, date, factor, at))
            if not math.isnan(amount):
                self._dividends.setdefault(date, []).append(_Paid(name, amount, at))
            if becomes or ends:
                self.renamed.append(Renamed(name, becomes, date, at))


def _told(catalogue: Catalogue, dataset: str, kind: str, date: dt.date, value: str) -> list[tuple[str, float, int]]:
    columns = catalogue.fact(dataset, kind, date)
    names = columns["names"][columns["symbol"]].tolist()
    return list(zip(names, columns[value].tolist(), columns["ts"].tolist(), strict=True))
