"""The last bars of the few symbols that somebody follows."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

KEPT = 120
"""Bars kept per followed symbol."""


class Bar(NamedTuple):
    """One bar: its start (ns UTC), prices in $, volume in shares."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bars:
    """Recent closed bars by row."""

    def __init__(self) -> None:
        self._kept: dict[int, deque[Bar]] = {}

    def add(self, row: int, bar: Bar) -> None:
        """Keep a closed bar, once."""
        kept = self._kept.get(row)
        if kept is None:
            kept = self._kept[row] = deque(maxlen=KEPT)
        if not kept or kept[-1].start < bar.start:
            kept.append(bar)

    def replace(self, row: int, bar: Bar) -> None:
        """Put a bar that was told otherwise in the place of the one with the same start; nothing where none is kept."""
        kept = self._kept.get(row)
        for n in range(len(kept or ()) - 1, -1, -1):
            assert kept is not None
            if kept[n].start == bar.start:
                kept[n] = bar
                return

    def of(self, row: int) -> deque[Bar]:
        """Return the bars of a symbol, oldest first; empty when nobody followed it."""
        return self._kept.get(row) or deque()

    def clear(self) -> None:
        """Forget all, at the start of a session."""
        self._kept.clear()
