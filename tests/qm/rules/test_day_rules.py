"""The plain numbers of a day are those of the dated tables."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.model.order import Side
from qm.rules.calendar import session, sessions
from qm.rules.day_rules import day_rules
from qm.rules.limits import LULD
from qm.rules.margin import maintenance
from qm.rules.ticks import tick_size

DAYS = st.sampled_from(sessions(dt.date(1998, 1, 2), dt.date(2027, 12, 31)))
PRICES = st.integers(1, 5_000_000).map(lambda n: Decimal(n) / 10_000)


@given(DAYS, st.integers(-5_000, 5_000), PRICES, st.integers(1, 4))
def test_margin_and_ticks_are_those_of_the_tables(of: object, shares: int, price: Decimal, leverage: int) -> None:
    assert isinstance(of, type(session(dt.date(2026, 1, 2))))
    rules = day_rules(of)
    side = Side.BUY if shares >= 0 else Side.SELL
    exact = maintenance(side, abs(shares), price, of.date, leverage=leverage)
    assert rules.required(shares, float(price), leverage) == pytest.approx(float(exact), abs=1e-9)
    assert rules.tick_at(float(price)) == float(tick_size(price, of.date))


def test_rules_begin_on_their_days() -> None:
    first = {
        "banded": dt.date(2013, 4, 8),
        "market_halts_pct": dt.date(2013, 4, 8),
        "ssr_drop": dt.date(2011, 2, 28),
    }
    for name, day in first.items():
        before = next(each for each in sessions(dt.date(2011, 1, 3), day)[::-1] if each.date < day)
        assert not getattr(day_rules(before), name)
        assert getattr(day_rules(session(day)), name)
    today = day_rules(session(dt.date(2026, 11, 20)))
    assert (today.market_halts_pct, today.ssr_drop, today.pattern_trades) == ((7.0, 13.0, 20.0), 0.1, 4)
    assert LULD.at(today.of.date) is not None
