"""Whether the times of a session are what they seem: bars labelled by their end, another time zone."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.clock import HOUR, MINUTE, at_ny
from qm.history.checks import Action, Finding, found, joined
from qm.history.source import Columns
from qm.rules.calendar import Session

_HALF_HOUR: Final = 30 * MINUTE
_LEAST_ROWS: Final = 30
"""Of a session; fewer may be anywhere."""
_NIGHTLY: Final = 0.01
"""Share of rows from which on the night is suspicious: few venues trade in it."""


class Labels:
    """Whether the bars of a session look labelled by their end; they may come in several groups of symbols."""

    def __init__(self, seconds: int, of: Session) -> None:
        self._seconds, self._of = seconds, of
        self._elsewhere = False
        self._names = 0
        self._last: list[Finding] = []

    def add(self, columns: Columns) -> None:
        """Take in bars."""
        ts, of = columns.ts, self._of
        # A bar that begins at the close holds the closing auction, one that begins at the open the busiest minute.
        self._elsewhere |= bool(((ts <= of.open_ns) | (ts > of.close_ns)).any())
        self._names += len(columns.names)
        moved = f"--end-labels moves it by {self._seconds} s"
        what = f"looks labelled by its end: no bar at the open, one at the close; {moved}"
        found(columns, ts == of.close_ns, what, Action.KEPT, self._last)

    def judge(self, findings: list[Finding]) -> None:
        """Add the finding, if it is one."""
        if not self._elsewhere and sum(each.rows for each in self._last) * 2 > self._names:
            findings += self._last


class Clock:
    """Whether the times of a session look like those of another zone; rows may come in several groups of symbols."""

    def __init__(self, of: Session) -> None:
        self._of = of
        self._rows = self._opening = self._closing = self._early = 0
        self._night: list[Finding] = []
        self._first: list[Finding] = []

    def add(self, columns: Columns) -> None:
        """Take in bars or prints."""
        ts, of = columns.ts, self._of
        self._rows += len(ts)
        self._opening += int(((ts >= of.open_ns - HOUR) & (ts < of.open_ns + _HALF_HOUR)).sum())
        self._closing += int(((ts >= of.close_ns - HOUR) & (ts <= of.close_ns)).sum())
        early = ts < of.open_ns - HOUR
        self._early += int(early.sum())
        night = early & (ts < of.pre_ns) & (ts >= at_ny(of.date, "00:00"))
        found(columns, night, "is of the night, midnight to 04:00 in New York", Action.KEPT, self._night)
        found(columns, np.ones(len(ts), bool), "", Action.KEPT, self._first)

    def judge(self, findings: list[Finding]) -> None:
        """Add what is suspicious."""
        if self._rows < _LEAST_ROWS:
            return
        why = ""
        if sum(each.rows for each in self._night) > _NIGHTLY * self._rows:
            why = "many rows of the night, midnight to 04:00 in New York"
        elif not self._opening:
            why = "nothing around the open"
        elif self._early and not self._closing:
            why = "rows before the open, and none in the last hour"
        if why:
            what = f"time zone looks wrong: {why}; say the right one with --timezone"
            (whole,) = joined(self._night if "night" in why else self._first)
            findings.append(Finding(what, self._rows, Action.KEPT, whole.examples))
