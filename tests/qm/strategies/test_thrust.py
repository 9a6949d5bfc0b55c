"""Three rising bars on hand-made tapes: when it buys, where its stop stands, and what is not a thrust."""

from __future__ import annotations

from decimal import Decimal
from math import nan

import pytest

from qm.model.events import Assigned, Filled, Intended, Released, Signal, TradeClosed
from qm.model.order import Purpose
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import Stage, at, minute

Bar = tuple[float, float, float, float]
FLAT: Bar = (20.0, 20.05, 19.95, 20.0)
RISING: list[Bar] = [(20.0, 20.15, 19.9, 20.1), (20.1, 20.25, 20.0, 20.2), (20.2, 20.35, 20.1, 20.3)]


def play(*bars: Bar, atr: float = 1.0, **params: object) -> Stage:
    on = Stage(strategy("thrust", params), atr=atr)
    for n, bar in enumerate(bars):
        on.feed(minute(n, *bar))
    return on


def test_it_buys_the_third_rising_close_above_vwap_with_a_stop_below_the_three() -> None:
    on = play(FLAT, *RISING, (20.3, 20.4, 20.3, 20.4))
    signal = on.only(Signal)
    assert (signal.price, signal.stop, signal.reason) == (20.3, 19.9, "3 rising bars above VWAP")
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == [at(4)]
    fill = on.only(Filled).execution
    assert (fill.price, fill.ts) == (Decimal("20.30"), at(4))
    (leg,) = [body.order for body in on.all(Intended) if body.order.purpose is Purpose.PROTECT]
    assert leg.stop == Decimal("19.90")


@pytest.mark.parametrize(
    ("what", "bars", "atr"),
    [
        ("only two rising bars", [FLAT, *RISING[:2]], 1.0),
        ("three bars in all", RISING, 1.0),
        ("an equal close between", [FLAT, RISING[0], (20.1, 20.2, 20.0, 20.1), RISING[2]], 1.0),
        ("below VWAP", [(25.0, 25.0, 25.0, 25.0), FLAT, *RISING], 1.0),
        ("ATR unknown", [FLAT, *RISING], nan),
        ("ATR of zero", [FLAT, *RISING], 0.0),
        ("a stop wider than 0.75 ATR", [FLAT, *RISING], 0.5),
        ("a stop nearer than 0.1 ATR", [FLAT, *RISING], 4.1),
    ],
)
def test_what_is_not_a_thrust(what: str, bars: list[Bar], atr: float) -> None:
    assert play(*bars, atr=atr).all(Signal) == [], what


def test_a_stop_of_exactly_the_widest_is_taken() -> None:
    on = play(FLAT, (20.0, 20.25, 20.0, 20.25), (20.25, 20.5, 20.25, 20.5), (20.5, 20.75, 20.5, 20.75), atr=1.0)
    assert on.only(Signal).stop == 20.0


def test_late_in_the_day_it_lets_go() -> None:
    on = Stage(strategy("thrust", {"give_up_min": 390}), atr=1.0)
    on.feed(minute(344, *FLAT))
    assert on.all(Released) == []
    on.feed(minute(345, *FLAT))
    assert on.only(Released).reason == "too late in the day"


@pytest.mark.parametrize(("comes", "goes"), [(0, 30), (20, 50)])
def test_it_gives_up_half_an_hour_after_the_open_or_after_it_got_the_symbol(comes: int, goes: int) -> None:
    on = Stage(strategy("thrust"), atr=1.0, assigned={} if comes else None)
    if comes:
        on.pass_time(comes, -1e-9)
        on.core.book.state(Assigned("thrust", ("AAA",)))
        on.core.trading.start("thrust", [0])
    on.pass_time(goes, -1)
    assert on.all(Released) == []
    on.pass_time(goes)
    assert on.only(Released).reason == "no thrust within 30 minutes"


def test_it_leaves_below_the_lows_of_five_bars() -> None:
    calm: list[Bar] = [(20.4, 20.45, 20.35, 20.4)] * 5
    on = play(FLAT, *RISING, *calm, (20.4, 20.4, 20.3, 20.33))
    assert on.all(TradeClosed) == []
    on.feed(minute(10, 20.32, 20.33, 20.30, 20.31))
    # The close of 20.33 was below 20.35, the lowest of the five bars before it.
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price, closed.closed) == (
        "closed below the low of 5 bars",
        Decimal("20.32"),
        at(10),
    )


def test_it_leaves_after_45_minutes_whatever_happens() -> None:
    on = play(FLAT, *RISING, *[(20.4, 20.45, 20.35, 20.4)] * 60)
    closed = on.only(TradeClosed)
    assert closed.reason == "time stop after 45 minutes"
    assert at(49) <= closed.closed <= at(51)


def test_twice_a_day_and_no_more() -> None:
    up_and_out: list[Bar] = [*RISING, (20.3, 20.3, 19.0, 19.0), *[(20.0, 20.0, 19.9, 19.95)] * 3]
    on = play(FLAT, *up_and_out, *up_and_out, *up_and_out, give_up_min=390)
    assert len(on.all(TradeClosed)) == 2
    assert on.all(Released)[-1].reason == "no attempts left today"


def test_bars_of_before_a_pause_in_following_are_not_part_of_a_thrust() -> None:
    on = play(FLAT, *RISING[:2], give_up_min=390)
    on.feed(minute(40, *RISING[2]))
    assert on.all(Signal) == []


def test_a_width_of_zero_asks_for_no_atr() -> None:
    on = play(FLAT, *RISING, atr=nan, min_stop_atr=0, max_stop_atr=0)
    assert on.only(Signal).stop == 19.9
    assert play(FLAT, *RISING, atr=nan, max_stop_atr=0).all(Signal) == []
    assert play(FLAT, *RISING, atr=nan, min_stop_atr=0).all(Signal) == []
