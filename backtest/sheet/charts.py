"""Charts as inline SVG: no script, no font and no network, so that a page is whole by itself and prints well."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, isfinite, log10
from typing import NamedTuple

LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 26
"""Room around the drawing for its labels, px."""
TICKS = 5
LABEL_PX = 150
"""Room that a label below a line takes."""
WHISKER = (110, 14)
"""Size of the small picture of an interval, px."""


class Mark(NamedTuple):
    """A line across a chart at a value, with its name."""

    value: float
    name: str
    kind: str
    """Class of the style sheet."""


class Frame:
    """Scales from values to px, and the axes that show them."""

    def __init__(
        self, width: int, height: int, xs: tuple[float, float], ys: tuple[float, float], unit: str = ""
    ) -> None:
        self.width, self.height, self.unit = width, height, unit
        self.x0, self.x1 = _apart(*xs)
        self.y0, self.y1 = _apart(*ys)

    def x(self, value: float) -> float:
        """Return px from the left."""
        return round(LEFT + (value - self.x0) / (self.x1 - self.x0) * (self.width - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return px from the top."""
        return round(TOP + (self.y1 - value) / (self.y1 - self.y0) * (self.height - TOP - BOTTOM), 1)

    def svg(self, parts: Sequence[str], x_labels: Sequence[tuple[float, str]], title: str) -> str:
        """Return the whole chart; `title` is what a screen reader says."""
        grid = []
        for tick in ticks(self.y0, self.y1):
            y = self.y(tick)
            grid.append(f'<line class="grid" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y}" y2="{y}"/>')
            grid.append(
                f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{short(tick)}{self.unit}</text>'
            )
        for value, label in x_labels:
            x, y = self.x(value), self.height - 8
            # A label at the edge may not be cut off by it.
            anchor = "end" if x > self.width - 3 * RIGHT else "start" if x < LEFT + RIGHT else "middle"
            grid.append(f'<text class="tick" x="{x}" y="{y}" text-anchor="{anchor}">{escape(label)}</text>')
        inside = "".join([*grid, *parts])
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}">'
            f"<title>{escape(title)}</title>{inside}</svg>"
        )

    def across(self, mark: Mark) -> str:
        """Return a line across the chart at a value, named at its end; nothing where it lies outside."""
        if not self.y0 <= mark.value <= self.y1:
            return ""
        y = self.y(mark.value)
        drawn = f'<line class="{mark.kind}" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y}" y2="{y}"/>'
        place = f'x="{self.width - RIGHT - 2}" y="{y - 3}" text-anchor="end"'
        return f'{drawn}<text class="name {mark.kind}" {place}>{escape(mark.name)}</text>'

    def down(self, mark: Mark) -> str:
        """Return a line from top to bottom at a value, named at its top; nothing where it lies outside."""
        if not self.x0 <= mark.value <= self.x1:
            return ""
        x = self.x(mark.value)
        drawn = f'<line class="{mark.kind}" x1="{x}" x2="{x}" y1="{TOP}" y2="{self.height - BOTTOM}"/>'
        before = x > self.width / 2
        place = f'x="{x - 4 if before else x + 4}" y="{TOP + 10}" text-anchor="{"end" if before else "start"}"'
        return f'{drawn}<text class="name {mark.kind}" {place}>{escape(mark.name)}</text>'


