"""The features of some symbols, or of one, in one compiled call."""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.all_day_features import ALL_DAY, fill_all_day
from qm.market.anchored_features import (
    ANCHORED,
    OPENINGS,
    SPEED,
    SPEED_MINUTES,
    fill_anchored,
    fill_openings,
    fill_speed,
)
from qm.market.blocks import (
    ANCHOR,
    APART,
    BLOCK,
    COLUMNS,
    PDD,
    PRIOR,
    USUAL,
    Array,
    Places,
    Target,
    put,
    put_product,
    take,
    take_pre,
    take_quotes,
    take_states,
)
from qm.market.day_facts import spy_pct, ssr_drop
from qm.market.five_features import BARS, FIVES, WHOLE, fill_fives
from qm.market.fives import BAND, BAND_CLOSE, EXP_STREAK, GREEN, HIGH, RANGE_EXP, RED, RSI
from qm.market.halt_features import HALTED, fill_halts
from qm.market.market import Market
from qm.market.names import F
from qm.market.price_features import (
    PRE,
    PRICES,
    QUOTES,
    RANGES,
    STATES,
    fill_pre,
    fill_prices,
    fill_quotes,
    fill_ranges,
    fill_states,
)
from qm.market.rows import Rows
from qm.market.usual import Course, Moment, fill_usual, moment
from qm.market.volume_features import MOVES, VOLUMES, fill_moves, fill_volumes

Days = npt.NDArray[np.int64]
Prices = tuple[Array, Array, Array, Array, Array, Array]
"""Prior close, dividend, 52-week high, high and low of the session before, and beta."""
Usual = tuple[Array, Array, Array, Array, Array, Array, Array, Days]
"""Average volume over 14, 10 and 20 days, true range, opening volume, pre-market volume, shares free to trade, and the
days behind the averages."""
Marks = tuple[Array, Array, Array]
"""A restriction of short sales carried over, narrowest range of seven, inside day."""
Closes = tuple[Array, Array, Array, Array, Array]
"""Prices 1, 2, 5, 10 and 15 boundaries ago."""
Before = tuple[Array, Array, Array, Array, Array]
"""Shares up to 5 and 10 boundaries ago, prints up to one ago, minutes below the VWAP, shares of the first five."""
Day = tuple[float, float]
"""Change of SPY, fall that restricts short sales."""

SUBJECTS: Final = (
    *(PRICES, RANGES, STATES, QUOTES, PRE, VOLUMES, MOVES),
    *((*FIVES, *WHOLE), OPENINGS, ANCHORED, SPEED, HALTED, ALL_DAY),
)
"""Features that are made of the same parts."""


_NO_PRICE: Final = frozenset((F.HALTS_TODAY, F.MINS_SINCE_RESUME, F.QUARANTINED, F.REVISED, *QUOTES, *HALTED))
"""What is made without the prices and volumes of regular hours, which every other feature is worth reading for."""


class Wanted(NamedTuple):
    """Which subjects are worth looking at."""

    traded: bool
    """Prices and volumes of regular hours must be read."""
    prices: bool
    ranges: bool
    states: bool
    quotes: bool
    pre: bool
    volumes: bool
    moves: bool
    fives: bool
    openings: bool
    anchored: bool
    speed: bool
    halts: bool
    all_day: bool
    bars: bool
    """Whole five-minute bars must be read."""

    @classmethod
    def of(cls, features: frozenset[F]) -> Wanted:
        """Return the subjects of some features."""
        traded = not features <= _NO_PRICE
        return cls(traded, *(not features.isdisjoint(subject) for subject in (*SUBJECTS, BARS)))


