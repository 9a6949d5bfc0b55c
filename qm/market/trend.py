"""Whether prices trend: the slope of their exponential mean and the average directional index."""

from __future__ import annotations

from math import nan

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def slope(closes: Array, length: int) -> float:
    """Return how far the exponential mean moved with the last close, bp; NaN before `length` closes.

    It begins with the first close, and weighs each with 2 / (length + 1).
    """
    if len(closes) < length:
        return nan
    mean = before = float(closes[0])
    for close in closes[1:].tolist():
        before, mean = mean, mean + (close - mean) * 2.0 / (length + 1)
    return 1e4 * (mean / before - 1.0)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def adx(bars: Array, n: int) -> float:
    """Return the average directional index of bars, float64[bar, open high low close]; NaN before 2 n of them.

    Wilder, J. W. (1978): directional moves and true ranges, each first the sum of n, then n - 1 parts of what was and
    one of what came; the index is the mean of n of their quotients, then smoothed like them.
    """
    count = len(bars)
    if count < 2 * n:
        return nan
    plus = minus = ranges = found = 0.0
    for k in range(1, count):
        high, low, close = bars[k, 1], bars[k, 2], bars[k - 1, 3]
        up, down = high - bars[k - 1, 1], bars[k - 1, 2] - low
        if k > n:
            plus, minus, ranges = plus - plus / n, minus - minus / n, ranges - ranges / n
        plus += up if up > down and up > 0.0 else 0.0
        minus += down if down > up and down > 0.0 else 0.0
        ranges += max(high, close) - min(low, close)
        if k < n:
            continue
        strength = 100.0 * abs(plus - minus) / (plus + minus) if ranges > 0.0 and plus + minus > 0.0 else 0.0
        found += strength / n if k < 2 * n else (strength - found) / n
    return found
