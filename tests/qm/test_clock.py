"""New York dates and times of day, across changes of the clocks."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm import clock
from qm.clock import DAY, HOUR, NEW_YORK, SECOND, at_ny, now_ns, ny, ny_offset_ns, ny_time_of_day_ns, session_date

# 2007 is when the present rule for summer time began.
MOMENTS = st.integers(at_ny(dt.date(2007, 1, 1), "00:00"), at_ny(dt.date(2037, 12, 31), "00:00"))


@given(MOMENTS)
def test_cached_conversions_agree_with_the_zone_database(ns: int) -> None:
    exact = dt.datetime.fromtimestamp(ns // SECOND, tz=NEW_YORK)
    assert session_date(ns) == exact.date()
    assert ny(ns).replace(microsecond=0) == exact
    wall = dt.timedelta(hours=exact.hour, minutes=exact.minute, seconds=exact.second)
    assert ny_time_of_day_ns(ns) // SECOND == wall // dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("date", "utc_hour"),
    [
        (dt.date(2024, 3, 8), 14),  # standard time
        (dt.date(2024, 3, 11), 13),  # the Monday after the clocks went forward
        (dt.date(2024, 11, 1), 13),
        (dt.date(2024, 11, 4), 14),  # the Monday after they went back
    ],
)
def test_opening_bell_moves_in_utc_with_summer_time(date: dt.date, utc_hour: int) -> None:
    opening = at_ny(date, "09:30")
    assert clock.utc(opening) == dt.datetime(date.year, date.month, date.day, utc_hour, 30, tzinfo=dt.UTC)
    assert session_date(opening) == date
    assert ny_time_of_day_ns(opening) == 9 * HOUR + HOUR // 2
    assert ny_offset_ns(opening) == (9 - utc_hour) * HOUR


def test_midnight_in_new_york_separates_session_dates() -> None:
    midnight = at_ny(dt.date(2024, 3, 11), "00:00")
    assert session_date(midnight) == dt.date(2024, 3, 11)
    assert session_date(midnight - 1) == dt.date(2024, 3, 10)


def test_days_of_a_clock_change_have_23_and_25_hours() -> None:
    def length(date: dt.date) -> int:
        return at_ny(date + dt.timedelta(days=1), "00:00") - at_ny(date, "00:00")

    assert length(dt.date(2024, 3, 10)) == DAY - HOUR
    assert length(dt.date(2024, 11, 3)) == DAY + HOUR


def test_wall_time_that_comes_twice_means_the_first() -> None:
    first = at_ny(dt.date(2024, 11, 3), "01:30")
    assert ny_time_of_day_ns(first) == ny_time_of_day_ns(first + HOUR)


def test_seconds_of_a_wall_time_count() -> None:
    date = dt.date(2024, 6, 3)
    assert at_ny(date, "15:59:30") - at_ny(date, "15:59") == 30 * SECOND


def test_no_time_of_day_is_refused() -> None:
    with pytest.raises(ValueError, match="25:00"):
        at_ny(dt.date(2024, 6, 3), "25:00")


def test_readers_tell_nanoseconds() -> None:
    assert now_ns() > at_ny(dt.date(2024, 1, 1), "00:00")
    assert clock.monotonic_ns() <= clock.monotonic_ns()
    assert clock.perf_ns() <= clock.perf_ns()
