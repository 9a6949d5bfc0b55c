"""The first pullback on hand-made tapes: three green minutes, a quiet dip of a third, and the break above it."""

from __future__ import annotations

from decimal import Decimal
from math import nan, sqrt
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from qm.errors import ConfigError
from qm.model.events import Filled, Intended, NotStarted, Refused, Released, Signal, TradeClosed
from qm.model.order import OrderType, Purpose
from qm.risk.limits import RiskSettings
from qm.strategies.first_pullback import range_5m
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import OPEN, WIDE, Row, Stage, at, minute

Bar = tuple[float, float, float, float]
FLAT: Bar = (20.0, 20.02, 19.98, 20.0)
# Rises 0.62 $. With a daily ATR of 2 $ twice the range of five minutes is 2 x 2 x sqrt(5 / 390) = 0.453 $.
IMPULSE: tuple[Bar, ...] = ((20.0, 20.22, 20.0, 20.2), (20.2, 20.42, 20.2, 20.4), (20.4, 20.62, 20.4, 20.6))
# Falls 0.20 of 0.62 $.
PULLBACK: tuple[Bar, ...] = ((20.58, 20.58, 20.45, 20.48), (20.48, 20.50, 20.42, 20.46))


def tape(
    impulse: tuple[Bar, ...] = IMPULSE,
    pullback: tuple[Bar, ...] = PULLBACK,
    volumes: tuple[float, float] = (50_000.0, 20_000.0),
    first: int = 0,
) -> list[Row]:
    """Five flat minutes, the impulse and the pullback, from minute `first` on."""
    bars = [*[(bar, 10_000.0) for bar in [FLAT] * 5], *[(bar, volumes[0]) for bar in impulse]]
    bars += [(bar, volumes[1]) for bar in pullback]
    return [minute(first + n, *bar, volume) for n, (bar, volume) in enumerate(bars)]


NEAR = replace(WIDE, min_stop_atr=0.0)
"""Takes a stop of ten cents, where the daily ATR is 2 $."""


def play(rows: list[Row], atr: float = 2.0, risk: RiskSettings = NEAR, **params: Any) -> Stage:
    return Stage(strategy("first_pullback", params), atr=atr, risk=risk).feed(*rows)


def orders(on: Stage, purpose: Purpose = Purpose.ENTRY) -> list[tuple[int, str]]:
    """When orders were intended (ns UTC), and their stop prices."""
    return [
        (e.ts, str(e.body.order.stop))
        for e in on.entries
        if isinstance(e.body, Intended) and e.body.order.purpose is purpose
    ]


def test_it_rests_a_stop_order_a_tick_above_the_last_minute_of_the_pullback() -> None:
    on = play(tape())
    signal = on.only(Signal)
    assert (signal.type, signal.trigger) == (OrderType.STOP, 20.51)
    assert signal.stop == pytest.approx(20.41)
    assert signal.reason == "stop order above the last minute of pullback 1"
    assert orders(on) == [(at(10), "20.51")]
    on.feed(minute(10, 20.47, 20.60, 20.47, 20.58))
    fill = on.only(Filled).execution
    assert (fill.price, fill.ts) == (Decimal("20.51"), at(10))
    assert orders(on, Purpose.PROTECT) == [(at(10), "20.41")]


def test_a_stop_nearer_than_a_tenth_of_the_daily_range_is_refused_unless_it_is_allowed() -> None:
    refused = play(tape(), risk=WIDE).only(Refused)
    assert [(c.name, c.value, c.limit) for c in refused.checks if not c.passed] == [
        ("stop distance in daily ranges", 0.05, 0.1)
    ]
    # Of 1 $ the ten cents are a tenth.
    assert orders(play(tape(), atr=1.0, risk=WIDE)) == [(at(10), "20.51")]


