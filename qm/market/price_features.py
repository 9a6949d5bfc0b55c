"""Features of prices: gaps, changes, ranges and highs of regular hours, and the time before them."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.market.blocks import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    HALT,
    HALTS,
    HIGH,
    HIGH_AGE,
    HIGHS,
    LAST,
    LOW,
    OPEN,
    PRE_HIGH,
    PRE_LOW,
    PRE_PV,
    PRE_VOLUME,
    PRIOR,
    QUARANTINED,
    QUOTE_AGE,
    RESUMED_MIN,
    REVISED,
    SCRATCH,
    SPAN,
    Array,
    Target,
    pct,
    put,
    put_part,
    put_pct,
    put_ratio,
    ratio,
)
from qm.market.names import F
from qm.market.usual import Course, fill_usual
from qm.rules.ssr import EXACT

PRICES: Final = (
    *(F.LAST, F.GAP_PCT, F.CHG_PCT, F.CHG_OPEN_PCT, F.OPEN, F.HIGH, F.LOW, F.LOW_CHG_PCT),
    *(F.HALTED, F.RS_SPY_PCT, F.HIGH_52W_DIST_PCT),
)
RANGES: Final = (*(F.RANGE_POS, F.RANGE_ATR, F.HIGH_AGE_S, F.HIGH_DIST_ATR, F.MOVE_ATR, F.HIGHS_TODAY, F.NEW_HIGH),)
STATES: Final = (F.HALTS_TODAY, F.MINS_SINCE_RESUME, F.SSR, F.QUARANTINED, F.REVISED)
QUOTES: Final = (F.SPREAD_BPS, F.BOOK_IMB, F.QUOTE_AGE_S)
PRE: Final = (
    *(F.PRE_VOLUME, F.PRE_DOLLAR_VOLUME, F.PRE_RVOL, F.PRE_HIGH, F.PRE_LOW, F.PRE_HIGH_DIST_PCT),
    *(F.DAY_HIGH, F.DAY_LOW),
)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_prices(b: Array, high_52w: Array, beta: Array, spy_pct: float, since_open: int, to: Target) -> None:
    """Compute `PRICES`; `spy_pct` is the change of SPY since its open."""
    out, place, first, n = to
    put(to, F.LAST, b[LAST])
    put_pct(to, F.GAP_PCT, b[LAST] if since_open < 0 else b[OPEN], b[PRIOR])
    put_pct(to, F.CHG_PCT, b[LAST], b[PRIOR])
    put_pct(to, F.CHG_OPEN_PCT, b[LAST], b[OPEN])
    put(to, F.OPEN, b[OPEN])
    put(to, F.HIGH, b[HIGH])
    put(to, F.LOW, b[LOW])
    put_pct(to, F.LOW_CHG_PCT, b[LOW], b[PRIOR])
    put_pct(to, F.HIGH_52W_DIST_PCT, b[LAST], high_52w)
    put(to, F.HALTED, b[HALT])
    if place[F.RS_SPY_PCT] >= 0:
        column = out[place[F.RS_SPY_PCT], first : first + n]
        for k in range(n):
            column[k] = pct(b[LAST, k], b[OPEN, k]) - beta[k] * spy_pct


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_ranges(b: Array, atr: Array, to: Target) -> None:
    """Compute `RANGES`."""
    out, place, first, n = to
    put_part(to, F.RANGE_POS, b[LAST], b[LOW], b[SPAN])
    put_ratio(to, F.RANGE_ATR, b[SPAN], atr)
    put(to, F.HIGH_AGE_S, b[HIGH_AGE])
    put_part(to, F.HIGH_DIST_ATR, b[HIGH], b[LAST], atr)
    put_part(to, F.MOVE_ATR, b[LAST], b[OPEN], atr)
    put(to, F.HIGHS_TODAY, b[HIGHS])
    if place[F.NEW_HIGH] >= 0:
        column = out[place[F.NEW_HIGH], first : first + n]
        for k in range(n):
            fresh = 1.0 if b[HIGHS, k] > 0.0 and b[HIGH_AGE, k] < 60.0 else 0.0
            column[k] = fresh if b[HIGH, k] > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_states(b: Array, prior_close: Array, ssr_carried: Array, drop: float, to: Target) -> None:
    """Compute `STATES`; short sales are restricted from a fall of `drop` on, a fraction, NaN before that rule."""
    out, place, first, n = to
    put(to, F.HALTS_TODAY, b[HALTS])
    put(to, F.MINS_SINCE_RESUME, b[RESUMED_MIN])
    put(to, F.QUARANTINED, b[QUARANTINED])
    put(to, F.REVISED, b[REVISED])
    if place[F.SSR] >= 0:
        column = out[place[F.SSR], first : first + n]
        for k in range(n):
            # What `ssr_trigger_usd` says, compiled.
            trigger = prior_close[k] * (1.0 - drop) + EXACT
            restricted = ssr_carried[k] if prior_close[k] > 0.0 else np.nan
            if b[LOW, k] <= trigger or ssr_carried[k] > 0.0:
                restricted = 1.0
            column[k] = restricted if drop == drop else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_quotes(b: Array, to: Target) -> None:
    """Compute `QUOTES`; nothing is known from a crossed or one-sided quote."""
    out, place, first, n = to
    put(to, F.QUOTE_AGE_S, b[QUOTE_AGE])
    if place[F.SPREAD_BPS] >= 0:
        column = out[place[F.SPREAD_BPS], first : first + n]
        for k in range(n):
            bid, ask = b[BID, k], b[ASK, k]
            column[k] = 2e4 * (ask - bid) / (bid + ask)
    if place[F.BOOK_IMB] >= 0:
        column = out[place[F.BOOK_IMB], first : first + n]
        for k in range(n):
            buyers, sellers = b[BID_SIZE, k], b[ASK_SIZE, k]
            column[k] = ratio(buyers - sellers, buyers + sellers)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_pre(b: Array, course: tuple[Course, int], whole: Array, since_open: int, to: Target) -> None:
    """Compute `PRE`.

    `course` is what is usual before the open by now, and the row of the block's first symbol in it; `whole` is the
    average volume before the open, shares: once it is open, all that symbols need whose course is not known.
    """
    out, place, first, n = to
    usual = b[SCRATCH, :n]
    fill_usual(course[0], course[1], usual)
    put(to, F.PRE_VOLUME, b[PRE_VOLUME])
    put(to, F.PRE_DOLLAR_VOLUME, b[PRE_PV])
    if place[F.PRE_RVOL] >= 0:
        column = out[place[F.PRE_RVOL], first : first + n]
        for k in range(n):
            mean = usual[k] if usual[k] == usual[k] or since_open < 0 else whole[k]
            column[k] = ratio(b[PRE_VOLUME, k], mean)
    put(to, F.PRE_HIGH, b[PRE_HIGH])
    put(to, F.PRE_LOW, b[PRE_LOW])
    put_pct(to, F.PRE_HIGH_DIST_PCT, b[LAST], b[PRE_HIGH])
    if place[F.DAY_HIGH] >= 0:
        column = out[place[F.DAY_HIGH], first : first + n]
        for k in range(n):
            column[k] = np.fmax(b[HIGH, k], b[PRE_HIGH, k])
    if place[F.DAY_LOW] >= 0:
        column = out[place[F.DAY_LOW], first : first + n]
        for k in range(n):
            column[k] = np.fmin(b[LOW, k], b[PRE_LOW, k])
