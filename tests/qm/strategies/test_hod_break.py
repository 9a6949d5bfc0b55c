"""The high-of-day break on hand-made tapes: a leg of a dollar, six quiet minutes below the high, and a new high."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from math import nan
from typing import Any

import pytest

from qm.model.events import CancelAsked, Filled, Intended, NotStarted, Released, Signal, StopMoved, TradeClosed
from qm.model.order import OrderType, Purpose
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import LINEAR, Row, Stage, at, minute

Bar = tuple[float, float, float, float]
# With this volume a day and a straight curve, 10,000 shares a minute are usual.
KNOWN: dict[str, Any] = {"prior_close": 19.0, "adv": 3_900_000.0, "curve": LINEAR}
REST: Bar = (20.95, 20.99, 20.80, 20.95)


def leg(volume: float = 50_000.0, first: int = 0) -> list[Row]:
    """Ten minutes from 20.00 to 21.00."""
    prices = [round(20.0 + 0.1 * n, 2) for n in range(11)]
    return [minute(first + n, a, b, a, b, volume) for n, (a, b) in enumerate(pairwise(prices))]


def base(bars: int = 6, bar: Bar = REST, volume: float = 20_000.0, first: int = 10) -> list[Row]:
    return [minute(first + n, *bar, volume) for n in range(bars)]


def play(rows: list[Row], atr: float = 2.0, known: dict[str, Any] | None = None, **params: Any) -> Stage:
    return Stage(strategy("hod_break", params), atr=atr, known={**KNOWN, **(known or {})}).feed(*rows)


def entered() -> Stage:
    """In at 21.01 in minute 16, on enough volume; R is 0.22."""
    return play([*leg(), *base(), minute(16, 20.98, 21.10, 20.95, 21.08, 40_000)])


def test_it_rests_a_stop_order_a_tick_above_the_high_with_a_stop_below_the_base() -> None:
    on = play([*leg(), *base()])
    signal = on.only(Signal)
    assert (signal.type, signal.trigger) == (OrderType.STOP, 21.01)
    assert signal.stop == pytest.approx(20.79)
    ((when, order),) = [
        (e.ts, e.body.order)
        for e in on.entries
        if isinstance(e.body, Intended) and e.body.order.purpose is Purpose.ENTRY
    ]
    assert (when, order.stop) == (at(16), Decimal("21.01"))
    on.feed(minute(16, 20.98, 21.10, 20.95, 21.08, 40_000))
    fill = on.only(Filled).execution
    assert (fill.price, fill.ts) == (Decimal("21.01"), at(16))


def test_a_deep_base_is_stopped_at_half_an_atr() -> None:
    on = play([*leg(), *base(bar=(20.95, 20.99, 20.70, 20.95))], atr=0.4)
    # With an ATR of 0.40 the base is 0.31 below the trigger, and half of it 0.20.
    assert on.only(Signal).stop == pytest.approx(20.81)


def low_highs(high: float) -> list[Row]:
    """A base whose last three highs are lower."""
    return [*leg(), *base(3), *base(3, (20.75, high, 20.75, 20.75), first=13)]


HEAVY = [*leg()[:-1], minute(9, 20.9, 21.0, 20.9, 21.0, 5e6)]
"""The last minute of the leg trades so much that VWAP stands at 20.93."""


def alternating(count: int) -> list[Row]:
    """A base of which every other minute has a high far below that of the day, from minute 10 on."""
    near, far = (20.95, 20.99, 20.8, 20.95), (20.7, 20.7, 20.66, 20.69)
    return [minute(10 + n, *(far if n % 2 else near), 10_000.0) for n in range(count)]


@pytest.mark.parametrize(
    ("what", "rows", "enters"),
    [
        ("five minutes of base", [*leg(), *base(5)], False),
        ("a high 0.21 below, more than a tenth of the ATR", low_highs(20.79), False),
        ("a high just a tenth of the ATR below", low_highs(20.80), True),
        ("0.36 of the leg deep", [*leg(), *base(bar=(20.95, 20.99, 20.64, 20.95))], False),
        ("0.35 of the leg deep", [*leg(), *base(bar=(20.95, 20.99, 20.65, 20.95))], True),
        ("0.7 of the leg's volume", [*leg(), *base(volume=35_000)], False),
        ("less than 0.7 of the leg's volume", [*leg(), *base(volume=34_900)], True),
        # Every other minute has a high 0.51 below: only five minutes together come near.
        ("three five-minute bars with highs near it", [*leg(), *alternating(15)], True),
        ("two of them", [*leg(), *alternating(10)], False),
        ("three, and the last not over", [*leg(), *alternating(14)], False),
        ("a minute of the base is missing", [*leg(), *base(3), *base(3, first=14)], False),
        ("no leg before it", base(8, first=0), False),
        ("a close above VWAP", [*HEAVY, *base()], True),
        ("a close below VWAP", [*HEAVY, *base(bar=(20.95, 20.99, 20.8, 20.81))], False),
    ],
)
def test_what_is_a_base_and_what_nearly(what: str, rows: list[Row], enters: bool) -> None:
    assert bool(play(rows).all(Signal)) is enters, what


@pytest.mark.parametrize(
    ("known", "enters"),
    [
        ({"prior_close": 20.14}, True),
        # 20.95 is 3.97 % above 20.15.
        ({"prior_close": 20.15}, False),
        # 620,000 shares in 16 minutes: just twice what is usual at 19,375 a minute.
        ({"adv": 390 * 19_375.0}, True),
        ({"adv": 390 * 19_400.0}, False),
        ({"adv": nan}, False),
        ({"prior_close": nan}, False),
        ({"atr": nan}, False),
    ],
)
def test_what_else_it_asks_for(known: dict[str, Any], enters: bool) -> None:
    assert bool(play([*leg(), *base()], known=known).all(Signal)) is enters


def test_the_order_is_taken_back_when_the_base_breaks_and_the_try_is_not_lost() -> None:
    on = play([*leg(), *base()])
    on.feed(minute(16, 20.9, 20.9, 20.6, 20.7, 20_000))
    assert [body.reason for body in on.all(CancelAsked)] == ["the base is broken"]
    assert on.core.book.orders.open("AAA") == []
    on.feed(*base(8, first=17))
    assert [body.trigger for body in on.all(Signal)] == [21.01, 21.01]
    assert on.core.book.attempts.made("AAA", "hod_break") == 0


def test_late_in_the_day_it_lets_go() -> None:
    on = play([]).pass_time(360)
    assert on.only(Released).reason == "too late in the day"


# --- out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("volume", "stays"), [(30_000, True), (29_900, False)])
def test_a_break_without_volume_is_scratched(volume: float, stays: bool) -> None:
    # 1.5 times the 20,000 shares that the base traded in a minute.
    on = play([*leg(), *base(), minute(16, 20.98, 21.10, 20.95, 21.08, volume)])
    assert on.held() > 0
    on.feed(minute(17, 21.08, 21.1, 21.0, 21.05, 40_000))
    assert bool(on.held()) is stays
    if not stays:
        closed = on.only(TradeClosed)
        assert (closed.reason, closed.exit_price) == ("no volume behind the break within 60 seconds", Decimal("21.08"))


def test_thirds_are_sold_at_one_and_two_r() -> None:
    on = entered()
    held = on.held()
    # 25 % of 100,000 $ at 21.01.
    assert held == 1189
    on.feed(minute(17, 21.08, 21.22, 21.05, 21.2), minute(18, 21.2, 21.2, 21.1, 21.1))
    assert on.held() == held
    on.feed(minute(19, 21.1, 21.23, 21.1, 21.2), minute(20, 21.21, 21.25, 21.1, 21.2))
    # 0.33 of 1189, rounded down, sold at the open after 21.23 was seen.
    assert on.held() == held - 392
    assert on.all(Filled)[-1].execution.price == Decimal("21.21")
    on.feed(minute(21, 21.2, 21.45, 21.2, 21.4), minute(22, 21.4, 21.4, 21.3, 21.3))
    # 0.33 of the whole is 0.4925 of the 797 that were left.
    assert on.held() == 797 - 392
    assert [body.reason for body in on.all(Signal)[1:]] == ["1 R reached", "2 R reached"]


def test_a_gap_through_both_targets_sells_both_thirds() -> None:
    on = entered().feed(minute(17, 21.6, 21.7, 21.5, 21.6), minute(18, 21.6, 21.6, 21.6, 21.6))
    assert on.held() == 1189 - 392 - 392


def test_the_rest_trails_the_low_of_twenty_minutes() -> None:
    on = entered()
    on.feed(*[minute(17 + n, 21.1, 21.15, 20.9, 21.1) for n in range(18)])
    assert on.all(StopMoved) == []
    # From minute 16 to 35 all lows are 20.90 or higher.
    on.feed(minute(35, 21.1, 21.15, 20.9, 21.1))
    assert on.only(StopMoved).stop == pytest.approx(20.89)
    on.feed(minute(36, 21.0, 21.0, 20.85, 20.9))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("moved stop", Decimal("20.89"))


def test_two_tries_and_no_more() -> None:
    out: list[Row] = []
    for again in (0, 30, 60):
        out += [*leg(first=again), *base(first=again + 10)]
        out += [minute(again + 16, 20.98, 21.10, 20.95, 21.08, 40_000), minute(again + 17, 20.7, 20.7, 20.0, 20.0)]
    on = play(out)
    assert len(on.all(TradeClosed)) <= 2
    assert on.core.book.attempts.made("AAA", "hod_break") <= 2


NO_HISTORY: dict[str, Any] = {"adv": nan}
ASKS_NOTHING: dict[str, Any] = {"rvol_min": 0, "base_tol_atr": 0, "stop_cap_atr": 0}
"""Of earlier sessions, but the close before."""


def test_without_earlier_sessions_it_trades_when_it_is_told_to_ask_nothing_of_them() -> None:
    on = play([*leg(), *base()], atr=nan, known=NO_HISTORY, **ASKS_NOTHING)
    assert on.only(Signal).trigger == 21.01
    assert on.only(Signal).stop == pytest.approx(20.79)
    # The share alone is what a base may be away: 0.15 % of 21 $ are three cents.
    far = [*leg(), *base(bar=(20.90, 20.96, 20.80, 20.95))]
    assert play(far, atr=nan, known=NO_HISTORY, **ASKS_NOTHING).all(Signal) == []
    assert strategy("hod_break", ASKS_NOTHING).scans == ("hod_momo", "momentum", "momentum_bars", "runners")


@pytest.mark.parametrize("still", ASKS_NOTHING)
def test_whatever_still_asks_for_them_is_why_it_is_not_started(still: str) -> None:
    params = {name: value for name, value in ASKS_NOTHING.items() if name != still}
    on = play([*leg(), *base()], atr=nan, known=NO_HISTORY, **params)
    lacks = "average volumes" if still == "rvol_min" else "average ranges"
    assert on.only(NotStarted).reason.startswith(f"it needs {lacks}")
