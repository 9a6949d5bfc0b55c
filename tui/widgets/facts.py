"""Labelled numbers side by side, each in the same width."""

from __future__ import annotations

from collections.abc import Sequence

from tui.format import fit
from tui.widgets.lines import Line

Fact = tuple[str, str, str]
"""Label, value and tone of the value."""
FACT_WIDTH = 21


def in_columns(facts: Sequence[Fact], columns: int) -> list[Line]:
    """Return the facts in lines of so many columns."""
    lines: list[Line] = []
    for start in range(0, len(facts), columns):
        line: list[tuple[str, str]] = []
        for label, value, tone in facts[start : start + columns]:
            room = FACT_WIDTH - 3 - len(label)
            line += [(label + " ", "dim"), (fit(value, room, right=True), tone), ("  ", "")]
        lines.append(tuple(line))
    return lines
