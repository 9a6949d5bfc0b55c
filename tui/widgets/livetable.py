"""A table for rows that change many times a second; it paints only the spans that differ from what is on the screen.

Textual's DataTable repaints itself as a whole on every change, which costs most of a core and of a slow link.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from qm.wire.replica import Row
from tui.format import fit
from tui.keymap import bindings
from tui.widgets.columns import Cell, Column, Placed, place
from tui.widgets.filter import Filter
from tui.widgets.ordering import Ordering
from tui.widgets.tones import Toned

WHEEL_ROWS = 3
Painted = tuple[bool, tuple[Cell, ...]]
"""Whether the cursor is on the line, and its cells, padded."""


class LiveTable(Toned, Generic[Row], can_focus=True):
    """Show rows under a head; the cursor stays on its row's key wherever the row goes."""

    BINDINGS = bindings("table")

    class Chosen(Message):
        """The user opened a row."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Changed(Message):
        """The cursor, the order or the filter is another."""

    def __init__(self, columns: Sequence[Column[Row]], *, empty: str = "") -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.empty = empty
        """What stands in a table without rows."""
        self.ordering: Ordering[Row] = Ordering()
        self.cursor: str | None = None
        """Key of the chosen row; it stays when the row leaves, and nothing is then chosen."""
        self.top = 0
        """Index of the first row on the screen."""
        self.rows: list[Row] = []
        self.now = 0.0
        """Time of the last update."""
        self._source: Sequence[Row] = ()
        self._index: dict[str, int] = {}
        self._last_index = 0
        self._placed: tuple[Placed[Row], ...] = ()
        self._painted: dict[int, Painted] = {}

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor, None when there is none or it left."""
        index = self._index.get(self.cursor) if self.cursor is not None else None
        return None if index is None else self.rows[index]

    @property
    def height(self) -> int:
        """Rows that fit below the head."""
        return max(0, self.size.height - 1)

    def update(self, rows: Sequence[Row], now: float) -> None:
        """Show `rows`, given in the engine's order, at `now` (s); only what differs is painted."""
        self._source, self.now = rows, now
        self.rows = self.ordering.arrange(rows, now)
        self._index = {row.key: index for index, row in enumerate(self.rows)}
        self._follow()
        if self.restyled():
            self.refresh()
        else:
            self._repaint()

    def again(self) -> None:
        """Show the same rows anew, after the order, the filter or the cursor changed."""
        self.update(self._source, self.now)

    def move(self, by: int) -> None:
        """Move the cursor by so many rows and hold the order for a moment."""
        if not self.rows:
            return
        index = self._index.get(self.cursor) if self.cursor is not None else None
        if index is None:
            # The first key press lands on the first row in sight, or where the lost row was.
            to = self.top if self.cursor is None else self._last_index
            to = to if abs(by) == 1 else by
        else:
            to = index + by
        to = max(0, min(len(self.rows) - 1, to))
        self.cursor = self.rows[to].key
        self.ordering.hold(self.now)
        self.again()
        self.post_message(self.Changed())

    def choose(self, key: str) -> None:
        """Put the cursor on the row with this key."""
        self.cursor = key
        self.again()

    def filter(self, keep: Filter[Row] | None) -> None:
        """Keep only some rows, or all again."""
        self.ordering.keep = keep
        self._resorted()

    def action_sort(self) -> None:
        """Sort by the column to the right; after the last one comes the engine's own order."""
        shown = [at.column for at in self._placed]
        column = self.ordering.column
        place = shown.index(column) + 1 if column in shown else 0
        self.ordering.column = shown[place] if place < len(shown) else None
        self.ordering.descending = self.ordering.column is not None and self.ordering.column.right
        self._resorted()

    def action_turn(self) -> None:
        """Turn the sort around."""
        self.ordering.descending = not self.ordering.descending
        self._resorted()

    def action_freeze(self) -> None:
        """Hold the rows in place until asked again."""
        self.ordering.frozen = not self.ordering.frozen
        self.post_message(self.Changed())

    def action_release(self) -> None:
        """Choose nothing, go back to the top and show all rows."""
        self.cursor, self.top = None, 0
        self.filter(None)

    def _resorted(self) -> None:
        self.ordering.resort()
        self.again()
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self._placed = place(self.columns, self.size.width)
        self._painted.clear()
        self._follow()
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Show rows further down."""
        event.stop()
        self._scroll(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Show rows further up."""
        event.stop()
        self._scroll(-WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the mouse."""
        index = event.y - 1 + self.top
        if event.y >= 1 and index < len(self.rows):
            self.ordering.hold(self.now)
            self.choose(self.rows[index].key)

    def action_move(self, by: int) -> None:
        """Move by rows."""
        self.move(by)

    def action_page(self, halves: int) -> None:
        """Move by half pages."""
        self.move(halves * max(1, self.height // 2))

    def action_end(self, to: int) -> None:
        """Move to the first (-1) or the last row."""
        self.move(to * (len(self.rows) + 1))

    def action_choose(self) -> None:
        """Open the chosen row."""
        if self.chosen is not None:
            self.post_message(self.Chosen(self.chosen.key))

    def render_line(self, y: int) -> Strip:
        """Paint one line; no markup, no queries, no objects beyond its segments."""
        width = self.size.width
        if y == 0:
            head = self.tone("head")
            segments = [
                Segment(fit(at.column.title, at.width, right=at.column.right) + " ", head) for at in self._placed
            ]
        elif y == 1 and not self.rows:
            self._painted[1] = False, ()
            segments = [Segment(fit(self.empty, width, right=False), self.tone("dim"))]
        else:
            here, cells = self._painted[y] = self._line(y)
            segments = [part for text, tone in cells for part in self._cell(text, tone, here=here)]
        return Strip(segments).simplify().extend_cell_length(width, self.rich_style).crop(0, width)

    def _cell(self, text: str, tone: str, *, here: bool) -> tuple[Segment, ...]:
        if tone == "alert" and not here:
            # Its ground must not run into the next column.
            return Segment(text, self.tone(tone)), Segment(" ", self.tone(""))
        return (Segment(text + " ", self._style(tone, here=here)),)

    def _style(self, tone: str, *, here: bool) -> Style:
        if not here:
            return self.tone(tone)
        cursor = self.tone("cursor")
        # Reverse video of a coloured cell would paint patches, so there the whole row looks the same.
        return cursor if cursor.reverse else self.tone(tone) + Style(bgcolor=cursor.bgcolor, bold=True)

    def _line(self, y: int) -> Painted:
        index = y - 1 + self.top
        if not 0 <= index < len(self.rows):
            return False, ()
        row = self.rows[index]
        cells = []
        for at in self._placed:
            text, tone = at.column.cell(row)
            cells.append((fit(text, at.width, right=at.column.right), tone))
        return row.key == self.cursor, tuple(cells)

    def _repaint(self) -> None:
        width = self.size.width
        dirty = []
        for y in range(1, self.size.height):
            now, was = self._line(y), self._painted.get(y)
            if was is None or was[0] != now[0] or len(was[1]) != len(now[1]):
                if was is not None or now[1]:
                    dirty.append(Region(0, y, width, 1))
                continue
            differ = [i for i, (old, new) in enumerate(zip(was[1], now[1], strict=True)) if old != new]
            if differ:
                first, last = self._placed[differ[0]], self._placed[differ[-1]]
                dirty.append(Region(first.x, y, min(last.x + last.width, width) - first.x, 1))
        if dirty:
            self.refresh(*dirty)

    def _follow(self) -> None:
        index = self._index.get(self.cursor) if self.cursor is not None else None
        if index is not None:
            self._last_index = index
            self.top = min(self.top, index)
            self.top = max(self.top, index - self.height + 1)
        self.top = max(0, min(self.top, len(self.rows) - self.height))

    def _scroll(self, by: int) -> None:
        self.top += by
        if self.cursor is not None:
            # Keep the chosen row in sight: scrolling away from it would leave keys acting on something unseen.
            index = self._index.get(self.cursor, self._last_index)
            self.top = max(index - self.height + 1, min(self.top, index))
        self.again()
