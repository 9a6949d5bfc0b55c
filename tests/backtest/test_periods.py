"""A run by month and day, and its falls."""

import datetime as dt
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from backtest.sheet.heat import calendar
from backtest.sheet.periods import extremes, falls, sessions, years
from backtest.summary import DayResult, Summary, summarize

CURVE = {
    "2024-12-30": 101_000,
    "2024-12-31": 99_990,
    "2025-01-02": 101_000,
    "2025-01-03": 95_950,
    "2025-01-06": 90_000,
    "2025-02-03": 99_000,
}


def summary(days: list[DayResult]) -> Summary:
    return summarize("r", [], days, Decimal(100_000), {"symbols": 1, "records": 1, "wakes": 1}, "", 1.0)


DAYS = [DayResult(session, Decimal(equity), 1) for session, equity in CURVE.items()]
OF = sessions(summary(DAYS), DAYS)


def test_months_compound_to_the_year_and_the_year_to_the_run() -> None:
    old, new = years(OF)
    assert (old.year, new.year) == (2024, 2025)
    assert old.months[11] == pytest.approx(99_990 / 100_000 - 1)
    assert old.months[:11] == (None,) * 11
    assert new.months[0] == pytest.approx(90_000 / 99_990 - 1)
    assert new.months[1] == pytest.approx(0.1)
    assert (1 + old.whole) * (1 + new.whole) == pytest.approx(0.99)


def test_falls_begin_at_a_peak_and_end_where_it_is_reached_again() -> None:
    deep, shallow = falls(OF, 100_000)
    assert (deep.peak, deep.bottom, deep.over, deep.sessions) == ("2025-01-02", "2025-01-06", "", 3)
    assert deep.depth == pytest.approx(11 / 101)
    assert (shallow.peak, shallow.over, shallow.sessions) == ("2024-12-30", "2025-01-02", 1)


def test_the_best_and_the_worst_are_told_apart() -> None:
    best, worst = extremes(OF)
    assert [each.date.isoformat() for each in best] == ["2025-02-03", "2025-01-02", "2024-12-30"]
    assert worst[0].date == dt.date(2025, 1, 6)
    assert all(each.net_usd < 0 for each in worst)


def test_the_calendar_has_a_square_for_each_session_and_names_it() -> None:
    (drawn,) = calendar(OF)
    squares = list(ET.fromstring(drawn).iter("rect"))
    assert len(squares) == len(OF)
    assert "Fri 2025-01-03: -5,050.00 $, -5.00%, 1 trade" in "".join(ET.fromstring(drawn).itertext())
    assert {square.attrib["class"][:4] for square in squares} == {"gain", "loss"}
    # What does not fit into a row goes below it.
    assert len(calendar(OF, 2)) == 2
    assert calendar([]) == []
