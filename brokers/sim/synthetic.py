"""A seeded US stock market: any session from 1998 to 2027, the same bytes for the same seed, minute by minute.

Its numbers were measured on real sessions (`brokers.sim.market.calibration`): volume and volatility by time of day,
tails, gaps, runners, spreads, auctions, volatility pauses. Between the bells its prices are fair games: it is a market
to test machinery on, and says nothing about a strategy's worth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import numpy as np

from brokers.sim.market.days import Days
from brokers.sim.market.dirt import Dirt, soil, unadjusted
from brokers.sim.market.events import Event
from brokers.sim.market.grid import Grid, Pause
from brokers.sim.market.history import History
from brokers.sim.market.paths import Marks, Paths, regular_paths
from brokers.sim.market.premarket import WIDER, premarket
from brokers.sim.market.prints import (
    closing_auction,
    merge,
    minute_bars,
    minute_prints,
    standing_quotes,
    status_records,
    ticks,
)
from brokers.sim.market.streams import Stream, number, stream
from brokers.sim.market.tape import Tape
from brokers.sim.market.universe import WATCHED, Array, Universe, universe
from qm.clock import MINUTE
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events
from qm.rules.calendar import Session

Detail = Literal["trades", "bars"]

START_BEFORE_OPEN_MINUTES: Final = 5


class SyntheticMarket:
    """A market of `symbols` symbols; UsageError below 2, because SPY and QQQ always trade.

    `dirt` puts the faults of real feeds onto its records; the market behind them stays the same. Fewer symbols than a
    whole market has are the busier ones of it; with `watched` 0 they are any, and have events in proportion.
    """

    def __init__(self, symbols: int = 500, seed: int = 1, dirt: Iterable[Dirt] = (), watched: float = WATCHED) -> None:
        self.seed = seed
        self.dirt = frozenset(dirt)
        self.universe: Universe = universe(symbols, stream(seed, None, Stream.UNIVERSE), watched)
        self._days = Days(self.universe, seed)
        self._paths: tuple[dt.date, Paths] | None = None
        self._history = History(self._days, self._regular)

    @property
    def table(self) -> SymbolTable:
        """The symbols, the same in every session."""
        return self.universe.table

    def events(self, session: Session) -> tuple[Event, ...]:
        """Return what the session has in store: for tests and statistics, never for a strategy."""
        return self._days.day(session).events.each()

    def pauses(self, session: Session) -> tuple[Pause, ...]:
        """Return the volatility pauses of the session, in order of time."""
        return self._regular(session).pauses

    def marks(self, session: Session) -> Marks:
        """Return the closes before, the opens and the closes that the session has in store."""
        return self._history.marks(session)

    def log_marks(self, session: Session) -> Array:
        """Return the log prices at the minute boundaries of regular hours, by symbol; for statistics as well."""
        return self._regular(session).grid.log

    def event_paths(self, session: Session) -> Paths:
        """Return the regular hours of the symbols with an event alone, without drawing the others: for statistics."""
        day = self._days.day(session)
        return regular_paths(self.universe, day, session, self.seed, self.marks(session), eventful=True)

    def early(self, session: Session) -> Grid:
        """Return the minutes from 04:00 to the open of the symbols that trade in them."""
        marks, rng = self.marks(session), stream(self.seed, session.date, Stream.PREMARKET)
        return premarket(self.universe, self._days.day(session), session, marks.prior, marks.opened, rng)

    def reference(self, session: Session) -> Reference:
        """Return what is known before the session begins; averages run over the 14 sessions before it."""
        known = self._history.reference(session)
        if Dirt.REVERSE_SPLIT in self.dirt:
            return unadjusted(known, stream(self.seed, session.date, Stream.DIRT))
        return known

    def minutes(self, session: Session, start_ns: int | None = None, detail: Detail = "trades") -> Iterator[Events]:
        """Yield the records of each minute from `start_ns` (09:25 by default, 04:00 at the earliest) to the close.

        "trades": quotes, trades and status changes in order of `ts`; "bars": one bar per symbol that traded, known at
        the end of its minute, and the status changes. A minute may be empty. The last one is that of the closing
        auction. Each depends on the seed, the date and the minute alone: starting later yields the same records.
        """
        start = session.open_ns - START_BEFORE_OPEN_MINUTES * MINUTE if start_ns is None else start_ns
        first = max((start - session.pre_ns) // MINUTE, 0)
        clean = self._clean(session, first, detail)
        if not self.dirt:
            yield from clean
            return
        for minute, records in enumerate(clean, first):
            rng = stream(self.seed, session.date, Stream.DIRT, minute + 1)
            yield soil(records, session, session.pre_ns + minute * MINUTE, self.dirt, rng)

    def _clean(self, session: Session, first: int, detail: Detail) -> Iterator[Events]:
        opens, tape = (session.open_ns - session.pre_ns) // MINUTE, Tape()
        if first < opens:
            yield from self._premarket(session, first, opens, detail, tape)
        if first > opens + session.minutes:
            return
        paths = self._regular(session)
        for minute in range(max(first - opens, 0), session.minutes):
            begin = session.open_ns + minute * MINUTE
            status = status_records(paths.pauses, begin, begin + MINUTE, session.close_ns)
            key = (self.seed, session.date, Stream.MINUTE, opens + minute)
            if detail == "bars":
                records = minute_bars(paths.grid, minute, stream(*key), opens=minute == 0)
            else:
                records = minute_prints(paths.grid, minute, number(*key), tape, opens=minute == 0)
            yield merge(status, records) if len(status) else records
        yield self._closing(session, paths, detail)

    def _closing(self, session: Session, paths: Paths, detail: Detail) -> Events:
        at = session.close_ns
        rows = np.flatnonzero((paths.grid.count > 0).any(axis=0)).astype(np.int32)
        price = ticks(np.exp(paths.grid.log[-1][rows]))
        status = status_records(paths.pauses, at, at + MINUTE, at)
        return merge(status, closing_auction(at, rows, price, paths.volume[rows], bars=detail == "bars"))

    def _premarket(self, session: Session, first: int, opens: int, detail: Detail, tape: Tape) -> Iterator[Events]:
        u, marks, grid = self.universe, self.marks(session), self.early(session)
        quiet = np.setdiff1d(np.arange(len(u), dtype=np.int32), grid.rows)
        spread = WIDER * u.spread[quiet] + 0.002
        for minute in range(first, opens):
            key = (self.seed, session.date, Stream.MINUTE, minute)
            if detail == "bars":
                yield minute_bars(grid, minute, stream(*key), opens=False)
                continue
            prints = minute_prints(grid, minute, number(*key), tape, opens=False)
            if minute >= opens - START_BEFORE_OPEN_MINUTES:
                begin = session.pre_ns + minute * MINUTE
                prints = merge(prints, standing_quotes(begin, quiet, marks.opened[quiet], spread, stream(*key)))
            yield prints

    def _regular(self, session: Session) -> Paths:
        if self._paths is None or self._paths[0] != session.date:
            paths = regular_paths(self.universe, self._days.day(session), session, self.seed, self.marks(session))
            self._paths = (session.date, paths)
        return self._paths[1]
