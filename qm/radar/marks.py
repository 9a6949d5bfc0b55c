"""The scores of the last minute boundaries, and the ranks that follow from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.radar.parts import Array, Indices

Ranks = npt.NDArray[np.int32]

KEPT: Final = 16
"""Minute boundaries that are remembered."""
KEPT_NS: Final = KEPT * MINUTE
VELOCITY_MINUTES: Final = 5
"""Velocity looks back so far."""
ASKED: Final = 3
"""The market of a mark is sorted when it is asked more often; to count who is stronger than a few rows costs less."""

FEW: Final = 8
"""Of at most so many rows, each is ranked by a pass of its own over the market, which knows no branches."""


class Mark:
    """The scores of all symbols at one minute boundary."""

    def __init__(self, due: int, scores: Array) -> None:
        self.due = due
        self._scores = scores
        self._ranks: Ranks | None = None
        self._asked = 0

    @property
    def ranks(self) -> Ranks:
        """Rank of every row, 1 the strongest, 0 where it was not ranked."""
        # Most marks of a backtest are never asked.
        if self._ranks is None:
            self._ranks = ranks_of(self._scores)
        return self._ranks

    def ranks_at(self, rows: Indices) -> Ranks:
        """Return the ranks of some rows, 0 where one was not ranked."""
        self._asked += 1
        if self._ranks is not None or self._asked > ASKED:
            return self.ranks[rows]
        return ranks_among(self._scores, rows)


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
    ranks, rows = np.zeros(len(scores), np.int32), np.flatnonzero(scores >= 0)
    ranked = scores[rows]
    # The quicker sort keeps no order among equals: runs of them are put into that of their rows afterwards.
    order = np.argsort(-ranked)
    ordered = ranked[order]
    run = np.cumsum(np.concatenate([[0], ordered[1:] != ordered[:-1]])) if len(rows) else order
    placed = np.sort(run * len(scores) + rows[order]) % max(len(scores), 1)
    ranks[placed] = np.arange(1, len(rows) + 1)
    return ranks


def ranks_among(scores: Array, rows: Indices) -> Ranks:
    """Return the ranks that `ranks_of` gives some rows, without a sort of the market."""
    ranks = np.zeros(len(rows), np.int32)
    if len(rows) <= FEW:
        _each(scores, rows, ranks)
    else:
        _among(scores, rows, ranks)
    return ranks


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _each(scores: Array, rows: Indices, ranks: Ranks) -> None:
    # Without a branch in the loops, so that several rows are counted at once; no comparison holds for NaN.
    for place in range(rows.shape[0]):
        row = rows[place]
        score = scores[row]
        if not score >= 0.0:
            continue
        ahead = 0
        for other in scores[:row]:
            ahead += other >= score
        for other in scores[row + 1 :]:
            ahead += other > score
        ranks[place] = ahead + 1


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _among(scores: Array, rows: Indices, ranks: Ranks) -> None:
    # The strongest first; who is ahead of one is ahead of all behind it.
    places = np.empty(rows.shape[0], np.int64)
    n = 0
    for place in range(rows.shape[0]):
        score, row = scores[rows[place]], rows[place]
        if not score >= 0.0:
            continue
        at = n
        while at > 0 and _is_ahead(score, row, scores[rows[places[at - 1]]], rows[places[at - 1]]):
            places[at] = places[at - 1]
            at -= 1
        places[at] = place
        n += 1
    if n == 0:
        return
    ahead = np.zeros(n, np.int32)
    asked, asked_rows = scores[rows[places[:n]]], rows[places[:n]]
    weakest, last = asked[n - 1], asked_rows[n - 1]
    for row in range(scores.shape[0]):
        score = scores[row]
        # Written so that NaN goes no further.
        if not score >= weakest or not _is_ahead(score, row, weakest, last):
            continue
        low, high = 0, n - 1
        while low < high:
            middle = (low + high) // 2
            if _is_ahead(score, row, asked[middle], asked_rows[middle]):
                high = middle
            else:
                low = middle + 1
        ahead[low] += 1
    total = 0
    for place in range(n):
        total += ahead[place]
        ranks[places[place]] = total + 1


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _is_ahead(score: float, row: int, other: float, other_row: int) -> bool:
    return score > other or (score == other and row < other_row)