def fill(market: Market, rows: tuple[int, int], place: Places, wanted: Wanted, out: Array) -> None:
    """Compute features of the rows from the first to before the second, as of the market's now.

    A feature goes into the row of `out` that `place` holds at its number, -1 for none; float64[place, row].
    """
    ref, minutes = market.reference, market.minutes
    now, opens = market.now, market.session.open_ns
    boundary = now // MINUTE * MINUTE
    if wanted.bars:
        minutes.fives.read(*rows)
    _fill(
        market.rows,
        (ref.prior_close, ref.dividend, ref.high_52w, ref.prev_high, ref.prev_low, ref.beta),
        (ref.adv, ref.adv10, ref.adv20, ref.atr, ref.or_volume, ref.pre_volume, ref.float_shares, ref.days),
        (ref.ssr_carried, ref.nr7, ref.inside_day),
        *minutes.behind(boundary),
        minutes.fives.known,
        (minutes.openings.ranges, minutes.openings.late),
        (minutes.prints, boundary, minutes.minutes_behind(boundary, SPEED_MINUTES) if wanted.speed else 0),
        (spy_pct(market), ssr_drop(market)),
        moment(market),
        (now, now - opens, *rows),
        place,
        wanted[:-1],
        out,
    )  # fmt: skip


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill(
    rows: Rows,
    prices: Prices,
    usual: Usual,
    marks: Marks,
    closes: Closes,
    before: Before,
    known: Array,
    openings: tuple[Array, Array],
    tape: tuple[Array, int, int],
    day: Day,
    courses: Moment,
    moment: tuple[int, int, int, int],
    place: Places,
    wanted: tuple[bool, bool, bool, bool, bool, bool, bool, bool, bool, bool, bool, bool, bool, bool],
    out: Array,
) -> None:
    now, since_open, start, stop = moment
    prior_close, dividend, high_52w, _, _, beta = prices
    adv, adv10, adv20, atr, or_volume, pre_volume, float_shares, days = usual
    (spy, drop), (before_open, by_now, by_ago, whole, (share, share_5, done)) = day, courses
    close_1, close_2, close_5, close_10, close_15 = closes
    volume_5, volume_10, prints, _, opening_volume = before
    traded, of_prices, of_ranges, of_states, of_quotes, of_pre, of_volumes, of_moves, of_fives = wanted[:9]
    of_all_day = wanted[13]
    b = np.empty((COLUMNS, min(BLOCK, stop - start) + APART))
    for s in range(start, stop, BLOCK):
        e = min(s + BLOCK, stop)
        n = e - s
        to = (out, place, s - start, n)
        if traded:
            take(rows, s, n, now, b)
        for k in range(n):
            b[PRIOR, k] = prior_close[s + k] - dividend[s + k] if dividend[s + k] > 0.0 else prior_close[s + k]
        if of_prices:
            fill_prices(b, high_52w[s:e], beta[s:e], spy, since_open, to)
        if of_ranges:
            fill_ranges(b, atr[s:e], to)
        if of_states:
            take_states(rows, s, n, now, b)
            fill_states(b, prior_close[s:e], marks[0][s:e], drop, to)
        if of_quotes:
            take_quotes(rows, s, n, now, b)
            fill_quotes(b, to)
        fill_usual(by_now, s, b[USUAL, :n])
        early = (pre_volume[s:e], float_shares[s:e])
        _fill_early(rows, (before_open, s), early, days[s:e], since_open, (of_pre, of_all_day), b, to)
        if of_volumes:
            _take_spread(rows, s, n, place, b)
            compared = (adv[s:e], adv20[s:e], atr[s:e], or_volume[s:e], float_shares[s:e])
            fill_volumes(b, opening_volume[s:e], compared, days[s:e], (whole[s:e], share, done), to)
        if of_moves:
            ago = (close_1[s:e], close_2[s:e], close_5[s:e], close_10[s:e], close_15[s:e])
            earlier, mean = (volume_5[s:e], volume_10[s:e], prints[s:e]), (adv[s:e], adv10[s:e], days[s:e])
            fill_moves(b, ago, earlier, mean, (by_ago, s, share_5), (now, since_open), to)
        if of_fives:
            fill_fives(b, known[BAND, s:e], known[HIGH, s:e], to)
            _put_bars(known, s, e, to)
        _fill_since(rows, openings, tape, atr[s:e], (now, now - since_open, s), wanted[9:13], b, to)
        _put_known(prices, usual, marks, before, since_open, s, e, to)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_early(
    rows: Rows,
    course: tuple[Course, int],
    usual: tuple[Array, Array],
    days: Days,
    since_open: int,
    wanted: tuple[bool, bool],
    b: Array,
    to: Target,
) -> None:
    """Compute what the time before the open is part of: `PRE` and `ALL_DAY`."""
    of_pre, of_all_day = wanted
    pre_volume, float_shares = usual
    if of_pre or of_all_day:
        take_pre(rows, course[1], to[3], b)
    if of_pre:
        fill_pre(b, course, pre_volume, since_open, to)
    if of_all_day:
        fill_all_day(b, course, (days, float_shares), since_open, to)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_since(
    rows: Rows,
    openings: tuple[Array, Array],
    tape: tuple[Array, int, int],
    atr: Array,
    moment: tuple[int, int, int],
    wanted: tuple[bool, bool, bool, bool],
    b: Array,
    to: Target,
) -> None:
    """Compute what is anchored at a moment of the day: `OPENINGS`, `ANCHORED`, `SPEED` and `HALTED`."""
    now, opens, s = moment
    ranges, late = openings
    prints, boundary, count = tape
    of_openings, of_anchored, of_speed, of_halts = wanted
    if of_openings:
        fill_openings(b, ranges, late, atr, s, to)
    if of_anchored:
        fill_anchored(rows, s, b, to)
    if of_speed:
        fill_speed(b, prints, boundary, count, now, s, to)
    if of_halts:
        fill_halts(rows, s, opens, to)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _take_spread(rows: Rows, s: int, n: int, place: Places, b: Array) -> None:
    """Take what tells how far prices lay from the VWAP: another line of the row, and few ask for it."""
    if max(place[F.VWAP_SIGMA], place[F.VWAP_Z]) < 0:
        return
    for k in range(n):
        r = rows[s + k]
        b[PDD, k], b[ANCHOR, k] = r["pdd"], r["anchor"]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _put_bars(known: Array, s: int, e: int, to: Target) -> None:
    """Put down what changes only with a whole bar: `WHOLE`."""
    put(to, F.RANGE_EXP_5M, known[RANGE_EXP, s:e])
    put(to, F.RANGE_EXP_STREAK, known[EXP_STREAK, s:e])
    put(to, F.RED_BARS_5M, known[RED, s:e])
    put(to, F.GREEN_BARS_5M, known[GREEN, s:e])
    put(to, F.RSI2_5M, known[RSI, s:e])
    put(to, F.BB_CLOSE_PCT, known[BAND_CLOSE, s:e])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _put_known(
    prices: Prices, usual: Usual, marks: Marks, before: Before, since_open: int, s: int, e: int, to: Target
) -> None:
    """Put down what does not change from beat to beat, or is the same for all."""
    out, place, first, n = to
    prior_close, _, high_52w, prev_high, prev_low, beta = prices
    adv, _, _, atr, _, _, float_shares, days = usual
    _, nr7, inside_day = marks
    put(to, F.ADV, adv[s:e])
    put(to, F.ATR, atr[s:e])
    put(to, F.REF_DAYS, days[s:e])
    put(to, F.FLOAT_SHARES, float_shares[s:e])
    put(to, F.PREV_HIGH, prev_high[s:e])
    put(to, F.PREV_LOW, prev_low[s:e])
    put(to, F.PREV_CLOSE, prior_close[s:e])
    put(to, F.HIGH_52W, high_52w[s:e])
    put(to, F.BETA, beta[s:e])
    put(to, F.NR7, nr7[s:e])
    put(to, F.INSIDE_DAY, inside_day[s:e])
    put_product(to, F.ADV_DOLLAR, adv[s:e], prior_close[s:e])
    put(to, F.MINS_BELOW_VWAP, before[3][s:e])
    if place[F.ATR_PCT] >= 0:
        column = out[place[F.ATR_PCT], first : first + n]
        for k in range(n):
            prior = prior_close[s + k]
            column[k] = 100.0 * atr[s + k] / prior if prior > 0.0 else np.nan
    if place[F.MINS_SINCE_OPEN] >= 0:
        column = out[place[F.MINS_SINCE_OPEN], first : first + n]
        for k in range(n):
            column[k] = since_open / MINUTE
