"""The desk: who works which symbol, and what it remembers of the day."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Allocated, AnyEvent, Entry, Planned, Released, SessionStarted
from qm.model.instrument import SymbolTable
from qm.model.market import events
from qm.rules.calendar import session
from qm.strategies.desk import Desk
from tests.qm.strategies.stage import at, minute

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


def test_a_released_symbol_is_nobodys() -> None:
    on = Played()
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    on.tell(Planned("one", ("AAA",), follow=True, up=(20.0,)))
    on.tell(Released("AAA", "one", "let go"))
    assert on.desk.works == {}
    assert on.desk.market.levels.owners(0) == []
    assert on.desk.market.levels.followers(0) == []


def test_a_new_session_begins_with_no_symbols() -> None:
    on = Played()
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    on.tell(SessionStarted("2024-03-06", "sim", Decimal(1), 2, "", ()))
    assert on.desk.works == {}


def test_who_begins_to_follow_finds_the_last_minutes() -> None:
    on = Played()
    market = on.desk.market
    for n in range(40):
        market.replay(events([minute(n, 20.0, 20.0 + n, 20.0, 20.0)]))
        market.mark_minute(at(n + 1))
    assert list(market.bars.of(0)) == []
    on.tell(Allocated("AAA", "one", 1000.0, ""))
    on.tell(Planned("one", ("AAA",), follow=True))
    assert [bar.start for bar in market.bars.of(0)] == [at(n) for n in range(8, 40)]
    assert market.bars.of(0)[-1].high == 59.0
    assert list(market.bars.of(1)) == []
