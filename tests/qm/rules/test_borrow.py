"""Short sales need shares; what is not known of them refuses."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.rules.borrow import BORROW, Availability, Shares, ShortPolicy, borrow_fee, locate_fee, may_short

D = Decimal
TODAY = dt.date(2026, 11, 23)
EASY = Shares(Availability.EASY)
LOCATED = Shares(Availability.HARD, located=500, locate_usd=D("0.02"), rate=D("0.36"))


@pytest.mark.parametrize(
    ("shares", "policy", "price", "day_usd", "ok"),
    [
        (EASY, ShortPolicy.OFF, None, None, False),
        (EASY, ShortPolicy.EASY, None, None, True),
        (LOCATED, ShortPolicy.EASY, None, None, False),
        (LOCATED, ShortPolicy.LOCATED, None, None, True),
        (LOCATED._replace(located=99), ShortPolicy.LOCATED, None, None, False),
        (Shares(Availability.NONE, located=500), ShortPolicy.LOCATED, None, None, False),
        (Shares(), ShortPolicy.LOCATED, None, None, False),
        (Shares(), ShortPolicy.EASY, None, None, False),
        (Shares(), ShortPolicy.PROXY, D(5), D(20_000_000), True),
        (Shares(), ShortPolicy.PROXY, D("4.99"), D(20_000_000), False),
        (Shares(), ShortPolicy.PROXY, D(5), D(19_999_999), False),
        (Shares(), ShortPolicy.PROXY, None, D(20_000_000), False),
        (Shares(), ShortPolicy.PROXY, D(5), None, False),
        # What the broker said stands above what would stand for it.
        (EASY, ShortPolicy.PROXY, D(2), None, True),
        (Shares(Availability.HARD), ShortPolicy.PROXY, D(50), D(90_000_000), False),
        (Shares(Availability.NONE), ShortPolicy.PROXY, D(50), D(90_000_000), False),
    ],
)
def test_who_may_sell_short(
    shares: Shares, policy: ShortPolicy, price: Decimal | None, day_usd: Decimal | None, ok: bool
) -> None:
    answer = may_short(100, shares, policy, TODAY, price, day_usd)
    assert answer.ok is ok
    assert answer.reason


def test_costs() -> None:
    assert locate_fee(100, LOCATED) == D("2.00")
    assert locate_fee(100, EASY) == 0
    assert locate_fee(100, Shares()) is None
    assert borrow_fee(D(10_000), LOCATED, 0, TODAY) == 0
    assert borrow_fee(D(10_000), LOCATED, 3, TODAY) == D(30)
    assert borrow_fee(D(10_000), Shares(), 1, TODAY) is None


@pytest.mark.parametrize(("date", "locate"), [(dt.date(2004, 12, 31), False), (dt.date(2005, 1, 3), True)])
def test_the_locate_rule_begins_in_2005(date: dt.date, locate: bool) -> None:
    assert BORROW.at(date).locate is locate
