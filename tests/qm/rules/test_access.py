"""Access fees and the half-penny, on both sides of their dates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.rules.access import access_fee_cap, quoted_tick
from qm.rules.ticks import on_tick

D = Decimal
DEFERRED = dt.date(2027, 11, 1)


@pytest.mark.parametrize(
    ("price", "date", "cap"),
    [
        ("10", dt.date(2006, 5, 20), None),
        ("10", dt.date(2006, 5, 21), "0.003"),
        ("1", dt.date(2027, 10, 31), "0.003"),
        ("0.50", dt.date(2027, 10, 31), "0.0015"),
        ("10", DEFERRED, "0.001"),
        ("0.50", DEFERRED, "0.0005"),
    ],
)
def test_access_fee(price: str, date: dt.date, cap: str | None) -> None:
    assert access_fee_cap(D(price), date) == (None if cap is None else D(cap))


@pytest.mark.parametrize(
    ("spread", "price", "date", "tick"),
    [
        ("0.015", "10", DEFERRED, "0.005"),
        ("0.0151", "10", DEFERRED, None),
        (None, "10", DEFERRED, None),
        ("0.01", "0.99", DEFERRED, None),
        ("0.01", "10", DEFERRED - dt.timedelta(days=1), None),
    ],
)
def test_half_penny(spread: str | None, price: str, date: dt.date, tick: str | None) -> None:
    found = quoted_tick(None if spread is None else D(spread), D(price), date)
    assert found == (None if tick is None else D(tick))


def test_until_then_a_half_penny_is_refused() -> None:
    assert not on_tick(D("1.005"), DEFERRED - dt.timedelta(days=1))
