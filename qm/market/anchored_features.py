"""Features that are anchored at a moment of the day: opening ranges, volume-weighted prices since, the tape's speed."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.clock import MINUTE
from qm.market.blocks import LAST, MORE, SCRATCH, TRADES, Array, Target, put, put_part, put_pct, ratio
from qm.market.names import F
from qm.market.openings import CLOSE, HIGH, LOW, OPEN
from qm.market.rows import Rows

OPENINGS: Final = (
    *(F.OR_HIGH, F.OR_LOW, F.OR_WIDTH_ATR, F.OR_DIR, F.OR_BREAK_PCT, F.LATE_OPEN),
    *(F.OR_1_HIGH, F.OR_1_LOW, F.OR_1_WIDTH_ATR, F.OR_1_DIR),
    *(F.OR_15_HIGH, F.OR_15_LOW, F.OR_15_WIDTH_ATR, F.OR_15_DIR),
    *(F.OR_30_HIGH, F.OR_30_LOW, F.OR_30_WIDTH_ATR, F.OR_30_DIR),
    *(F.OR_60_HIGH, F.OR_60_LOW, F.OR_60_WIDTH_ATR, F.OR_60_DIR),
)
ANCHORED: Final = (F.AVWAP_RESUME, F.AVWAP_RESUME_DIST_PCT, F.AVWAP_PM_HIGH, F.AVWAP_PM_HIGH_DIST_PCT)
SPEED: Final = (F.TAPE_SPEED,)
SPEED_MINUTES: Final = 20
"""Earlier minutes that the speed of the tape is held against, at most."""
LEAST_SPEED_MINUTES: Final = 10
"""Of these, so many must be known."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_openings(b: Array, ranges: Array, late: Array, atr: Array, s: int, to: Target) -> None:
    """Compute `OPENINGS` of the symbols from `s` on."""
    _, _, _, n = to
    put(to, F.LATE_OPEN, late[s : s + n])
    put_pct(to, F.OR_BREAK_PCT, b[LAST], ranges[1, HIGH, s : s + n])
    _fill_range(ranges[0], atr, s, (F.OR_1_HIGH, F.OR_1_LOW, F.OR_1_WIDTH_ATR, F.OR_1_DIR), to)
    _fill_range(ranges[1], atr, s, (F.OR_HIGH, F.OR_LOW, F.OR_WIDTH_ATR, F.OR_DIR), to)
    _fill_range(ranges[2], atr, s, (F.OR_15_HIGH, F.OR_15_LOW, F.OR_15_WIDTH_ATR, F.OR_15_DIR), to)
    _fill_range(ranges[3], atr, s, (F.OR_30_HIGH, F.OR_30_LOW, F.OR_30_WIDTH_ATR, F.OR_30_DIR), to)
    _fill_range(ranges[4], atr, s, (F.OR_60_HIGH, F.OR_60_LOW, F.OR_60_WIDTH_ATR, F.OR_60_DIR), to)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_range(known: Array, atr: Array, s: int, names: tuple[int, int, int, int], to: Target) -> None:
    out, place, first, n = to
    top, bottom, width, way = names
    high, low = known[HIGH, s : s + n], known[LOW, s : s + n]
    put(to, top, high)
    put(to, bottom, low)
    put_part(to, width, high, low, atr)
    if place[way] >= 0:
        column = out[place[way], first : first + n]
        for k in range(n):
            column[k] = np.sign(known[CLOSE, s + k] - known[OPEN, s + k])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_anchored(rows: Rows, s: int, b: Array, to: Target) -> None:
    """Compute `ANCHORED` of the symbols from `s` on: dollars by shares since the anchor, of 04:00 to the close."""
    _, _, _, n = to
    resumed, pm_high = b[SCRATCH], b[MORE]
    for k in range(n):
        r = rows[s + k]
        volume, pv = r["pre_volume"] + r["volume"], r["pre_pv"] + r["pv"]
        known = r["resumed"] > 0
        resumed[k] = ratio(pv - r["resumed_pv"], volume - r["resumed_volume"]) if known else np.nan
        pm_high[k] = ratio(pv - r["pre_high_pv"], volume - r["pre_high_volume"]) if r["pre_high"] > 0.0 else np.nan
    put(to, F.AVWAP_RESUME, resumed)
    put_pct(to, F.AVWAP_RESUME_DIST_PCT, b[LAST], resumed)
    put(to, F.AVWAP_PM_HIGH, pm_high)
    put_pct(to, F.AVWAP_PM_HIGH_DIST_PCT, b[LAST], pm_high)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_speed(b: Array, prints: Array, boundary: int, count: int, now: int, s: int, to: Target) -> None:
    """Compute `SPEED`: prints per minute since the boundary before the latest, in standard deviations from their mean
    in the `count` minutes before that one.

    `prints` is the ring of prints up to each minute boundary, `boundary` the latest.
    """
    out, place, first, n = to
    kept, slot = prints.shape[0], boundary // MINUTE
    part = (now - boundary) / MINUTE
    column = out[place[F.TAPE_SPEED], first : first + n]
    for k in range(n):
        column[k] = np.nan
        if count < LEAST_SPEED_MINUTES or not b[TRADES, k] >= 0.0:
            continue
        mean = (prints[(slot - 1) % kept, s + k] - prints[(slot - 1 - count) % kept, s + k]) / count
        squares = 0.0
        for ago in range(1, count + 1):
            told = prints[(slot - ago) % kept, s + k] - prints[(slot - ago - 1) % kept, s + k]
            squares += (told - mean) ** 2
        pace = (b[TRADES, k] - prints[(slot - 1) % kept, s + k]) / (1.0 + part)
        column[k] = ratio(pace - mean, np.sqrt(squares / (count - 1)))