def test_the_order_moves_to_the_next_minute_until_the_pullback_is_too_long() -> None:
    dips: list[Bar] = [(20.46, 20.49, 20.43, 20.45), (20.45, 20.48, 20.43, 20.46), (20.46, 20.47, 20.43, 20.45)]
    on = play(tape()).feed(*[minute(10 + n, *bar, 20_000.0) for n, bar in enumerate(dips)])
    assert orders(on) == [(at(10), "20.51"), (at(11), "20.50"), (at(12), "20.49"), (at(13), "20.48")]
    on.feed(minute(13, 20.45, 20.47, 20.43, 20.45, 20_000.0))
    # The sixth minute: nothing rests any more.
    assert len(orders(on)) == 4
    on.feed(minute(14, 20.45, 21.0, 20.45, 21.0))
    assert on.held() == 0


def test_all_is_sold_at_two_r_when_the_rise_once_more_is_farther() -> None:
    on = play(tape()).feed(minute(10, 20.47, 20.60, 20.47, 20.58), minute(11, 20.58, 20.70, 20.55, 20.68))
    assert on.all(TradeClosed) == []
    # 20.51 and twice 0.10.
    on.feed(minute(12, 20.68, 20.71, 20.66, 20.70), minute(13, 20.69, 20.72, 20.65, 20.70))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price, closed.closed) == ("the target reached", Decimal("20.69"), at(13))


def test_the_rise_once_more_is_the_target_when_it_is_nearer() -> None:
    on = play(tape(), target_r=9.0).feed(minute(10, 20.47, 20.60, 20.47, 20.58))
    # 20.51 and 0.62 are 21.13; nine risks would be 21.41.
    on.feed(minute(11, 20.58, 21.13, 20.58, 21.1), minute(12, 21.1, 21.1, 21.0, 21.0))
    assert on.only(TradeClosed).reason == "the target reached"


def test_a_lower_low_ends_it_only_once_it_was_one_r_ahead() -> None:
    on = play(tape()).feed(minute(10, 20.47, 20.60, 20.47, 20.58))
    # 20.60 is 0.09 above the entry: a lower low is allowed.
    on.feed(minute(11, 20.55, 20.56, 20.46, 20.5))
    assert on.all(TradeClosed) == []
    on.feed(
        minute(12, 20.5, 20.61, 20.5, 20.6), minute(13, 20.6, 20.6, 20.49, 20.55), minute(14, 20.5, 20.5, 20.5, 20.5)
    )
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("a lower low after 1 R", Decimal("20.50"))


def test_it_is_stopped_below_the_pullback() -> None:
    on = play(tape()).feed(minute(10, 20.47, 20.60, 20.47, 20.58), minute(11, 20.5, 20.5, 20.40, 20.42))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price) == ("stop", Decimal("20.41"))


def early(ends: int) -> list[Row]:
    """An impulse and two minutes of pullback, the last of which ends so many minutes after the open."""
    bars = [*[(bar, 50_000.0) for bar in IMPULSE], *[(bar, 20_000.0) for bar in PULLBACK]]
    return [minute(ends - 5 + n, *bar, volume) for n, (bar, volume) in enumerate(bars)]


# --- near misses -------------------------------------------------------------------------------------------------

RED: Bar = (20.6, 20.62, 20.4, 20.4)
SHALLOW: tuple[Bar, ...] = ((20.6, 20.6, 20.52, 20.55), (20.55, 20.56, 20.50, 20.55))
DEEP: tuple[Bar, ...] = ((20.58, 20.58, 20.4, 20.4), (20.4, 20.5, 20.31, 20.46))


