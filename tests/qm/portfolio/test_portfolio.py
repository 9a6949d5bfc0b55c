"""The ledger against an oracle in exact fractions: whatever is filled, the books balance and nothing is left over."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Entry, Filled, SessionStarted
from qm.model.instrument import SymbolTable
from qm.model.order import Execution, Side
from qm.portfolio.portfolio import Portfolio
from tests.qm.strategies.stage import SESSION

SYMBOLS = ("AAA", "BBB")
EQUITY = Decimal(100_000)
DUST = Fraction(1, 10**6)
"""Far more than the eighth decimals of a few dozen partial closes can add up to, far less than a cent."""

prices = st.decimals("0.0001", "2000", places=4)
fees = st.decimals("0", "25", places=4)


@dataclass(frozen=True)
class Trade:
    """A fill of the test, before anybody has judged it."""

    symbol: str
    side: Side
    qty: int
    price: Decimal
    fee: Decimal


trades = st.lists(
    st.builds(Trade, st.sampled_from(SYMBOLS), st.sampled_from(Side), st.integers(1, 5000), prices, fees), max_size=40
)


class Ledger:
    """A portfolio that is given fills as the core gives them."""

    def __init__(self, market: Market | None = None) -> None:
        self.portfolio = Portfolio()
        self.market = market or market_of(SYMBOLS)
        self.portfolio.open(self.market)
        self.seq = 0
        self.apply(SessionStarted("2024-03-05", "sim", EQUITY, 2, "", ()))

    def apply(self, body: SessionStarted | Filled) -> None:
        self.seq += 1
        self.portfolio.appliers()[type(body)](Entry(self.seq, 0, 0, 0, body))

    def fill(self, trade: Trade) -> Filled:
        position, realized = self.portfolio.effect(trade.symbol, trade.side, trade.qty, trade.price)
        execution = Execution(f"X{self.seq}", "O", trade.qty, trade.price, trade.fee, 0)
        body = Filled(execution, trade.symbol, trade.side, position, realized)
        self.apply(body)
        return body


def market_of(symbols: tuple[str, ...]) -> Market:
    table = SymbolTable(symbols)
    return Market(table, SESSION, Reference.empty(len(table)))


class Oracle:
    """Average cost in exact fractions: no order of lots, no rounding."""

    def __init__(self) -> None:
        self.cash = Fraction(EQUITY)
        self.realized = Fraction(0)
        self.qty = dict.fromkeys(SYMBOLS, 0)
        self.cost = dict.fromkeys(SYMBOLS, Fraction(0))

    def fill(self, trade: Trade) -> None:
        symbol, price = trade.symbol, Fraction(trade.price)
        signed = trade.qty * trade.side.sign
        self.cash -= signed * price + Fraction(trade.fee)
        held = self.qty[symbol]
        closing = min(abs(held), trade.qty) if held * signed < 0 else 0
        if closing:
            direction = 1 if held > 0 else -1
            average = self.cost[symbol] / held
            self.realized += direction * closing * (price - average)
            self.cost[symbol] -= direction * closing * average
        self.cost[symbol] += (signed + (closing if signed < 0 else -closing)) * price
        self.qty[symbol] = held + signed


@given(trades)
def test_the_ledger_agrees_with_exact_fractions_and_always_balances(sequence: list[Trade]) -> None:
    ledger, oracle = Ledger(), Oracle()
    for trade in sequence:
        body = ledger.fill(trade)
        oracle.fill(trade)
        portfolio = ledger.portfolio
        assert portfolio.imbalance() == 0
        assert Fraction(portfolio.cash) == oracle.cash
        assert abs(Fraction(portfolio.realized) - oracle.realized) < DUST
        assert body.position == oracle.qty[trade.symbol]
        for symbol in SYMBOLS:
            assert portfolio.qty(symbol) == oracle.qty[symbol]
            position = portfolio.positions.get(symbol)
            assert abs(Fraction(position.cost if position else 0) - oracle.cost[symbol]) < DUST


@given(trades)
def test_going_flat_leaves_no_residue(sequence: list[Trade]) -> None:
    ledger = Ledger()
    for trade in sequence:
        ledger.fill(trade)
    for symbol, position in list(ledger.portfolio.positions.items()):
        side = Side.SELL if position.qty > 0 else Side.BUY
        ledger.fill(Trade(symbol, side, abs(position.qty), Decimal("12.3456"), Decimal(0)))
    portfolio = ledger.portfolio
    assert portfolio.positions == {}
    assert portfolio.marks() == (0.0, 0.0)
    assert portfolio.cash == EQUITY + portfolio.realized - portfolio.fees
    assert portfolio.equity() == portfolio.cash


@given(trades, st.lists(st.floats(0.01, 3000.0), min_size=2, max_size=2))
def test_realized_and_unrealized_profit_are_the_change_of_equity(sequence: list[Trade], last: list[float]) -> None:
    ledger = Ledger()
    ledger.market.col["last"][:] = last
    for trade in sequence:
        ledger.fill(trade)
    portfolio = ledger.portfolio
    unrealized = sum(portfolio.unrealized(symbol) or 0.0 for symbol in portfolio.positions)
    change = float(portfolio.equity() - EQUITY)
    assert change == pytest.approx(float(portfolio.realized - portfolio.fees) + unrealized, abs=0.01, rel=1e-9)
    assert portfolio.day_usd() == pytest.approx(change, abs=0.01, rel=1e-9)
    net, gross = portfolio.marks()
    assert gross >= abs(net)


def test_a_short_gains_when_it_is_bought_back_lower() -> None:
    ledger = Ledger()
    ledger.fill(Trade("AAA", Side.SELL, 100, Decimal("10.00"), Decimal("1.00")))
    assert ledger.portfolio.positions["AAA"].price == Decimal("10.00")
    body = ledger.fill(Trade("AAA", Side.BUY, 40, Decimal("9.00"), Decimal("0.50")))
    assert body.realized_usd == Decimal("40.00")
    assert ledger.portfolio.positions["AAA"].price == Decimal("10.00")
    body = ledger.fill(Trade("AAA", Side.BUY, 60, Decimal("11.00"), Decimal("0.50")))
    assert body.realized_usd == Decimal("-60.00")
    assert ledger.portfolio.cash == EQUITY - Decimal("20.00") - Decimal("2.00")


def test_a_fill_across_zero_closes_one_position_and_opens_the_other() -> None:
    ledger = Ledger()
    ledger.fill(Trade("AAA", Side.BUY, 100, Decimal("10.00"), Decimal(0)))
    body = ledger.fill(Trade("AAA", Side.SELL, 150, Decimal("12.00"), Decimal(0)))
    assert (body.position, body.realized_usd) == (-50, Decimal("200.00"))
    position = ledger.portfolio.positions["AAA"]
    assert (position.cost, position.price) == (Decimal("-600.00"), Decimal("12.00"))


def test_thirds_of_a_cent_do_not_get_lost() -> None:
    ledger = Ledger()
    ledger.fill(Trade("AAA", Side.BUY, 1, Decimal("0.01"), Decimal(0)))
    ledger.fill(Trade("AAA", Side.BUY, 2, Decimal("0.02"), Decimal(0)))
    realized = [ledger.fill(Trade("AAA", Side.SELL, 1, Decimal("0.02"), Decimal(0))).realized_usd for _ in range(3)]
    assert sum(realized) == Decimal("0.01")
    assert ledger.portfolio.positions == {}


def test_a_position_without_a_price_counts_at_cost_and_has_no_open_profit() -> None:
    ledger = Ledger()
    ledger.fill(Trade("AAA", Side.BUY, 100, Decimal("10.00"), Decimal(0)))
    assert ledger.portfolio.unrealized("AAA") is None
    assert ledger.portfolio.equity() == EQUITY


def test_positions_outlive_the_session_also_in_symbols_that_the_next_one_does_not_know() -> None:
    ledger = Ledger()
    ledger.fill(Trade("BBB", Side.BUY, 10, Decimal("10.00"), Decimal("1.00")))
    ledger.portfolio.open(market_of(("AAA",)))
    ledger.apply(SessionStarted("2024-03-06", "sim", ledger.portfolio.equity(), 1, "", ()))
    assert ledger.portfolio.qty("BBB") == 10
    assert ledger.portfolio.equity() == EQUITY - 1
    assert ledger.portfolio.day_fees == 0
    assert ledger.portfolio.imbalance() == 0
    assert not np.isnan(ledger.portfolio.marks()).any()
