"""What a journal tells of a trade: its signal, executions, and where stop and target stood."""

from __future__ import annotations

from decimal import Decimal

from backtest.sheet.story import stories
from qm.model.events import AnyEvent, Entry, Filled, Intended, Planned, Signal, StopMoved
from qm.model.order import Execution, Order, OrderType, Purpose, Side


class Told:
    """A journal as it is written, an entry a second."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, body: AnyEvent, cause: int = 0) -> int:
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq, seq, 0, cause, body))
        return seq

    def enter(self, trade: str, symbol: str = "AAA", side: Side = Side.BUY, strategy: str = "s") -> None:
        cause = self.add(Signal(symbol, strategy, side, True, "in", 10.0, stop=9.0))
        order = Order(trade, symbol, side, 100, OrderType.MARKET, Purpose.ENTRY, strategy, trade=trade)
        self.add(Intended(order, 10.0), cause)

    def fill(self, order: str, side: Side, qty: int, price: str, position: int, symbol: str = "AAA") -> None:
        done = Execution(f"{order}-{len(self.entries)}", order, qty, Decimal(price), Decimal(0), len(self.entries) + 1)
        self.add(Filled(done, symbol, side, position, Decimal(0)))

    def leave(self, order: str, trade: str) -> None:
        self.add(Intended(Order(order, "AAA", Side.SELL, 100, OrderType.MARKET, Purpose.EXIT, "s", trade=trade), 11.0))


def test_executions_go_to_the_trade_of_their_order_in_and_out() -> None:
    told = Told()
    told.enter("T1")
    told.fill("T1", Side.BUY, 60, "10.01", 60)
    told.fill("T1", Side.BUY, 40, "10.02", 100)
    told.leave("X1", "T1")
    told.fill("X1", Side.SELL, 100, "11.00", 0)
    (story,) = stories(told.entries).values()
    assert story.signal is not None
    assert [(price, qty, entered) for _, price, qty, entered in story.fills] == [
        (10.01, 60, True),
        (10.02, 40, True),
        (11.0, 100, False),
    ]


def test_the_stop_is_where_it_was_moved_to_from_then_on() -> None:
    told = Told()
    told.enter("T1")
    told.fill("T1", Side.BUY, 100, "10", 100)
    told.add(StopMoved("T1", "AAA", "s", 9.5, 9.0, "trail"))
    told.add(StopMoved("of another run", "AAA", "s", 1.0, 0.5, "trail"))
    assert stories(told.entries)["T1"].stops == [(2, 9.0), (4, 9.5)]


def test_the_target_is_the_level_on_the_side_of_the_trade_told_once() -> None:
    told = Told()
    told.add(Planned("s", ("AAA",), up=(10.0,)))
    told.enter("T1", side=Side.SELL)
    told.fill("T1", Side.SELL, 100, "10", -100)
    told.add(Planned("s", ("BBB", "AAA"), up=(7.0, 12.0), down=(6.0, 8.0)))
    told.add(Planned("s", ("AAA",), down=(8.0,)))
    told.add(Planned("other", ("AAA",), down=(3.0,)))
    told.add(Planned("s", ("AAA",)))
    # What was armed before the entry is no target; a level that stays is told once, and nowhere is told too.
    assert stories(told.entries)["T1"].targets == [(5, 8.0), (8, None)]


def test_what_was_never_entered_by_a_signal_has_no_story() -> None:
    told = Told()
    told.add(Signal("AAA", "s", Side.SELL, False, "out", 10.0))
    told.leave("X1", "")
    told.fill("X1", Side.SELL, 100, "10", 0)
    assert stories(told.entries) == {}
