"""The styles of the tones, looked up once per theme instead of once per cell."""

from __future__ import annotations

from rich.style import Style
from textual import events
from textual.widget import Widget

from tui.theme import TONES


class Toned(Widget):
    """A widget that paints in tones; the style sheet says how each looks."""

    COMPONENT_CLASSES = frozenset(f"tone--{tone}" for tone in TONES)  # type: ignore[assignment]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._tones: dict[str, Style] = {}
        self._before: dict[str, Style] = {}
        """How tones looked before styles were last said to be new."""

    def tone(self, name: str) -> Style:
        """Return the style of a tone; `""` is plain text."""
        style = self._tones.get(name)
        if style is None:
            style = self.get_component_rich_style(f"tone--{name}") if name else self.rich_style
            self._tones[name] = style
        return style

    def on_focus(self, event: events.Focus) -> None:
        """Take the keys as any widget does, but unpainted: who has them shows in the rule of the pane, not here."""
        event.prevent_default()
        self.has_focus = True
        if self.parent is not None:
            self.parent.post_message(events.DescendantFocus(self))

    def on_blur(self, event: events.Blur) -> None:
        """Give the keys away, unpainted."""
        event.prevent_default()
        self.has_focus = False
        if self.parent is not None:
            self.parent.post_message(events.DescendantBlur(self))

    def notify_style_update(self) -> None:
        """Look the tones up anew."""
        super().notify_style_update()
        self._before |= self._tones
        self._tones = {}

    def restyled(self) -> bool:
        """Say, once, whether a tone in use looks different now.

        Textual tells of a new style whenever the focus moves, and nearly always nothing has changed.
        """
        before, self._before = self._before, {}
        return any(self.tone(name) != style for name, style in before.items())
