"""The universe as a vendor told it: what could be traded, sold short and borrowed, and which exchange lists it."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from qm.history.catalogue import Catalogue
from qm.history.layout import ASSETS
from qm.rules.borrow import Availability
from qm.rules.leverage import leverage_of


class Asset(NamedTuple):
    """One symbol of the universe."""

    listing: str
    """The exchange that lists it, as a letter of the tapes; "" where it is none of theirs."""
    active: bool
    tradable: bool
    marginable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    id: str = ""
    """Of the company or fund, whatever its name; "" where it was not told."""
    leverage: float | None = None
    """Of a leveraged fund, as its name tells."""

    @property
    def availability(self) -> Availability:
        """What the broker says of borrowing its shares."""
        if not (self.active and self.shortable):
            return Availability.NONE
        return Availability.EASY if self.easy_to_borrow else Availability.HARD


_FLAGS: Final = ("active", "tradable", "marginable", "shortable", "easy_to_borrow", "fractionable")


class Universe(NamedTuple):
    """All that was told at one time."""

    of: dt.date
    """Session in which it was asked."""
    known_at: int
    """ns UTC."""
    assets: dict[str, Asset]
    """By symbol."""


def universe(catalogue: Catalogue, dataset: str, known_by: int) -> Universe | None:
    """Return the newest universe that was known by a moment, ns UTC; None where there is none. DataError."""
    for date in reversed(catalogue.facts(dataset, ASSETS)):
        found = _read(catalogue, dataset, date)
        if found.known_at <= known_by:
            return found
    return None


def listings(catalogue: Catalogue, dataset: str, date: dt.date) -> dict[str, str]:
    """Return which exchange lists each symbol, as the universe nearest to a session tells it, an earlier one first.

    Listings hardly ever move, so that a universe of later says more than none; nothing else of it is told.
    """
    return {name: listing for name, listing in _nearest(catalogue, dataset, date, "listing") if listing}


def _nearest(catalogue: Catalogue, dataset: str, date: dt.date, column: str) -> list[tuple[str, str]]:
    dates = catalogue.facts(dataset, ASSETS)
    nearest = [each for each in dates if each <= date][-1:] or dates[:1]
    if not nearest:
        return []
    columns = catalogue.fact(dataset, ASSETS, nearest[0])
    return list(zip(columns["names"][columns["symbol"]].tolist(), columns[column].tolist(), strict=True))


class Assets:
    """The universes of a dataset, read once each; those asked for last stay."""

    def __init__(self, catalogue: Catalogue, dataset: str) -> None:
        self._catalogue, self._dataset = catalogue, dataset
        self._dates = catalogue.facts(dataset, ASSETS)
        self._read: dict[dt.date, Universe] = {}

    def known(self, on: dt.date, known_by: int) -> Universe | None:
        """Return the newest universe that was known before a session; None where there is none. DataError."""
        # None of a later session can have been known.
        for date in reversed([each for each in self._dates if each <= on][-2:]):
            found = self._of(date)
            if found.known_at <= known_by:
                return found
        return None

    def nearest(self, on: dt.date) -> Universe | None:
        """Return the universe nearest to a session, an earlier one first, for what hardly ever changes. DataError."""
        dates = [each for each in self._dates if each <= on][-1:] or self._dates[:1]
        return self._of(dates[0]) if dates else None

    def _of(self, date: dt.date) -> Universe:
        if date not in self._read:
            self._read[date] = _read(self._catalogue, self._dataset, date)
            for stale in list(self._read)[:-3]:
                del self._read[stale]
        return self._read[date]


def _read(catalogue: Catalogue, dataset: str, date: dt.date) -> Universe:
    columns = catalogue.fact(dataset, ASSETS, date)
    names = columns["names"][columns["symbol"]]
    listing = columns["listing"].tolist()
    flags = [columns[name].astype(bool).tolist() for name in _FLAGS]
    texts = [columns[name].tolist() if name in columns else [""] * len(names) for name in ("id", "name")]
    rows = zip(names.tolist(), listing, *texts, *flags, strict=True)
    assets = {
        str(name): Asset._make((str(where), *yes, str(identity), leverage_of(str(called))))
        for name, where, identity, called, *yes in rows
    }
    return Universe(date, int(columns["ts"].max()), assets)
