"""What all panes share: a rule with a title, below it the content, and one call per frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from qm.wire.replica import Row
from tui.link import Moment
from tui.widgets.columns import Column
from tui.widgets.lines import Line, Lines, line_width
from tui.widgets.livetable import LiveTable


class Pane(Vertical):
    """A titled part of the workstation; `show` is called for each frame while it is visible."""

    NAME: ClassVar[str]
    NUMBER: ClassVar[int]

    def __init__(self) -> None:
        super().__init__(id=self.NAME, classes="pane")
        self.rule = Lines(classes="rule")

    @property
    def core(self) -> Widget:
        """The widget that takes the keys."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Stack the rule and the content."""
        yield self.rule
        yield self.core

    def show(self, moment: Moment) -> None:
        """Show the moment: the content, then the rule, which may say how much of it is in sight."""
        self.fill(moment)
        left, right = self.title(moment)
        self.rule.show([rule(self.NUMBER, left, right, self.size.width, here=self.has_focus_within)])

    def title(self, moment: Moment) -> tuple[str, str]:
        """Return what the rule says on its left and on its right."""
        raise NotImplementedError

    def fill(self, moment: Moment) -> None:
        """Show the content."""
        raise NotImplementedError


class TablePane(Pane, Generic[Row]):
    """A pane that is one live table."""

    EMPTY: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.table: LiveTable[Row] = LiveTable(self.columns(), empty=self.EMPTY)

    def columns(self) -> Sequence[Column[Row]]:
        """Return all columns that the table may have."""
        raise NotImplementedError

    @property
    def core(self) -> LiveTable[Row]:
        """The table."""
        return self.table

    def rows(self, moment: Moment) -> Sequence[Row]:
        """Return the rows in the engine's order."""
        raise NotImplementedError

    def heading(self, moment: Moment) -> str:
        """Return the title."""
        raise NotImplementedError

    def fill(self, moment: Moment) -> None:
        """Show the rows."""
        self.table.update(self.rows(moment), moment.now)

    def title(self, moment: Moment) -> tuple[str, str]:
        """Return the heading, and how the rows are chosen and ordered where that is not the engine's way."""
        table, order = self.table, self.table.ordering
        notes = []
        if order.keep is not None:
            notes.append(f"/{order.keep.text} {len(table.rows)} of {len(self.rows(moment))}")
        if order.column is not None:
            notes.append(f"by {order.column.title or order.column.key}{'▼' if order.descending else '▲'}")
        if order.frozen:
            notes.append("FROZEN")
        if table.cursor is not None and table.chosen is None:
            notes.append(f"{table.cursor} left")
        first, last = table.top + 1, min(table.top + table.height, len(table.rows))
        if first > 1 or last < len(table.rows):
            notes.append(f"{first}-{last} of {len(table.rows)}")
        return self.heading(moment), "  ".join(notes)


def rule(number: int, left: str, right: str, width: int, *, here: bool) -> Line:
    """Return the top rule of a pane: heavy and bold where the keys go."""
    stroke, tone = ("━", "here") if here else ("─", "title")
    head = f"{stroke}{stroke} {number} {left} "
    tail = f" {right} {stroke}" if right else ""
    free = max(0, width - line_width(((head, ""), (tail, ""))))
    return ((head, tone), (stroke * free, tone), (tail, tone))
