"""The features of one symbol, for whoever decides about it."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.market.filling import Wanted, fill
from qm.market.market import Market
from qm.market.names import NAMES, F, known

_EVERY: Final = np.arange(len(NAMES), dtype=np.int64)
_WANTED: Final = Wanted.of(frozenset(F))


def values_of(market: Market, row: int) -> tuple[float | None, ...]:
    """Compute the features of one symbol as of the market's now, in the order of `NAMES`; None is not known."""
    found = np.empty((len(NAMES), 1))
    fill(market, (row, row + 1), _EVERY, _WANTED, found)
    return tuple([value if value == value else None for value in found.ravel().tolist()])


def features_of(market: Market, row: int) -> dict[str, float]:
    """Compute the features of one symbol as of the market's now, by name; what is not known is left out."""
    return known(values_of(market, row))
