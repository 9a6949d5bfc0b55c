"""How the value of a feature turns into points of the radar's score."""

from __future__ import annotations

from collections.abc import Mapping
from math import e, isfinite, log10
from typing import Final

import msgspec
import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

EDGE: Final = 1e-9
"""As a fraction: so far beyond its ends the way in decades is certainly over."""

_ROOT_HALF: Final = 0x3FE6A09E667F3BCD
"""The bits of sqrt(1/2)."""
_EXPONENT: Final = -(1 << 52)
"""The bits of a double's sign and exponent."""
_DECADES_A_BIT: Final = log10(2.0) * 2.0**-52
_LOG10_E: Final = log10(e)


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feature's part in the score: no points at `start`, all of them at `full`, a straight line between."""

    points: float
    """Most that the feature can give; the points of all parts are scaled to add up to 100."""
    start: float
    """Value, in the feature's unit, at which it begins to count."""
    full: float
    """Value at and beyond which it gives all its points; below `start` when less is better."""
    decades: bool = False
    """Measure the way from `start` to `full` in powers of ten, for features that spread over several."""

    def __post_init__(self) -> None:
        if not (isfinite(self.points) and self.points >= 0):
            raise ValueError("points must be 0 or more")
        if not (isfinite(self.start) and isfinite(self.full) and self.start != self.full):
            raise ValueError("start and full must be two different numbers")
        if self.decades and not (self.start > 0 and self.full > 0):
            raise ValueError("start and full must be positive when measured in decades")

    def of(self, values: Array) -> Array:
        """Return the points that the feature gives at these values: 0 to `points`, and 0 where the value is unknown."""
        out = np.zeros((1, len(values)))
        add_each(out, np.array([values]), ways_of({"": self}))
        points: Array = out[0]
        return points

    def way(self) -> tuple[float, ...]:
        """Return the part as compiled code takes it.

        1 when it is measured in decades; where it starts; points for each step; points at its end; and of one in
        decades the values outside which it is certainly over.
        """
        if not self.decades:
            return (0.0, self.start, self.points / (self.full - self.start), self.points, 0.0, 0.0)
        start = log10(self.start)
        slope = self.points / (log10(self.full) - start)
        low, high = min(self.start, self.full) * (1.0 - EDGE), max(self.start, self.full) * (1.0 + EDGE)
        return (1.0, start, slope, self.points, low, high)


def ways_of(parts: Mapping[str, Part]) -> Array:
    """Return the ways of some parts: float64[part, 6]."""
    return np.array([part.way() for part in parts.values()])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add(points: Array, values: Array, way: Array) -> None:
    if way[0] > 0.0:
        _add_decades(points, values, way)
    else:
        _add_line(points, values, way)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add_line(points: Array, values: Array, way: Array) -> None:
    start, slope, most = way[1], way[2], way[3]
    for k in range(points.shape[0]):
        found = (values[k] - start) * slope
        # Written so that NaN adds nothing.
        points[k] += min(found, most) if found > 0.0 else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add_decades(points: Array, values: Array, way: Array) -> None:
    # Without a branch, so that several rows are reckoned at once; outside its ends the way needs no logarithm.
    start, slope, most, low, high = way[1], way[2], way[3], way[4], way[5]
    for k in range(points.shape[0]):
        value = values[k]
        inside = low < value < high
        found = (_log10(value if inside else 1.0) - start) * slope
        way_on = min(found, most) if found > 0.0 else 0.0
        whole = (value >= high) if slope > 0.0 else (0.0 <= value <= low)
        points[k] += way_on if inside else (most if whole else 0.0)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _log10(value: float) -> float:
    """Return the logarithm of a positive, finite number, within 2 units of the last place.

    value = 2^e m with m in sqrt(1/2)..sqrt(2), and ln m = 2 artanh s with s = (m - 1) / (m + 1): its series, cut where
    the next term is below the last bit. It has the same bits on every processor, and stands in line in a loop, where a
    call would keep the compiler from taking several rows at once.
    """
    bits = np.float64(value).view(np.int64)
    exponent = (bits - _ROOT_HALF) & _EXPONENT
    m = np.int64(bits - exponent).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    series = 1.0 / 17.0 + q * (1.0 / 19.0 + q / 21.0)
    series = 1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0 + q * series))
    series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * series))))
    return np.float64(exponent) * _DECADES_A_BIT + 2.0 * _LOG10_E * s * series


@numba.njit(cache=True, error_model="numpy", nogil=True)
def add_each(points: Array, values: Array, ways: Array) -> None:
    """Add to the points of each part, float64[part, row], what it gives at the values beside them."""
    for n in range(ways.shape[0]):
        _add(points[n], values[n], ways[n])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def add_parts(points: Array, matrix: Array, places: Indices, first: int, start: int, stop: int, ways: Array) -> None:
    """Add to `points` what each part gives to the rows from `start` to before `stop`.

    The values of part n stand in row `places[first + n]` of the matrix, its way in row n of `ways`.
    """
    for n in range(ways.shape[0]):
        _add(points, matrix[places[first + n], start:stop], ways[n])
