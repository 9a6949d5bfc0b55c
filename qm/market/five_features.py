"""Features of the opening range and of whole five-minute bars."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.market.fives import EXP_STREAK, GREEN, RANGE_EXP, RED, RSI
from qm.market.names import F
from qm.market.price_features import Array, Moment, Places, pct, ratio
from qm.market.rows import Rows

FIVES: Final = (F.OR_HIGH, F.OR_LOW, F.OR_WIDTH_ATR, F.OR_DIR, F.OR_BREAK_PCT, F.BB_LOW_DIST_PCT, F.NEW_5M_HIGH)
WHOLE: Final = {
    F.RANGE_EXP_5M: RANGE_EXP,
    F.RANGE_EXP_STREAK: EXP_STREAK,
    F.RED_BARS_5M: RED,
    F.GREEN_BARS_5M: GREEN,
    F.RSI2_5M: RSI,
}
"""What changes only with a whole bar, with its place in `Fives.known`."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_fives(
    rows: Rows, opening: Array, band: Array, bar_high: Array, atr: Array, moment: Moment, place: Places, out: Array
) -> None:
    """Compute `FIVES` from high, low and close of the first five minutes, the lower band and the last bar's high."""
    _, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last = r["last"]
        high, low = opening[0, s], opening[1, s]
        out[place[F.OR_HIGH], k] = high
        out[place[F.OR_LOW], k] = low
        out[place[F.OR_WIDTH_ATR], k] = ratio(high - low, atr[s])
        out[place[F.OR_DIR], k] = np.sign(opening[2, s] - r["open"])
        out[place[F.OR_BREAK_PCT], k] = pct(last, high)
        out[place[F.BB_LOW_DIST_PCT], k] = pct(last, band[s])
        out[place[F.NEW_5M_HIGH], k] = (1.0 if last > bar_high[s] else 0.0) if bar_high[s] > 0.0 else np.nan
