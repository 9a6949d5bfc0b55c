"""Which symbols can be ranked at all, and what the others lack."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.radar.parts import Array

Codes = npt.NDArray[np.uint8]


class Lack(IntEnum):
    """What keeps a symbol from being ranked; the first that applies, in this order."""

    NOTHING = 0
    NO_PRICE = 1
    NO_PRIOR_CLOSE = 2
    """Unknown, or set aside because a split or a change of shares makes it no measure of today's price."""
    HALTED = 3
    CHEAP = 4
    QUIET = 5


WORDS: Final = {
    Lack.NOTHING: "",
    Lack.NO_PRICE: "no price yet",
    Lack.NO_PRIOR_CLOSE: "its prior close is not known, or no measure of today's price",
    Lack.HALTED: "halted",
    Lack.CHEAP: "below the least price",
    Lack.QUIET: "too few dollars traded",
}
"""What a person is told about a symbol that is not ranked."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def judge(
    last: Array,
    chg_pct: Array,
    halted: Array,
    dollars: Array,
    pre_dollars: Array,
    min_price: float,
    min_dollars: float,
    out: Codes,
) -> None:
    """Write the `Lack` of every symbol; each comparison is written so that NaN fails it."""
    for row in range(out.shape[0]):
        total = 0.0
        if dollars[row] > 0.0:
            total += dollars[row]
        if pre_dollars[row] > 0.0:
            total += pre_dollars[row]
        if not last[row] > 0.0:
            out[row] = 1
        elif not chg_pct[row] > -np.inf:
            out[row] = 2
        elif halted[row] != 0.0:
            out[row] = 3
        elif not last[row] >= min_price:
            out[row] = 4
        elif not (total >= min_dollars and total > 0.0):
            out[row] = 5
        else:
            out[row] = 0
