"""The universe as a vendor told it: what could be traded, sold short and borrowed, and which exchange lists it."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

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

    @property
    def availability(self) -> Availability:
        """What the broker says of borrowing its shares."""
        if not (self.active and self.shortable):
            return Availability.NONE
        return Availability.EASY if self.easy_to_borrow else Availability.HARD


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

    Listings hardly ever move, so that a universe of later says more than none; nothing else of it is told, but names.
    """
    return {name: listing for name, listing in _nearest(catalogue, dataset, date, "listing") if listing}


def leverages(catalogue: Catalogue, dataset: str, date: dt.date) -> dict[str, float]:
    """Return the leverage of each fund whose name tells it, out of the same universe as `listings`."""
    told = {name: leverage_of(called) for name, called in _nearest(catalogue, dataset, date, "name")}
    return {name: leverage for name, leverage in told.items() if leverage is not None}


def _nearest(catalogue: Catalogue, dataset: str, date: dt.date, column: str) -> list[tuple[str, str]]:
    dates = catalogue.facts(dataset, ASSETS)
    nearest = [each for each in dates if each <= date][-1:] or dates[:1]
    if not nearest:
        return []
    columns = catalogue.fact(dataset, ASSETS, nearest[0])
    return list(zip(columns["names"][columns["symbol"]].tolist(), columns[column].tolist(), strict=True))


def _read(catalogue: Catalogue, dataset: str, date: dt.date) -> Universe:
    columns = catalogue.fact(dataset, ASSETS, date)
    names = columns["names"][columns["symbol"]]
    listing = columns["listing"].tolist()
    flags = [columns[name].astype(bool).tolist() for name in Asset._fields[1:]]
    rows = zip(names.tolist(), listing, *flags, strict=True)
    assets = {str(name): Asset(str(where), *yes) for name, where, *yes in rows}
    return Universe(date, int(columns["ts"].max()), assets)
