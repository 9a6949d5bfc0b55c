"""Which symbols can be ranked at all, and what the others lack."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.radar.parts import Array

Codes = npt.NDArray[np.uint8]

PRECISION: Final = 1e6
"""A score is rounded to a millionth of a point."""


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
    strength: Array,
    last: Array,
    chg_pct: Array,
    halted: Array,
    dollars: Array,
    pre_dollars: Array,
    min_price: float,
    min_dollars: float,
    lacks: Codes,
    scores: Array,
) -> int:
    """Round `strength` in place, write the `Lack` of every symbol and the scores of those that lack nothing, else NaN.

    Returns how many lack nothing. Each comparison is written so that NaN fails it.
    """
    count = 0
    for row in range(lacks.shape[0]):
        strength[row] = np.rint(strength[row] * PRECISION) / PRECISION
        total = 0.0
        if dollars[row] > 0.0:
            total += dollars[row]
        if pre_dollars[row] > 0.0:
            total += pre_dollars[row]
        lack = 0
        if not (total >= min_dollars and total > 0.0):
            lack = 5
        if not last[row] >= min_price:
            lack = 4
        if halted[row] != 0.0:
            lack = 3
        if not chg_pct[row] > -np.inf:
            lack = 2
        if not last[row] > 0.0:
            lack = 1
        lacks[row] = lack
        scores[row] = strength[row] if lack == 0 else np.nan
        count += lack == 0
    return count
