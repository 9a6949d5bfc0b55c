"""A small session on a hand-made tape: named symbols, a venue, strategies, and a journal in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.engine.core import Core
from qm.engine.session import Session
from qm.engine.settings import EngineSettings
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.commands import AnyCommand
from qm.model.effects import Notify
from qm.model.events import Commanded, Entry
from qm.model.instrument import SymbolTable
from qm.model.market import bar, clock, events
from qm.model.order import Side
from qm.ports import Venue
from qm.radar.ranking import Ranking
from qm.risk.limits import RiskSettings
from qm.rules.borrow import ShortPolicy
from qm.rules.calendar import Session as SessionDay
from qm.rules.calendar import session
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.api import Strategy

DATE = dt.date(2024, 3, 5)
SESSION = session(DATE)
OPEN = SESSION.open_ns
MINUTE = 60 * SECOND
RUN = "stage"
SYMBOLS = ("AAA", "BBB", "CCC")
WIDE = RiskSettings(max_stop_pct=50.0, shorts=ShortPolicy.ANY, max_of_volume=1.0)
"""Limits that leave a hand-made tape of thin minutes to the rules of its strategy."""
T = TypeVar("T")
Row = tuple[Any, ...]


LINEAR = np.arange(1, 391) / 390
"""A curve of volume by which every minute is alike."""


class NoFees:
    """Trades cost nothing, so that results can be checked by hand."""

    def of_day(self, date: dt.date, /) -> NoFees:
        return self

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "", /) -> Decimal:
        return Decimal(0)


def at(minute: float, second: float = 0) -> int:
    """A time of the session, by minutes and seconds after the open."""
    return OPEN + int(minute * MINUTE + second * SECOND)


def minute(n: int, o: float, h: float, low: float, c: float, v: float = 100_000.0, sym: int = 0) -> Row:
    """The bar of minute `n` of regular hours, known at its end."""
    return bar(at(n + 1), sym, o, h, low, c, v)


class Stage:
    """An engine with everything around it; `entries` is what its journal holds."""

    def __init__(
        self,
        *strategies: Strategy,
        atr: float = 2.0,
        prints: bool = False,
        assigned: dict[str, Sequence[str]] | None = None,
        settings: EngineSettings | None = None,
        risk: RiskSettings = WIDE,
        exchange: SimSettings | None = None,
        venue: Venue | None = None,
        symbols: Sequence[str] = SYMBOLS,
        known: Mapping[str, float | npt.NDArray[np.float64]] | None = None,
        of: SessionDay = SESSION,
    ) -> None:
        table = SymbolTable(symbols)
        columns: dict[str, Any] = {
            name: np.full(len(table), value) if isinstance(value, float) else value
            for name, value in {"atr": atr, **(known or {})}.items()
        }
        reference = replace(Reference.empty(len(table)), **columns)
        self.settings = settings or EngineSettings(strategies=(), scans=(), risk=risk)
        self.chosen = {strategy.name: strategy for strategy in strategies}
        self.market = Market(table, of, reference, prints=prints)
        self.core = Core(self.settings, self.chosen, self.market, "sim", 1)
        self.journal = MemoryJournal()
        self.journal.start_run(RunHeader(id=RUN, mode="sim", session=of.date.isoformat(), started=0))
        self.venue = venue or SimExchange(self.market, NoFees(), exchange or SimSettings(shorts=True))
        self.session = Session(self.core, self.venue, self.journal, self)
        self.notices: list[Notify] = []
        self.fed: list[Row] = []
        if assigned is None:
            assigned = dict.fromkeys(self.chosen, (symbols[0],))
        self.session.start(self.market, Decimal(100_000), assigned)

    def feed(self, *rows: Row) -> Stage:
        self.fed += rows
        self.session.feed(events(list(rows)))
        return self

    def pass_time(self, minute: float, second: float = 0) -> Stage:
        """Let the clock reach this time of the session, and all that is due by then happen."""
        return self.feed(clock(at(minute, second) + 1))

    def command(self, command: AnyCommand) -> Commanded:
        return self.session.command(command, "test")

    @property
    def entries(self) -> list[Entry]:
        return list(self.journal.read(RUN))

    def all(self, kind: type[T]) -> list[T]:
        """What was stated of one kind, in order."""
        return [entry.body for entry in self.entries if isinstance(entry.body, kind)]

    def only(self, kind: type[T]) -> T:
        """The one thing of a kind that was stated."""
        (found,) = self.all(kind)
        return found

    def held(self, symbol: str = "AAA") -> int:
        return self.core.book.portfolio.qty(symbol)

    def on_entries(self, entries: Sequence[Entry]) -> None:
        pass

    def on_ranking(self, ranking: Ranking) -> None:
        pass

    def on_notice(self, notice: Notify) -> None:
        self.notices.append(notice)
