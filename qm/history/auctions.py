"""Official opens and closes, out of the prints of auctions.

Every exchange tells an official open (Q) and close (M) of what it trades, and only those of the exchange that lists a
stock are the ones that everybody means. Where nobody says which one that is, the exchanges must agree: else the price
is not known.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import numpy as np

from qm.history.assets import listings
from qm.history.catalogue import Catalogue
from qm.history.layout import AUCTIONS

_OFFICIAL: Final = {"open": ("Q",), "close": ("M",)}
_AUCTION: Final = {"open": ("O", "5"), "close": ("6",)}
"""Of the auction itself, where an exchange tells no official price."""


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
    asked = (columns["side"] == side) & np.isin(columns["condition"].astype(str), _OFFICIAL[side] + _AUCTION[side])
    names = columns["names"][columns["symbol"][asked]].tolist()
    rest = (columns[name][asked].tolist() for name in _Print._fields)
    prints: dict[str, list[_Print]] = {}
    for name, *told in zip(names, *rest, strict=True):
        prints.setdefault(name, []).append(_Print(*told))
    listed = listings(catalogue, dataset, date)
    found = {name: _official(each, side, listed.get(name)) for name, each in prints.items()}
    return {name: price for name, price in found.items() if price is not None}


def _official(prints: list[_Print], side: str, listing: str | None) -> Official | None:
    if listing is not None:
        prints = [each for each in prints if each.exchange == listing]
    for conditions in (_OFFICIAL[side], _AUCTION[side]):
        chosen = [each for each in prints if each.condition in conditions]
        if listing is not None and chosen:
            last = max(chosen, key=lambda each: each.ts)
            return Official(last.price, last.ts)
        if chosen and len({each.price for each in chosen}) == 1:
            return Official(chosen[0].price, max(each.ts for each in chosen))
        if chosen:
            return None
    return None
