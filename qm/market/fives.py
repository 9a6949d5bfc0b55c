"""Whole five-minute bars of every symbol's regular hours, and what traders read from them."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

MINUTES: Final = 5
KEPT: Final = 80
"""Bars kept per symbol: a whole day has 78."""
RANGES: Final = 20
"""Earlier bars whose mean range the last one is compared with, at most."""
CLOSES: Final = 20
"""Closes behind the Bollinger band."""
WIDTH: Final = 2.0
"""Standard deviations from the middle of the Bollinger band to its edges."""
PERIODS: Final = 2
"""Length of the relative strength index."""
EXPANDED: Final = 2.0
"""From this on a bar counts as expanded."""

RANGE_EXP, EXP_STREAK, RED, GREEN, RSI, BAND, HIGH, GAIN, LOSS, BAND_CLOSE = range(10)
"""Rows of `Fives.known`."""


class Fives:
    """The bars since the open, by symbol; five minutes without a trade make no bar.

    `known` is float64[10, symbol]: expansion of the last bar's range, bars in a row that were expanded, red, green, the
    relative strength index of the closes, the lower Bollinger band in $, the high of the last bar in $, the mean gain
    and loss behind the index, and from the band to the last close in %. `read` brings it up to the last bar: most bars
    of most symbols are never asked for.
    """

    def __init__(self, symbols: int) -> None:
        self.bars = np.empty((KEPT, 4, symbols))
        """Open, high, low and close, the oldest first; of each symbol the first `count` are bars."""
        self.count = np.zeros(symbols, np.int64)
        self.period = np.full((KEPT, symbols), -1, np.int64)
        """Which five minutes since the open each bar is."""
        self.building = np.full((4, symbols), np.nan)
        """The bar that is not whole yet; NaN without a trade."""
        self.known = np.full((10, symbols), np.nan)
        self._read = np.zeros(symbols, np.int64)
        self._begun = True

    def add(self, bar: Array, minute: int) -> None:
        """Take the bars of the minute that ended so many minutes after the open, float64[5, symbol].

        Minutes come one after the other, from the first on.
        """
        build(self.building, bar)
        if minute % MINUTES:
            return
        if self._begun:
            close_bars(self.building, self.bars, self.count, self.period, minute // MINUTES - 1)
        self.building[:] = np.nan
        self._begun = True

    def read(self, start: int, stop: int) -> None:
        """Bring `known` of the rows from `start` to before `stop` up to their last bar."""
        if stop - start == 1 and self._read.item(start) == self.count.item(start):
            return
        _catch_up(self.bars, self.count, self._read, self.known, start, stop)

    def leave_out(self) -> None:
        """Forget the bar that is being built: minutes of it were not seen."""
        self.building[:] = np.nan
        self._begun = False

    def put_right(self, row: int, period: int, bar: Array) -> None:
        """Replace a symbol's bar of some five minutes, float64[open high low close], and what follows from it.

        NaN takes the bar away.
        """
        count = int(self.count[row])
        bars, periods = self.bars[:, :, row], self.period[:, row]
        at = int(np.searchsorted(periods[:count], period))
        there = at < count and periods[at] == period
        traded = bool(bar[1] > 0.0)
        if not there and (not traded or count == KEPT):
            return
        if not traded:
            bars[at : count - 1], periods[at : count - 1] = bars[at + 1 : count].copy(), periods[at + 1 : count].copy()
            self.count[row] = count - 1
        elif not there:
            bars[at + 1 : count + 1], periods[at + 1 : count + 1] = bars[at:count].copy(), periods[at:count].copy()
            self.count[row] = count + 1
        if traded:
            bars[at], periods[at] = bar, period
        self.known[:, row] = np.nan
        self._read[row] = 0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def build(building: Array, bar: Array) -> None:
    """Add a minute, float64[5, symbol], to the bars that are not whole yet, float64[4, symbol]."""
    for s in range(bar.shape[1]):
        if not bar[1, s] > 0.0:
            continue
        if not building[1, s] > 0.0:
            building[0, s], building[1, s] = bar[0, s], bar[1, s]
            building[2, s], building[3, s] = bar[2, s], bar[3, s]
        else:
            building[1, s] = max(building[1, s], bar[1, s])
            building[2, s] = min(building[2, s], bar[2, s])
            building[3, s] = bar[3, s]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def close_bars(building: Array, bars: Array, count: Counts, periods: Counts, period: int) -> None:
    """Make whole bars of those that are being built, for the symbols that traded in them."""
    for s in range(building.shape[1]):
        n = count[s]
        if not building[1, s] > 0.0 or n >= KEPT:
            continue
        bars[n, 0, s], bars[n, 1, s] = building[0, s], building[1, s]
        bars[n, 2, s], bars[n, 3, s] = building[2, s], building[3, s]
        periods[n, s] = period
        count[s] = n + 1


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _catch_up(bars: Array, count: Counts, seen: Counts, known: Array, start: int, stop: int) -> None:
    for s in range(start, stop):
        while seen[s] < count[s]:
            seen[s] += 1
            _read(bars[:, :, s], seen[s], known[:, s])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _read(bars: Array, n: int, known: Array) -> None:
    """Bring one symbol's `known` from the bar before the last to the last of its first `n` bars."""
    last = n - 1
    opened, high, low, close = bars[last, 0], bars[last, 1], bars[last, 2], bars[last, 3]
    known[HIGH] = high
    before = 0.0
    first = max(0, last - RANGES)
    for k in range(first, last):
        before += bars[k, 1] - bars[k, 2]
    known[RANGE_EXP] = (high - low) * (last - first) / before if before > 0.0 else np.nan
    if n == 1:
        known[EXP_STREAK] = known[RED] = known[GREEN] = 0.0
    known[EXP_STREAK] = known[EXP_STREAK] + 1.0 if known[RANGE_EXP] >= EXPANDED else 0.0
    known[RED] = known[RED] + 1.0 if close < opened else 0.0
    known[GREEN] = known[GREEN] + 1.0 if close > opened else 0.0
    _strength(bars[:, 3], n, known)
    if n >= CLOSES:
        mean = 0.0
        for k in range(n - CLOSES, n):
            mean += bars[k, 3]
        mean /= CLOSES
        spread = 0.0
        for k in range(n - CLOSES, n):
            spread += (bars[k, 3] - mean) ** 2
        known[BAND] = mean - WIDTH * np.sqrt(spread / CLOSES)
        known[BAND_CLOSE] = 100.0 * (close / known[BAND] - 1.0) if known[BAND] > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _strength(closes: Array, n: int, known: Array) -> None:
    # Wilder, J. W. (1978): the mean of the first moves, then one part of what came and the rest of what was.
    if n == 1:
        known[GAIN] = known[LOSS] = 0.0
        return
    move = closes[n - 1] - closes[n - 2]
    gain, loss = max(move, 0.0), max(-move, 0.0)
    if n <= PERIODS + 1:
        known[GAIN] += gain / PERIODS
        known[LOSS] += loss / PERIODS
    else:
        known[GAIN] += (gain - known[GAIN]) / PERIODS
        known[LOSS] += (loss - known[LOSS]) / PERIODS
    both = known[GAIN] + known[LOSS]
    known[RSI] = 100.0 * known[GAIN] / both if n > PERIODS and both > 0.0 else np.nan
