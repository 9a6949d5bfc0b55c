"""What the engine knows, as the rows and lines that a client sees."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite

import msgspec

from qm.clock import MINUTE
from qm.engine.core import Core
from qm.model.events import Allocated, Commanded, Entry, Released, SessionStarted, TradeClosed, Unwatched
from qm.model.order import Order, Purpose
from qm.rules.calendar import stretch
from qm.runtime.book_rows import OrderRows, open_r, positions, trade_view, watchlist
from qm.runtime.curve import Curve
from qm.runtime.radar_rows import RadarRows
from qm.runtime.sentences import say
from qm.wire.diff import diff
from qm.wire.protocol import LOG_LINES, Frame, Snapshot
from qm.wire.views import HealthView, LogView, PnlView, StatusView, TradeView

HASH_DIGITS = 12


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What the core does not know of itself: who runs it, and on what."""

    feed: str
    run: str
    pid: int
    version: str
    started: int
    """Wall time, ns UTC."""
    speed: float = 1.0
    """How many times faster than the clock the feed runs; 0 for as fast as possible."""
    stale_ms: int = 2000
    """Age from which a price counts as stale."""


class Projector:
    """Turns the core's state into frames; it is told every entry, those of a recovered journal included, in order."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._log: deque[LogView] = deque(maxlen=LOG_LINES)
        self._trades: list[TradeView] = []
        self._released: dict[str, Released] = {}
        self._left: tuple[str, str] = ("", "")
        self._commands: dict[str, int] = {}
        self._curve = Curve()
        self._radar = RadarRows()
        self._orders = OrderRows()
        self._hash = (-1, "")

    def entries(self, entries: Sequence[Entry]) -> None:
        """Take note of entries that are in the journal."""
        for entry in entries:
            self._note(entry)
            said = None if self._told(entry) else say(entry.body, self._order)
            if said is not None:
                level, symbol, text = said
                self._log.append(LogView(entry.seq, entry.ts, level, symbol, text))
        if entries:
            self._sample()

    def seq_of(self, command: str) -> int:
        """Return the entry of a command by its id, 0 for one that was never taken."""
        return self._commands.get(command, 0)

    def frame(self, seq: int, health: HealthView, running: Running) -> Snapshot:
        """Return all that is shown at this moment as the frame numbered `seq`."""
        book = self.core.book
        return Snapshot(
            seq=seq,
            status=self._status(running),
            health=health,
            pnl=self._pnl(),
            radar=self._radar.rows(self.core),
            watch=watchlist(book, self._released),
            positions=positions(book),
            orders=self._orders.rows(book),
            trades=list(self._trades),
            log=list(self._log),
        )

    @staticmethod
    def delta(before: Snapshot, after: Snapshot) -> Frame:
        """Return the frame that leads from one to the other: `after` itself when another session began between them."""
        if len(after.trades) < len(before.trades) or after.trades[: len(before.trades)] != before.trades:
            return after
        return diff(before, after)

    # --- what entries leave behind -------------------------------------------------------------------------------

    def _note(self, entry: Entry) -> None:
        match entry.body:
            case TradeClosed() as body:
                self._trades.append(trade_view(body))
            case Released() as body:
                self._released[body.symbol] = body
            case Allocated() as body:
                self._released.pop(body.symbol, None)
            case Commanded() as body:
                self._commands.setdefault(body.id, entry.seq)
            case SessionStarted():
                self._trades.clear()
                self._released.clear()
                self._curve = Curve()

    def _told(self, entry: Entry) -> bool:
        """Say whether the line before says it already: who leaves the watchlist is let go for the same reason."""
        body = entry.body
        if isinstance(body, Unwatched):
            self._left = (body.symbol, body.reason)
        return isinstance(body, Released) and self._left == (body.symbol, body.reason)

    def _order(self, identity: str) -> Order | None:
        w = self.core.book.orders.all.get(identity)
        return None if w is None else w.order

    def _sample(self) -> None:
        book = self.core.book
        if book.market.now >= book.market.session.open_ns or book.orders.executions:
            self._curve.add(book.market.now // MINUTE, _day_usd(self.core))

    # --- account and status --------------------------------------------------------------------------------------

    def _pnl(self) -> PnlView:
        book = self.core.book
        portfolio, risk = book.portfolio, book.settings.risk
        day = _day_usd(self.core)
        equity = float(portfolio.equity())
        _, gross = portfolio.marks()
        reserved, reserved_risk = book.orders.reserved()
        unrealized = [portfolio.unrealized(symbol) for symbol in portfolio.positions]
        known = [value for value in unrealized if value is not None]
        open_rs = [open_r(book.trades.open.get(s), u) for s, u in zip(portfolio.positions, unrealized, strict=True)]
        power = equity * risk.leverage - gross - reserved
        return PnlView(
            equity_usd=round(equity, 2),
            realized_usd=round(float(portfolio.day_realized), 2),
            unrealized_usd=round(sum(known), 2) if len(known) == len(unrealized) else None,
            fees_usd=round(float(portfolio.day_fees), 2),
            day_usd=day,
            day_r=_sum_r([*(trade.r for trade in book.closed), *open_rs]),
            loss_left_usd=None if day is None else round(max(0.0, equity * risk.day_loss + day), 2),
            buying_power_usd=round(max(0.0, power), 2) if isfinite(power) else None,
            open_risk_usd=round(book.trades.heat_usd() + reserved_risk, 2),
            trades=len(book.closed),
            wins=sum(1 for trade in book.closed if trade.net_usd > 0),
            curve=self._curve.points(day),
        )

    def _status(self, running: Running) -> StatusView:
        book, ranking = self.core.book, self.core.ranking
        wishes = book.leaving.wishes.values()
        return StatusView(
            mode=self.core.mode,
            feed=running.feed,
            session=book.market.session.date.isoformat(),
            ts=book.market.now,
            phase=self._phase(),
            entries=book.gate.stopped or "on",
            flattening=bool(book.leaving.flatten_all) or any(w.purpose is Purpose.FLATTEN for w in wishes),
            run=running.run,
            pid=running.pid,
            version=running.version,
            started=running.started,
            speed=running.speed,
            radar_count=ranking.count if ranking else 0,
            hits=len(book.scanner.active()),
            state_hash=self._state_hash(),
            stale_ms=running.stale_ms,
            beat=ranking.ts if ranking else 0,
            regime=book.regime.label,
            stretch=str(stretch(book.market.session, book.market.now)),
        )

    def _phase(self) -> str:
        session, now = self.core.book.market.session, self.core.book.market.now
        if session.open_ns <= now < session.close_ns:
            return "open"
        if session.pre_ns <= now < session.open_ns:
            return "pre"
        return "post" if session.close_ns <= now < session.post_ns else "closed"

    def _state_hash(self) -> str:
        book = self.core.book
        # Only an entry can change what was decided.
        if self._hash[0] != book.seq:
            self._hash = (book.seq, book.digest()[:HASH_DIGITS])
        return self._hash[1]


def _day_usd(core: Core) -> float | None:
    day = core.book.portfolio.day_usd()
    return round(day, 2) if isfinite(day) else None


def _sum_r(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return round(sum(known), 2) if len(known) == len(parts) else None
