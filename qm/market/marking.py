"""The compiled loop with the minutes marked on the way, where nobody else has to look at every one of them."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.clock import MINUTE
from qm.market.fives import MINUTES as FIVE
from qm.market.fives import build, close_bars
from qm.market.kernel import TIMER, run
from qm.market.minutes import (
    KEPT_BARS,
    KEPT_MINUTES,
    KEPT_PRINTS,
    KEPT_RANGES,
    OPENING_MINUTES,
    FiveArrays,
    Rings,
    Ticks,
    mark_rows,
)
from qm.market.openings import grow
from qm.market.rows import Rows
from qm.model.market import Events

_NEVER: Final = 2**62


@numba.njit(cache=True, error_model="numpy", nogil=True)
def run_marking(
    rows: Rows,
    events: Events,
    start: int,
    due: int,
    hours: tuple[int, int, int],
    marked: int,
    rings: Rings,
    fives: FiveArrays,
    ticks: Ticks,
) -> tuple[int, int, int]:
    """Consume records as `kernel.run` does, and mark each minute up to the close as soon as it is over.

    `marked` is the boundary that was marked last, or the one before the first. A minute ends before a timer of the same
    time. Returns what `kernel.run` returns, and the boundary that was marked last.
    """
    pre_ns, open_ns, close_ns = hours
    index = start
    while True:
        boundary = marked + MINUTE if marked < close_ns else _NEVER
        index, why = run(rows, events, index, min(due, boundary), pre_ns, open_ns, close_ns)
        if why != TIMER or boundary > due:
            return index, why, marked
        mark(rows, boundary, open_ns, close_ns, rings, fives, ticks)
        marked = boundary


@numba.njit(cache=True, error_model="numpy", nogil=True)
def mark(rows: Rows, boundary: int, open_ns: int, close_ns: int, rings: Rings, fives: FiveArrays, ticks: Ticks) -> None:
    """Do what `Minutes.mark` does at a boundary when none before it was left out."""
    close, volume, prints, pv, high, low, bars, below, mins_below, opening_volume = rings
    slot = boundary // MINUTE
    bar, two = bars[slot % KEPT_BARS], slot % KEPT_RANGES
    day = (prints[slot % KEPT_PRINTS], pv[slot % KEPT_MINUTES], high[two], low[two])
    mark_rows(rows, boundary, close, volume, day, bar, below, mins_below, ticks)
    since_open = boundary - open_ns
    if 0 < since_open <= close_ns - open_ns:
        building, whole, count, periods, openings = fives
        build(building, bar)
        minute = since_open // MINUTE
        if minute % FIVE == 0:
            close_bars(building, whole, count, periods, minute // FIVE - 1)
            building[:] = np.nan
        grow(rows, bar, minute, openings)
    if since_open == OPENING_MINUTES * MINUTE:
        opening_volume[:] = rows["volume"]
