"""How much was at stake, against numbers that can be worked out by hand."""

import datetime as dt
from decimal import Decimal

import pytest

from backtest.exposure import exposure
from backtest.summary import DayResult
from qm.clock import MINUTE
from qm.model.events import TradeClosed
from qm.model.order import Side
from qm.rules.calendar import session

FIRST, SECOND = session(dt.date(2025, 3, 12)), session(dt.date(2025, 3, 13))
DAYS = [DayResult("2025-03-12", Decimal(100_000), 0), DayResult("2025-03-13", Decimal(100_000), 0)]


def held(opened: int, closed: int, qty: int = 1000, risk: float = 500.0) -> TradeClosed:
    return TradeClosed(
        trade=f"T{opened}",
        symbol="AAA",
        strategy="thrust",
        side=Side.BUY,
        qty=qty,
        opened=opened,
        closed=closed,
        entry_price=Decimal(10),
        exit_price=Decimal(10),
        gross_usd=Decimal(0),
        fees_usd=Decimal(0),
        net_usd=Decimal(0),
        risk_usd=risk,
        r=0.0,
        mfe_usd=0.0,
        mae_usd=0.0,
        reason="end",
    )


def test_two_positions_that_overlap() -> None:
    at = FIRST.open_ns
    # 0-39 and 20-59 minutes of two sessions of 390.
    found = exposure(
        [held(at, at + 39 * MINUTE), held(at + 20 * MINUTE, at + 59 * MINUTE, 2000, 300.0)], DAYS, 100_000.0
    )
    assert found.in_market == pytest.approx(59 / 780)
    assert found.mean_positions == pytest.approx(78 / 780)
    assert found.most_positions == 2
    assert found.mean_gross == pytest.approx((39 * 0.1 + 39 * 0.2) / 780)
    assert found.most_gross == pytest.approx(0.3)
    assert found.mean_heat == pytest.approx(39 * 0.008 / 780)
    assert found.most_heat == pytest.approx(0.008)
    assert (found.median_hold_min, found.trades_a_session) == (39.0, 1.0)


def test_what_is_left_makes_room_for_what_is_entered_at_the_same_moment() -> None:
    at = FIRST.open_ns
    found = exposure([held(at, at + MINUTE), held(at + MINUTE, at + 2 * MINUTE)], DAYS, 100_000.0)
    assert found.most_positions == 1
    assert found.most_gross == pytest.approx(0.1)


def test_a_night_is_no_time_in_the_market() -> None:
    found = exposure([held(FIRST.close_ns - 10 * MINUTE, SECOND.open_ns + 5 * MINUTE)], DAYS, 100_000.0)
    assert found.in_market == pytest.approx(15 / 780)
    assert found.most_positions == 1


def test_without_a_trade_and_without_a_session() -> None:
    none = exposure([], DAYS, 100_000.0)
    assert (none.in_market, none.most_positions, none.median_hold_min) == (0.0, 0, None)
    assert exposure([], [], 100_000.0).in_market is None
