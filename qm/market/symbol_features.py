"""The features of one symbol, for whoever decides about it."""

from __future__ import annotations

from math import isfinite
from typing import Final

import numpy as np

from qm.market.filling import Wanted, fill
from qm.market.market import Market
from qm.market.names import NAMES, F

_EVERY: Final = np.arange(len(NAMES), dtype=np.int64)
_WANTED: Final = Wanted.of(frozenset(F))


def features_of(market: Market, row: int) -> dict[str, float]:
    """Compute the features of one symbol as of the market's now; what is not known is left out."""
    found = np.empty((len(NAMES), 1))
    fill(market, (row, row + 1), _EVERY, _WANTED, found)
    return {name: value for name, value in zip(NAMES, found[:, 0].tolist(), strict=True) if isfinite(value)}
