"""The desk: who works which symbol, and what it remembers of the day."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Allocated, AnyEvent, Entry, Intended, Released, SessionStarted
from qm.model.instrument import SymbolTable
from qm.model.order import Order, OrderType, Purpose, Side
from qm.rules.calendar import session
from qm.strategies.desk import Desk

TABLE = SymbolTable(["AAA", "BBB"])


class Played:
    """A desk that is told events."""

    def __init__(self) -> None:
        self.desk, self.seq = Desk({}), 0
        self.desk.open(Market(TABLE, session(dt.date(2024, 3, 5)), Reference.empty(2)))

    def tell(self, body: AnyEvent) -> None:
        self.seq += 1
        applier = self.desk.appliers().get(type(body))
        assert applier is not None
        applier(Entry(self.seq, 0, 0, 0, body))

    def enter(self, n: int) -> None:
        order = Order(f"E{n}", "AAA", Side.BUY, 1, OrderType.MARKET, Purpose.ENTRY, "one")
        self.tell(Intended(order, 20.0))


def test_taking_a_symbol_again_does_not_forget_the_entries_of_the_day() -> None:
    on = Played()
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    on.enter(1)
    on.tell(Released("AAA", "one", "let go"))
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    assert on.desk.works[0].entries == 1
    on.tell(Allocated("BBB", "one", 1000.0, ""))
    assert on.desk.works[1].entries == 0


def test_a_new_session_begins_with_no_entries() -> None:
    on = Played()
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    on.enter(1)
    on.tell(SessionStarted("2024-03-06", "sim", Decimal(1), 2, "", ()))
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    assert on.desk.works[0].entries == 0
