"""A few lines of toned text; an update repaints from the first to the last column that differs, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from tui.format import clean
from tui.widgets.tones import Toned

Part = tuple[str, str]
"""Text and tone."""
Line = tuple[Part, ...]


class Lines(Toned):
    """Show lines of parts."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Iterable[Sequence[Part]]) -> None:
        """Show `lines`; what is equal to before is not painted again."""
        before = self.lines
        self.lines = tuple(tuple((clean(text), tone) for text, tone in line) for line in lines)
        if self.restyled():
            self.refresh()
            return
        if before == self.lines:
            return
        regions = []
        for y in range(min(self.size.height, max(len(before), len(self.lines)))):
            span = changed(_at(before, y), _at(self.lines, y))
            if span is not None and span[0] < self.size.width:
                regions.append(Region(span[0], y, min(span[1], self.size.width) - span[0], 1))
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        segments = [Segment(text, self.tone(tone)) for text, tone in _at(self.lines, y)]
        width = self.size.width
        return Strip(segments).simplify().extend_cell_length(width, self.rich_style).crop(0, width)


class Page(Lines, can_focus=True):
    """Lines that can have the keys, so that every pane can be chosen the same way."""


def changed(before: Line, after: Line) -> tuple[int, int] | None:
    """Return the columns from the first to after the last that differ between two lines, None when none does."""
    if before == after:
        return None
    old = [(char, tone) for text, tone in before for char in text]
    new = [(char, tone) for text, tone in after for char in text]
    blank = [(" ", "")]
    old += blank * (len(new) - len(old))
    new += blank * (len(old) - len(new))
    different = [x for x, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    return (different[0], different[-1] + 1) if different else None


def line_width(line: Iterable[Part]) -> int:
    """Return the columns that a line takes."""
    return sum(len(clean(text)) for text, _ in line)


def hint_line(hints: Iterable[Part], width: int) -> Line:
    """Return keys and what they do, as many whole pairs as fit."""
    line: list[Part] = []
    for keys, word in hints:
        pair: list[Part] = [(keys, "head"), (word if word.startswith("-") else f" {word}", "dim")]
        if line_width([*line, ("  ", ""), *pair]) <= width:
            line += [("  ", ""), *pair] if line else pair
    return tuple(line)


def _at(lines: Sequence[Line], y: int) -> Line:
    return lines[y] if 0 <= y < len(lines) else ()
