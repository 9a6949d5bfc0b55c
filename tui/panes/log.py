"""The decisions feed: what the engine did and did not do, and why, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from qm.wire.views import LogView
from tui.format import clock
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.cells import by_level
from tui.widgets.columns import Cell, Column, faint, number, words


@dataclass(frozen=True, slots=True)
class LogRow:
    """A line of the feed with a key; several lines may come from one event."""

    key: str
    line: LogView

    @property
    def symbol(self) -> str:
        """The symbol that the line is about."""
        return self.line.symbol


class LogPane(TablePane[LogRow]):
    """Show the decisions feed."""

    NAME: ClassVar[str] = "log"
    NUMBER: ClassVar[int] = 6
    EMPTY: ClassVar[str] = "no decision yet"

    def columns(self) -> Sequence[Column[LogRow]]:
        """Return when, what, and about whom."""
        return (
            number("ts", "TIME    ", 8, lambda row: row.line.ts, clock, faint),
            words("symbol", "SYM", 6, lambda row: row.line.symbol),
            Column("level", "", 1, _level, lambda row: row.line.level, right=False, rank=1),
            Column("text", "DECISION", 20, _text, lambda row: row.line.text, right=False, grow=140),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many lines are kept."""
        return f"DECISIONS {len(moment.replica.log)}"

    def rows(self, moment: Moment) -> Sequence[LogRow]:
        """Return the feed, the newest line first."""
        lines = moment.replica.log
        seen: dict[int, int] = {}
        rows = []
        for line in lines:
            nth = seen[line.seq] = seen.get(line.seq, 0) + 1
            rows.append(LogRow(f"{line.seq}.{nth}", line))
        return rows[::-1]


def _text(row: LogRow) -> Cell:
    # Most sentences begin with the symbol, which has a column of its own.
    text = row.line.text.removeprefix(f"{row.symbol} ") if row.symbol else row.line.text
    return (text, by_level(row.line.level))


def _level(row: LogRow) -> Cell:
    # The level stands there as a word too: colour alone would not reach everyone.
    return ({"good": "+", "bad": "-", "warn": "!"}.get(row.line.level, ""), by_level(row.line.level))
