"""The scores of the last minute boundaries, and the ranks that follow from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.radar.parts import Array

Ranks = npt.NDArray[np.int32]

KEPT: Final = 16
"""Minute boundaries that are remembered."""
KEPT_NS: Final = KEPT * MINUTE
VELOCITY_MINUTES: Final = 5
"""Velocity looks back so far."""


class Mark:
    """The scores of all symbols at one minute boundary."""

    def __init__(self, due: int, scores: Array) -> None:
        self.due = due
        self._scores = scores
        self._ranks: Ranks | None = None

    @property
    def ranks(self) -> Ranks:
        """Rank of every row, 1 the strongest, 0 where it was not ranked."""
        # Most marks of a backtest are never asked.
        if self._ranks is None:
            self._ranks = ranks_of(self._scores)
        return self._ranks


class Marks:
    """The last minute boundaries at which the radar had a beat, oldest first."""

    def __init__(self, marks: deque[Mark] | None = None) -> None:
        self._marks: deque[Mark] = deque(maxlen=KEPT) if marks is None else marks

    def __iter__(self) -> Iterator[Mark]:
        return iter(self._marks)

    def add(self, due: int, scores: Array) -> None:
        """Remember the scores of a boundary; the array must not change any more."""
        if not self._marks or self._marks[-1].due < due:
            self._marks.append(Mark(due, scores))

    def clear(self) -> None:
        """Forget all."""
        self._marks.clear()

    def copy(self) -> Marks:
        """Return the marks of this moment."""
        return Marks(self._marks.copy())

    def minutes_ago(self, minutes: int, now: int) -> Mark | None:
        """Return the mark of the boundary so many minutes before the latest one; None where nobody looked then."""
        due = now // MINUTE * MINUTE - minutes * MINUTE
        return next((mark for mark in reversed(self._marks) if mark.due == due), None)

    def since(self, minutes: int, now: int) -> Mark | None:
        """Return the oldest mark within the last `minutes` boundaries that is a minute old; None when there is none."""
        newest, oldest = now - MINUTE, now // MINUTE * MINUTE - minutes * MINUTE
        return next((mark for mark in self._marks if oldest <= mark.due <= newest), None)


def ranks_of(scores: Array) -> Ranks:
    """Return the rank of every row: by score, by row where scores are equal; 0 where the score is NaN."""
    # NaN sorts last.
    order = np.argsort(-scores, kind="stable")
    ranks = np.zeros(len(scores), np.int32)
    ranked = order[: int(np.count_nonzero(scores >= 0))]
    ranks[ranked] = np.arange(1, len(ranked) + 1)
    return ranks
