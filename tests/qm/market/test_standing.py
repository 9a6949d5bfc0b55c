"""What the rules are asked with: told by the feed, estimated at minute boundaries, or unknown, and saying which."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.standing import bands_of, restricted, standing
from qm.model.instrument import SymbolTable
from qm.model.market import bands, bar, events, quote, trade
from qm.rules.calendar import Session, session
from qm.rules.ssr import ShortSaleRestriction, ssr_trigger
from qm.rules.ticks import Rounding, round_to_tick

OF = session(dt.date(2026, 11, 20))
AAA, SPY = 0, 1


def market(of: Session = OF, prints: bool = False, **known: Any) -> Market:
    """Two symbols; `known` are columns of the reference."""
    columns: Any = {name: np.array(value, float) for name, value in known.items()}
    return Market(SymbolTable(("AAA", "SPY")), of, replace(Reference.empty(2), **columns), prints=prints)


def at(minute: float, of: Session = OF) -> int:
    return of.open_ns + int(minute * MINUTE)


def feed(on: Market, *rows: Any) -> Market:
    batch = events(list(rows))
    index = 0
    while index < len(batch):
        index, _ = on.run(batch, index)
    return on


def minutes(on: Market, *closes: float) -> Market:
    """Bars from the open on, each marked at its end as the engine does it."""
    for n, close in enumerate(closes):
        feed(on, bar(at(n + 1), AAA, close, close, close, close, 100.0))
        on.mark_minute(at(n + 1))
    return on


def test_estimated_bands_of_a_leveraged_fund_are_as_many_times_as_wide() -> None:
    on = feed(market(prior_close=[10, 500], leverage=[3, np.nan]), bar(at(1), AAA, 10, 10, 10, 10, 100.0))
    assert bands_of(on, AAA) == (10.0, 7.0, 13.0, True)
    assert [standing(on, row).leverage for row in (AAA, SPY)] == [3.0, 1.0]


def test_the_plan_leaves_warrants_and_rights_out() -> None:
    for name, out in (
        ("ACHR.WS", True),
        ("ABCDW", True),
        ("ABCDR", True),
        ("GIG.U", False),
        ("BAC.PRL", False),
        ("AAA", False),
    ):
        known = replace(Reference.empty(1), prior_close=np.array([10.0]))
        on = feed(Market(SymbolTable([name]), OF, known, prints=False), bar(at(1), AAA, 10, 10, 10, 10, 100.0))
        assert (standing(on, AAA).unbanded, standing(on, AAA).lower is None) == (out, out)


def test_bands_that_the_feed_tells_are_taken_as_they_are() -> None:
    on = feed(market(prior_close=[10, np.nan]), trade(at(1), AAA, 10.0, 100), bands(at(1), AAA, 9.1, 10.9, 10.0))
    assert bands_of(on, AAA) == (10.0, 9.1, 10.9, False)
    feed(on, bands(at(2), AAA, np.nan, np.nan, np.nan))
    # Taken away by the feed: an estimate again, around the open.
    assert bands_of(on, AAA) == (10.0, 9.0, 11.0, True)


def test_an_estimate_stands_around_the_mean_of_the_last_five_minutes() -> None:
    on = minutes(market(prior_close=[10, np.nan]), 10, 10, 11, 12, 13, 14, 15)
    # 11 to 15: the mean is 13; tier two above $3 has 10 %.
    assert bands_of(on, AAA) == (13.0, 11.7, 14.3, True)
    seen = standing(on, AAA)
    assert (seen.lower, seen.upper, seen.reference, seen.estimated, seen.tier) == (11.7, 14.3, 13.0, True, 2)


def test_before_the_first_minute_ends_the_open_is_the_reference() -> None:
    on = feed(market(prior_close=[10, np.nan]), trade(at(0.1), AAA, 20.0, 100), trade(at(0.2), AAA, 21.0, 100))
    assert bands_of(on, AAA) == (20.0, 18.0, 22.0, True)


def test_marks_of_an_hour_ago_are_not_taken_for_now() -> None:
    on = minutes(market(prior_close=[10, np.nan]), 10, 11)
    feed(on, bar(at(66), AAA, 20, 21, 20, 21, 100.0))
    # Nobody marked the minutes between: only the start of the last bar is left, and not for long.
    assert bands_of(on, AAA)[0] == 20.0
    hourly = feed(market(prior_close=[10, 1]), bar(at(60), AAA, 10, 14, 10, 14, 100.0, seconds=3600))
    assert bands_of(hourly, AAA)[0] == 14.0
    on.now += 5 * MINUTE
    assert bands_of(on, AAA) == (None, None, None, False)


def test_an_unknown_prior_close_has_the_narrowest_bands_and_tiers_follow_the_trading() -> None:
    assert bands_of(minutes(market(), 2.0), AAA) == (2.0, 1.8, 2.2, True)
    assert bands_of(minutes(market(prior_close=[2.0, 1]), 2.0), AAA) == (2.0, 1.6, 2.4, True)
    large = market(prior_close=[10, 1], adv=[1e7, 1])
    assert bands_of(minutes(large, 10.0), AAA) == (10.0, 9.5, 10.5, True)
    assert standing(large, AAA).day_usd == 1e8


def test_no_bands_outside_regular_hours_before_the_plan_or_without_any_price() -> None:
    on = minutes(market(prior_close=[10, np.nan]), 10)
    on.now = OF.close_ns
    assert bands_of(on, AAA) == (None, None, None, False)
    assert bands_of(feed(market(prior_close=[10, 1]), bar(at(-5), AAA, 9, 9, 9, 9, 10)), AAA)[1] is None
    old = session(dt.date(2012, 6, 1))
    was = market(old, prior_close=[10, 1])
    feed(was, bar(at(1, old), AAA, 10, 10, 10, 10, 100.0))
    assert bands_of(was, AAA) == (None, None, None, False)


def test_the_bid_is_known_where_there_are_quotes_and_the_market_where_there_is_spy() -> None:
    on = market(prior_close=[10, 500])
    assert (standing(on, AAA).bid, standing(on, AAA).market_pct, standing(on, AAA).price) == (None, None, None)
    feed(on, quote(at(1), AAA, 9.9, 10.1), trade(at(1), SPY, 475.0, 100), trade(at(2), AAA, 10.0, 100))
    seen = standing(on, AAA)
    assert (seen.bid, seen.price) == (9.9, 10.0)
    assert seen.market_pct == pytest.approx(-5.0)


def test_a_restriction_is_carried_over_or_triggered_or_unknown() -> None:
    assert restricted(market(), AAA) is None
    assert restricted(market(ssr_carried=[1, 0]), AAA) is True
    on = market(prior_close=[20, 20], ssr_carried=[0, np.nan])
    # Of the second nothing is known of the session before: only a fall of today would tell.
    assert [restricted(on, row) for row in (AAA, SPY)] == [False, None]
    feed(on, trade(at(1), SPY, 17.9, 100))
    assert restricted(on, SPY) is True
    feed(on, trade(at(-1), AAA, 17.0, 100), trade(at(1), AAA, 18.01, 100))
    assert restricted(on, AAA) is False
    feed(on, trade(at(2), AAA, 18.0, 100), trade(at(3), AAA, 19.5, 100))
    assert restricted(on, AAA) is True
    before = market(session(dt.date(2011, 2, 25)), prior_close=[20, 20], ssr_carried=[1, 1])
    assert restricted(before, AAA) is False


CENTS = st.integers(100, 30_000).map(lambda n: n / 100)


@given(CENTS, st.lists(st.integers(85, 105), min_size=1, max_size=8))
def test_the_low_of_the_day_restricts_when_the_rule_itself_does(prior: float, per_cents: list[int]) -> None:
    # What is far off is set aside as an error of the tape; these are near enough to one another.
    prices = [round(prior * n / 100, 2) for n in per_cents]
    on = market(prior_close=[prior, 1], ssr_carried=[0, 0])
    rule = ShortSaleRestriction(OF, round_to_tick(prior, Rounding.NEAREST, OF.date))
    for n, price in enumerate(prices):
        feed(on, trade(at(n + 1), AAA, price, 100))
        rule.trade(at(n + 1), round_to_tick(price, Rounding.NEAREST, OF.date))
    assert ssr_trigger(round_to_tick(prior, Rounding.NEAREST, OF.date), OF.date) is not None
    assert restricted(on, AAA) is rule.restricted(on.now)
