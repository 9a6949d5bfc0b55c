"""The bottom line: hints, then what was just answered, and an input when something is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input

from tui.widgets.lines import Lines, Part, hint_line

SAID_FOR_S = 12.0
"""How long an answer stays before the hints come back."""
KEPT = 100
LABELS = {"command": ":", "filter": "/", "panic": "FLATTEN EVERYTHING? type flat, then enter: "}


class Prompt(Horizontal):
    """Ask for a command, a filter or a confirmation, and say what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("tab", "complete", "Complete", show=False),
        Binding("shift+tab", "complete", "Complete", show=False),
        Binding("up", "recall(-1)", "Earlier", show=False),
        Binding("down", "recall(1)", "Later", show=False),
    ]

    class Entered(Message):
        """Something was typed and sent off."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Closed(Message):
        """The input was put away."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(id="prompt")
        self.hints = Lines(id="hints")
        self.label = Lines(id="label")
        self.input = Input(id="input", compact=True)
        self._suggester = SuggestFromList(words, case_sensitive=False)
        self.input.cursor_blink = False
        self.kind = ""
        """What is being asked, nothing when nothing is."""
        self.said: tuple[Part, ...] = ()
        self._said_until = float("-inf")
        self._typed: list[str] = []
        self._place = 0

    def compose(self) -> ComposeResult:
        """Lay the three out; either the hints or the other two show."""
        self.label.display = self.input.display = False
        yield self.hints
        yield self.label
        yield self.input

    def ask(self, kind: str, text: str = "") -> None:
        """Open the input."""
        self.kind = kind
        label = LABELS[kind]
        # A word that is typed to confirm is not offered.
        self.input.suggester = self._suggester if kind == "command" else None
        self.label.styles.width = len(label)
        self.label.show([[(label, "alert" if kind == "panic" else "head")]])
        self.input.value = text
        self.input.cursor_position = len(text)
        self._place = len(self._typed)
        self._show(asking=True)
        # At once, not with the next message: keys that were typed ahead belong to the input already.
        self.screen.set_focus(self.input)

    def say(self, text: str, tone: str, now: float) -> None:
        """Show an answer in place of the hints for a while."""
        self.said = ((text, tone),)
        self._said_until = now + SAID_FOR_S

    def fill(self, hints: Sequence[tuple[str, str]], now: float) -> None:
        """Show the hints, or the last answer while it is fresh."""
        if now < self._said_until:
            self.hints.show([self.said])
            return
        self.hints.show([hint_line(hints, self.size.width)])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over what was typed."""
        event.stop()
        kind, text = self.kind, event.value
        if kind == "command" and text.strip():
            self._typed = [*self._typed[-KEPT:], text]
        self.action_cancel()
        self.post_message(self.Entered(kind, text))

    def action_cancel(self) -> None:
        """Put the input away."""
        if self.kind:
            self.kind = ""
            self._show(asking=False)
            self.post_message(self.Closed())

    def action_complete(self) -> None:
        """Take the suggestion."""
        self.input.action_cursor_right()

    def _show(self, *, asking: bool) -> None:
        self.hints.display = not asking
        self.label.display = self.input.display = asking

    def action_recall(self, by: int) -> None:
        """Bring back an earlier command."""
        if self.kind == "command" and self._typed:
            self._place = max(0, min(len(self._typed), self._place + by))
            text = self._typed[self._place] if self._place < len(self._typed) else ""
            self.input.value = text
            self.input.cursor_position = len(text)
