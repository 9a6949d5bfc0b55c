"""The short sale restriction: its trigger, how long it holds, and the prices that it leaves."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.clock import at_ny
from qm.rules.calendar import session
from qm.rules.ssr import ShortSaleRestriction, lowest_short_price, may_sell_short_at, ssr_trigger, ssr_until

D = dt.date
TODAY = session(D(2026, 11, 23))
CLOSE = Decimal("20.00")


def at(wall: str) -> int:
    return at_ny(TODAY.date, wall)


def test_trigger_and_duration() -> None:
    assert ssr_trigger(CLOSE, TODAY.date) == Decimal("18.00")
    assert ssr_until(D(2026, 11, 25)) == D(2026, 11, 27)


@pytest.mark.parametrize(("day", "known"), [(D(2011, 2, 25), False), (D(2011, 2, 28), True)])
def test_the_rule_begins_with_its_compliance_date(day: dt.date, known: bool) -> None:
    assert (ssr_trigger(CLOSE, day) is not None) is known
    of = session(day)
    rule = ShortSaleRestriction(of, CLOSE, triggered_on=of.date - dt.timedelta(days=1))
    assert rule.trade(of.open_ns, Decimal(1)) is known


@pytest.mark.parametrize(
    ("wall", "price", "triggers"),
    [
        ("11:00", "18.00", True),
        ("11:00", "18.01", False),
        ("09:30", "17.00", True),
        ("09:29:59", "17.00", False),
        ("15:59:59", "17.00", True),
        ("16:00", "17.00", False),
    ],
)
def test_only_a_trade_of_regular_hours_at_ten_percent_down_triggers(wall: str, price: str, triggers: bool) -> None:
    rule = ShortSaleRestriction(TODAY, CLOSE)
    assert rule.trade(at(wall), Decimal(price)) is triggers
    assert rule.triggered_today is triggers


def test_nothing_triggers_against_an_unknown_close() -> None:
    assert not ShortSaleRestriction(TODAY, None).trade(at("11:00"), Decimal(1))


def test_it_holds_from_the_trade_to_the_end_of_the_extended_hours() -> None:
    rule = ShortSaleRestriction(TODAY, CLOSE)
    assert rule.trade(at("11:00"), Decimal("17.90"))
    assert [rule.restricted(at(wall)) for wall in ("10:59:59", "11:00", "16:30", "19:59:59", "20:00")] == [
        False,
        True,
        True,
        True,
        False,
    ]
    # A second fall on the same day changes nothing.
    assert not rule.trade(at("12:00"), Decimal("15.00"))
    assert rule.since_ns == at("11:00")


def test_it_holds_all_of_the_next_session_and_a_further_fall_triggers_it_again() -> None:
    rule = ShortSaleRestriction(TODAY, CLOSE, triggered_on=D(2026, 11, 20))
    assert rule.restricted(TODAY.pre_ns)
    before = rule.triggered_today
    again = rule.trade(at("10:00"), Decimal("18.00"))
    assert (before, again, rule.triggered_today) == (False, True, True)
    assert rule.since_ns == TODAY.pre_ns


@pytest.mark.parametrize("triggered", [D(2026, 11, 19), D(2026, 11, 23), None])
def test_an_older_trigger_is_over(triggered: dt.date | None) -> None:
    assert not ShortSaleRestriction(TODAY, CLOSE, triggered_on=triggered).restricted(at("12:00"))


def test_a_half_day_is_a_session_like_any_other() -> None:
    half = session(D(2026, 11, 27))
    rule = ShortSaleRestriction(half, CLOSE, triggered_on=D(2026, 11, 25))
    assert rule.restricted(half.open_ns)
    fresh = ShortSaleRestriction(half, CLOSE)
    assert not fresh.trade(at_ny(half.date, "13:00"), Decimal(10))
    assert fresh.trade(at_ny(half.date, "12:59:59"), Decimal(10))
    assert not fresh.restricted(at_ny(half.date, "17:00"))


@pytest.mark.parametrize(
    ("bid", "lowest"),
    [("12.34", "12.35"), ("12.345", "12.35"), ("0.5", "0.5001"), ("0.9999", "1"), ("1.00", "1.01")],
)
def test_a_restricted_short_sale_must_be_above_the_bid(bid: str, lowest: str) -> None:
    assert lowest_short_price(Decimal(bid), TODAY.date) == Decimal(lowest)
    assert may_sell_short_at(Decimal(lowest), Decimal(bid), TODAY.date)
    assert not may_sell_short_at(Decimal(bid), Decimal(bid), TODAY.date)
    assert not may_sell_short_at(Decimal(lowest), None, TODAY.date)
