"""Gap-and-go on hand-made tapes: a heavy pre-market, a gap of five per cent, and the break of the pre-market high."""

from __future__ import annotations

from decimal import Decimal
from math import nan
from typing import Any

import pytest

from qm.model.events import Filled, Intended, NotStarted, Released, Signal, TradeClosed
from qm.model.market import quote, trade
from qm.model.order import OrderType, Purpose
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import Row, Stage, at, minute

# 500,000 shares before the open are five times the usual, and 10 M$.
KNOWN: dict[str, Any] = {"prior_close": 19.0, "pre_volume": 100_000.0}
FIRST = (20.0, 20.15, 19.95, 20.1)


def before(high: float = 20.2, volume: float = 25_000.0) -> list[Row]:
    """Twenty minutes before the open, between 19.90 and the pre-market high."""
    return [minute(n, 20.0, high, 19.9, 20.1, volume) for n in range(-20, 0)]


def play(rows: list[Row], atr: float = 2.0, known: dict[str, Any] | None = None, **params: Any) -> Stage:
    return Stage(strategy("gap_go", params), atr=atr, known={**KNOWN, **(known or {})}).feed(*rows)


def opened(volume: float = 50_000.0) -> list[Row]:
    return [*before(), minute(0, *FIRST, volume)]


def light(volume: float) -> list[Row]:
    """So many shares at 20.07 $ in each of the twenty minutes before the open."""
    return [*before(volume=volume), minute(0, *FIRST, 50_000)]


def entered() -> Stage:
    """In at 20.21 in the second minute, with a stop at 19.89: R is 0.32."""
    return play([*opened(), minute(1, 20.1, 20.3, 20.05, 20.25, 50_000)])


def test_it_rests_a_stop_order_a_tick_above_the_pre_market_high() -> None:
    on = play(opened())
    signal = on.only(Signal)
    assert (signal.type, signal.trigger) == (OrderType.STOP, 20.21)
    # A tick below 19.90, the low of five minutes: nearer than half an ATR, and than VWAP less 0.20.
    assert signal.stop == pytest.approx(19.89)
    ((when, order),) = [
        (e.ts, e.body.order)
        for e in on.entries
        if isinstance(e.body, Intended) and e.body.order.purpose is Purpose.ENTRY
    ]
    assert (when, order.stop) == (at(1), Decimal("20.21"))
    on.feed(minute(1, 20.1, 20.3, 20.05, 20.25))
    fill = on.only(Filled).execution
    assert (fill.price, fill.ts) == (Decimal("20.21"), at(1))


def test_the_high_of_the_first_minute_counts_when_it_is_higher() -> None:
    on = play([*before(), minute(0, 20.0, 20.4, 19.95, 20.1, 50_000)])
    assert on.only(Signal).trigger == 20.41


def test_what_is_above_already_is_bought_at_the_market() -> None:
    on = play([*before(), minute(0, *FIRST, 49_000), minute(1, 20.1, 20.4, 20.1, 20.35, 60_000)])
    signal = on.only(Signal)
    assert (signal.type, signal.price) == (OrderType.MARKET, 20.35)


@pytest.mark.parametrize(
    ("atr", "first", "stop"),
    [
        # Five minutes down to 19.90; VWAP is 20.0667, and a tenth of the ATR below it.
        (2.0, FIRST, 19.89),
        (0.8, FIRST, 20.0667 - 0.08),
        (0.3, FIRST, 20.21 - 0.15),
        # VWAP at 20.1967 less 0.01 would be less than three ticks away: the next is taken.
        (0.1, (20.2, 20.2, 20.19, 20.2), 20.21 - 0.05),
    ],
)
def test_the_stop_is_the_nearest_of_three(atr: float, first: tuple[float, float, float, float], stop: float) -> None:
    on = play([*before(), minute(0, *first, 50_000)], atr=atr)
    assert on.only(Signal).stop == pytest.approx(stop, abs=1e-4)


@pytest.mark.parametrize(
    ("what", "rows", "known", "enters"),
    [
        ("a gap of 5.0 %", opened(), {"prior_close": 20.0 / 1.05}, True),
        ("a gap of 4.98 %", opened(), {"prior_close": 19.051}, False),
        ("an unknown gap", opened(), {"prior_close": nan}, False),
        ("3 times the usual before the open", opened(), {"pre_volume": 500_000 / 3}, True),
        ("2.99 times the usual before the open", opened(), {"pre_volume": 500_000 / 2.99}, False),
        ("just 2 M$ before the open", light(5_000), {"pre_volume": 10_000.0}, True),
        ("too few dollars before the open", light(4_900), {"pre_volume": 10_000.0}, False),
        ("twice the volume of the minutes before", opened(50_000), {}, True),
        ("not twice the volume of the minutes before", opened(49_900), {}, False),
        ("nothing before the open", [minute(0, *FIRST, 50_000), minute(1, *FIRST, 200_000)], {}, False),
        ("an unknown ATR", opened(), {"atr": nan}, False),
    ],
)
def test_what_is_a_go_and_what_nearly(what: str, rows: list[Row], known: dict[str, Any], enters: bool) -> None:
    assert bool(play(rows, known=known).all(Signal)) is enters, what


@pytest.mark.parametrize(("params", "enters"), [({"px_max": 20.0}, False), ({"px_min": 20.2}, False), ({}, True)])
def test_the_price_is_in_its_range(params: dict[str, Any], enters: bool) -> None:
    assert bool(play(opened(), **params).all(Signal)) is enters


