"""What a sweep varies."""

import pytest

from backtest.space import axes, draw, grid, parse_axis
from qm.errors import UsageError


def test_values_steps_and_ranges() -> None:
    assert parse_axis("a=1, 2,x").listed() == ("1", "2", "x")
    assert parse_axis("a=0.5..1.5:0.25").listed() == ("0.5", "0.75", "1", "1.25", "1.5")
    assert parse_axis("a=3..9:2").listed() == ("3", "5", "7", "9")
    assert parse_axis("a=2..4").listed() == ("2", "3", "4")
    assert parse_axis("a=-1..1").whole
    assert not parse_axis("a=0.5..2").whole


@pytest.mark.parametrize(
    "text", ["", "a", "=1", "a=", "a=1,,2", "a=1,1", "a=1..", "a=2..1", "a=1..1", "a=x..2", "a=0..nan", "a=0..1:-1"]
)
def test_what_varies_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_axis(text)


def test_a_grid_is_every_combination_once() -> None:
    found = grid(axes(["a=1,2", "b=x,y,z"]))
    assert found[:2] == [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}]
    assert len(found) == len({tuple(each.items()) for each in found}) == 6


def test_a_grid_without_end_or_without_measure_is_refused() -> None:
    with pytest.raises(UsageError, match="no steps"):
        grid(axes(["a=0.5..1.5"]))
    with pytest.raises(UsageError, match=r"1,000,000 combinations"):
        grid(axes(["a=1..1000", "b=1..1000"]))
    with pytest.raises(UsageError, match="each once"):
        axes(["a=1", "a=2"])
    with pytest.raises(UsageError, match="at least one"):
        axes([])


def test_more_draws_begin_with_the_same_and_stay_inside() -> None:
    of = axes(["a=0.5..1.5", "b=2..6", "c=x,y", "d=0..1:0.5"])
    few, many = draw(of, 5, 3), draw(of, 200, 3)
    assert many[:5] == few
    assert all(0.5 <= float(each["a"]) <= 1.5 for each in many)
    assert {each["b"] for each in many} == {"2", "3", "4", "5", "6"}
    assert {each["c"] for each in many} == {"x", "y"}
    assert {each["d"] for each in many} == {"0", "0.5", "1"}
    assert draw(of, 5, 4) != few
