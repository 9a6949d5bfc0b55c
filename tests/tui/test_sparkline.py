"""The curve: gains above the zero line, losses below, nothing stretched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.lines import line_width
from tui.widgets.sparkline import curve, thinned

MONEY = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=150)


def drawn(values: list[float], width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in curve(values, width, height)]


def test_one_row_of_gains() -> None:
    assert drawn([0, 1, 2, 4, 8], 20, 1) == [" ▁▂▄█"]


def test_gains_stand_and_losses_hang() -> None:
    assert drawn([-4, -2, 0, 2, 4], 20, 2) == ["   ▄█", "█▀"]
    tones = [{tone for text, tone in line if text.strip()} for line in curve([-4, -2, 0, 2, 4], 20, 2)]
    assert tones == [{"up"}, {"down"}]


def test_only_losses() -> None:
    assert drawn([-1, -2, -4], 20, 2) == ["▀██", "  █"]


def test_nothing_made_is_an_empty_row() -> None:
    assert drawn([0.0, 0.0], 20, 1) == [""]


def test_dots_draw_a_line_and_its_zero() -> None:
    lines = curve([0, 0, 4, 4, -4, -4], 20, 4)
    assert ["".join(text for text, _ in line) for line in lines] == [" ⡏⡆", " ⡇⡇", "⠉⠁⡇", "  ⣇"]
    assert lines[0][-1] == ("⡆", "down")


@given(MONEY, st.integers(1, 90), st.integers(1, 12))
def test_it_fits_and_is_never_wider_than_its_points(values: list[float], width: int, height: int) -> None:
    lines = curve(values, width, height)
    assert len(lines) == height
    assert all(line_width(line) <= min(width, len(values)) for line in lines)


@given(MONEY, st.integers(2, 90))
def test_thinning_keeps_the_first_and_the_last(values: list[float], width: int) -> None:
    points = thinned(values, width)
    assert len(points) == min(len(values), width)
    assert (points[0], points[-1]) == (values[0], values[-1])


def test_no_room_and_no_values() -> None:
    assert curve([], 10, 2) == [(), ()]
    assert curve([1.0], 0, 2) == [(), ()]
