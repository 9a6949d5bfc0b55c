"""Timers on the market's own clock."""

from __future__ import annotations

import heapq

NEVER = (1 << 63) - 1
"""A time that no record reaches."""


RANKS = {"minute": 0, "beat": 1, "plan": 2, "until": 3}
"""Which of several kinds comes first at one time; a kind is what stands before the colon of a key."""
LAST = len(RANKS)


class Timers:
    """What falls due when; equal times fire by kind, and those of one kind in the order in which they were set.

    After a restart the engine's own timers are set anew, behind those that were kept: the order of setting alone would
    then be another. A timer due at T fires once everything known at T or before has been seen.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, str]] = []
        self._set = 0
        self.due = NEVER
        """Time of the next timer, ns UTC."""

    def set(self, due: int, key: str) -> None:
        """Let `key` fall due; setting the same again gives a second timer."""
        self._set += 1
        heapq.heappush(self._heap, (due, RANKS.get(key.partition(":")[0], LAST), self._set, key))
        self.due = self._heap[0][0]

    def next_key(self) -> str:
        """Return the key of the timer that is due first; empty when none is set."""
        return self._heap[0][3] if self._heap else ""

    def has(self, key: str) -> bool:
        """Say whether a timer of this key is set."""
        return any(timer[3] == key for timer in self._heap)

    def pop(self) -> tuple[int, str]:
        """Take the timer that is due first: its time and key."""
        due, _, _, key = heapq.heappop(self._heap)
        self.due = self._heap[0][0] if self._heap else NEVER
        return due, key

    def keep(self, prefix: str) -> None:
        """Forget all timers but those whose key begins so."""
        self._heap = [timer for timer in self._heap if timer[3].startswith(prefix)]
        heapq.heapify(self._heap)
        self.due = self._heap[0][0] if self._heap else NEVER
