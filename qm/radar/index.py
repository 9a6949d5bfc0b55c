"""What the five-minute bars and the opening range of the index funds say of the way of the market."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Final

import numpy as np

from qm.clock import MINUTE
from qm.market.day_facts import COMPARED
from qm.market.fives import MINUTES as FIVE
from qm.market.market import Market
from qm.market.openings import HIGH, LENGTHS, LOW
from qm.market.trend import adx, slope
from qm.radar.parts import Array

SHORT, LONG = 9, 20
"""Lengths of the exponential means, bars."""
PERIODS: Final = 14
"""Length of the average directional index, bars."""
RANGE: Final = LENGTHS.index(15)
"""The opening range whose break counts."""


def index_bars(market: Market, rows: Sequence[int], boundary: int) -> dict[str, float]:
    """Return `ema9_bp`, `ema20_bp`, `adx_5m`, `or_state` and `range_atr` at a boundary; NaN where not known."""
    day = market.minutes.day_at(boundary)
    if day is None or not rows:
        return {}
    last, _, _, high, low = day
    bars = [_bars(market, row, boundary) for row in rows]
    found = {
        "ema9_bp": _mean([slope(each[:, 3], SHORT) for each in bars]),
        "ema20_bp": _mean([slope(each[:, 3], LONG) for each in bars]),
        "adx_5m": _mean([adx(each, PERIODS) for each in bars]),
        "or_state": _mean([_state(market, row, float(last[row]), boundary) for row in rows]),
    }
    if COMPARED in market.table:
        row = market.table.row(COMPARED)
        atr = float(market.reference.atr[row])
        found["range_atr"] = float(high[row] - low[row]) / atr if atr > 0 else nan
    return found


def _bars(market: Market, row: int, boundary: int) -> Array:
    """Return a symbol's whole five-minute bars that were over at a boundary, float64[bar, 4]."""
    fives = market.minutes.fives
    over = (boundary - market.session.open_ns) // (FIVE * MINUTE)
    count = int(np.searchsorted(fives.period[: fives.count.item(row), row], over))
    return fives.bars[:count, :, row]


def _state(market: Market, row: int, last: float, boundary: int) -> float:
    openings = market.minutes.openings
    ends = market.session.open_ns + (openings.begun.item(row) + LENGTHS[RANGE]) * MINUTE
    top, bottom = openings.ranges.item(RANGE, HIGH, row), openings.ranges.item(RANGE, LOW, row)
    if boundary < ends or not top > 0:
        return nan
    return float(last > top) - float(last < bottom)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if isfinite(value)]
    return sum(known) / len(known) if known else nan
