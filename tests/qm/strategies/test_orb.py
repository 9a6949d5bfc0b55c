"""The opening-range breakout on hand-made tapes: what it must buy, at which price, and what it must leave alone."""

from __future__ import annotations

from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import pytest

from qm.model.events import (
    Assigned,
    Filled,
    Intended,
    NotStarted,
    Refused,
    Released,
    Signal,
    StopMoved,
    TradeClosed,
)
from qm.model.order import Order, OrderType, Purpose, Side
from qm.risk.limits import RiskSettings
from qm.strategies.api import Strategy
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import LINEAR, WIDE, Stage, at, minute

RANGE = [
    (20.00, 20.10, 19.90, 20.05),
    (20.05, 20.30, 20.00, 20.25),
    (20.25, 20.40, 20.10, 20.35),
    (20.35, 20.50, 20.20, 20.30),
    (20.30, 20.45, 20.15, 20.40),
]
"""Closes up, between 19.90 and 20.50."""
DOWN = [(o, h, low, c) for o, h, low, c in [(20.5, 20.6, 20.3, 20.4), *[(20.4, 20.5, 20.0, 20.1)] * 4]]
"""Closes down, between 20.00 and 20.60."""


# Five minutes of 100,000 shares are five times the usual.
KNOWN: dict[str, Any] = {"adv": 2e6, "or_volume": 100_000.0}


def stage(of: Strategy, bars: list[tuple[float, float, float, float]] = RANGE, **more: Any) -> Stage:
    made = Stage(of, **{**more, "known": {**KNOWN, **more.pop("known", {})}})
    for n, ohlc in enumerate(bars):
        made.feed(minute(n, *ohlc))
    return made


def robust(**params: object) -> Strategy:
    return strategy("orb_robust", params)


def paper(**params: object) -> Strategy:
    return strategy("orb_paper", params)


def intended(of: Stage, purpose: Purpose) -> tuple[int, Order]:
    """When the one order of this purpose was intended, and the order."""
    ((ts, body),) = [
        (e.ts, e.body) for e in of.entries if isinstance(e.body, Intended) and e.body.order.purpose is purpose
    ]
    return ts, body.order


def test_robust_waits_with_a_stop_limit_at_the_high_and_a_stop_of_one_atr() -> None:
    on = stage(robust()).pass_time(5)
    ts, order = intended(on, Purpose.ENTRY)
    assert ts == at(5)
    assert (order.side, order.type) == (Side.BUY, OrderType.STOP_LIMIT)
    assert (order.stop, order.limit) == (Decimal("20.50"), Decimal("20.51"))
    _, leg = intended(on, Purpose.PROTECT)
    assert leg.stop == Decimal("18.50")
    # 0.5 % of 100,000 $ over 2.00 $ and twice 8 bp of 20.50 $.
    assert order.qty == int(500 / (2.0 + 2 * 20.5 * 8e-4)) == 245
    assert on.held() == 0


def test_robust_buys_when_the_high_is_touched_and_holds_to_its_exit_time() -> None:
    on = stage(robust())
    on.feed(minute(5, 20.40, 20.45, 20.30, 20.40))
    assert on.held() == 0
    on.feed(minute(6, 20.45, 20.60, 20.40, 20.55))
    fill = on.only(Filled).execution
    assert (fill.qty, fill.price, fill.ts) == (245, Decimal("20.50"), at(6))
    on.feed(minute(100, 21.0, 21.0, 21.0, 21.0), minute(387, 22.0, 22.0, 22.0, 22.0))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("end of day", Decimal("22.00"))
    assert closed.r == pytest.approx(245 * 1.5 / closed.risk_usd, abs=1e-3)


def test_robust_is_stopped_out_one_atr_below_the_trigger() -> None:
    on = stage(robust())
    on.feed(minute(5, 20.45, 20.60, 20.40, 20.55), minute(6, 19.0, 19.0, 18.4, 18.6))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price, closed.closed) == ("stop", Decimal("18.50"), at(6))
    assert on.only(Released).reason == "no attempts left today"


