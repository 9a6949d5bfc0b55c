"""The parabolic short on a hand-made tape, and everything that keeps it from being sold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from qm.errors import ConfigError
from qm.model.events import Released, Signal, TradeClosed
from qm.model.market import Status, quote
from qm.model.market import status as status_of
from qm.model.order import OrderType
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import Stage, at, minute

Bars = list[tuple[float, float, float, float, float]]


def flat(price: float, volume: float = 10_000.0) -> tuple[float, float, float, float, float]:
    return price, price, price, price, volume


def run_up() -> Bars:
    """Half an hour at 12.00 after a close of 10.00; then five minutes by 0.50, by 1.00 and by 3.00, up to 17.00.

    345,000 shares: VWAP is near 12.40 and sigma near 1.2, so that the high is more than three of them away.
    """
    bars = [flat(12.0)] * 30
    for start, end in ((12.0, 12.5), (12.5, 13.5)):
        step = (end - start) / 5
        bars += [
            (start + k * step, start + (k + 1) * step, start + k * step, start + (k + 1) * step, 1_000.0)
            for k in range(5)
        ]
    bars += [(13.5 + 0.4 * k, 13.9 + 0.4 * k, 13.5 + 0.4 * k, 13.9 + 0.4 * k, 1_000.0) for k in range(4)]
    return [*bars, (15.5, 17.0, 15.5, 16.5, 30_000.0)]


# A higher low, then the first lower one at 15.90, then the break of it.
TURN: Bars = [(16.5, 16.8, 16.2, 16.4, 5_000.0), (16.4, 16.4, 15.9, 16.0, 5_000.0)]
BREAK = (16.0, 16.05, 15.85, 15.9, 5_000.0)


def stage(prior_close: float = 10.0, ssr: float = 0.0, **params: Any) -> Stage:
    # Its needs are left out: feeds of bars tell of no halts, this tape does.
    chosen = replace(strategy("parabolic_short", {"enabled": True, **params}), needs=())
    return Stage(chosen, known={"prior_close": prior_close, "ssr_carried": ssr})


def feed(on: Stage, bars: Bars) -> Stage:
    return on.feed(*(minute(n, *bar) for n, bar in enumerate(bars)))


def play(change: Callable[[Bars], None] | None = None, on: Stage | None = None) -> Stage:
    bars = [*run_up(), *TURN, BREAK, flat(15.9)]
    if change is not None:
        change(bars)
    return feed(on or stage(), bars)


def test_it_sells_short_two_ticks_below_the_low_that_broke_with_a_stop_above_the_high() -> None:
    signal = play().only(Signal)
    assert (signal.side.sign, signal.type) == (-1, OrderType.LIMIT)
    assert (signal.limit, signal.stop) == pytest.approx((15.88, 17.02))
    # Known at the end of minute 47.
    assert [entry.ts for entry in play().entries if isinstance(entry.body, Signal)] == [at(48)]


def test_it_risks_half_of_what_is_usual() -> None:
    on = play()
    # The stop may lose 250 $: 1.14 $ and slippage of 2.5 cents for each share, taken at the last price of 15.90.
    per_share = (17.02 - 15.9) + 2 * 15.9 * 8e-4
    assert on.held() == -int(250 / per_share)


def put(n: int, bar: tuple[float, float, float, float, float]) -> Callable[[Bars], None]:
    def change(bars: Bars) -> None:
        bars[n] = bar

    return change


def no_acceleration(bars: Bars) -> None:
    # The last five minutes rise by no more than those before them: from 13.50 to 14.50.
    bars[39] = (13.3, 15.9, 13.3, 15.9, 1_000.0)


def calm(bars: Bars) -> None:
    # So much volume high up that the spread is too wide for three of them.
    bars[43] = (14.7, 15.1, 14.7, 15.1, 300_000.0)
    bars[44] = (15.5, 17.0, 15.5, 16.5, 310_000.0)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("no break of the low", put(47, (16.0, 16.05, 15.9, 16.0, 5_000.0))),
        ("no lower low", put(46, (16.4, 16.4, 16.2, 16.3, 5_000.0))),
        ("a high without volume", put(44, (15.5, 17.0, 15.5, 16.5, 10_000.0))),
        ("bars that do not accelerate", no_acceleration),
        ("a high within three sigma", calm),
    ],
)
def test_what_is_no_parabola(what: str, change: Callable[[Bars], None]) -> None:
    assert play(change).all(Signal) == [], what


@pytest.mark.parametrize(
    ("on", "sells"),
    [
        # At the close of minute 46 the price is 16.00.
        (stage(prior_close=10.6), True),
        (stage(prior_close=10.7), False),
        (stage(prior_close=nan), False),
        (stage(ssr=1.0), False),
        (stage(ssr=nan), True),
        (stage(sigma=10.0), False),
        (stage(accel_bars=5), False),
        (stage(last_min=47), True),
        (stage(last_min=46), False),
    ],
)
def test_what_else_it_asks_for(on: Stage, sells: bool) -> None:
    assert bool(play(on=on).all(Signal)) is sells


def near_the_high(low: float) -> Callable[[Bars], None]:
    """The last minute before the break goes down to `low` only, and 17.00 stays the high."""

    def change(bars: Bars) -> None:
        bars[45] = (16.98, 16.99, low + 0.01, 16.98, 5_000.0)
        bars[46] = (16.98, 16.98, low, low, 5_000.0)
        bars[47] = (low, low, low - 0.02, low - 0.02, 5_000.0)
        bars[48] = flat(low - 0.02)

    return change


@pytest.mark.parametrize(("low", "sells"), [(16.97, True), (16.98, False)])
def test_slippage_may_come_to_three_quarters_of_what_is_risked(low: float, sells: bool) -> None:
    # The stop at 17.02 may slip 1.7 cents, the entry 2: 3.7 cents of 5, or of 4.
    signals = play(near_the_high(low)).all(Signal)
    assert [signal.stop for signal in signals] == ([pytest.approx(17.02)] if sells else [])


@pytest.mark.parametrize(("spread", "sells"), [(1.60, True), (1.68, False)])
def test_half_the_spread_is_slippage_too(spread: float, sells: bool) -> None:
    bars, on = [*run_up(), *TURN, BREAK, flat(15.9)], stage()
    for n, bar in enumerate(bars):
        # The stop is 1.12 away from the low of 15.90: 84 cents of slippage are allowed, the entry's two ticks included.
        on.feed(minute(n, *bar), quote(at(n + 1), 0, bar[3] - spread / 2, bar[3] + spread / 2))
    assert bool(on.all(Signal)) is sells


def test_not_while_short_sales_are_restricted_since_today() -> None:
    # It fell to 8.90, more than a tenth below the close before, and ran up from there.
    assert play(put(0, (12.0, 12.0, 8.9, 12.0, 10_000.0))).all(Signal) == []


@pytest.mark.parametrize(("resumed", "sells"), [(41, True), (43, False)])
def test_not_within_five_minutes_of_a_halt(resumed: int, sells: bool) -> None:
    bars, on = [*run_up(), *TURN, BREAK, flat(15.9)], stage()
    for n, bar in enumerate(bars):
        on.feed(minute(n, *bar))
        if n == resumed - 1:
            on.feed(status_of(at(resumed), 0, Status.PAUSED), status_of(at(resumed), 0, Status.TRADING))
    assert bool(on.all(Signal)) is sells


def test_it_is_off_unless_switched_on() -> None:
    on = Stage(replace(strategy("parabolic_short"), needs=()), known={"prior_close": 10.0})
    assert on.only(Released).reason == "off unless enabled=true"
    assert play(on=on).all(Signal) == []


def test_it_buys_back_a_third_at_the_mean_then_half_at_vwap_and_the_rest_when_vwap_is_regained() -> None:
    on = play()
    short = -on.held()
    # The nine-bar mean of five-minute closes is near 13.4 by then.
    on.feed(minute(49, 15.0, 15.0, 13.9, 14.0, 1_000.0))
    assert on.held() == -short
    on.feed(minute(50, 14.0, 14.0, 13.0, 13.0, 1_000.0), minute(51, 13.0, 13.1, 13.0, 13.0, 1_000.0))
    third = int(short * 0.3333)
    assert on.held() == -(short - third)
    on.feed(minute(52, 13.0, 13.0, 12.2, 12.3, 1_000.0), minute(53, 12.3, 12.3, 12.2, 12.2, 1_000.0))
    left = short - third - int((short - third) * 0.5 / (1 - 0.3333))
    assert on.held() == -left
    on.feed(*(minute(54 + k, 13.0, 13.1, 12.9, 13.0, 1_000.0) for k in range(3)))
    assert on.only(TradeClosed).reason == "back above VWAP"


def test_the_stop_above_the_high_ends_it() -> None:
    on = play().feed(minute(49, 16.0, 17.1, 16.0, 17.0, 1_000.0))
    assert on.held() == 0


def test_covers_of_more_than_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="together must be less than 1"):
        strategy("parabolic_short", {"second_cover": 0.7})
