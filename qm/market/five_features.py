"""Features of whole five-minute bars."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.market.blocks import LAST, Array, Target, put_pct
from qm.market.fives import BAND_CLOSE, EXP_STREAK, GREEN, RANGE_EXP, RED, RSI
from qm.market.names import F

FIVES: Final = (F.BB_LOW_DIST_PCT, F.NEW_5M_HIGH)
WHOLE: Final = {
    F.RANGE_EXP_5M: RANGE_EXP,
    F.RANGE_EXP_STREAK: EXP_STREAK,
    F.RED_BARS_5M: RED,
    F.GREEN_BARS_5M: GREEN,
    F.RSI2_5M: RSI,
    F.BB_CLOSE_PCT: BAND_CLOSE,
}
"""What changes only with a whole bar, with its place in `Fives.known`."""
BARS: Final = (*FIVES, *WHOLE)
"""What whole bars must be read for."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_fives(b: Array, band: Array, bar_high: Array, to: Target) -> None:
    """Compute `FIVES` from the lower band and the last bar's high."""
    out, place, first, n = to
    put_pct(to, F.BB_LOW_DIST_PCT, b[LAST], band)
    if place[F.NEW_5M_HIGH] >= 0:
        column = out[place[F.NEW_5M_HIGH], first : first + n]
        for k in range(n):
            above = 1.0 if b[LAST, k] > bar_high[k] else 0.0
            column[k] = above if bar_high[k] > 0.0 else np.nan
