"""Features of the whole day since 04:00, the time before the open with regular hours."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.blocks import (
    LAST,
    MORE,
    PRE_PV,
    PRE_VOLUME,
    PV,
    SCRATCH,
    USUAL,
    VOLUME,
    Array,
    Target,
    put,
    put_pct,
    put_ratio,
    ratio,
)
from qm.market.names import F
from qm.market.usual import MIN_DAYS, Course, fill_usual

Days = npt.NDArray[np.int64]

ALL_DAY: Final = (F.RVOL_ALL_DAY, F.FLOAT_ROTATION_ALL_DAY, F.VWAP_ALL_DAY, F.VWAP_ALL_DAY_DIST_PCT)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_all_day(b: Array, course: tuple[Course, int], known: tuple[Days, Array], since_open: int, to: Target) -> None:
    """Compute `ALL_DAY`.

    `course` is what is usual before the open by now, and the row of the block's first symbol in it; `known` are the
    days behind it and the shares free to trade. The block holds what is usual since the open by now.
    """
    out, place, first, n = to
    shares, price = b[MORE], b[SCRATCH]
    for k in range(n):
        shares[k] = b[PRE_VOLUME, k] + b[VOLUME, k]
        price[k] = ratio(b[PRE_PV, k] + b[PV, k], shares[k])
    put(to, F.VWAP_ALL_DAY, price)
    put_pct(to, F.VWAP_ALL_DAY_DIST_PCT, b[LAST], price)
    days, float_shares = known
    put_ratio(to, F.FLOAT_ROTATION_ALL_DAY, shares, float_shares)
    if place[F.RVOL_ALL_DAY] >= 0:
        column = out[place[F.RVOL_ALL_DAY], first : first + n]
        usual = b[SCRATCH, :n]
        fill_usual(course[0], course[1], usual)
        for k in range(n):
            # Both parts are the symbol's own: a stand-in for one of them would be compared with the other.
            whole = usual[k] if since_open < 0 else usual[k] + b[USUAL, k]
            column[k] = ratio(shares[k], whole) if days[k] >= MIN_DAYS or days[k] == 0 else np.nan
