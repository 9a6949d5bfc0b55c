"""The order of a table's rows: the engine's or a column's, filtered, and held still while a finger is on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from qm.wire.replica import Row
from tui.widgets.columns import Column, ranked
from tui.widgets.filter import Filter

HOLD_S = 2.0
"""After a move of the cursor rows keep their places: a re-sort under the finger is how wrong symbols get bought."""
RESORT_S = 1.0
"""A column's order is worked out at most this often, so that rows do not dance."""


class Ordering(Generic[Row]):
    """Decide the order in which rows are shown; times are seconds of one steady clock."""

    def __init__(self) -> None:
        self.column: Column[Row] | None = None
        """Sorted by this column; None keeps the engine's own order."""
        self.descending = True
        self.frozen = False
        self.keep: Filter[Row] | None = None
        self._held_until = float("-inf")
        self._sorted_at = float("-inf")
        self._places: dict[str, int] = {}

    def hold(self, now: float) -> None:
        """Keep the places for a moment."""
        self._held_until = now + HOLD_S

    def still(self, now: float) -> bool:
        """Say whether rows keep their places now."""
        return self.frozen or now < self._held_until

    def resort(self) -> None:
        """Work the order out again at the next chance, because the user asked for another one."""
        self._sorted_at = self._held_until = float("-inf")

    def arrange(self, rows: Sequence[Row], now: float) -> list[Row]:
        """Return the rows to show, in order."""
        kept = [row for row in rows if self.keep.takes(row)] if self.keep is not None else list(rows)
        column = self.column
        if self.still(now):
            kept = self._as_before(kept)
        elif column is not None:
            if now - self._sorted_at >= RESORT_S:
                self._sorted_at = now
                kept = ranked(kept, column, descending=self.descending)
            else:
                kept = self._as_before(kept)
        self._places = {row.key: place for place, row in enumerate(kept)}
        return kept

    def _as_before(self, rows: list[Row]) -> list[Row]:
        last = len(self._places)
        return sorted(rows, key=lambda row: self._places.get(row.key, last))
