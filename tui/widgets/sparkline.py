"""A curve and its zero line: of blocks where there are a few rows, of finer dots where there are more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from tui.widgets.lines import Line

BLOCKS = " ▁▂▃▄▅▆▇█"
HANGING = " ▔▀█"
"""Terminals have few blocks that hang from the top: an eighth, a half, a whole."""


DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of the Braille dots: two columns of four."""
BLANK = 0x2800
DOTTED_FROM = 4
"""Rows from which dots draw a curve better than blocks do."""


def curve(values: Sequence[float], width: int, height: int) -> list[Line]:
    """Return `height` lines that show the values; a longer curve is thinned, a shorter one never stretched."""
    if width < 1 or height < 1 or not values:
        return [()] * max(height, 0)
    return dotted(values, width, height) if height >= DOTTED_FROM else blocks(values, width, height)


def dotted(values: Sequence[float], width: int, height: int) -> list[Line]:
    """Return a line of dots, two points to a column, and a dotted zero line."""
    points = thinned(values, width * 2)
    best, worst = max(0.0, *points), min(0.0, *points)
    scale = (height * 4 - 1) / (best - worst) if best > worst else 0.0
    bits = [[0] * ((len(points) + 1) // 2) for _ in range(height)]
    tones = [["dim"] * ((len(points) + 1) // 2) for _ in range(height)]
    zero = round(best * scale)
    for x in range(0, len(points), 2):
        bits[zero // 4][x // 2] |= DOTS[0][zero % 4]
    before = None
    for x, value in enumerate(points):
        y = round((best - value) * scale)
        # From the point before to this one, so that a jump is a line and not two specks.
        start = y if before is None or before == y else before + (1 if y > before else -1)
        for dot in range(min(start, y), max(start, y) + 1):
            bits[dot // 4][x // 2] |= DOTS[x % 2][dot % 4]
            tones[dot // 4][x // 2] = "up" if value >= 0 else "down"
        before = y
    return [
        _joined((chr(BLANK + cell) if cell else " ", tone) for cell, tone in zip(row, colours, strict=True))
        for row, colours in zip(bits, tones, strict=True)
    ]


def blocks(values: Sequence[float], width: int, height: int) -> list[Line]:
    """Return gains that stand on the zero line and losses that hang from it, a column per point."""
    points = thinned(values, width)
    above, below = split(points, height)
    # Both halves share one scale, so that a dollar lost is as tall as a dollar won.
    scale = max(
        max([*points, 0.0]) / above if above else 0.0,
        -min([*points, 0.0]) / below if below else 0.0,
    )
    return [_row(points, above - 1 - y, scale) for y in range(above + below)]


def thinned(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values, evenly spaced, the first and the last among them."""
    if len(values) <= width:
        return list(values)
    if width == 1:
        return [values[-1]]
    last = len(values) - 1
    return [values[round(place * last / (width - 1))] for place in range(width)]


def split(points: Sequence[float], height: int) -> tuple[int, int]:
    """Return the rows above and below zero, in the proportion of the best and the worst value."""
    best, worst = max(0.0, *points), -min(0.0, *points)
    if worst == 0 or height == 1:
        return (height, 0) if best >= worst else (0, height)
    if best == 0:
        return 0, height
    above = min(height - 1, max(1, round(height * best / (best + worst))))
    return above, height - above


def _row(points: Sequence[float], level: int, scale: float) -> Line:
    return _joined(_cell(value / scale if scale else 0.0, level) for value in points)


def _joined(cells: Iterable[tuple[str, str]]) -> Line:
    return tuple(("".join(char for char, _ in run), tone) for tone, run in groupby(cells, key=lambda cell: cell[1]))


def _cell(value: float, level: int) -> tuple[str, str]:
    if level >= 0:
        filled = min(1.0, max(0.0, value - level))
        eighths = round(filled * 8)
        # A gain too small for a block still shows as the thinnest one.
        return BLOCKS[max(eighths, 1 if level == 0 and value > 0 else 0)], "up"
    filled = min(1.0, max(0.0, -value + level + 1))
    thirds = 3 if filled > 0.75 else 2 if filled > 0.3 else 1 if filled > 0 else 0
    return HANGING[thirds], "down"
