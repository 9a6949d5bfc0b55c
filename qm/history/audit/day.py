"""One session of one kind of data, as an audit looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qm.history.audit.report import Example, Level, Tally, at
from qm.history.layout import Array
from qm.rules.calendar import Session

LEAST_SLOT_S = 60
"""Presence is judged by the minute, also for shorter bars."""


@dataclass(frozen=True, slots=True)
class AuditDay:
    """The rows of one session as they lie at rest."""

    of: Session
    seconds: int
    """Length of a bar; 0 for what is no bars."""
    names: Array
    """By code."""
    symbol: Array
    """Code of each row."""
    ts: Array
    """int64 ns UTC."""
    values: dict[str, Array]
    """Numbers by column."""

    @property
    def regular(self) -> Array:
        """Which rows begin in regular hours."""
        return (self.ts >= self.of.open_ns) & (self.ts < self.of.close_ns)

    def place(self, row: int) -> Example:
        """Return where a row is."""
        return at(self.of, self.names[self.symbol[row]], self.ts[row])

    def note(
        self, tally: Tally, rows: Array, code: str, level: Level, what: str, *, remedy: str = "", unit: str = "rows"
    ) -> None:
        """Add a concern of these rows, given as a mask."""
        places = np.flatnonzero(rows)
        if len(places):
            tally.add(code, level, len(places), unit, what, remedy=remedy, example=self.place(int(places[0])))
