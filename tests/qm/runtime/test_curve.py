"""The day's result in few points."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from qm.runtime.curve import POINTS, Curve


def test_one_point_per_minute_and_the_present_at_the_end() -> None:
    curve = Curve()
    for minute, value in ((100, 1.0), (100, 2.0), (101, 3.0)):
        curve.add(minute, value)
    assert curve.points(9.0) == (2.0, 3.0, 9.0)
    assert curve.points(None) == (2.0, 3.0)


def test_before_the_first_point_there_is_no_curve() -> None:
    curve = Curve()
    curve.add(5, None)
    assert curve.points(1.0) == ()


def test_a_minute_without_a_value_keeps_the_one_before() -> None:
    curve = Curve()
    curve.add(1, 10.0)
    curve.add(4, 40.0)
    assert curve.points(None) == (10.0, 10.0, 10.0, 40.0)


def test_a_whole_day_fits_and_keeps_its_shape() -> None:
    curve = Curve()
    for minute in range(960):
        curve.add(minute, float(minute))
    points = curve.points(None)
    assert POINTS // 3 < len(points) < POINTS
    assert points[-1] == 959.0
    assert {b - a for a, b in pairwise(points)} == {16.0}


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(-1e6, 1e6)), max_size=300))
def test_never_too_many_points_and_always_the_newest(steps: list[tuple[int, float]]) -> None:
    curve, minute = Curve(), 29_000_000
    for gap, value in steps:
        minute += gap
        curve.add(minute, value)
        points = curve.points(0.5)
        assert points[-2:] == (value, 0.5)
        assert len(points) <= POINTS
