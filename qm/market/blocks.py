"""A block of rows, taken apart: what features are made of stands side by side, so that one formula meets many symbols.

A row is half a kilobyte. It is read from memory once for all its features, and each formula runs over columns that fit
the processor's first cache.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.kernel import HALTED
from qm.market.rows import PRINTS, Rows

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Target = tuple[Array, Places, int, int]
"""Where features go: float64[feature, symbol], the feature's place in it by its number (-1: not wanted), the first
symbol of the block in it, and how many it has."""

BLOCK: Final = 512
"""Rows in a block."""
APART: Final = 8
"""Columns of a block stand so many numbers further apart than it has rows: else all would meet in a few lines of the
processor's first cache."""

LAST, HIGH, LOW, OPEN, SPAN, VOLUME, PV, PDD, ANCHOR, HIGH_AGE, HIGHS, HALT, TRADES = range(13)
PRE_VOLUME, PRE_PV, PRE_HIGH, PRE_LOW = range(13, 17)
BID, ASK, BID_SIZE, ASK_SIZE, QUOTE_AGE = range(17, 22)
RESUMED_MIN, HALTS, QUARANTINED, REVISED = range(22, 26)
PRIOR, SCRATCH, MORE, USUAL = range(26, 30)
COLUMNS: Final = 30
"""Columns of a block: fields of the rows; high less low; seconds since the high and the quote; 1 where it is halted;
prints (NaN on bars); minutes since it trades again; the prior close less a dividend; two to work with; the volume that
is usual by now."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def ratio(a: float, b: float) -> float:
    """Return a / b, NaN unless b > 0: infinity would pass the conditions that NaN fails."""
    return a / b if b > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def pct(a: float, b: float) -> float:
    """Return how far a lies from b, in percent of b; NaN unless b > 0."""
    return 100.0 * (a / b - 1.0) if b > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def take(rows: Rows, s: int, n: int, now: int, block: Array) -> None:
    """Take what every formula may need from the rows from `s` on."""
    for k in range(n):
        r = rows[s + k]
        high, low = r["high"], r["low"]
        block[LAST, k], block[HIGH, k], block[LOW, k], block[OPEN, k] = r["last"], high, low, r["open"]
        block[SPAN, k] = high - low
        block[VOLUME, k], block[PV, k] = r["volume"], r["pv"]
        block[HIGH_AGE, k] = (now - r["high_ts"]) / 1e9 if r["high_ts"] > 0 else np.nan
        block[HIGHS, k] = r["highs"]
        block[HALT, k] = 1.0 if r["status"] >= HALTED else 0.0
        block[TRADES, k] = r["prints"] if r["source"] == PRINTS else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def take_pre(rows: Rows, s: int, n: int, block: Array) -> None:
    """Take what happened before the open."""
    for k in range(n):
        r = rows[s + k]
        block[PRE_VOLUME, k], block[PRE_PV, k] = r["pre_volume"], r["pre_pv"]
        block[PRE_HIGH, k], block[PRE_LOW, k] = r["pre_high"], r["pre_low"]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def take_quotes(rows: Rows, s: int, n: int, now: int, block: Array) -> None:
    """Take the quotes; a crossed or one-sided one says nothing."""
    for k in range(n):
        r = rows[s + k]
        if r["ask"] >= r["bid"] > 0.0:
            block[BID, k], block[ASK, k] = r["bid"], r["ask"]
            block[BID_SIZE, k], block[ASK_SIZE, k] = r["bid_size"], r["ask_size"]
            block[QUOTE_AGE, k] = (now - r["quote_ts"]) / 1e9
        else:
            block[BID, k] = block[ASK, k] = block[BID_SIZE, k] = block[ASK_SIZE, k] = block[QUOTE_AGE, k] = np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def take_states(rows: Rows, s: int, n: int, now: int, block: Array) -> None:
    """Take what the exchange said of the symbols, and what was put right."""
    for k in range(n):
        r = rows[s + k]
        block[RESUMED_MIN, k] = (now - r["resumed"]) / MINUTE if r["resumed"] > 0 else np.nan
        block[HALTS, k], block[QUARANTINED, k], block[REVISED, k] = r["halts"], r["quarantined"], r["revised"]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def put(to: Target, f: int, a: Array) -> None:
    """Put a feature down as it stands."""
    # In a slice, every index is known to be none from behind: several symbols are reckoned at once.
    out, place, first, n = to
    if place[f] >= 0:
        column = out[place[f], first : first + n]
        for k in range(n):
            column[k] = a[k]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def put_pct(to: Target, f: int, a: Array, b: Array) -> None:
    """Put down how far a lies from b, in percent of b."""
    out, place, first, n = to
    if place[f] >= 0:
        column = out[place[f], first : first + n]
        for k in range(n):
            column[k] = pct(a[k], b[k])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def put_ratio(to: Target, f: int, a: Array, b: Array) -> None:
    """Put down a / b."""
    out, place, first, n = to
    if place[f] >= 0:
        column = out[place[f], first : first + n]
        for k in range(n):
            column[k] = ratio(a[k], b[k])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def put_part(to: Target, f: int, a: Array, b: Array, c: Array) -> None:
    """Put down (a - b) / c."""
    out, place, first, n = to
    if place[f] >= 0:
        column = out[place[f], first : first + n]
        for k in range(n):
            column[k] = ratio(a[k] - b[k], c[k])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def put_product(to: Target, f: int, a: Array, b: Array) -> None:
    """Put down a * b."""
    out, place, first, n = to
    if place[f] >= 0:
        column = out[place[f], first : first + n]
        for k in range(n):
            column[k] = a[k] * b[k]