def test_a_target_sells_all_of_it() -> None:
    on = stage(robust(target_r=1)).feed(minute(5, 20.45, 20.60, 20.40, 20.55))
    on.feed(minute(6, 21.0, 22.49, 21.0, 22.4))
    assert on.held() == 245
    on.feed(minute(7, 22.4, 22.5, 22.3, 22.45), minute(8, 22.44, 22.6, 22.3, 22.5))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("1 R reached", Decimal("22.44"))


def test_a_trade_that_is_ahead_is_even_at_worst() -> None:
    on = stage(robust(even_r=0.5)).feed(minute(5, 20.45, 20.60, 20.40, 20.55))
    on.feed(minute(6, 20.6, 21.49, 20.6, 21.4))
    assert not on.all(StopMoved)
    on.feed(minute(7, 21.4, 21.5, 21.3, 21.4))
    assert on.only(StopMoved).stop == 20.5
    on.feed(minute(8, 21.0, 21.0, 20.4, 20.45))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("moved stop", Decimal("20.50"))


def test_a_trail_follows_the_best_price() -> None:
    on = stage(robust(trail_atr=0.5)).feed(minute(5, 20.45, 20.60, 20.40, 20.55))
    on.feed(minute(6, 21.0, 22.0, 21.0, 21.9), minute(7, 21.9, 21.95, 21.5, 21.6))
    # The ATR is 2 $. The minute of the entry moves nothing, and no stop moves away.
    assert [moved.stop for moved in on.all(StopMoved)] == [21.0]
    on.feed(minute(8, 21.5, 21.5, 20.9, 20.95))
    assert on.only(TradeClosed).exit_price == Decimal("21.00")


def test_robust_does_not_chase_a_gap_over_its_limit() -> None:
    on = stage(robust()).feed(minute(5, 20.80, 20.90, 20.70, 20.80))
    assert on.held() == 0


def test_paper_pays_what_the_gap_asks_and_stops_a_tenth_of_an_atr_below() -> None:
    on = stage(paper()).feed(minute(5, 20.80, 20.90, 20.70, 20.80))
    fill = on.only(Filled).execution
    assert fill.price == Decimal("20.80")
    moved = on.only(StopMoved)
    assert (moved.was, moved.stop) == (20.3, 20.6)
    (works,) = on.core.book.orders.stops("AAA")
    assert (works.left, works.order.stop) == (abs(on.held()), Decimal("20.60"))


def test_paper_sells_short_below_a_range_that_closed_down() -> None:
    on = stage(paper(), DOWN).feed(minute(5, 20.10, 20.15, 19.90, 19.95))
    fill = on.only(Filled)
    assert (fill.side, fill.execution.price) == (Side.SELL, Decimal("20.00"))
    _, leg = intended(on, Purpose.PROTECT)
    assert (leg.side, leg.stop) == (Side.BUY, Decimal("20.20"))


# --- near misses -------------------------------------------------------------------------------------------------


def doji(close: float) -> list[tuple[float, float, float, float]]:
    return [*RANGE[:4], (20.30, 20.45, 19.95, close)]


@pytest.mark.parametrize(("close", "trades"), [(20.00, False), (20.0019, False), (20.0021, True), (20.01, True)])
def test_a_range_without_direction_is_left_alone(close: float, trades: bool) -> None:
    on = stage(robust(), doji(close)).pass_time(5)
    assert bool(on.all(Signal)) is trades
    if not trades:
        assert "no direction" in on.only(Released).reason


def test_robust_sells_short_below_a_range_that_closed_down() -> None:
    on = stage(robust(), DOWN).pass_time(5)
    ts, order = intended(on, Purpose.ENTRY)
    assert (ts, order.side, order.type) == (at(5), Side.SELL, OrderType.STOP_LIMIT)
    assert (order.stop, order.limit) == (Decimal("20.00"), Decimal("19.99"))
    assert intended(on, Purpose.PROTECT)[1].stop == Decimal("22.00")


