"""The noise area on hand-made tapes: decisions on the half hour only, the band, VWAP, flips, sizes, half days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from math import nan, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qm.model.events import Filled, Intended, Released, Signal, TradeClosed
from qm.model.order import Purpose
from qm.risk.limits import RiskSettings
from qm.rules.borrow import ShortPolicy
from qm.rules.calendar import session
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import Row, Stage, at, minute

# 1 % at 10:00 and 0.1 % more every half hour; the open and the close before are 100.00 and 99.00.
NOISE = np.array([[0.01 + 0.001 * k] for k in range(13)])
Known = Mapping[str, float | npt.NDArray[np.float64]]
KNOWN: Known = {"prior_close": 99.0, "noise": NOISE}
ROOM = RiskSettings(
    max_notional=4.0,
    max_gross=4.0,
    leverage=4.0,
    risk_per_trade=0.02,
    day_loss=0.2,
    shorts=ShortPolicy.ANY,
    max_of_volume=1.0,
)


def stage(known: Known | None = None, atr: float = 2.0, risk: RiskSettings = ROOM, **params: Any) -> Stage:
    of = params.pop("of", session(dt.date(2024, 3, 5)))
    return Stage(
        strategy("noise_area", params), atr=atr, known={**KNOWN, **(known or {})}, symbols=("SPY",), risk=risk, of=of
    )


def flat(n: int, price: float) -> Row:
    """A bar of one price. VWAP is the plain mean of all bars: they have one volume."""
    return minute(n, price, price, price, price, 1_000.0)


def play(at_29: float, *, between: float = 100.0, on: Stage | None = None) -> Stage:
    """Half an hour at one price, with another at its last minute, and the minute after it."""
    on = on or stage()
    on.feed(flat(0, 100.0), *(flat(n, between) for n in range(1, 29)), flat(29, at_29))
    return on.feed(flat(30, at_29))


def test_above_the_band_at_ten_it_buys_at_the_open_of_the_next_bar() -> None:
    on = play(101.01)
    signal = on.only(Signal)
    assert (signal.price, signal.reason) == (101.01, "above the noise area")
    # The bar of 09:59 is the last that is known at 10:00.
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == [at(30)]
    fill = on.only(Filled).execution
    assert (fill.price, fill.ts) == (Decimal("101.01"), at(30))
    # One ATR below the price; the paper has no such stop.
    assert signal.stop == pytest.approx(99.01)


def test_below_the_band_it_sells_short_measured_from_the_lower_of_open_and_close_before() -> None:
    # 99.00 less 1 % is 98.01.
    on = play(98.00)
    signal = on.only(Signal)
    assert (signal.side.sign, signal.reason, signal.stop) == (-1, "below the noise area", 100.0)
    assert on.held("SPY") < 0


@pytest.mark.parametrize(
    ("what", "price", "more", "enters"),
    [
        ("at the upper edge", 101.00, {}, False),
        ("a cent above it", 101.01, {}, True),
        ("at the lower edge", 98.01, {}, False),
        ("a cent below it", 98.00, {}, True),
        ("below it without shorts", 98.00, {"shorts": False}, False),
        ("a wider band", 101.01, {"vm": 1.1}, False),
        ("a close before above the open", 101.01, {"known": {"prior_close": 100.5}}, False),
        ("a dividend taken from it", 101.51, {"known": {"prior_close": 101.0, "dividend": 0.5}}, True),
        ("no noise known", 101.01, {"known": {"noise": NOISE * nan}}, False),
        ("no close before", 101.01, {"known": {"prior_close": nan}}, False),
        ("no ATR", 101.01, {"atr": nan}, False),
        ("no volatility of the day", 101.01, {"known": {"noise": np.vstack([NOISE[:12], [[nan]]])}}, False),
        ("entries until 10:00", 101.01, {"last_min": 30}, True),
    ],
)
def test_what_leaves_the_band_and_what_nearly(what: str, price: float, more: dict[str, Any], enters: bool) -> None:
    assert bool(play(price, on=stage(**more)).all(Signal)) is enters, what


@pytest.mark.parametrize(("price", "side"), [(502.00, 0), (502.01, 1), (496.01, 0), (496.00, -1)])
def test_the_band_of_the_worked_example_runs_from_496_008_to_502(price: float, side: int) -> None:
    # Four thousandths about an open of 500.00 and a close before of 498.00: 498 x 0.996, 500 x 1.004.
    on = stage({"prior_close": 498.0, "noise": np.full((13, 1), 0.004)}, atr=10.0)
    on.feed(*(flat(n, 500.0) for n in range(29)), flat(29, price), flat(30, price))
    assert [signal.side.sign for signal in on.all(Signal)] == ([side] if side else [])
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == ([at(30)] if side else [])


def test_above_the_band_and_below_vwap_it_waits_unless_told_otherwise() -> None:
    # 28 minutes at 102.00 put VWAP at (100 + 28 x 102 + 101.01) / 30 = 101.90.
    assert play(101.01, between=102.0).all(Signal) == []
    assert len(play(101.01, between=102.0, on=stage(entry_vwap=False)).all(Signal)) == 1


def test_between_half_hours_nothing_is_decided() -> None:
    on = play(100.0)
    on.feed(*(flat(n, 105.0) for n in range(31, 59)))
    assert on.all(Signal) == []
    on.feed(flat(59, 105.0), flat(60, 105.0))
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == [at(60)]


def test_the_size_is_a_target_of_volatility_capped_by_leverage_and_the_risk_settings() -> None:
    # 2.2 % at 16:00 is a standard deviation of 2.2 % x sqrt(pi / 2); 2 % of equity at the open, 100.00.
    usual = 0.022 * sqrt(pi / 2)
    shares = int(100_000 / 100.0 * 0.02 / usual)
    assert on_order(play(101.01)) == shares == 725
    assert on_order(play(101.01, on=stage(max_lev=0.5))) == 500
    quarter = RiskSettings(max_notional=0.25, risk_per_trade=0.02, max_of_volume=1.0)
    assert on_order(play(101.01, on=stage(risk=quarter))) == int(25_000 / 101.01)
    # The stop of 2 $ and slippage of 16 cents may lose 500 $.
    by_stop = RiskSettings(max_notional=4.0, max_gross=4.0, leverage=4.0, risk_per_trade=0.005, max_of_volume=1.0)
    assert on_order(play(101.01, on=stage(risk=by_stop))) == int(500 / (2.0 + 2 * 101.01 * 8e-4))


def on_order(on: Stage) -> int:
    (order,) = [body.order for body in on.all(Intended) if body.order.purpose is Purpose.ENTRY]
    return order.qty


def test_it_leaves_at_the_half_hour_below_the_band_or_vwap_and_not_before() -> None:
    on = play(101.01)
    # The band at 10:30 ends at 101.10; VWAP is below it.
    on.feed(*(flat(n, 101.0) for n in range(31, 59)))
    assert on.all(TradeClosed) == []
    on.feed(flat(59, 101.09), flat(60, 101.2))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.exit_price, closed.closed) == (
        "back inside the noise area or VWAP",
        Decimal("101.20"),
        at(60),
    )


@pytest.mark.parametrize(("vwap_stop", "leaves"), [(True, True), (False, False)])
def test_vwap_is_the_stop_where_it_is_nearer_than_the_band(vwap_stop: bool, leaves: bool) -> None:
    on = play(101.01, on=stage(vwap_stop=vwap_stop))
    # VWAP at 10:30 is about 102.4, above the close of 101.50, and the band ends at 101.10.
    on.feed(*(flat(n, 105.0) for n in range(31, 59)), flat(59, 101.5), flat(60, 101.5))
    assert bool(on.all(TradeClosed)) is leaves


def test_the_opposite_signal_turns_it_round() -> None:
    on = play(101.01, on=stage(stop_atr=10.0))
    # 99.00 less 1.1 % is 97.911.
    on.feed(*(flat(n, 99.5) for n in range(31, 59)), flat(59, 97.9), flat(60, 97.9), flat(61, 97.9))
    assert on.only(TradeClosed).reason == "turned round"
    entries = [(signal.side.sign, signal.reason) for signal in on.all(Signal) if signal.entry]
    assert entries == [(1, "above the noise area"), (-1, "below the noise area")]
    assert on.held("SPY") < 0
    assert on.core.book.trades.open["SPY"].first_ts <= at(62)


def test_a_stop_out_right_after_a_flip_is_not_turned_round_again() -> None:
    on = play(101.01, on=stage(stop_atr=2.0))
    on.feed(*(flat(n, 99.5) for n in range(31, 59)), flat(59, 97.9), flat(60, 97.9), flat(61, 97.9))
    on.feed(flat(62, 102.0), flat(63, 102.0), flat(64, 102.0))
    assert on.held("SPY") == 0
    assert len([signal for signal in on.all(Signal) if signal.entry]) == 2


def test_at_the_end_of_the_day_it_is_flat() -> None:
    on = play(101.01)
    on.feed(*(flat(n, 101.01 + 0.02 * (n - 29)) for n in range(31, 389)))
    assert on.only(TradeClosed).reason == "end of day"
    assert on.held("SPY") == 0


def test_late_in_the_day_it_lets_go() -> None:
    on = stage(last_min=30).feed(*(flat(n, 100.0) for n in range(61)))
    assert on.only(Released).reason == "too late in the day"


def test_on_a_half_day_there_is_no_band() -> None:
    friday = session(dt.date(2024, 11, 29))
    on = stage(of=friday)
    assert on.only(Released).reason == "no noise area on a half day"
    assert stage(of=friday, skip_half_days=False).all(Released) == []
