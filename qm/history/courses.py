"""The courses of volume over the last days, and their means: who trades how much by which time of day."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qm.market.reference import Column, Single

Rows = npt.NDArray[np.int64]


class Courses:
    """The latest days of cumulative volume, float32[boundary, row]; a row has a course of a day, or none.

    Later days have more rows: those of symbols that came later.
    """

    def __init__(self, days: int) -> None:
        self._days: deque[tuple[Single, npt.NDArray[np.bool_]]] = deque(maxlen=days)

    def add(self, rows: Rows, course: Single, width: int) -> None:
        """Take in a day: the course of each of `rows`, NaN where there is none, among `width` rows."""
        wide = np.zeros((len(course), width), np.float32)
        known = np.zeros(width, np.bool_)
        # A course is known as a whole or not at all.
        known[rows] = ~np.isnan(course[-1]) if len(course) else False
        if known.any():
            wide[:, rows] = np.where(known[rows], course, np.float32(0.0))
        else:
            wide = wide[:, :0]
        self._days.append((wide, known[: wide.shape[1]]))

    def forget(self, rows: Sequence[int]) -> None:
        """Let go of the past of some rows."""
        for course, known in self._days:
            there = [row for row in rows if row < len(known)]
            course[:, there], known[there] = 0.0, False

    def split(self, row: int, factor: float) -> None:
        """Put the past of a row into new shares; `factor` is what earlier prices are multiplied with."""
        for course, known in self._days:
            if row < len(known):
                course[:, row] /= np.float32(factor)

    def mean_by(self, boundary: int, at: Rows, least: int) -> Column:
        """Return what `mean` says at one boundary, float64[row]."""
        total, count = np.zeros(len(at)), np.zeros(len(at), np.int64)
        for course, known in self._days:
            there = np.flatnonzero(at < len(known))
            total[there] += course[boundary, at[there]] if len(known) else 0.0
            count[there] += known[at[there]]
        found: Column = np.divide(total, count, out=np.full(len(at), np.nan), where=count >= least)
        return found

    def mean(self, at: Rows, boundaries: int, least: int) -> Single:
        """Return the mean course of the rows `at`, float32[boundary, row]; NaN where it has fewer than `least` days."""
        width = max((len(known) for _, known in self._days), default=0)
        total, count = np.zeros((boundaries, width)), np.zeros(width, np.int64)
        for course, known in self._days:
            if not len(known):
                continue
            # What is not known is zero, so that whole days are added up at once.
            total[:, : len(known)] += course
            count[: len(known)] += known
        enough = count >= least
        found = np.full((boundaries, len(at)), np.nan, np.float32)
        there = at < width
        there[there] = enough[at[there]]
        found[:, there] = total[:, at[there]] / count[at[there]]
        return found
