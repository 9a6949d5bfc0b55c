"""Features of volume: against what is usual, and the price at which it was done."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.blocks import (
    ANCHOR,
    LAST,
    MORE,
    PDD,
    PRIOR,
    PV,
    SCRATCH,
    TRADES,
    USUAL,
    VOLUME,
    Array,
    Target,
    put,
    put_part,
    put_pct,
    put_ratio,
    ratio,
)
from qm.market.names import F
from qm.market.reference import Single
from qm.market.usual import MIN_DAYS, Course, fill_usual

Days = npt.NDArray[np.int64]

VOLUMES: Final = (
    *(F.RVOL, F.OPENING_RVOL, F.VOLUME, F.DOLLAR_VOLUME, F.FLOAT_ROTATION, F.RVOL_DAY, F.PROJ_VOLUME),
    *(F.VWAP, F.VWAP_DIST_PCT, F.VWAP_DIST_ATR, F.VWAP_SIGMA, F.VWAP_Z),
)
MOVES: Final = (
    *(F.MOM_1_PCT, F.MOM_2_PCT, F.MOM_5_PCT, F.MOM_10_PCT, F.MOM_15_PCT, F.CHG_1_AGO_PCT, F.VELOCITY),
    *(F.PRINTS_PER_MIN, F.VOL_5M, F.RVOL_5M, F.VOL_5M_PCT, F.VOL_SURGE),
)
FIVE_MINUTES_OF_A_DAY: Final = 78
"""Five-minute stretches in regular hours."""
NOISE: Final = 1e-12
"""Part of a mean of squares below which a difference of two is nothing."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _usual(own: float, adv: float, days: int, share: float) -> float:
    usual = own if own == own else adv * share
    return usual if days >= MIN_DAYS or days == 0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_volumes(
    b: Array,
    opening_volume: Array,
    usual: tuple[Array, Array, Array, Array, Array],
    days: Days,
    course: tuple[Single, float, float],
    to: Target,
) -> None:
    """Compute `VOLUMES`.

    `usual` are average volume over 14 and 20 days, true range, opening volume and shares free to trade; `course` is
    what is usual in the whole day, the share that the whole market has done of a day, NaN within the first minute, and
    of this day.
    """
    out, place, first, n = to
    adv, adv20, atr, or_volume, float_shares = usual
    whole, share, of_day = course
    by_now = b[USUAL]
    put_ratio(to, F.OPENING_RVOL, opening_volume, or_volume)
    put(to, F.VOLUME, b[VOLUME])
    put(to, F.DOLLAR_VOLUME, b[PV])
    put_ratio(to, F.FLOAT_ROTATION, b[VOLUME], float_shares)
    if place[F.RVOL_DAY] >= 0:
        column = out[place[F.RVOL_DAY], first : first + n]
        for k in range(n):
            column[k] = ratio(b[VOLUME, k], adv20[k] if adv20[k] == adv20[k] else adv[k])
    if place[F.RVOL] >= 0:
        column = out[place[F.RVOL], first : first + n]
        for k in range(n):
            column[k] = ratio(b[VOLUME, k], _usual(by_now[k], adv[k], days[k], share))
    if place[F.PROJ_VOLUME] >= 0:
        column = out[place[F.PROJ_VOLUME], first : first + n]
        for k in range(n):
            done = by_now[k] / np.float64(whole[k])
            column[k] = ratio(b[VOLUME, k], done if done == done else of_day)
    _fill_vwap(b, atr, to)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_vwap(b: Array, atr: Array, to: Target) -> None:
    _, place, _, n = to
    if max(place[F.VWAP], place[F.VWAP_DIST_PCT], place[F.VWAP_DIST_ATR], place[F.VWAP_SIGMA], place[F.VWAP_Z]) < 0:
        return
    vwap, sigma = b[SCRATCH], b[MORE]
    for k in range(n):
        vwap[k] = ratio(b[PV, k], b[VOLUME, k])
    put(to, F.VWAP, vwap)
    put_pct(to, F.VWAP_DIST_PCT, b[LAST], vwap)
    put_part(to, F.VWAP_DIST_ATR, b[LAST], vwap, atr)
    if place[F.VWAP_SIGMA] >= 0 or place[F.VWAP_Z] >= 0:
        for k in range(n):
            # About the anchor the squares are small, so that their difference keeps its digits; the last are noise.
            squares, away = ratio(b[PDD, k], b[VOLUME, k]), (vwap[k] - b[ANCHOR, k]) ** 2
            variance = squares - away
            sigma[k] = np.sqrt(variance if variance > NOISE * squares else 0.0) if variance == variance else np.nan
        put(to, F.VWAP_SIGMA, sigma)
        put_part(to, F.VWAP_Z, b[LAST], vwap, sigma)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_moves(
    b: Array,
    closes: tuple[Array, Array, Array, Array, Array],
    before: tuple[Array, Array, Array],
    usual: tuple[Array, Array, Days],
    course: tuple[Course, int, float],
    moment: tuple[int, int],
    to: Target,
) -> None:
    """Compute `MOVES` at a moment: now, and the time since the open, ns.

    `closes` are the prices 1, 2, 5, 10 and 15 boundaries ago, `before` the shares up to 5 and 10 ago and the prints up
    to one; `usual` are average volume over 14 and 10 days, and days; `course` is what is usual by five ago, the row of
    the block's first symbol in it, and the share of a day's volume that the whole market has done since.
    """
    out, place, first, n = to
    close_1, close_2, close_5, close_10, close_15 = closes
    volume_5, volume_10, prints = before
    adv, adv10, days = usual
    ago, start, share_5 = course
    now, since_open = moment
    # Inside a minute the last five are up to six: paces are compared, not sums.
    part = (now % MINUTE) / MINUTE
    fives = 5.0 + part
    put_pct(to, F.MOM_1_PCT, b[LAST], close_1)
    put_pct(to, F.MOM_2_PCT, b[LAST], close_2)
    put_pct(to, F.MOM_5_PCT, b[LAST], close_5)
    put_pct(to, F.MOM_10_PCT, b[LAST], close_10)
    put_pct(to, F.MOM_15_PCT, b[LAST], close_15)
    put_pct(to, F.CHG_1_AGO_PCT, close_1, b[PRIOR])
    if place[F.VELOCITY] >= 0:
        column = out[place[F.VELOCITY], first : first + n]
        for k in range(n):
            column[k] = (b[LAST, k] - close_1[k]) / (1.0 + part)
    if place[F.PRINTS_PER_MIN] >= 0:
        column = out[place[F.PRINTS_PER_MIN], first : first + n]
        for k in range(n):
            column[k] = (b[TRADES, k] - prints[k]) / (1.0 + part)
    vol_5 = b[SCRATCH]
    for k in range(n):
        vol_5[k] = b[VOLUME, k] - volume_5[k]
    put(to, F.VOL_5M, vol_5)
    if place[F.RVOL_5M] >= 0:
        column = out[place[F.RVOL_5M], first : first + n]
        by_ago = b[MORE, :n]
        fill_usual(ago, start, by_ago)
        for k in range(n):
            column[k] = ratio(vol_5[k], _usual(b[USUAL, k] - by_ago[k], adv[k], days[k], share_5))
    if place[F.VOL_5M_PCT] >= 0:
        column = out[place[F.VOL_5M_PCT], first : first + n]
        for k in range(n):
            pace = ratio(vol_5[k] * 5.0, (adv10[k] if adv10[k] == adv10[k] else adv[k]) * fives)
            column[k] = 100.0 * FIVE_MINUTES_OF_A_DAY * pace
    if place[F.VOL_SURGE] >= 0:
        whole_ten = since_open // MINUTE >= 10
        column = out[place[F.VOL_SURGE], first : first + n]
        for k in range(n):
            surge = ratio(vol_5[k] * 5.0, (volume_5[k] - volume_10[k]) * fives)
            column[k] = surge if whole_ten else np.nan
