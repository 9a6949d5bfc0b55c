"""Margin regimes by broker and date, and what positions tie up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.model.order import Side
from qm.rules.margin import REGIMES, Broker, Regime, deficit, maintenance, may_day_trade, reach, regime

D = Decimal
TODAY = dt.date(2026, 11, 23)
BEFORE = dt.date(2026, 6, 3)
BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("broker", "date", "expected"),
    [
        (Broker.ALPACA, dt.date(2001, 9, 27), Regime.REG_T),
        (Broker.ALPACA, dt.date(2001, 9, 28), Regime.LEGACY_PDT),
        (Broker.ALPACA, BEFORE, Regime.LEGACY_PDT),
        (Broker.ALPACA, dt.date(2026, 6, 4), Regime.INTRADAY_MARGIN),
        (Broker.SIM, dt.date(2026, 6, 4), Regime.INTRADAY_MARGIN),
        (Broker.IBKR, TODAY, Regime.LEGACY_PDT),
        (Broker.SCHWAB, dt.date(2027, 10, 19), Regime.LEGACY_PDT),
        (Broker.SCHWAB, dt.date(2027, 10, 20), Regime.INTRADAY_MARGIN),
    ],
)
def test_regimes(broker: Broker, date: dt.date, expected: Regime) -> None:
    assert regime(broker, date) is expected


def test_every_broker_has_a_regime_on_every_day() -> None:
    assert set(REGIMES) == set(Broker)
    assert all(row.source for table in REGIMES.values() for row in table)


@pytest.mark.parametrize(
    ("side", "price", "broker", "leverage", "required"),
    [
        (BUY, "20", Broker.SIM, 1, "500"),
        (BUY, "20", Broker.ALPACA, 1, "600"),
        (BUY, "20", Broker.ALPACA, 2, "1000"),
        (BUY, "20", Broker.ALPACA, -3, "1500"),
        (BUY, "20", Broker.SIM, 3, "1500"),
        (BUY, "20", Broker.SIM, 5, "2000"),
        (SELL, "20", Broker.SIM, 1, "600"),
        # 30 % of $16 is less than $5.
        (SELL, "16", Broker.SIM, 1, "500"),
        (SELL, "5", Broker.SIM, 1, "500"),
        (SELL, "4.99", Broker.SIM, 1, "499"),
        (SELL, "2.00", Broker.SIM, 1, "250"),
        (SELL, "20", Broker.SIM, 2, "1200"),
    ],
)
def test_maintenance_of_100_shares(side: Side, price: str, broker: Broker, leverage: int, required: str) -> None:
    assert maintenance(side, 100, D(price), TODAY, broker, leverage) == D(required)


@pytest.mark.parametrize(
    ("equity", "overnight", "date", "broker", "pattern", "expected"),
    [
        ("50000", False, TODAY, Broker.SIM, True, "200000"),
        ("30000", False, TODAY, Broker.ALPACA, True, "100000"),
        ("50000", True, TODAY, Broker.SIM, True, "100000"),
        ("3000", False, TODAY, Broker.SIM, True, "12000"),
        ("1999.99", False, TODAY, Broker.SIM, True, "1999.99"),
        ("-5", False, TODAY, Broker.SIM, True, "0"),
        ("25000", False, BEFORE, Broker.SIM, True, "100000"),
        ("24999", False, BEFORE, Broker.SIM, True, "49998"),
        ("50000", False, BEFORE, Broker.SIM, False, "100000"),
        ("50000", False, dt.date(2000, 1, 3), Broker.SIM, True, "100000"),
    ],
)
def test_how_far_equity_reaches(
    equity: str, overnight: bool, date: dt.date, broker: Broker, pattern: bool, expected: str
) -> None:
    assert reach(D(equity), overnight, date, broker, pattern) == D(expected)


@pytest.mark.parametrize(
    ("equity", "made", "trades", "date", "broker", "ok"),
    [
        ("5000", 90, 90, TODAY, Broker.ALPACA, True),
        ("5000", 3, 6, TODAY, Broker.IBKR, False),
        ("5000", 2, 6, TODAY, Broker.IBKR, True),
        ("25000", 9, 9, TODAY, Broker.IBKR, True),
        # Four day trades among a hundred trades are four percent.
        ("5000", 3, 99, TODAY, Broker.IBKR, True),
        ("5000", 3, 6, BEFORE, Broker.ALPACA, False),
        ("5000", 3, 6, dt.date(2001, 9, 27), Broker.IBKR, True),
    ],
)
def test_day_trades(equity: str, made: int, trades: int, date: dt.date, broker: Broker, ok: bool) -> None:
    answer = may_day_trade(D(equity), made, trades, date, broker)
    assert answer.ok is ok
    assert answer.reason


@pytest.mark.parametrize(
    ("equity", "required", "short"),
    [
        ("10000", "9000", "0"),
        # Small is the lesser of $1,000 and five percent of equity.
        ("10000", "10500", "0"),
        ("10000", "10500.01", "500.01"),
        ("90000", "91000", "0"),
        ("90000", "91001", "1001"),
        ("-100", "50", "150"),
    ],
)
def test_deficits(equity: str, required: str, short: str) -> None:
    assert deficit(D(equity), D(required), TODAY) == D(short)
