"""Cells: steady widths, the unknown shown as such, and nothing from outside that a terminal would obey."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qm.clock import SECOND
from tui import format as form
from tui.format import UNKNOWN, clean, fit

ANY_FLOAT = st.none() | st.floats()


@pytest.mark.parametrize(
    "shown",
    [
        form.price,
        form.change,
        form.times,
        form.human,
        form.whole,
        form.signed,
        form.in_r,
        form.rounded,
        form.age,
    ],
)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_never_a_number(shown: object, value: float | None) -> None:
    assert callable(shown)
    assert shown(value) == UNKNOWN


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.82, "4.82"), (0.8125, "0.8125"), (0.0, "0.00"), (1.0, "1.00"), (26114.2, "26114.20"), (-0.5, "-0.5000")],
)
def test_prices(value: float, text: str) -> None:
    assert form.price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (31.44, "▲31.4"),
        (-2.9, "▼2.9"),
        (0.0, "0.0"),
        (0.04, "0.0"),
        (-0.04, "0.0"),
        (0.05, "▲0.1"),
        (120, "▲120.0"),
        (1234, "▲1234"),
    ],
)
def test_changes_say_their_direction_without_colour(value: float, text: str) -> None:
    assert form.change(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999.4, "999"),
        (999.6, "1.0K"),
        (37_000, "37.0K"),
        (792_100, "792K"),
        (999_600, "1.0M"),
        (10_500_000, "10.5M"),
        (3_200_000_000, "3.2B"),
        (-4200, "-4.2K"),
    ],
)
def test_counts(value: float, text: str) -> None:
    assert form.human(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(612.3, "+612"), (-50.0, "-50"), (0.0, "0"), (-0.3, "0"), (1234.5, "+1,234")]
)
def test_amounts_carry_their_sign(value: float, text: str) -> None:
    assert form.signed(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (12, "12ms"),
        (99.4, "99ms"),
        (99.6, "0.1s"),
        (3400, "3.4s"),
        (9940, "9.9s"),
        (9960, "10s"),
        (99_400, "99s"),
        (100_000, "2m"),
        (7_200_000, "2h"),
        (-5, "0ms"),
    ],
)
def test_ages(ms: float, text: str) -> None:
    assert form.age(ms) == text


@given(st.floats(min_value=-1e6, max_value=3.5e9))
def test_an_age_never_takes_more_than_four_columns(ms: float) -> None:
    assert len(form.age(ms)) <= 4


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (1_763_130_600 * SECOND, "09:30:00"),  # winter: five hours behind UTC
        (1_752_499_800 * SECOND, "09:30:00"),  # summer: four
        (None, UNKNOWN),
        (0, UNKNOWN),
        (2**62, "20:00:00"),
    ],
)
def test_the_time_of_day_is_new_yorks(ns: int | None, text: str) -> None:
    shown = form.clock(ns)
    assert shown == text or (ns == 2**62 and len(shown) == 8)


@pytest.mark.parametrize(("seconds", "text"), [(7, "00:07"), (67.9, "01:07"), (3723, "1:02:03"), (-1, "00:00")])
def test_running_times(seconds: float, text: str) -> None:
    assert form.lasting(seconds) == text


@given(st.text())
def test_cleaned_text_has_one_column_per_character(text: str) -> None:
    cleaned = clean(text)
    assert cell_len(cleaned) == len(cleaned)
    assert all(char.isprintable() for char in cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mRED", "[31mRED"),
        ("\x1b]52;c;ZXZpbA==\x07", "]52;c;ZXZpbA=="),
        ("\x9b2J", "2J"),
        ("a\r\nb\tc", "abc"),
        ("\u202eABC", "ABC"),
        ("\u200bA\u0301", "A"),
        ("日本", "??"),
        ("▲ – ∞", "▲ – ∞"),  # noqa: RUF001
    ],
)
def test_what_a_terminal_would_obey_is_gone(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(1, 30), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


def test_a_number_that_does_not_fit_is_not_shown_as_another_number() -> None:
    assert fit("123456.78", 8, right=True) == "########"
    assert fit("a long reason", 8, right=False) == "a long …"


@given(ANY_FLOAT)
def test_no_number_breaks_a_cell(value: float | None) -> None:
    for shown in (form.price, form.change, form.times, form.human, form.whole, form.signed, form.in_r, form.age):
        assert shown(value)
