"""The ranges of the first minutes: high, low and close of what traded between the open and their end."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.rows import Rows

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
OpeningArrays = tuple[Array, Array, Counts, Array]
"""`ranges`, `running`, `begun` and `late` of `Openings`, for compiled code."""

Bars = dict[int, Array]
"""Open, high, low, close and more, by number."""

LENGTHS: Final = (1, 5, 15, 30, 60)
"""Minutes."""
LONGEST: Final = 60
FIRST, FIVE = 0, 1
"""Places in `LENGTHS` of the first minute and of the usual range of five."""
OPEN, HIGH, LOW, CLOSE = range(4)
NOT_YET, LOST = -1, -2
"""`begun` of a symbol that did not open yet, and of one whose opening was not seen."""


class Openings:
    """The opening ranges of every symbol; each is known once its last minute is over, NaN before.

    They begin with the minute in which the symbol opens: that of the official opening print where the feed marks it,
    else that of the first price that counts. Prints of the same minute before the official one count: ranges are made
    of minutes. One that opens at 09:31 or later is `late`, and its ranges run from there; what was known of them from
    earlier prints is dropped when the official print comes. Minutes without a trade count as time and move no price.
    """

    def __init__(self, symbols: int) -> None:
        self.ranges = np.full((len(LENGTHS), 4, symbols), np.nan)
        """Open, high, low and close, $, by length."""
        self.running = np.full((4, symbols), np.nan)
        self.begun = np.full(symbols, NOT_YET, np.int64)
        """In which minute since 09:30 a symbol opened, the first is 0."""
        self.late = np.full(symbols, np.nan)
        """1 where that was not the first; NaN before the open."""
        self._minute = 0

    @property
    def arrays(self) -> OpeningArrays:
        """What `add` writes, for compiled code that does the same."""
        return self.ranges, self.running, self.begun, self.late

    def add(self, rows: Rows, bar: Array, minute: int) -> None:
        """Take the bars of the minute that ended so many minutes after 09:30, float64[5, symbol]."""
        if minute != self._minute + 1:
            self._lose()
        self._minute = minute
        grow(rows, bar, minute, self.arrays)

    def added_up_to(self, minute: int) -> None:
        """Take note that compiled code added every minute up to this one."""
        self._minute = minute

    def _lose(self) -> None:
        # Minutes were not seen: what was not whole before them never will be.
        whole = (self.begun >= 0) & (self._minute - self.begun >= LONGEST)
        self.begun[~whole] = LOST

    def put_right(self, row: int, bars: Bars, fives: Bars, *, official: bool) -> None:
        """Make a symbol's ranges again from its bars by minute since 09:30, and from whole ones by five minutes.

        NaN is a minute without a trade; five minutes that are missing had none. A range of which a minute is missing
        in `bars` and that does not consist of whole fives stays as it is.
        """
        begun = int(self.begun[row])
        if begun == LOST:
            return
        if not official and all(k in bars for k in range(max(begun, 0))):
            begun = self._first(row, begun, bars)
        if begun < 0:
            return
        for place, length in enumerate(LENGTHS):
            end = begun + length
            if end <= self._minute:
                self._put(self.ranges[place, :, row], begun, end, bars, fives)
        self._put(self.running[:, row], begun, min(begun + LONGEST, self._minute), bars, fives)

    def _first(self, row: int, begun: int, bars: Bars) -> int:
        """Find again in which minute a symbol opened, where the bars reach that far."""
        if not all(k in bars for k in range(self._minute if begun < 0 else begun + 1)):
            return begun
        traded = [k for k in sorted(bars) if 0 <= k < self._minute and bars[k][HIGH] > 0.0]
        if traded and traded[0] == begun:
            return begun
        known = all(k in bars for k in range(self._minute))
        if not known:
            return begun
        first = traded[0] if traded else NOT_YET
        self.begun[row] = first
        self.late[row] = np.nan if first < 0 else float(first > 0)
        self.ranges[:, :, row] = self.running[:, row] = np.nan
        return first

    @staticmethod
    def _put(to: Array, begun: int, end: int, bars: Bars, fives: Bars) -> None:
        minutes = range(begun, end)
        if all(k in bars for k in minutes):
            to[:] = _whole([bars[k] for k in minutes])
            return
        whole = end - end % 5
        if begun % 5 == 0 and all(k in bars for k in range(whole, end)):
            periods = [fives[k] for k in range(begun // 5, whole // 5) if k in fives]
            to[:] = _whole(periods + [bars[k] for k in range(whole, end)])


def _whole(bars: list[Array]) -> Array:
    traded = [bar for bar in bars if bar[HIGH] > 0.0]
    if not traded:
        return np.full(4, np.nan)
    return np.array(
        [traded[0][OPEN], max(bar[HIGH] for bar in traded), min(bar[LOW] for bar in traded), traded[-1][CLOSE]]
    )


@numba.njit(cache=True, error_model="numpy", nogil=True)
def grow(rows: Rows, bar: Array, minute: int, openings: OpeningArrays) -> None:
    """Add the minute that ended so many minutes after 09:30 to the ranges that are not whole."""
    ranges, running, begun, late = openings
    for s in range(bar.shape[1]):
        if begun[s] == LOST:
            continue
        traded = bar[HIGH, s] > 0.0
        if begun[s] >= 0 and minute - begun[s] > LONGEST and not (traded and rows[s]["opened"] == minute):
            continue
        # An official opening print in this minute: what traded before it was no open.
        official = traded and rows[s]["opened"] == minute and begun[s] != minute - 1
        if official or (begun[s] == NOT_YET and traded):
            begun[s] = minute - 1
            late[s] = 1.0 if minute > 1 else 0.0
            ranges[:, :, s] = np.nan
            for k in range(4):
                running[k, s] = bar[k, s]
        elif traded:
            if not running[HIGH, s] > 0.0:
                running[OPEN, s], running[HIGH, s], running[LOW, s] = bar[OPEN, s], bar[HIGH, s], bar[LOW, s]
            running[HIGH, s] = max(running[HIGH, s], bar[HIGH, s])
            running[LOW, s] = min(running[LOW, s], bar[LOW, s])
            running[CLOSE, s] = bar[CLOSE, s]
        if begun[s] < 0:
            continue
        for place in range(len(LENGTHS)):
            if minute - begun[s] == LENGTHS[place]:
                for k in range(4):
                    ranges[place, k, s] = running[k, s]
