"""Where the panes stand at a size: more room buys more panes, never wider columns."""

from __future__ import annotations

from typing import NamedTuple

ORDER = ("radar", "watch", "positions", "orders", "pnl", "log", "trades", "health")
"""All panes, as the keys 1 to 8 number them."""
LEAST_WIDTH, LEAST_HEIGHT = 40, 10
MID_WIDTH, WIDE_WIDTH = 110, 180
RADAR_WIDTH = 96
"""The radar uses no more than this: all its columns, and a sentence of reasons."""
SIDE_WIDTH = 72
"""Nor the tables beside it."""
MIN_ROWS = 4
"""Rule, head and two rows; a pane with less is not worth its rule."""


class Place(NamedTuple):
    """A part of the body, in columns and rows from its top left."""

    x: int
    y: int
    width: int
    height: int


def shape(width: int) -> str:
    """Return `narrow`, `mid` or `wide`."""
    return "wide" if width >= WIDE_WIDTH else "mid" if width >= MID_WIDTH else "narrow"


def too_small(width: int, height: int) -> str:
    """Return what to say when nothing useful fits, in one line of that width, or nothing."""
    if width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
        return ""
    need = f"{LEAST_WIDTH}x{LEAST_HEIGHT}"
    for text in (
        f"QuantMatrix needs {need}; this is {width}x{height}.",
        f"needs {need}, is {width}x{height}",
        f"needs {need}",
        need,
    ):
        if len(text) <= width:
            return text
    return need[:width]


def places(width: int, height: int, current: str, *, zoomed: bool = False) -> dict[str, Place]:
    """Return the panes to show in a body of this size; `current` is always among them."""
    kind = shape(width)
    if zoomed or kind == "narrow":
        return {current: Place(0, 0, width, height)}
    found = _wide(width, height) if kind == "wide" else _mid(width, height)
    if current not in found:
        # A pane that has no place of its own borrows the log's, the widest of the small ones, or the last.
        lender = "log" if "log" in found else list(found)[-1]
        found = {current if name == lender else name: place for name, place in found.items()}
    return found


def _mid(width: int, height: int) -> dict[str, Place]:
    left = min(RADAR_WIDTH, width * 3 // 5)
    right = min(SIDE_WIDTH, width - left - 1)
    return {
        **_stack(0, left, height, (("radar", 7, 99), ("log", 3, 99))),
        **_stack(left + 1, right, height, (("watch", 5, 14), ("positions", 4, 10), ("orders", 5, 99), ("pnl", 4, 12))),
    }


def _wide(width: int, height: int) -> dict[str, Place]:
    left = min(RADAR_WIDTH, width * 43 // 100)
    middle = min(SIDE_WIDTH, (width - left - 2) // 2)
    right = min(SIDE_WIDTH, width - left - middle - 2)
    return {
        **_stack(0, left, height, (("radar", 7, 99), ("log", 3, 99))),
        **_stack(left + 1, middle, height, (("watch", 4, 30), ("positions", 3, 16), ("orders", 4, 99))),
        **_stack(left + middle + 2, right, height, (("trades", 6, 99), ("pnl", 3, 20), ("health", 2, 9))),
    }


def _stack(x: int, width: int, height: int, parts: tuple[tuple[str, int, int], ...]) -> dict[str, Place]:
    """Share the height by weight, none above its most; the last ones give way when there is too little."""
    kept = parts[: max(1, height // MIN_ROWS)]
    heights = {name: MIN_ROWS for name, _, _ in kept}
    free = max(0, height - MIN_ROWS * len(kept))
    while free > 0:
        # One row at a time to whoever is furthest below its share; ends because 99 is out of reach.
        open_ = [
            (heights[name] / weight, place, name)
            for place, (name, weight, most) in enumerate(kept)
            if heights[name] < most
        ]
        name = min(open_)[2] if open_ else kept[0][0]
        heights[name] += 1
        free -= 1
    placed, y = {}, 0
    for name, _, _ in kept:
        rows = min(heights[name], height - y)
        placed[name] = Place(x, y, width, rows)
        y += rows
    return placed
