"""A seeded US stock market: any session from 1998 to 2027, the same bytes for the same seed, minute by minute.

Its numbers were measured on real sessions: volume and volatility by time of day, tails, gaps, runners with legs and
pullbacks, spreads, volatility pauses. It is a market to test machinery on, and says nothing about a strategy's worth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from brokers.sim.days import GAP_SHARE, LOOKBACK, Days
from brokers.sim.events import Event
from brokers.sim.grid import Grid, Pause
from brokers.sim.paths import Paths, regular_paths, volume_curve
from brokers.sim.premarket import WIDER, premarket
from brokers.sim.prints import merge, minute_bars, minute_prints, standing_quotes, status_records
from brokers.sim.streams import Stream, stream
from brokers.sim.universe import Array, Universe, universe
from qm.clock import MINUTE
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events
from qm.rules.calendar import FIRST_SESSION, SESSION_MINUTES, Session, previous_session

Detail = Literal["trades", "bars"]

START_BEFORE_OPEN_MINUTES: Final = 5
OPENING_MINUTES: Final = 5


class SyntheticMarket:
    """A market of `symbols` symbols; UsageError below 2, because SPY and QQQ always trade."""

    def __init__(self, symbols: int = 500, seed: int = 1) -> None:
        self.seed = seed
        self.universe: Universe = universe(symbols, stream(seed, None, Stream.UNIVERSE))
        self._days = Days(self.universe, seed)
        self._paths: tuple[dt.date, Paths] | None = None

    @property
    def table(self) -> SymbolTable:
        """The symbols, the same in every session."""
        return self.universe.table

    def events(self, session: Session) -> tuple[Event, ...]:
        """Return what the session has in store: for tests and statistics, never for a strategy."""
        return self._days.day(session).events

    def pauses(self, session: Session) -> tuple[Pause, ...]:
        """Return the volatility pauses of the session, in order of time."""
        return self._regular(session).pauses

    def reference(self, session: Session) -> Reference:
        """Return what is known before the session begins; averages run over the 14 sessions before it."""
        past = _sessions_before(session, LOOKBACK + 1)
        u = self.universe
        if len(past) < 2:
            return Reference.empty(len(u))
        prices = np.exp(self._days.closes(past))
        days = [self._days.day(each) for each in past[1:]]
        volume = u.adv * np.array([day.volume for day in days])
        curve = volume_curve(SESSION_MINUTES)
        move = u.sigma * np.sqrt(1.0 - GAP_SHARE)
        true_range = np.array(
            [np.maximum(np.abs(day.gap) + 0.3 * move, 0.95 * move * day.wild + 0.74 * np.abs(day.move)) for day in days]
        )
        return Reference(
            prior_close=np.rint(prices[-1] * 100.0) / 100.0,
            adv=np.rint(volume.mean(axis=0)),
            atr=(true_range * prices[:-1]).mean(axis=0),
            or_volume=np.rint(volume.mean(axis=0) * float(curve[:OPENING_MINUTES].sum())),
            float_shares=u.float_shares.copy(),
            days=np.full(len(u), len(days), np.int64),
            curve=np.minimum(np.cumsum(curve), 1.0),
        )

    def minutes(self, session: Session, start_ns: int | None = None, detail: Detail = "trades") -> Iterator[Events]:
        """Yield the records of each minute from `start_ns` (09:25 by default, 04:00 at the earliest) to the close.

        "trades": quotes, trades and status changes in order of `ts`; "bars": one bar per symbol that traded, known at
        the end of its minute, and the status changes. A minute may be empty. Each one depends on the seed, the date and
        the minute alone: starting later yields the same records.
        """
        start = session.open_ns - START_BEFORE_OPEN_MINUTES * MINUTE if start_ns is None else start_ns
        first = max((start - session.pre_ns) // MINUTE, 0)
        opens = (session.open_ns - session.pre_ns) // MINUTE
        if first < opens:
            yield from self._premarket(session, first, opens, detail)
        paths = self._regular(session)
        for minute in range(max(first - opens, 0), session.minutes):
            rng = stream(self.seed, session.date, Stream.MINUTE, opens + minute)
            begin = session.open_ns + minute * MINUTE
            status = status_records(paths.pauses, begin, begin + MINUTE, session.close_ns)
            if detail == "bars":
                records = minute_bars(paths.grid, minute, rng)
            else:
                records = minute_prints(paths.grid, minute, rng, minute == 0, minute == session.minutes - 1)
            yield merge(status, records) if len(status) else records

    def _premarket(self, session: Session, first: int, opens: int, detail: Detail) -> Iterator[Events]:
        u = self.universe
        prior, opened, _ = self._marks(session)
        rng = stream(self.seed, session.date, Stream.PREMARKET)
        grid: Grid = premarket(u, self._days.day(session), session, prior, opened, rng)
        quiet = np.setdiff1d(np.arange(len(u), dtype=np.int32), grid.rows)
        spread = WIDER * u.spread[quiet] + 0.002
        for minute in range(first, opens):
            rng = stream(self.seed, session.date, Stream.MINUTE, minute)
            if detail == "bars":
                yield minute_bars(grid, minute, rng)
                continue
            prints = minute_prints(grid, minute, rng, opens=False, closes=False)
            if minute >= opens - START_BEFORE_OPEN_MINUTES:
                begin = session.pre_ns + minute * MINUTE
                prints = merge(prints, standing_quotes(begin, quiet, opened[quiet], spread, rng))
            yield prints

    def _regular(self, session: Session) -> Paths:
        if self._paths is None or self._paths[0] != session.date:
            _, opened, closed = self._marks(session)
            rng = stream(self.seed, session.date, Stream.PATHS)
            day = self._days.day(session)
            self._paths = (session.date, regular_paths(self.universe, day, session, opened, closed, rng))
        return self._paths[1]

    def _marks(self, session: Session) -> tuple[Array, Array, Array]:
        """Log prices: the close before, the open, the close."""
        path = [*_sessions_before(session, 1), session]
        closes = self._days.closes(path)
        prior = closes[-2] if len(path) == 2 else np.log(self.universe.price)
        opened = np.maximum(prior + self._days.day(session).gap, 0.0)
        return prior, opened, closes[-1]


def _sessions_before(session: Session, count: int) -> list[Session]:
    """Return at most `count` sessions before this one, the oldest first."""
    found: list[Session] = []
    date = session.date
    while len(found) < count and date > FIRST_SESSION:
        found.append(previous_session(date))
        date = found[-1].date
    return found[::-1]
