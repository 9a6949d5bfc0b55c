"""The charts of the tear sheet as SVG that any parser reads."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.sheet.charts import LEFT, RIGHT, Frame, Mark, histogram, line, scatter, short, ticks

NUMBERS = st.floats(-1e7, 1e7)


def parts(svg: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(tag))


def test_the_frame_puts_the_ends_at_the_edges() -> None:
    frame = Frame(900, 240, (0, 10), (-1, 1))
    assert (frame.x(0), frame.x(10)) == (LEFT, 900 - RIGHT)
    assert frame.y(1) < frame.y(0) < frame.y(-1)
    assert frame.across(Mark(2.0, "outside", "stop")) == ""
    assert "stop" in frame.across(Mark(0.5, "stop", "stop"))


def test_a_line_has_a_point_for_each_value() -> None:
    svg = line([1.0, 3.0, 2.0], ["a", "b", "c"], "Equity & more")
    (drawn,) = parts(svg, "polyline")
    assert len(drawn.attrib["points"].split()) == 3
    assert [each.text for each in parts(svg, "text")][-3:] == ["a", "b", "c"]
    assert parts(svg, "title")[0].text == "Equity & more"


def test_a_histogram_counts_every_value_once_and_parts_at_zero() -> None:
    svg = histogram([-1.2, -0.1, 0.0, 0.4, 0.6], 0.5, "R")
    bars = [(each.attrib["class"], int(each[0].text or "0")) for each in parts(svg, "rect")]
    assert bars == [("loss", 1), ("loss", 1), ("gain", 2), ("gain", 1)]


def test_a_scatter_names_its_points() -> None:
    svg = scatter([(1.0, -1.0, False, "AAA <1>"), (2.0, 3.0, True, "BBB")], "MFE", "best", "result")
    dots = parts(svg, "circle")
    assert [(dot.attrib["class"], dot[0].text) for dot in dots] == [("loss", "AAA <1>"), ("gain", "BBB")]


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_any_numbers_give_a_chart(values: list[float]) -> None:
    assert parts(line(values, [str(n) for n in range(len(values))], "x"), "polyline")


@given(NUMBERS, st.floats(1e-3, 1e7))
def test_ticks_are_few_round_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert len(found) <= 6
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found)


@pytest.mark.parametrize(
    ("value", "label"), [(0, "0"), (-0.5, "-0.5"), (9999, "9999"), (25_000, "25k"), (1.5e6, "1.5M"), (2e9, "2B")]
)
def test_labels_are_short(value: float, label: str) -> None:
    assert short(value) == label


def test_what_is_not_finite_is_no_chart() -> None:
    with pytest.raises(ValueError, match="a line through nan"):
        line([1.0, float("nan")], ["a", "b"], "x")