@pytest.mark.parametrize(
    ("ssr", "params", "sells"), [(1.0, {}, False), (0.0, {}, True), (1.0, {"ssr_off": False}, True)]
)
def test_robust_does_not_sell_short_what_is_restricted(ssr: float, params: dict[str, Any], sells: bool) -> None:
    on = stage(robust(**params), DOWN, known={"ssr_carried": ssr}).pass_time(5)
    assert bool(on.all(Signal)) is sells
    reasons = [released.reason for released in on.all(Released)]
    assert reasons == ([] if sells else ["the range closed down and short sales are restricted"])


def test_a_range_that_closed_down_is_left_alone_when_shorts_are_off() -> None:
    on = stage(robust(shorts=False), DOWN).feed(minute(5, 20.1, 20.1, 19.0, 19.0), minute(6, 19.0, 21.0, 19.0, 21.0))
    assert on.all(Signal) == []
    assert on.only(Released).reason == "the range closed down and shorts are off"


@pytest.mark.parametrize("atr", [nan, 0.0, -1.0])
def test_without_an_atr_there_is_no_stop_and_no_trade(atr: float) -> None:
    on = stage(robust(), known={"atr": np.array([atr, 2.0, 2.0])}).pass_time(5)
    assert on.all(Signal) == []
    assert on.only(Released).reason == "range or ATR not known"


# --- which symbols -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "params", "enters"),
    [
        ({"or_volume": 250_000.0}, {}, True),
        # 500,000 shares against 251,000.
        ({"or_volume": 251_000.0}, {}, False),
        ({"or_volume": np.array([nan, 1.0, 1.0])}, {}, False),
        ({"adv": 1e6}, {}, True),
        ({"adv": 999_999.0}, {}, False),
        ({"adv": np.array([nan, 1e6, 1e6])}, {}, False),
        ({"atr": 0.51}, {}, True),
        ({"atr": 0.5}, {}, False),
        ({}, {"px_min": 19.99}, True),
        # It opened at 20.00.
        ({}, {"px_min": 20.0}, False),
    ],
)
def test_it_takes_stocks_in_play_only(known: dict[str, Any], params: dict[str, Any], enters: bool) -> None:
    on = stage(robust(**params), known=known).pass_time(5)
    assert bool(on.all(Signal)) is enters
    if not enters:
        assert "do not do" in on.only(Released).reason or "relative volume" in on.only(Released).reason


@pytest.mark.parametrize(("top", "names"), [(1, ["BBB"]), (2, ["AAA", "BBB"]), (3, ["AAA", "BBB", "CCC"])])
def test_it_takes_those_with_the_largest_relative_volume(top: int, names: list[str]) -> None:
    usual = np.array([100_000.0, 50_000.0, 125_000.0])
    on = Stage(robust(top_n=top), known={**KNOWN, "or_volume": usual}, assigned={"orb_robust": ("AAA", "BBB", "CCC")})
    for n, ohlc in enumerate(RANGE):
        on.feed(*[minute(n, *ohlc, sym=row) for row in range(3)])
    on.pass_time(5)
    assert sorted(body.symbol for body in on.all(Signal)) == names
    left = {body.symbol: body.reason for body in on.all(Released)}
    assert sorted(left) == sorted({"AAA", "BBB", "CCC"} - set(names))
    if top == 2:
        assert left["CCC"] == "relative volume 4.00 is only number 3"


def test_paper_takes_the_usual_volume_and_robust_does_not() -> None:
    for preset, enters in ((paper(), True), (robust(), False)):
        on = stage(preset, known={"or_volume": 500_000.0}).pass_time(5)
        assert bool(on.all(Signal)) is enters


def test_each_preset_risks_what_its_source_says_and_never_more_than_the_settings() -> None:
    assert stage(robust()).pass_time(5).only(Signal).risk == 0.005
    on = stage(paper()).pass_time(5)
    assert on.only(Signal).risk == 0.01
    assert next(body.sizing for body in on.all(Intended) if body.sizing).risk_usd <= 500.0


@pytest.mark.parametrize("minutes", [1, 15, 30])
def test_other_ranges_are_compared_with_the_usual_course_of_a_day(minutes: int) -> None:
    # Of 1,950,000 shares a day 5,000 are usual in a minute; every minute here has 100,000.
    on = Stage(robust(range_min=minutes, cutoff_min=60), known={**KNOWN, "adv": 1_950_000.0, "curve": LINEAR})
    for n in range(30):
        on.feed(minute(n, *RANGE[min(n, 4)]))
    on.pass_time(30)
    assert [e.ts for e in on.entries if isinstance(e.body, Signal)] == [at(minutes)]


