"""How the value of a feature turns into points of the radar's score."""

from __future__ import annotations

from math import isfinite, log10
from typing import Final

import msgspec
import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

EDGE: Final = 1e-9
"""As a fraction: so far beyond its ends the way in decades is certainly over."""


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
        out = np.zeros(len(values))
        self.add_to(out, values)
        return out

    def add_to(self, scores: Array, values: Array) -> None:
        """Add the points that the feature gives at `values` to `scores`, row by row."""
        if self.decades:
            start, full = log10(self.start), log10(self.full)
            _add_decades(scores, values, self.start, self.full, start, self.points / (full - start), float(self.points))
        else:
            slope = self.points / (self.full - self.start)
            _add(scores, values, float(self.start), slope, float(self.points))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add(scores: Array, values: Array, start: float, slope: float, points: float) -> None:
    for row in range(scores.shape[0]):
        found = (values[row] - start) * slope
        # Written so that NaN adds nothing.
        scores[row] += min(found, points) if found > 0.0 else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add_decades(
    scores: Array, values: Array, start: float, full: float, log_start: float, slope: float, points: float
) -> None:
    # Most values lie outside, where no logarithm is needed to know that they give nothing, or all points.
    low, high = min(start, full) * (1.0 - EDGE), max(start, full) * (1.0 + EDGE)
    for row in range(scores.shape[0]):
        value = values[row]
        if low < value < high:
            found = (log10(value) - log_start) * slope
            if found > 0.0:
                scores[row] += min(found, points)
        elif (value >= high) if slope > 0.0 else (0.0 <= value <= low):
            scores[row] += points
