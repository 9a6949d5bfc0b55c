"""Features of prices: gaps, changes, ranges and highs of regular hours, and the time before them."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.kernel import HALTED, MINUTE
from qm.market.names import F
from qm.market.rows import Rows

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Moment = tuple[int, int, int, int]
"""Now and the time since the open, ns; the first row and the one after the last."""

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
def ratio(a: float, b: float) -> float:
    """Return a / b, NaN unless b > 0: infinity would pass the conditions that NaN fails."""
    return a / b if b > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def pct(a: float, b: float) -> float:
    """Return how far a lies from b, in percent of b; NaN unless b > 0."""
    return 100.0 * (a / b - 1.0) if b > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def before_dividend(prior_close: float, dividend: float) -> float:
    """Return the prior close less the cash that goes ex today, $."""
    return prior_close - dividend if dividend > 0.0 else prior_close


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_prices(
    rows: Rows,
    prior_close: Array,
    dividend: Array,
    high_52w: Array,
    spy_pct: float,
    moment: Moment,
    place: Places,
    out: Array,
) -> None:
    """Compute `PRICES`; `spy_pct` is the change of SPY since its open."""
    _, since_open, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last, high, low, opened = r["last"], r["high"], r["low"], r["open"]
        prior = before_dividend(prior_close[s], dividend[s])
        chg_open = pct(last, opened)
        out[place[F.LAST], k] = last
        out[place[F.GAP_PCT], k] = pct(last if since_open < 0 else opened, prior)
        out[place[F.CHG_PCT], k] = pct(last, prior)
        out[place[F.CHG_OPEN_PCT], k] = chg_open
        out[place[F.RS_SPY_PCT], k] = chg_open - spy_pct
        out[place[F.OPEN], k] = opened
        out[place[F.HIGH], k] = high
        out[place[F.LOW], k] = low
        out[place[F.LOW_CHG_PCT], k] = pct(low, prior)
        out[place[F.HIGH_52W_DIST_PCT], k] = pct(last, high_52w[s])
        out[place[F.HALTED], k] = 1.0 if r["status"] >= HALTED else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_ranges(rows: Rows, atr: Array, moment: Moment, place: Places, out: Array) -> None:
    """Compute `RANGES`."""
    now, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last, high, low = r["last"], r["high"], r["low"]
        age = (now - r["high_ts"]) / 1e9 if r["high_ts"] > 0 else np.nan
        out[place[F.RANGE_POS], k] = ratio(last - low, high - low)
        out[place[F.RANGE_ATR], k] = ratio(high - low, atr[s])
        out[place[F.HIGH_AGE_S], k] = age
        out[place[F.HIGH_DIST_ATR], k] = ratio(high - last, atr[s])
        out[place[F.MOVE_ATR], k] = ratio(last - r["open"], atr[s])
        out[place[F.HIGHS_TODAY], k] = r["highs"]
        out[place[F.NEW_HIGH], k] = (1.0 if r["highs"] > 0 and age < 60.0 else 0.0) if high > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_states(
    rows: Rows, prior_close: Array, ssr_carried: Array, drop: float, moment: Moment, place: Places, out: Array
) -> None:
    """Compute `STATES`; short sales are restricted from a fall of `drop` on, a fraction, NaN before that rule."""
    now, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        out[place[F.HALTS_TODAY], k] = r["halts"]
        out[place[F.MINS_SINCE_RESUME], k] = (now - r["resumed"]) / MINUTE if r["resumed"] > 0 else np.nan
        out[place[F.QUARANTINED], k] = r["quarantined"]
        out[place[F.REVISED], k] = r["revised"]
        # Binary fractions may put a hair between a price and the trigger.
        trigger = prior_close[s] * (1.0 - drop) * (1.0 + 1e-9)
        restricted = ssr_carried[s] if prior_close[s] > 0.0 else np.nan
        if r["low"] <= trigger or ssr_carried[s] > 0.0:
            restricted = 1.0
        out[place[F.SSR], k] = restricted if drop == drop else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_quotes(rows: Rows, moment: Moment, place: Places, out: Array) -> None:
    """Compute `QUOTES`; nothing is known from a crossed or one-sided quote."""
    now, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        bid, ask, buyers, sellers = r["bid"], r["ask"], r["bid_size"], r["ask_size"]
        if ask >= bid > 0.0:
            out[place[F.SPREAD_BPS], k] = 2e4 * (ask - bid) / (bid + ask)
            out[place[F.BOOK_IMB], k] = ratio(buyers - sellers, buyers + sellers)
            out[place[F.QUOTE_AGE_S], k] = (now - r["quote_ts"]) / 1e9
        else:
            out[place[F.SPREAD_BPS], k] = out[place[F.BOOK_IMB], k] = out[place[F.QUOTE_AGE_S], k] = np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_pre(rows: Rows, usual: Array, moment: Moment, place: Places, out: Array) -> None:
    """Compute `PRE`; `usual` is the average volume before the open, shares."""
    _, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        out[place[F.PRE_VOLUME], k] = r["pre_volume"]
        out[place[F.PRE_DOLLAR_VOLUME], k] = r["pre_pv"]
        out[place[F.PRE_RVOL], k] = ratio(r["pre_volume"], usual[s])
        out[place[F.PRE_HIGH], k] = r["pre_high"]
        out[place[F.PRE_LOW], k] = r["pre_low"]
        out[place[F.PRE_HIGH_DIST_PCT], k] = pct(r["last"], r["pre_high"])
        out[place[F.DAY_HIGH], k] = np.fmax(r["high"], r["pre_high"])
        out[place[F.DAY_LOW], k] = np.fmin(r["low"], r["pre_low"])
