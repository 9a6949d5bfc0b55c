"""A schedule answers for the days it covers and for no other."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.errors import DataError
from qm.rules.dated import Dated, Schedule, schedule

D = dt.date


def test_each_value_holds_until_the_day_before_the_next() -> None:
    rates = schedule("rate", ("2020-01-01", 1, "a"), ("2021-07-01", 2, "b"))
    assert [rates.at(day) for day in (D(2020, 1, 1), D(2021, 6, 30), D(2021, 7, 1), D(2090, 1, 1))] == [1, 1, 2, 2]
    assert rates.row(D(2021, 6, 30)) == Dated(D(2020, 1, 1), D(2021, 6, 30), 1, "a")
    # A second question is answered from the cache, and the same.
    assert rates.at(D(2021, 6, 30)) == 1


def test_outside_a_schedule_there_is_no_value() -> None:
    rates = schedule("rate", ("2020-01-01", 1, "a"), until="2020-12-31")
    for day in (D(2019, 12, 31), D(2021, 1, 1)):
        with pytest.raises(DataError, match="The rate of") as caught:
            rates.at(day)
        assert "2020-01-01 to 2020-12-31" in caught.value.remedy


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [Dated(D(2020, 1, 1), None, 1, "a"), Dated(D(2021, 1, 1), None, 2, "b")],
        [Dated(D(2020, 1, 1), D(2020, 12, 30), 1, "a"), Dated(D(2021, 1, 1), None, 2, "b")],
        [Dated(D(2020, 1, 1), D(2021, 1, 1), 1, "a"), Dated(D(2021, 1, 1), None, 2, "b")],
    ],
)
def test_gaps_and_overlaps_are_refused(rows: list[Dated[int]]) -> None:
    with pytest.raises(ValueError, match="the schedule of rate"):
        Schedule("rate", rows)
