"""What is worked in which hours."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.clock import at_ny
from qm.model.order import OrderType
from qm.rules.calendar import session
from qm.rules.extended import OVERNIGHT_TAPE, hours_rule, may_send

D = dt.date
FULL, HALF = D(2026, 11, 23), D(2026, 11, 27)
LIMIT, MARKET, STOP = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP


@pytest.mark.parametrize(
    ("date", "wall", "kind", "flagged", "ok"),
    [
        (FULL, "03:59:59", LIMIT, True, False),
        (FULL, "04:00", LIMIT, True, True),
        (FULL, "04:00", LIMIT, False, False),
        (FULL, "09:29:59", MARKET, True, False),
        (FULL, "09:29:59", STOP, True, False),
        (FULL, "09:30", MARKET, False, True),
        (FULL, "09:30", MARKET, True, False),
        (FULL, "09:27:59", OrderType.MOO, False, True),
        (FULL, "09:28", OrderType.MOO, False, False),
        (FULL, "09:27:59", OrderType.LOO, True, False),
        (FULL, "15:49:59", OrderType.LOC, False, True),
        (HALF, "12:50", OrderType.MOC, False, False),
        (FULL, "09:30", LIMIT, True, True),
        (FULL, "15:59:59", STOP, False, True),
        (FULL, "16:00", STOP, False, False),
        (FULL, "19:59:59", LIMIT, True, True),
        (FULL, "20:00", LIMIT, True, False),
        (HALF, "12:59:59", MARKET, False, True),
        (HALF, "13:00", MARKET, False, False),
        (HALF, "16:59:59", LIMIT, True, True),
        (HALF, "17:00", LIMIT, True, False),
    ],
)
def test_what_is_worked_when(date: dt.date, wall: str, kind: OrderType, flagged: bool, ok: bool) -> None:
    answer = may_send(kind, flagged, session(date), at_ny(date, wall))
    assert answer.ok is ok
    assert answer.reason


def test_stops_sleep_outside_regular_hours() -> None:
    of = session(FULL)
    assert not hours_rule(of, of.pre_ns).stops_trigger
    assert hours_rule(of, of.open_ns).stops_trigger
    assert not hours_rule(of, of.close_ns).stops_trigger
    assert hours_rule(of, of.pre_ns - 1).types == frozenset()


@pytest.mark.parametrize(("date", "carried"), [(D(2026, 12, 4), False), (D(2026, 12, 7), True)])
def test_when_the_tape_goes_on_through_the_night(date: dt.date, carried: bool) -> None:
    assert OVERNIGHT_TAPE.at(date) is carried
