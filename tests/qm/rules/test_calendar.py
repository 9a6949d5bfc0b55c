"""The calendar agrees with an independent one, and with the clock changes."""

from __future__ import annotations

import datetime as dt

import exchange_calendars
import pytest

from qm.clock import DAY, HOUR, MINUTE, ny
from qm.errors import DataError, NotFoundError
from qm.rules.calendar import (
    Phase,
    Stretch,
    is_session,
    next_session,
    phase,
    previous_session,
    session,
    sessions,
    stretch,
)

D = dt.date


# The other calendar uses a method that its pandas will change; nothing that this project could mend.
@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_every_session_equals_the_one_of_exchange_calendars() -> None:
    peer = exchange_calendars.get_calendar("XNYS", start="1998-01-01", end="2027-12-31").schedule
    ours = sessions(D(1998, 1, 1), D(2027, 12, 31))
    assert [each.date for each in ours] == list(peer.index.date)
    assert [each.open_ns for each in ours] == [int(each.as_unit("ns").value) for each in peer["open"]]
    assert [each.close_ns for each in ours] == [int(each.as_unit("ns").value) for each in peer["close"]]


@pytest.mark.parametrize(
    "closed",
    ["2001-09-11", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"],
)
def test_unscheduled_closures_are_no_sessions(closed: str) -> None:
    assert not is_session(D.fromisoformat(closed))


def test_a_day_without_trading_names_the_next_session() -> None:
    with pytest.raises(NotFoundError, match="2026-11-26 is not a session") as caught:
        session(D(2026, 11, 26))
    assert caught.value.remedy == "The next session is 2026-11-27."
    with pytest.raises(NotFoundError, match="weekend"):
        session(D(2026, 11, 28))


@pytest.mark.parametrize("day", [D(1997, 12, 31), D(2028, 1, 3)])
def test_outside_the_calendar_is_an_error_not_a_guess(day: dt.date) -> None:
    for ask in (session, is_session):
        with pytest.raises(DataError, match="does not reach"):
            ask(day)
    with pytest.raises(DataError):
        sessions(day, day)


def test_neighbours() -> None:
    assert next_session(D(2026, 11, 25)).date == D(2026, 11, 27)
    assert next_session(D(2026, 11, 26)).date == D(2026, 11, 27)
    assert previous_session(D(2026, 11, 27)).date == D(2026, 11, 25)
    assert previous_session(D(2026, 11, 30)).date == D(2026, 11, 27)
    with pytest.raises(DataError):
        next_session(D(2027, 12, 31))
    with pytest.raises(DataError):
        previous_session(D(1998, 1, 2))
    with pytest.raises(DataError):
        next_session(D(1990, 1, 1))
    with pytest.raises(DataError):
        previous_session(D(2030, 1, 1))


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [("2026-10-30", 13), ("2026-11-02", 14), ("2027-03-12", 14), ("2027-03-15", 13), ("2006-04-03", 13)],
)
def test_the_open_follows_the_clocks_of_new_york(day: str, utc_hour: int) -> None:
    of = session(D.fromisoformat(day))
    assert of.open_ns % DAY == utc_hour * HOUR + 30 * MINUTE
    assert [f"{ny(each):%H:%M}" for each in (of.overnight_ns, of.pre_ns, of.open_ns, of.close_ns, of.post_ns)] == [
        "20:00",
        "04:00",
        "09:30",
        "16:00",
        "20:00",
    ]


def test_half_days_end_three_hours_early() -> None:
    for day in (D(2026, 11, 27), D(2026, 12, 24)):
        of = session(day)
        assert of.half
        assert of.minutes == 210
        assert (f"{ny(of.close_ns):%H:%M}", f"{ny(of.post_ns):%H:%M}") == ("13:00", "17:00")
    assert session(D(2026, 11, 25)).minutes == 390


def test_phases_meet_at_their_edges() -> None:
    of = session(D(2026, 11, 23))
    edges = [
        (of.overnight_ns, Phase.CLOSED, Phase.OVERNIGHT),
        (of.pre_ns, Phase.OVERNIGHT, Phase.PRE),
        (of.open_ns, Phase.PRE, Phase.OPEN),
        (of.close_ns, Phase.OPEN, Phase.POST),
        (of.post_ns, Phase.POST, Phase.CLOSED),
    ]
    assert [(phase(of, at - 1), phase(of, at)) for at, _, _ in edges] == [(a, b) for _, a, b in edges]


def test_stretches_stand_at_the_times_that_traders_name() -> None:
    full, half = session(D(2026, 11, 23)), session(D(2026, 11, 27))

    def starts(of_day: dt.date) -> dict[str, str]:
        of = session(of_day)
        found: dict[str, str] = {}
        for minute in range(of.overnight_ns, of.post_ns + MINUTE, MINUTE):
            found.setdefault(stretch(of, minute).value, f"{ny(minute):%H:%M}")
        return found

    assert list(starts(full.date).values()) == [
        "20:00",
        "04:00",
        "07:00",
        "09:25",
        "09:30",
        "10:00",
        "11:30",
        "13:30",
        "15:00",
        "15:50",
        "16:00",
        "20:00",
    ]
    short = starts(half.date)
    assert (short["open_drive"], short["power_hour"], short["closing_cross"]) == ("09:30", "12:00", "12:50")
    assert short["morning"] < short["midday"] < short["afternoon"] < short["power_hour"]
    assert stretch(full, full.overnight_ns - 1) is Stretch.CLOSED