def line(
    values: Sequence[float],
    labels: Sequence[str],
    title: str,
    *,
    kind: str = "line",
    unit: str = "",
    width: int = 900,
    height: int = 240,
) -> str:
    """Draw values from left to right, a few named by their `labels`; ValueError unless finite.

    The kind `fall` fills what lies between the line and zero.
    """
    if not all(map(isfinite, values)):
        raise ValueError(f"a line through {next(value for value in values if not isfinite(value))}")
    frame = Frame(width, height, (0, max(1, len(values) - 1)), (min(values), max(values)), unit)
    path = " ".join(f"{frame.x(i)},{frame.y(value)}" for i, value in enumerate(values))
    parts = [f'<polyline class="{kind}" points="{path}"/>']
    if kind == "fall":
        zero = frame.y(max(frame.y0, min(0.0, frame.y1)))
        parts.insert(
            0, f'<polygon class="{kind}" points="{frame.x(0)},{zero} {path} {frame.x(len(values) - 1)},{zero}"/>'
        )
    if min(values) < 0 < max(values):
        parts.insert(0, frame.across(Mark(0, "", "zero")))
    return frame.svg(parts, [(i, labels[i]) for i in _spread(len(values), most=max(2, width // LABEL_PX))], title)


def lines(curves: Sequence[Sequence[float]], title: str, *, width: int, height: int, unit: str = "") -> str:
    """Draw several equally long curves over each other, the first above all others."""
    values = [value for curve in curves for value in curve]
    frame = Frame(width, height, (0, max(1, len(curves[0]) - 1)), (min(values), max(values)), unit)
    parts = [frame.across(Mark(0, "", "zero"))]
    for place, curve in reversed(list(enumerate(curves))):
        path = " ".join(f"{frame.x(i)},{frame.y(value)}" for i, value in enumerate(curve))
        parts.append(f'<polyline class="{"other" if place else "line"}" points="{path}"/>')
    places = _spread(len(curves[0]), most=max(2, width // LABEL_PX))
    return frame.svg(parts, [(i, "start" if i == 0 else str(i)) for i in places], title)


def histogram(
    values: Sequence[float],
    width: float,
    title: str,
    unit: str = "",
    ends: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
) -> str:
    """Count values in bins `width` wide, with zero between two bins; those beyond `ends` go into the last ones."""
    low_end, high_end = (floor(end / width) for end in ends) if ends else (floor(min(values) / width), 10**9)
    bins: dict[int, int] = {}
    for value in values:
        at = min(max(floor(value / width), low_end), high_end)
        bins[at] = bins.get(at, 0) + 1
    low, high = min(bins), max(bins) + 1
    frame = Frame(440, 240, (low * width, high * width), (0, max(bins.values())))
    parts = []
    for at in sorted(bins):
        x, y = frame.x(at * width), frame.y(bins[at])
        wide = max(1.0, round(frame.x((at + 1) * width) - x - 1, 1))
        kind = "loss" if at < 0 else "gain"
        tall = round(frame.y(0) - y, 1)
        parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{tall}"><title>{bins[at]}</title></rect>'
        )
    parts += [frame.down(mark) for mark in marks]
    labels = [(tick, f"{short(tick)}{unit}") for tick in ticks(low * width, high * width)]
    return frame.svg(parts, labels, title)


def scatter(points: Sequence[tuple[float, float, bool, str]], title: str, x_name: str, y_name: str) -> str:
    """Draw (x, y, won, name) points; both axes begin at zero or below."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    frame = Frame(440, 240, (min(0.0, *xs), max(xs)), (min(0.0, *ys), max(ys)), "")
    parts = [frame.across(Mark(0, "", "zero"))] if min(ys) < 0 else []
    for x, y, won, name in points:
        kind = "gain" if won else "loss"
        parts.append(
            f'<circle class="{kind}" cx="{frame.x(x)}" cy="{frame.y(y)}" r="2.6"><title>{escape(name)}</title></circle>'
        )
    parts.append(f'<text class="axis" x="{LEFT + 4}" y="{TOP + 10}">{escape(y_name)}</text>')
    parts.append(
        f'<text class="axis" x="{440 - RIGHT}" y="{240 - BOTTOM - 4}" text-anchor="end">{escape(x_name)}</text>'
    )
    labels = [(tick, short(tick)) for tick in ticks(frame.x0, frame.x1)]
    return frame.svg(parts, labels, title)


def whisker(value: float, low: float, high: float, reach: float) -> str:
    """Draw a value with its interval on a scale from `-reach` to `reach`, zero in the middle; what lies outside ends at
    the edge.
    """
    width, height = WHISKER

    def x(at: float) -> float:
        return round(width / 2 + max(-1.0, min(1.0, at / reach)) * (width / 2 - 4), 1)

    kind = "gain" if low > 0 else "loss" if high < 0 else "open"
    return (
        f'<svg class="whisker" viewBox="0 0 {width} {height}" role="img" aria-label="{low:+.2f} to {high:+.2f}">'
        f'<line class="zero" x1="{width / 2}" x2="{width / 2}" y1="1" y2="{height - 1}"/>'
        f'<line class="reach {kind}" x1="{x(low)}" x2="{x(high)}" y1="{height / 2}" y2="{height / 2}"/>'
        f'<circle class="{kind}" cx="{x(value)}" cy="{height / 2}" r="3.4"/></svg>'
    )


def ticks(low: float, high: float) -> list[float]:
    """Return a few round values from `low` to `high`."""
    step = 10.0 ** floor(log10((high - low) / TICKS))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= TICKS)
    first = floor(low / step) + (low % step > 0)
    return [round(step * n, 10) for n in range(first, floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """Write a number as a label: 12k, 1.5M, 0.25."""
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if letter == 'k' else limit):g}{letter}"
    return f"{value:g}"


def _spread(count: int, most: int) -> list[int]:
    """Return places spread evenly over so many, the first and the last among them."""
    parts = min(count, most) - 1
    return sorted({round(part * (count - 1) / parts) for part in range(parts + 1)}) if parts > 0 else [0]


def _apart(low: float, high: float) -> tuple[float, float]:
    if high > low:
        return low, high
    room = abs(low) * 0.05 or 1.0
    return low - room, high + room
