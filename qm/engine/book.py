"""The components of the engine, the numbering of what they state, and the fold that brings them back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from qm.engine.breakers import Breakers
from qm.engine.settings import EngineSettings
from qm.engine.tape import Tape
from qm.execution.leaving import Leaving
from qm.execution.orders import Orders
from qm.journal.trades import Trades
from qm.market.features import SHOWN
from qm.market.market import Market
from qm.model.effects import Effect
from qm.model.events import (
    AnyEvent,
    Beat,
    Commanded,
    Entry,
    Minute,
    SessionEnded,
    SessionStarted,
    TradeClosed,
    Unprotected,
)
from qm.portfolio.portfolio import Portfolio
from qm.radar.radar import Radar
from qm.radar.regime import Regime
from qm.risk.gate import Gate
from qm.rules.day_rules import day_rules
from qm.scanner.scanner import Scanner
from qm.strategies.allocator import Allocator
from qm.strategies.api import Need, Strategy
from qm.strategies.attempts import Attempts
from qm.strategies.desk import Desk
from qm.watchlist.watchlist import Watchlist

Applier = Callable[[Entry], None]


class Book:
    """Everything the engine knows, and the only way to change it: `state`, which numbers an event and applies it."""

    def __init__(self, settings: EngineSettings, strategies: dict[str, Strategy], market: Market) -> None:
        self.settings = settings
        self.market = market
        self.seq = 0
        self.entries: list[Entry] = []
        """Stated and not yet handed to the journal."""
        self.effects: list[Effect] = []
        """Asked for and not yet carried out; they wait until `entries` are durable."""
        self.portfolio = Portfolio()
        self.orders = Orders()
        self.gate = Gate(settings.risk)
        self.trades = Trades()
        self.leaving = Leaving()
        self.desk = Desk(strategies)
        self.attempts = Attempts()
        self.allocator = Allocator(strategies, settings.allocator)
        self.scanner = Scanner([settings.scan(name) for name in settings.scans])
        self.watchlist = Watchlist(settings.watch_capacity, settings.watch_ttl_min * 60, settings.watch_cool_off_s)
        self.radar = Radar(settings.radar)
        self.regime = Regime()
        self.tape = Tape()
        self.breakers = Breakers()
        self.commands: dict[str, Commanded] = {}
        """Commands carried out, by id: a repetition is answered from here."""
        self.closed: list[TradeClosed] = []
        """Trades closed in this session."""
        self.unprotected: dict[str, int] = {}
        """How often protection had to be renewed, by symbol."""
        self.last_minute = 0
        """The minute boundary that was handled last, ns UTC."""
        self.last_beat = 0
        self.ended = False
        """The session is over."""
        self._appliers: dict[type, tuple[Applier, ...]] = {}
        self._gather_appliers()
        self.open(market)

    def _gather_appliers(self) -> None:
        for component in (
            self.radar,
            self.regime,
            self.tape,
            self.breakers,
            self.portfolio,
            self.orders,
            self.gate,
            self.desk,
            self.attempts,
            self.allocator,
            self.scanner,
            self.watchlist,
            self.trades,
            self.leaving,
        ):
            for kind, applier in component.appliers().items():
                self._appliers[kind] = (*self._appliers.get(kind, ()), applier)
        own: dict[type, Applier] = {
            SessionStarted: self._on_session,
            Minute: self._on_minute,
            Beat: self._on_beat,
            Commanded: self._on_commanded,
            TradeClosed: self._on_closed,
            Unprotected: self._on_bare,
            SessionEnded: self._on_ended,
        }
        for kind, applier in own.items():
            self._appliers[kind] = (*self._appliers.get(kind, ()), applier)

    def open(self, market: Market) -> None:
        """Take the market of a session."""
        self.market = market
        self.rules = day_rules(market.session)
        """The rules of the market on this day."""
        self.ranged = bool((market.reference.atr > 0).any())
        """The session knows the average range of some symbol."""
        self.radar.open(market)
        self.regime.open(market)
        self.tape.open(market)
        self.breakers.open(market)
        self.desk.open(market)
        self.portfolio.open(market)
        self.trades.begin(market)

    def needed(self, now: int) -> frozenset[str]:
        """Return the features that a beat asks for at this moment; others are computed when somebody does."""
        return frozenset((*SHOWN, *self.radar.asks(now), *self.scanner.asks(now)))

    def state(self, body: AnyEvent, cause: int = 0) -> Entry:
        """State a fact: number it, apply it, keep it for the journal."""
        self.seq += 1
        entry = Entry(self.seq, self.market.now, self.market.consumed, cause, body)
        for apply in self._appliers.get(type(body), ()):
            apply(entry)
        self.entries.append(entry)
        return entry

    def fold(self, entry: Entry) -> None:
        """Apply an entry of the journal: nothing is decided, nothing is asked of the outside."""
        self.seq = entry.seq
        self.market.now = max(self.market.now, entry.ts)
        for apply in self._appliers.get(type(entry.body), ()):
            apply(entry)
        if isinstance(entry.body, Minute):
            # Bars that prints build end with the minute, and are the memory of whoever follows them.
            self.market.end_minute(entry.body.due)

    def digest(self) -> str:
        """Return the sha256 of everything decided so far; the market is not part of it."""
        whole = [
            self.radar.state(),
            self.regime.state(),
            self.tape.state(),
            self.portfolio.state(),
            self.orders.state(),
            self.gate.state(),
            self.trades.state(),
            self.leaving.state(),
            self.desk.state(),
            self.attempts.state(),
            self.allocator.state(),
            self.scanner.state(),
            self.watchlist.state(),
            sorted(self.commands),
            *self.breakers.state(),
        ]
        return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()

    @property
    def every_minute(self) -> bool:
        """The core looks at every minute; without a radar and without prints nothing happens on it."""
        return bool(self.settings.scans) or self.market.prints

    @property
    def begins_ns(self) -> int:
        """From when on minutes are looked at in this session, ns UTC."""
        session = self.market.session
        early = self.settings.scans or any(Need.PREMARKET in s.needs for s in self.desk.strategies.values())
        return session.pre_ns if early else session.open_ns

    def _on_session(self, entry: Entry) -> None:
        if not self.every_minute:
            self.market.mark_by_itself(self.begins_ns)
        self.last_minute = self.last_beat = 0
        self.ended = False
        self.closed.clear()
        self.unprotected.clear()
        self.commands.clear()

    def _on_minute(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Minute)
        self.last_minute = body.due
        self.market.mark_minute(body.due)

    def _on_beat(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Beat)
        self.last_beat = body.due

    def _on_ended(self, entry: Entry) -> None:
        self.ended = True

    def _on_commanded(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Commanded)
        self.commands[body.id] = body

    def _on_closed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, TradeClosed)
        self.closed.append(body)

    def _on_bare(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Unprotected)
        self.unprotected[body.symbol] = self.unprotected.get(body.symbol, 0) + 1