def test_a_stop_wider_than_an_atr_is_not_taken() -> None:
    assert play(opened(), width_max_atr=0.15).all(Signal) == []
    assert play(opened(), width_max_atr=0.17).all(Signal) != []


def test_nothing_is_placed_once_half_an_hour_is_over_and_what_rests_is_taken_back() -> None:
    on = play([*opened(40_000), minute(29, *FIRST, 500_000)]).pass_time(30)
    assert on.all(Signal) == []
    assert on.only(Released).reason == "no entry within 30 minutes"
    on = play(opened()).pass_time(30)
    assert on.core.book.orders.open("AAA") == []


def test_one_retry() -> None:
    on = entered()
    for n in (2, 5, 8):
        on.feed(minute(n, 20.0, 20.0, 19.8, 19.8, 50_000), minute(n + 1, 19.9, 20.1, 19.9, 20.1, 500_000))
        on.feed(minute(n + 2, 20.1, 20.3, 20.1, 20.25, 50_000))
    assert len(on.all(TradeClosed)) == 2
    assert on.all(Released)[-1].reason == "no attempts left today"


def test_without_a_pre_market_to_compare_with_it_is_not_started() -> None:
    on = play(opened(), known={"pre_volume": nan})
    assert on.only(NotStarted).reason == "it needs usual volumes before the open, and no earlier session has any"
    assert [notice.level for notice in on.notices] == ["warning"]
    assert on.all(Signal) == []


@pytest.mark.parametrize(("ask", "enters"), [(20.19, True), (20.22, False)])
def test_a_wide_market_is_left_alone_where_it_is_told(ask: float, enters: bool) -> None:
    on = Stage(strategy("gap_go"), known=KNOWN, prints=True)
    for n in range(-20, 0):
        on.feed(*[trade(at(n, second), 0, price, 8_000.0) for second, price in ((10, 20.2), (20, 19.9), (30, 20.1))])
    on.feed(trade(at(0, 1), 0, 20.0, 40_000.0), quote(at(0, 50), 0, 20.1, ask, 100.0, 100.0))
    on.feed(trade(at(0, 55), 0, 20.1, 40_000.0)).pass_time(1)
    assert bool(on.all(Signal)) is enters


# --- out ---------------------------------------------------------------------------------------------------------


def test_half_is_sold_at_two_r_and_the_rest_below_vwap() -> None:
    on = entered()
    held = on.held()
    # 20.21 and twice 0.32.
    on.feed(minute(2, 20.3, 20.84, 20.3, 20.8), minute(3, 20.8, 20.8, 20.7, 20.8))
    assert on.held() == held
    on.feed(minute(4, 20.8, 20.85, 20.8, 20.8), minute(5, 20.8, 20.8, 20.75, 20.8))
    assert on.held() == held - held // 2
    on.feed(minute(6, 20.8, 20.8, 20.2, 20.2), minute(7, 20.2, 20.2, 20.2, 20.2))
    assert on.only(TradeClosed).reason == "a close below VWAP"


def test_two_closes_below_the_mean_of_nine_end_it() -> None:
    on = entered()
    # Closes of 20.10, 20.25 and 20.60 have a mean of 20.224; 20.20 takes it to 20.219, 20.19 to 20.213.
    on.feed(minute(2, 20.3, 20.6, 20.3, 20.6, 1_000), minute(3, 20.6, 20.6, 20.2, 20.2, 1_000))
    assert on.all(TradeClosed) == []
    on.feed(minute(4, 20.2, 20.2, 20.19, 20.19, 1_000), minute(5, 20.19, 20.19, 20.19, 20.19, 1_000))
    assert on.only(TradeClosed).reason == "2 closes below the mean of 9 closes"


@pytest.mark.parametrize(("price", "stays"), [(20.37, True), (20.36, False)])
def test_a_trade_that_is_not_half_an_r_ahead_after_twenty_minutes_is_ended(price: float, stays: bool) -> None:
    on = entered()
    # From 20.30 the closes fall below no mean of theirs; 20.37 is just half an R above 20.21.
    on.feed(*[minute(2 + n, price, price, price, price, 1_000) for n in range(19)])
    assert on.held() > 0
    on.feed(minute(21, price, price, price, price, 1_000))
    assert bool(on.held()) is stays
    if not stays:
        assert on.only(TradeClosed).reason == "less than 0.5 R after 20 minutes"


ASKS_NOTHING: dict[str, Any] = {"rvol_pm": 0, "vwap_atr": 0, "stop_atr_cap": 0, "width_max_atr": 0}
"""Of earlier sessions, but the close before."""


def test_without_earlier_sessions_it_trades_when_it_is_told_to_ask_nothing_of_them() -> None:
    on = play(opened(), atr=nan, known={"pre_volume": nan}, **ASKS_NOTHING)
    # What is left of the places for the stop: a tick below the low of five minutes.
    assert on.only(Signal).trigger == 20.21
    assert on.only(Signal).stop == pytest.approx(19.89)


@pytest.mark.parametrize("still", ASKS_NOTHING)
def test_whatever_still_asks_for_them_is_why_it_is_not_started(still: str) -> None:
    params = {name: value for name, value in ASKS_NOTHING.items() if name != still}
    on = play(opened(), atr=nan, known={"pre_volume": nan}, **params)
    lacks = "usual volumes before the open" if still == "rvol_pm" else "average ranges"
    assert on.only(NotStarted).reason.startswith(f"it needs {lacks}")
