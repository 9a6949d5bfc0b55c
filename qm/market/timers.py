"""Timers on the market's own clock."""

from __future__ import annotations

import heapq

NEVER = (1 << 63) - 1
"""A time that no record reaches."""


class Timers:
    """What falls due when; equal times fire in the order in which they were set.

    A timer due at T fires once everything known at T or before has been seen.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._set = 0
        self.due = NEVER
        """Time of the next timer, ns UTC."""

    def set(self, due: int, key: str) -> None:
        """Let `key` fall due; setting the same again gives a second timer."""
        self._set += 1
        heapq.heappush(self._heap, (due, self._set, key))
        self.due = self._heap[0][0]

    def next_key(self) -> str:
        """Return the key of the timer that is due first; empty when none is set."""
        return self._heap[0][2] if self._heap else ""

    def has(self, key: str) -> bool:
        """Say whether a timer of this key is set."""
        return any(timer[2] == key for timer in self._heap)

    def pop(self) -> tuple[int, str]:
        """Take the timer that is due first: its time and key."""
        due, _, key = heapq.heappop(self._heap)
        self.due = self._heap[0][0] if self._heap else NEVER
        return due, key

    def keep(self, prefix: str) -> None:
        """Forget all timers but those whose key begins so."""
        self._heap = [timer for timer in self._heap if timer[2].startswith(prefix)]
        heapq.heapify(self._heap)
        self.due = self._heap[0][0] if self._heap else NEVER