def test_without_earlier_sessions_it_is_not_started() -> None:
    on = stage(robust(), known={"or_volume": nan}).pass_time(5)
    reason = on.only(NotStarted).reason
    assert reason == (
        "it needs opening volumes, and no earlier sessions are there to take the usual volume of the opening from"
    )
    assert on.all(Assigned) == []


# --- late ------------------------------------------------------------------------------------------------------------


def test_a_symbol_that_opens_late_has_its_range_from_its_open_on() -> None:
    on = stage(robust(), []).pass_time(6)
    for n, ohlc in enumerate(RANGE):
        on.feed(minute(7 + n, *ohlc))
    on.pass_time(12)
    assert [e.ts for e in on.entries if isinstance(e.body, Signal)] == [at(12)]
    assert on.only(Signal).trigger == 20.5


def test_a_symbol_that_never_opens_is_let_go_at_the_cutoff() -> None:
    on = stage(robust(), []).pass_time(60)
    assert on.only(Released).reason == "no breakout within 60 minutes"


def test_a_symbol_that_comes_after_its_range_is_left_alone() -> None:
    on = stage(robust(), assigned={}).pass_time(6)
    on.core.book.state(Assigned("orb_robust", ("AAA",)))
    on.core.trading.start("orb_robust", [0])
    on.session.flush()
    assert on.all(Signal) == []
    assert on.only(Released).reason == "it comes too late for its opening range"


def test_what_was_not_triggered_by_the_cutoff_is_taken_back() -> None:
    on = stage(robust()).pass_time(60)
    assert on.only(Released).reason == "no breakout within 60 minutes"
    assert on.core.book.orders.open_symbols() == []
    on.feed(minute(60, 20.4, 21.0, 20.4, 21.0))
    assert on.held() == 0


def test_the_last_second_before_the_cutoff_still_counts() -> None:
    on = stage(robust()).feed(minute(59, 20.4, 20.6, 20.4, 20.5))
    assert on.held() == 245


@pytest.mark.parametrize("late", [60, 61, 120])
def test_nothing_is_sent_for_a_symbol_that_comes_after_the_cutoff(late: float) -> None:
    on = stage(robust(), assigned={})
    on.pass_time(late)
    on.core.book.state(Assigned("orb_robust", ("AAA",)))
    on.core.trading.start("orb_robust", [0])
    on.session.flush()
    assert on.all(Signal) == []
    assert on.only(Released).reason == "no breakout within 60 minutes"


@pytest.mark.parametrize(
    ("atr", "risk", "refused"),
    [
        (0.1, WIDE, False),
        (0.1, RiskSettings(min_stop_ticks=11), True),
        (2.0, RiskSettings(max_stop_pct=9.0), True),
        (2.0, RiskSettings(max_stop_pct=10.0), False),
    ],
)
def test_a_stop_too_near_or_too_far_is_refused_and_says_so(atr: float, risk: RiskSettings, refused: bool) -> None:
    on = stage(robust(atr_min=0.0), atr=atr, risk=risk).pass_time(5)
    failed = [c.name for body in on.all(Refused) for c in body.checks if not c.passed]
    assert failed == (["stop distance"] if refused else [])
    assert bool(on.all(Intended)) is not refused


def test_a_wide_stop_below_zero_is_refused_and_no_failure() -> None:
    on = stage(robust(), atr=30.0).pass_time(5)
    assert "stop distance" in [c.name for c in on.only(Refused).checks if not c.passed]


def test_one_attempt_a_day() -> None:
    on = stage(robust())
    on.feed(minute(5, 20.45, 20.60, 20.40, 20.55), minute(6, 19.0, 19.0, 18.4, 18.6))
    on.feed(minute(7, 18.6, 21.0, 18.6, 21.0), minute(8, 21.0, 22.0, 21.0, 22.0))
    assert len(on.all(Signal)) == 1
