"""Where the panes stand: no overlap, nothing outside, and room that buys panes instead of width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.layout import LEAST_HEIGHT, LEAST_WIDTH, ORDER, RADAR_WIDTH, SIDE_WIDTH, Place, places, shape, too_small

SIZES = st.tuples(st.integers(LEAST_WIDTH, 400), st.integers(6, 150))


@given(SIZES, st.sampled_from(ORDER), st.booleans())
def test_panes_stay_inside_and_apart(size: tuple[int, int], current: str, zoomed: bool) -> None:
    width, height = size
    found = places(width, height, current, zoomed=zoomed)
    assert current in found
    cells: set[tuple[int, int]] = set()
    for place in found.values():
        assert place.x >= 0
        assert place.y >= 0
        assert place.x + place.width <= width
        assert place.y + place.height <= height
        assert place.width > 0
        assert place.height > 0
        covered = {(x, y) for x in (place.x, place.x + place.width - 1) for y in range(place.y, place.y + place.height)}
        assert not cells & covered
        cells |= covered


@given(SIZES, st.sampled_from(ORDER))
def test_more_width_buys_panes_and_not_columns(size: tuple[int, int], current: str) -> None:
    width, height = size
    for name, place in places(width, height, current).items():
        if shape(width) != "narrow":
            assert place.width <= (RADAR_WIDTH if place.x == 0 else SIDE_WIDTH), name


@pytest.mark.parametrize(
    ("width", "height", "panes"),
    [
        (80, 21, {"radar"}),
        (120, 38, {"radar", "log", "watch", "positions", "orders", "pnl"}),
        (200, 58, set(ORDER)),
    ],
)
def test_the_three_layouts(width: int, height: int, panes: set[str]) -> None:
    assert set(places(width, height, "radar")) == panes


def test_a_zoomed_pane_has_all_the_room() -> None:
    assert places(200, 58, "pnl", zoomed=True) == {"pnl": Place(0, 0, 200, 58)}


def test_a_pane_without_a_place_borrows_one() -> None:
    found = places(120, 38, "trades")
    assert "log" not in found
    assert found["trades"] == places(120, 38, "radar")["log"]


@given(st.integers(1, 300), st.integers(1, 100))
def test_a_terminal_that_is_too_small_is_told_what_is_needed(width: int, height: int) -> None:
    text = too_small(width, height)
    assert len(text) <= width
    assert bool(text) == (width < LEAST_WIDTH or height < LEAST_HEIGHT)


@pytest.mark.parametrize(
    ("width", "height", "text"),
    [
        (20, 5, "needs 40x10, is 20x5"),
        (60, 8, "QuantMatrix needs 40x10; this is 60x8."),
        (12, 3, "needs 40x10"),
        (5, 1, "40x10"),
        (40, 10, ""),
    ],
)
def test_what_it_says(width: int, height: int, text: str) -> None:
    assert too_small(width, height) == text
