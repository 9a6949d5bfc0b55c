"""Trades built from fills, checked by hand: prices, R, excursions, fees, and why they ended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from qm.clock import SECOND
from qm.journal.trades import Trades
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Entry, Filled, FlattenStarted, Intended, SessionStarted, Signal, Sizing, TradeClosed
from qm.model.instrument import SymbolTable
from qm.model.market import events, trade
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.portfolio.portfolio import Portfolio
from tests.qm.strategies.stage import SESSION, at, minute

BUY, SELL = Side.BUY, Side.SELL
D = Decimal


class Floor:
    """Orders and fills as the core states them, with the ledger that knows what each realizes."""

    def __init__(self, *symbols: str) -> None:
        table = SymbolTable(symbols or ("AAA",))
        self.market = Market(table, SESSION, Reference.empty(len(table)))
        self.trades, self.portfolio = Trades(), Portfolio()
        self.trades.begin(self.market)
        self.portfolio.open(self.market)
        self.seq = self.count = 0
        self.closed: list[TradeClosed] = []
        self.state(SessionStarted("2024-03-05", "sim", Decimal(100_000), 1, "", ()))

    def state(self, body: SessionStarted | Signal | Intended | Filled | FlattenStarted) -> None:
        self.seq += 1
        entry = Entry(self.seq, self.market.now, self.market.consumed, 0, body)
        for component in (self.portfolio, self.trades):
            applier = component.appliers().get(type(body))
            if applier is not None:
                applier(entry)

    def enter(self, side: Side, qty: int, stop: float, per_share: float, symbol: str = "AAA", **more: bool) -> str:
        self.count += 1
        name = f"T{self.count}"
        price = float(self.market.col["last"][self.market.table.row(symbol)])
        self.state(Signal(symbol, "s", side, True, "in", price, stop=stop, **more))  # type: ignore[arg-type]
        order = Order(name, symbol, side, qty, OrderType.MARKET, Purpose.ENTRY, "s", trade=name)
        self.state(Intended(order, price, sizing=Sizing(qty, qty * per_share, per_share, {}, "risk")))
        return name

    def leave(self, side: Side, qty: int, purpose: Purpose, symbol: str = "AAA") -> str:
        self.count += 1
        name = f"O{self.count}"
        order = Order(name, symbol, side, qty, OrderType.MARKET, purpose, "s", trade=self.trades.open[symbol].id)
        self.state(Intended(order, 0.0))
        return name

    def wants_out(self, side: Side, symbol: str = "AAA") -> None:
        self.state(Signal(symbol, "s", side, False, "a close below", 0.0))

    def fill(
        self, order: str, side: Side, qty: int, price: str, fee: str = "0", ambiguous: bool = False, ts: int = 0
    ) -> None:
        self.count += 1
        symbol = self.trades._orders[order][0].symbol
        execution = Execution(
            f"X{self.count}", order, qty, Decimal(price), Decimal(fee), ts or self.market.now, ambiguous
        )
        position, realized = self.portfolio.effect(symbol, side, qty, execution.price)
        body = Filled(execution, symbol, side, position, realized)
        closed = self.trades.close(body)
        self.state(body)
        if closed is not None:
            self.closed.append(closed)

    def prices(self, *prices: float, row: int = 0) -> None:
        """Prints, a second apart."""
        start = max(self.market.now, at(0))
        self.feed([trade(start + (k + 1) * SECOND, row, price, 100.0) for k, price in enumerate(prices)])

    def feed(self, rows: Sequence[tuple[object, ...]]) -> None:
        self.market.replay(events(list(rows)))


def closed(floor: Floor) -> TradeClosed:
    (one,) = floor.closed
    return one


def test_the_long_of_the_textbook() -> None:
    """In at 10.00, stop 9.70, low 9.80, high 11.00, out at 10.60: +2.0 R, MFE 3.33 R, MAE 0.67 R."""
    floor = Floor()
    floor.prices(10.0)
    entry = floor.enter(BUY, 100, 9.70, 0.30)
    floor.fill(entry, BUY, 100, "10.00")
    floor.prices(9.80, 11.00, 10.60)
    floor.wants_out(SELL)
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "10.60")
    one = closed(floor)
    assert (one.entry_price, one.exit_price, one.gross_usd, one.net_usd) == (D(10), D("10.6"), D(60), D(60))
    assert (one.risk_usd, one.r) == (30.0, 2.0)
    assert one.mfe_usd / one.risk_usd == pytest.approx(3.3333, abs=1e-4)
    assert one.mae_usd / one.risk_usd == pytest.approx(0.6667, abs=1e-4)
    assert float(one.gross_usd) / one.mfe_usd == pytest.approx(0.60)
    assert (one.reason, one.trade, one.side, one.qty) == ("a close below", entry, BUY, 100)
    assert (one.entry_signal, one.exit_signal) == (2, 5)


def test_the_same_as_a_short() -> None:
    floor = Floor()
    floor.prices(10.0)
    entry = floor.enter(SELL, 100, 10.30, 0.30)
    floor.fill(entry, SELL, 100, "10.00")
    floor.prices(10.20, 9.00, 9.40)
    floor.wants_out(BUY)
    floor.fill(floor.leave(BUY, 100, Purpose.EXIT), BUY, 100, "9.40")
    one = closed(floor)
    assert (one.side, one.entry_price, one.exit_price, one.gross_usd) == (SELL, D(10), D("9.4"), D(60))
    assert (one.r, one.mfe_usd, one.mae_usd) == (2.0, 100.0, 20.0)


def test_fees_are_taken_off_the_result_and_off_r() -> None:
    floor = Floor()
    floor.prices(10.0)
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00", fee="0.35")
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "11.00", fee="0.65")
    one = closed(floor)
    assert (one.gross_usd, one.fees_usd, one.net_usd, one.r) == (D(100), D(1), D(99), 0.99)


def test_partial_entries_and_scaling_out_give_average_prices() -> None:
    floor = Floor()
    floor.prices(10.0)
    entry = floor.enter(BUY, 300, 9.0, 1.0)
    floor.fill(entry, BUY, 100, "10.00", ts=at(1))
    floor.fill(entry, BUY, 200, "10.30", ts=at(2))
    floor.fill(floor.leave(SELL, 200, Purpose.EXIT), SELL, 200, "11.20", ts=at(3))
    assert floor.closed == []
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "10.90", ts=at(4))
    one = closed(floor)
    assert (one.entry_price, one.exit_price) == (Decimal("10.2"), Decimal("11.1"))
    assert (one.gross_usd, one.qty, one.risk_usd, one.r) == (D(270), 300, 300.0, 0.9)
    assert (one.opened, one.closed) == (at(1), at(4))


def test_an_entry_that_filled_in_part_risks_what_it_filled() -> None:
    floor = Floor()
    floor.prices(10.0)
    floor.fill(floor.enter(BUY, 300, 9.0, 1.0), BUY, 100, "10.00")
    assert floor.trades.heat_usd() == 100.0
    floor.fill(floor.leave(SELL, 100, Purpose.PROTECT), SELL, 100, "9.00")
    one = closed(floor)
    assert (one.qty, one.risk_usd, one.r, one.reason) == (100, 100.0, -1.0, "stop")
    assert floor.trades.heat_usd() == 0.0


def test_a_fill_that_the_data_leave_open_marks_the_trade() -> None:
    for doubt in ((True, False), (False, True), (False, False)):
        floor = Floor()
        floor.prices(10.0)
        floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00", ambiguous=doubt[0])
        floor.fill(floor.leave(SELL, 100, Purpose.PROTECT), SELL, 100, "9.00", ambiguous=doubt[1])
        assert closed(floor).ambiguous is any(doubt)


def test_a_trade_without_a_known_risk_has_no_r() -> None:
    floor = Floor()
    floor.prices(10.0)
    floor.fill(floor.enter(BUY, 100, 9.0, 0.0), BUY, 100, "10.00")
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "11.00")
    assert closed(floor).r is None


def test_the_reason_of_a_flatten_is_that_of_its_own_symbol() -> None:
    floor = Floor("AAA", "BBB")
    floor.prices(10.0)
    floor.prices(10.0, row=1)
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00")
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0, symbol="BBB"), BUY, 100, "10.00")
    floor.state(FlattenStarted("AAA", "operator"))
    floor.state(FlattenStarted("BBB", "no stop could be placed"))
    for symbol in ("AAA", "BBB"):
        floor.fill(floor.leave(SELL, 100, Purpose.FLATTEN, symbol), SELL, 100, "9.50")
    assert [one.reason for one in floor.closed] == ["operator", "no stop could be placed"]
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00")
    floor.state(FlattenStarted(None, "end of day"))
    floor.fill(floor.leave(SELL, 100, Purpose.FLATTEN), SELL, 100, "9.50")
    assert floor.closed[-1].reason == "end of day"


def test_an_exit_after_a_stopped_trade_has_its_own_reason_and_no_signal() -> None:
    floor = Floor()
    floor.prices(10.0)
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00")
    floor.wants_out(SELL)
    floor.fill(floor.leave(SELL, 100, Purpose.PROTECT), SELL, 100, "9.00")
    assert (floor.closed[0].reason, floor.closed[0].exit_signal) == ("stop", 0)


def test_excursions_of_bars_begin_at_the_bar_of_the_fill() -> None:
    floor = Floor()
    floor.feed([minute(0, 10.0, 10.2, 9.9, 10.0)])
    entry = floor.enter(BUY, 100, 9.0, 1.0)
    floor.feed([minute(1, 10.0, 10.4, 9.7, 10.1)])
    floor.fill(entry, BUY, 100, "10.00", ts=at(1))
    floor.feed([minute(2, 10.1, 10.3, 10.0, 10.2)])
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "10.20", ts=at(3))
    one = closed(floor)
    assert [one.mfe_usd, one.mae_usd] == pytest.approx([40.0, 30.0])


def test_a_fill_inside_a_bar_knows_nothing_of_its_other_part() -> None:
    floor = Floor()
    floor.feed([minute(0, 10.0, 10.2, 9.9, 10.0)])
    entry = floor.enter(BUY, 100, 9.0, 1.0)
    floor.feed([minute(1, 10.0, 10.4, 9.7, 10.1)])
    floor.fill(entry, BUY, 100, "10.30", ts=at(1, 20))
    floor.fill(floor.leave(SELL, 100, Purpose.EXIT), SELL, 100, "10.20", ts=at(2))
    one = closed(floor)
    assert (one.mfe_usd, one.mae_usd) == (0.0, 0.0)


def test_stops_rest_at_the_broker_unless_the_signal_says_otherwise() -> None:
    floor = Floor("AAA", "BBB")
    floor.prices(10.0)
    floor.prices(10.0, row=1)
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0), BUY, 100, "10.00")
    floor.fill(floor.enter(BUY, 100, 9.0, 1.0, symbol="BBB", resting_stop=False), BUY, 100, "10.00")
    assert [trade.symbol for trade in floor.trades.open.values() if trade.resting] == ["AAA"]
    assert floor.trades.open["BBB"].resting is False