@pytest.mark.parametrize(
    ("what", "rows", "enters"),
    [
        ("two green minutes", tape(impulse=(*IMPULSE[:2], RED)), False),
        ("a doji among them", tape(impulse=(IMPULSE[0], (20.2, 20.42, 20.2, 20.2), IMPULSE[2])), False),
        ("a minute missing among them", [row for row in tape() if row[0] != at(7)], False),
        ("one minute of pullback", tape()[:-1], False),
        ("a minute of pullback above the impulse", tape(pullback=(PULLBACK[0], (20.48, 20.63, 20.42, 20.46))), False),
        ("0.12 of 0.62 deep", tape(pullback=SHALLOW), False),
        ("0.124 of 0.62 deep, just a fifth", tape(pullback=(SHALLOW[0], (20.55, 20.56, 20.496, 20.55))), True),
        ("0.31 of 0.62 deep, just a half", tape(pullback=DEEP), True),
        ("0.32 of 0.62 deep", tape(pullback=(DEEP[0], (20.4, 20.5, 20.30, 20.46))), False),
        ("as quiet as it has to be", tape(volumes=(50_000, 30_000)), True),
        ("not quiet enough", tape(volumes=(50_000, 30_100)), False),
        ("a close below VWAP", [minute(0, 23.0, 23.0, 23.0, 23.0, 80_000.0), *tape()[1:]], False),
        ("before 09:35", early(4), False),
        ("just after 09:35", early(5), True),
        ("too late", tape(first=111), False),
        ("just in time", tape(first=109), True),
    ],
)
def test_what_is_a_pullback_and_what_nearly(what: str, rows: list[Row], enters: bool) -> None:
    assert bool(play(rows).all(Signal)) is enters, what


@pytest.mark.parametrize(("length", "enters"), [(3, True), (2, False)])
def test_the_closes_of_the_pullback_hold_the_mean_of_closes(length: int, enters: bool) -> None:
    # The last three closes are 20.60, 20.48 and 20.46. A mean of three, with weight 1/2, comes to 20.425, 20.4525 and
    # 20.456; one of two, with weight 2/3, to 20.504 and 20.488.
    assert bool(play(tape(), ema=length).all(Signal)) is enters


@pytest.mark.parametrize(("atr", "enters"), [(2.7, True), (2.8, False), (nan, False)])
def test_the_impulse_is_steep_for_this_symbol(atr: float, enters: bool) -> None:
    # 0.62 $ against 2 x 2.7 x sqrt(5 / 390) = 0.611 $ and 2 x 2.8 x sqrt(5 / 390) = 0.634 $.
    on = Stage(strategy("first_pullback"), known={"atr": np.array([atr, 1.0, 1.0])}).feed(*tape())
    assert bool(on.all(Signal)) is enters


def test_the_range_of_five_minutes_is_the_symbols_own_once_there_are_three() -> None:
    rows = [minute(n, 20.0, 20.1, 19.9, 20.0) for n in range(20)]
    on = Stage(strategy("thrust", {"give_up_min": 390})).feed(*rows)
    bars = list(on.market.bars.of(0))
    assert range_5m(bars[:14], OPEN, 2.0) == pytest.approx(2.0 * sqrt(5 / 390))
    assert range_5m(bars[:15], OPEN, 2.0) == pytest.approx(0.2)


def test_the_second_pullback_is_traded_and_the_third_is_not() -> None:
    # By then the range of five minutes is that of the impulses themselves.
    on = play(tape(), pullbacks=2, impulse_atr=1.0)
    for again in (10, 20):
        on.feed(*tape(first=again))
    pullbacks = [body.reason[-1] for body in on.all(Signal)]
    assert pullbacks[0] == "1"
    assert "2" in pullbacks
    assert "3" not in pullbacks
    assert on.all(Released)[-1].reason == "2 pullbacks were enough"


def test_late_in_the_morning_it_lets_go() -> None:
    on = play([]).pass_time(120)
    assert on.only(Released).reason == "no pullback within 120 minutes"


def test_parameters_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="as long and as deep"):
        strategy("first_pullback", {"pull_min": 6, "pull_max": 5})


def test_without_an_atr_it_waits_for_three_five_minute_bars() -> None:
    early = play(tape(), atr=nan)
    assert (early.all(NotStarted), early.all(Signal)) == ([], [])
    quiet = [minute(n, *FLAT, 10_000.0) for n in range(15)]
    assert play([*quiet, *tape(first=15)], atr=nan).only(Signal).trigger == 20.51
