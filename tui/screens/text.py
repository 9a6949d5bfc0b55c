"""A page of text above the workstation; the status line stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from tui.keymap import bindings, hints
from tui.link import Moment
from tui.widgets.lines import Line, Lines, Page, Part, hint_line
from tui.widgets.statusbar import StatusBar, rows_for


class TextScreen(Screen[None]):
    """Show lines that can be scrolled."""

    BINDINGS = bindings("text")
    # Textual paints the whole screen anew when the focus moves, which a slow link would feel for seconds.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self, title: str, lines: Iterable[Sequence[Part]]) -> None:
        super().__init__(classes="text")
        self.status = StatusBar(id="status")
        self.heading = Lines(classes="rule")
        self.page = Page(classes="page")
        self.hints = Lines(id="hints")
        self.heading_text = title
        self.text: tuple[Line, ...] = tuple(tuple(line) for line in lines)
        self.top = 0

    def compose(self) -> ComposeResult:
        """Stack status, heading, page and hints."""
        yield self.status
        yield self.heading
        yield self.page
        yield self.hints

    def show(self, moment: Moment) -> None:
        """Show the moment's status; the text itself stands still."""
        self.status.fill(moment)

    def action_scroll(self, by: int) -> None:
        """Scroll by so many lines."""
        self.top += by
        self._fill()

    def action_close(self) -> None:
        """Go back to the workstation."""
        self.dismiss()

    def on_mount(self) -> None:
        """Take the keys."""
        self.page.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the text."""
        self.status.styles.height = rows_for(event.size.width)
        self.call_after_refresh(self._fill)

    def on_mouse_scroll_down(self) -> None:
        """Scroll down."""
        self.action_scroll(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll up."""
        self.action_scroll(-3)

    def _fill(self) -> None:
        rows, width = self.page.size.height, self.size.width
        text = [piece for line in self.text for piece in wrapped(line, self.page.size.width)]
        self.top = max(0, min(self.top, len(text) - rows))
        last = min(len(text), self.top + rows)
        place = f" {self.top + 1}-{last} of {len(text)} ━" if len(text) > rows else ""
        head = f"━━ {self.heading_text} "
        self.heading.show([[(head + "━" * max(0, width - len(head) - len(place)) + place, "here")]])
        self.page.show(text[self.top : last])
        self.hints.show([hint_line([("j/k", "scroll"), *hints(["text", "app"])], width)])


def wrapped(line: Line, width: int) -> list[Line]:
    """Return a line of one part as several that fit; what follows a break is set in as the line was."""
    if len(line) != 1 or len(line[0][0]) <= width or width < 8:
        return [line]
    text, tone = line[0]
    indent = " " * min(len(text) - len(text.lstrip()), width // 2)
    pieces: list[Line] = []
    rest = text
    while len(rest) > width:
        cut = rest.rfind(" ", len(indent) + 1, width + 1)
        cut = cut if cut > len(indent) else width
        pieces.append(((rest[:cut].rstrip(), tone),))
        rest = indent + rest[cut:].lstrip()
    return [*pieces, ((rest, tone),)]
