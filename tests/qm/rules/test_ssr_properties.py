"""The short sale restriction over whatever trades: what triggers it, that it lasts, and where one may still sell."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.rules.calendar import next_session, session
from qm.rules.ssr import (
    EXACT,
    ShortSaleRestriction,
    lowest_short_price,
    may_sell_short_at,
    ssr_trigger,
    ssr_trigger_usd,
    ssr_until,
)
from qm.rules.ticks import on_tick, tick_size

OF = session(dt.date(2026, 11, 23))
PRIOR = Decimal("20.00")
TRADES = st.lists(st.tuples(st.integers(-60, 450), st.integers(1700, 2100)), max_size=30).map(
    lambda trades: [(OF.open_ns + minute * MINUTE, Decimal(cents) / 100) for minute, cents in sorted(trades)]
)
PRICES = st.integers(1, 5_000_000).map(lambda n: Decimal(n) / 10_000)


@given(TRADES)
def test_the_first_regular_trade_ten_percent_down_restricts_the_rest_of_the_day(
    trades: list[tuple[int, Decimal]],
) -> None:
    rule = ShortSaleRestriction(OF, PRIOR)
    told = [ns for ns, price in trades if rule.trade(ns, price)]
    low = [ns for ns, price in trades if OF.open_ns <= ns < OF.close_ns and price <= Decimal("18.00")]
    assert told == low[:1]
    assert rule.triggered_today is bool(low)
    for ns in range(OF.pre_ns, OF.post_ns, 30 * MINUTE):
        assert rule.restricted(ns) is bool(low and ns >= low[0])


@given(TRADES, st.booleans())
def test_the_next_session_is_restricted_from_its_first_minute_and_extended_only_by_a_further_fall(
    trades: list[tuple[int, Decimal]], carried: bool
) -> None:
    yesterday = dt.date(2026, 11, 20)
    rule = ShortSaleRestriction(OF, PRIOR, yesterday if carried else None)
    for ns, price in trades:
        rule.trade(ns, price)
    if carried:
        assert all(rule.restricted(ns) for ns in range(OF.pre_ns, OF.post_ns, 30 * MINUTE))
    following = next_session(OF.date)
    after = ShortSaleRestriction(following, PRIOR, OF.date if rule.triggered_today else yesterday)
    # What was triggered on Friday is over on Tuesday, whatever it did to Monday.
    assert after.restricted(following.pre_ns) is rule.triggered_today
    assert ssr_until(OF.date) == following.date


@given(PRICES)
def test_the_trigger_of_floats_is_that_of_decimals(close: Decimal) -> None:
    exact = ssr_trigger(close, OF.date)
    assert exact is not None
    found = ssr_trigger_usd(float(close), OF.date)
    assert float(exact) <= found <= float(exact) + 2 * EXACT
    assert np.isnan(ssr_trigger_usd(np.array([float(close)]), dt.date(2011, 2, 25))).all()


@given(PRICES, PRICES)
def test_a_restricted_sale_is_above_the_bid_by_no_more_than_a_tick(bid: Decimal, price: Decimal) -> None:
    lowest = lowest_short_price(bid, OF.date)
    assert bid < lowest <= bid + tick_size(lowest, OF.date)
    assert on_tick(lowest, OF.date)
    assert may_sell_short_at(price, bid, OF.date) is (price >= lowest)
    assert not may_sell_short_at(price, None, OF.date)
