"""The market-wide circuit breakers, among them those of March 2020."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.clock import MINUTE, at_ny
from qm.rules.calendar import Session, session
from qm.rules.mwcb import MarketHalt, Mwcb

D = Decimal
TODAY = session(dt.date(2026, 11, 23))
HALF = session(dt.date(2026, 11, 27))
MARCH_2020 = session(dt.date(2020, 3, 9))


def at(wall: str, of: Session = TODAY) -> int:
    return at_ny(of.date, wall)


def test_the_first_level_of_march_2020() -> None:
    breakers = Mwcb(MARCH_2020, D("2972.37"))
    assert breakers.triggers == (D("2764.30"), D("2585.96"), D("2377.90"))
    began = at("09:34:13", MARCH_2020)
    assert breakers.index(began - 1, D("2764.31")) is None
    assert breakers.index(began, D("2764.30")) == MarketHalt(began, 1, began + 15 * MINUTE)
    assert breakers.halted(began + 15 * MINUTE - 1)
    assert not breakers.halted(began + 15 * MINUTE)


def test_each_level_halts_once_and_the_third_closes() -> None:
    breakers = Mwcb(TODAY, D(1000))
    assert breakers.index(at("10:00"), D(930)) is not None
    assert breakers.index(at("10:05"), D(800)) is None
    assert breakers.index(at("10:15"), D(929)) is None
    second = breakers.index(at("11:00"), D(870))
    assert second == MarketHalt(at("11:00"), 2, at("11:15"))
    assert breakers.index(at("12:00"), D(860)) is None
    assert breakers.index(at("13:00"), D(800)) == MarketHalt(at("13:00"), 3, TODAY.post_ns)
    assert breakers.halted(at("19:59"))


def test_a_market_that_gaps_through_a_level_skips_it() -> None:
    breakers = Mwcb(TODAY, D(1000))
    found = breakers.index(at("10:00"), D(865))
    assert found is not None
    assert found.level == 2
    assert breakers.index(at("10:30"), D(900)) is None


@pytest.mark.parametrize(
    ("of", "wall", "points", "level"),
    [
        (TODAY, "15:24:59", 930, 1),
        (TODAY, "15:25", 930, None),
        (TODAY, "15:25", 870, None),
        (TODAY, "15:25", 800, 3),
        (TODAY, "15:59:59", 800, 3),
        (TODAY, "16:00", 800, None),
        (TODAY, "09:29:59", 800, None),
        (HALF, "12:24:59", 930, 1),
        (HALF, "12:25", 930, None),
        (HALF, "12:25", 800, 3),
    ],
)
def test_the_last_35_minutes_know_only_the_third_level(of: Session, wall: str, points: int, level: int | None) -> None:
    found = Mwcb(of, D(1000)).index(at(wall, of), D(points))
    assert (None if found is None else found.level) == level


@pytest.mark.parametrize(("date", "known"), [(dt.date(2013, 4, 5), False), (dt.date(2013, 4, 8), True)])
def test_the_rule_begins_in_april_2013(date: dt.date, known: bool) -> None:
    of = session(date)
    breakers = Mwcb(of, D(1000))
    assert (breakers.index(of.open_ns, D(900)) is not None) is known
    assert bool(breakers.triggers) is known
