"""The core: one input in, numbered events and effects out; it reads no clock, no file and no random number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from qm.clock import MINUTE, SECOND
from qm.engine.book import Book
from qm.engine.breakers import OWNER as BREAKERS
from qm.engine.closing import END_OF_DAY, RETRY, Closing
from qm.engine.funnel import Funnel
from qm.engine.settings import EngineSettings, ExitAtClose
from qm.engine.trading import UNTIL, Trading
from qm.execution.orders import Working
from qm.market.features import NAMES, features
from qm.market.market import Market
from qm.model.commands import (
    AnyCommand,
    Ban,
    CancelOrder,
    Flatten,
    Pin,
    ResumeEntries,
    StopEntries,
    Unban,
    Unpin,
)
from qm.model.effects import Notify
from qm.model.events import (
    Assigned,
    Beat,
    Checkpoint,
    Commanded,
    EntriesResumed,
    EntriesStopped,
    Filled,
    MarketHalted,
    MarketResumed,
    Minute,
    NotStarted,
    SessionEnded,
    SessionStarted,
    StrategyUsed,
    Woke,
)
from qm.model.inputs import Accepted, AnyReport, Gone, Wake, Why
from qm.model.order import FOR_AUCTIONS, TERMINAL, Execution, Order, Purpose
from qm.radar.ranking import Ranking
from qm.rules.fees import FeeSchedule
from qm.strategies.api import Strategy
from qm.strategies.needs import unmet

END = "end"
"""Key of the timer that ends the session, a minute after the close."""
TOLD = Why.STATUS | Why.REVISED
"""Wakes by what the feed says besides prices."""
CHECKPOINT_MINUTES = 30
"""A digest of the state is journaled so often; a fold that arrives elsewhere is refused."""
LOOK_MINUTES = 5
"""Where nothing happens on the minute, the core looks so often; the kind of market is that of the last look."""


class Core:
    """Decides. `wake`, `reports` and `command` are the only ways in; what came of them waits in the book."""

    def __init__(
        self,
        settings: EngineSettings,
        strategies: dict[str, Strategy],
        market: Market,
        mode: str,
        run_number: int = 0,
        fees: FeeSchedule | None = None,
    ) -> None:
        self.settings, self.mode = settings, mode
        self.book = Book(settings, strategies, market)
        self.closing = Closing(self.book, f"{mode[0].upper()}{run_number}")
        self.trading = Trading(self.book, self.closing, fees)
        self.funnel = Funnel(self.book, self.closing, self.trading)
        self.ranking: Ranking | None = None
        """The radar at its last beat."""

    # --- sessions ------------------------------------------------------------------------------------------------

    def start_session(
        self, market: Market, equity: Decimal, assigned: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Begin a session: state it, set its timers, hand out symbols that are assigned."""
        book = self.book
        if market is not book.market:
            book.open(market)
        used = tuple(
            StrategyUsed(s.name, s.version, msgspec.to_builtins(s.params), s.source)
            for s in book.desk.strategies.values()
        )
        date = market.session.date.isoformat()
        digest = self.settings.digest()
        started = book.state(SessionStarted(date, self.mode, equity, len(market.table), digest, used, NAMES))
        self.set_timers()
        for symbol in book.portfolio.positions:
            if symbol not in market.table:
                text = f"{symbol}: {book.portfolio.qty(symbol)} shares are held, and this session cannot trade them"
                book.effects.append(Notify("critical", text))
        if book.portfolio.positions:
            self.closing.flatten(None, "held over from the session before", started.seq)
        self.funnel.ban_for_good(started.seq)
        self._start_strategies(started.seq)
        for strategy, wanted in (assigned or {}).items():
            if strategy in book.allocator.idle:
                continue
            symbols = [symbol for symbol in wanted if symbol in market.table]
            if not symbols:
                book.effects.append(Notify("warning", f"strategy {strategy}: none of its symbols is in this session"))
                continue
            allowed = tuple([symbol for symbol in symbols if not book.watchlist.is_banned(symbol)])
            book.state(Assigned(strategy, allowed), started.seq)
            self.trading.start(strategy, market.table.rows(allowed))

    def _start_strategies(self, cause: int) -> None:
        book = self.book
        for strategy in book.desk.strategies.values():
            reason = unmet(strategy, book.market)
            if reason:
                book.state(NotStarted(strategy.name, reason), cause)
                book.effects.append(Notify("warning", f"strategy {strategy.name} is not started: {reason}"))

    @property
    def _step_ns(self) -> int:
        # Where nothing happens on the minute a look now and then is enough; the market marks the others by itself.
        return MINUTE if self.book.every_minute else LOOK_MINUTES * MINUTE

    def set_timers(self) -> None:
        """Set the session's own timers, from where the session stands on."""
        book, session = self.book, self.book.market.session
        timers = book.market.timers
        start = book.begins_ns
        timers.set(max(start, book.last_minute) // MINUTE * MINUTE + self._step_ns, "minute")
        if self.settings.scans and self.settings.beat_s < 60:
            beat = self.settings.beat_s * SECOND
            timers.set(max(start, book.last_beat) // beat * beat + beat, "beat")
        flat = int(session.close_ns - self.settings.flat_min * MINUTE)
        if self.settings.exit_at_close is ExitAtClose.AUCTION:
            flat = min(flat, self.closing.auction_until_ns - MINUTE)
        if self.settings.flat_min and not book.leaving.flatten_all:
            timers.set(flat, "flat")
        for w in book.orders.limited():
            timers.set(w.until, f"{UNTIL}:{w.order.id}")
        timers.set(session.close_ns + MINUTE, END)
        if book.breakers.until_ns is not None:
            timers.set(book.breakers.until_ns, BREAKERS)

    # --- inputs --------------------------------------------------------------------------------------------------

    def wake(self, wake: Wake) -> None:
        """The market needs a decision."""
        if not wake.why & Why.TIMER:
            if wake.why & TOLD:
                self._on_told(wake)
            self._on_market(self.book.breakers.on_wake(wake))
            self.trading.on_symbol(wake.sym, wake.why)
            return
        due, key = self.book.market.timers.pop()
        name, _, rest = key.partition(":")
        if name == "minute":
            self._on_minute(due)
        elif name == "beat":
            self.book.market.timers.set(due + self.settings.beat_s * SECOND, "beat")
            self._beat(due)
        elif name == "plan":
            self._on_plan(rest)
        elif name == "flat":
            self._flat()
        elif name == UNTIL:
            self._end_entry(rest)
        elif name == RETRY:
            self.closing.retry()
        elif name == BREAKERS:
            self._on_market(self.book.breakers.on_due())
        elif name == END:
            self._end()

    def reports(self, reports: Sequence[AnyReport]) -> None:
        """The broker says what became of orders; several that came together are judged together."""
        book, closing = self.book, self.closing
        touched: dict[str, None] = {}
        for report in reports:
            w = book.orders.all.get(report.order)
            self._on_report(report, w)
            if w is not None and not (isinstance(report, Accepted) and self._nobody_waited(w.order)):
                touched[w.order.symbol] = None
        if not touched:
            return
        leaving = book.leaving.any
        if leaving:
            for symbol in touched:
                closing.leave(symbol)
        for symbol in touched:
            if book.portfolio.qty(symbol):
                closing.protect(symbol)
            else:
                closing.tidy(symbol)
        if leaving:
            closing.flattened(touched)
        ended = [report for report in reports if isinstance(report, Gone)]
        for symbol in touched:
            if ended and self._taken_back(symbol, ended):
                self.trading.on_gone(book.market.table.row(symbol))

    def _nobody_waited(self, order: Order) -> bool:
        """Say whether it changes nothing for its symbol that an order arrived.

        A stop covers from then on. An entry may be one that is to be canceled on arrival, and so may an exit that waits
        for an auction.
        """
        if order.purpose is Purpose.ENTRY:
            return not self.book.leaving.any
        return order.purpose is not Purpose.PROTECT and order.type not in FOR_AUCTIONS

    def _taken_back(self, symbol: str, ended: Sequence[Gone]) -> bool:
        """Say whether an entry that was to go is at its end, with its leg, and nothing of it filled."""
        orders = self.book.orders
        if orders.open(symbol) or self.book.portfolio.qty(symbol):
            return False
        for report in ended:
            w = orders.all.get(report.order)
            entry = w if w is None or not w.order.parent else orders.all.get(w.order.parent)
            if entry is None or entry.order.symbol != symbol or entry.order.purpose is not Purpose.ENTRY:
                continue
            if entry.asked and not entry.filled:
                return True
        return False

    def command(self, command: AnyCommand, who: str) -> Commanded:
        """Carry out an operator's command, at most once per id; returns what came of it."""
        book = self.book
        known = book.commands.get(command.id)
        if known is not None:
            return known
        outcome = self._outcome(command)
        done = Commanded(command.id, who, command, outcome)
        cause = book.state(done).seq
        if outcome != "accepted":
            return done
        match command:
            case StopEntries():
                book.state(EntriesStopped(command.reason), cause)
                self._cancel_entries(cause)
            case ResumeEntries():
                book.state(EntriesResumed(command.reason), cause)
            case Flatten():
                if command.symbol is None:
                    book.state(EntriesStopped(f"flatten: {command.reason}"), cause)
                self.closing.flatten(command.symbol, command.reason, cause)
            case CancelOrder():
                self.closing.cancel(command.order, "operator", cause)
            case Pin() | Unpin() | Ban() | Unban():
                self.funnel.carry_out(command, cause)
        return done

    # --- what the feed says besides prices -------------------------------------------------------------------------

    def _on_told(self, wake: Wake) -> None:
        book, record = self.book, self.book.market.record
        if wake.why & Why.STATUS:
            change = book.tape.on_status(wake.sym)
            if change is not None:
                book.state(change)
        elif record is not None:
            for fact, signal in book.tape.on_revised(record):
                book.state(fact, signal)
                book.effects.append(Notify("warning", f"{fact.symbol}: {fact.in_words()}"))

    def _on_market(self, change: MarketHalted | MarketResumed | None) -> None:
        if change is None:
            return
        book = self.book
        book.state(change)
        book.effects.append(Notify("critical", change.in_words()))
        if isinstance(change, MarketHalted):
            book.market.timers.set(change.until, BREAKERS)

    # --- timers --------------------------------------------------------------------------------------------------

    def _on_minute(self, due: int) -> None:
        book, market = self.book, self.book.market
        if due < market.session.close_ns:
            market.timers.set(due + self._step_ns, "minute")
        minute = book.state(Minute(due))
        # Where the core looks now and then, the market kept the minutes in between.
        since = max(book.regime.read_up_to, due - self._step_ns, market.session.open_ns)
        for each in range(due if self._step_ns == MINUTE else since + MINUTE, due + 1, MINUTE):
            read = book.regime.on_minute(each)
            if read is not None:
                book.state(read, minute.seq)
        for wake in market.end_minute(due):
            self.trading.on_symbol(wake.sym, wake.why)
        if self.settings.scans and self.settings.beat_s >= 60:
            self._beat(due)
        for symbol in list(book.trades.open):
            self.closing.protect(symbol, overdue=True)
        self._lock_after_losses()
        if book.leaving.any:
            self.closing.flatten_on(patient=True)
        if due // MINUTE % CHECKPOINT_MINUTES == 0 and self._step_ns == MINUTE:
            book.state(Checkpoint(book.digest()))

    def _beat(self, due: int) -> None:
        book = self.book
        seen = features(book.market, needed=book.needed(book.market.now))
        self.ranking = ranking = book.radar.beat(book.market, seen)
        best, *listing = ranking.names_of(ranking.order[:1], *ranking.change)
        beat = book.state(Beat(due, ranking.count, "".join(best), *listing))
        self.funnel.on_beat(seen, ranking, beat.seq)

    def _on_plan(self, rest: str) -> None:
        strategy, _, number = rest.partition(":")
        plan = int(number)
        rows = self.book.desk.waiting(plan)
        if rows is None:
            return
        self.book.state(Woke(strategy, plan), plan)
        if rows:
            self.trading.on_plan_time(strategy, rows)

    def _end_entry(self, order_id: str) -> None:
        w = self.book.orders.all.get(order_id)
        if w is not None and not (w.done or w.asked):
            self.closing.cancel(order_id, "its time is over", w.seq)

    def _lock_after_losses(self) -> None:
        book = self.book
        limit = float(book.portfolio.day_equity) * self.settings.risk.day_loss
        lost = -book.portfolio.day_usd()
        # An unknown result locks, too.
        if not lost <= limit and not book.gate.stopped:
            stopped = book.state(EntriesStopped(f"lost ${lost:,.0f} today, the limit is ${limit:,.0f}", today=True))
            book.effects.append(Notify("critical", f"entries are stopped: {book.gate.stopped}"))
            self._cancel_entries(stopped.seq)

    def _cancel_entries(self, cause: int) -> None:
        for w in list(self.book.orders.all.values()):
            if w.order.purpose is Purpose.ENTRY and not w.done and not w.asked:
                self.closing.cancel(w.order.id, self.book.gate.stopped, cause)

    def _flat(self) -> None:
        book = self.book
        book.state(EntriesStopped(END_OF_DAY, today=True))
        if book.portfolio.positions or book.orders.open_symbols():
            self.closing.flatten(None, END_OF_DAY)

    def _end(self) -> None:
        for symbol, position in self.book.portfolio.positions.items():
            text = f"{symbol}: {position.qty} shares could not be closed, and are held over the end of the session"
            self.book.effects.append(Notify("critical", text))
        self.book.state(SessionEnded(self.book.market.session.date.isoformat(), self.book.portfolio.equity()))

    # --- reports and commands ------------------------------------------------------------------------------------

    def _on_report(self, report: AnyReport, w: Working | None) -> None:
        book = self.book
        fact = book.orders.judge(report)
        if fact is None:
            return
        cause = w.seq if w else 0
        if not isinstance(fact, Execution):
            book.state(fact, cause)
            return
        assert w is not None
        order = w.order
        position, realized = book.portfolio.effect(order.symbol, order.side, fact.qty, fact.price)
        body = Filled(fact, order.symbol, order.side, position, realized)
        # The whole trade is read off before the fill ends it, and stated after the fill that caused it.
        closed = book.trades.close(body)
        opening = order.symbol not in book.trades.open
        filled = book.state(body, cause)
        if closed is not None:
            book.state(closed, filled.seq)
            self._after_trade(order.symbol, closed.strategy, filled.seq)
        elif opening:
            self._after_open(order.symbol)

    def _after_open(self, symbol: str) -> None:
        row = self.book.market.table.row(symbol)
        work = self.book.desk.works.get(row)
        if work is not None:
            self.trading.on_open(row, work)

    def _after_trade(self, symbol: str, strategy: str, cause: int) -> None:
        row = self.book.market.table.row(symbol)
        work = self.book.desk.works.get(row)
        if work is None or work.strategy != strategy:
            return
        if self.book.watchlist.is_banned(symbol):
            self.trading.release(row, "banned by the trader", cause)
        elif self.book.attempts.made(symbol, strategy) >= self.book.desk.strategies[strategy].per_day:
            self.trading.release(row, "no attempts left today", cause)
        else:
            self.trading.start(strategy, [row])

    def _outcome(self, command: AnyCommand) -> str:
        book = self.book
        if refusal := self.funnel.refusal(command):
            return f"refused: {refusal}"
        if isinstance(command, Flatten) and command.symbol is not None and command.symbol not in book.market.table:
            return f"refused: {command.symbol} is not in this session"
        if isinstance(command, CancelOrder):
            w = book.orders.all.get(command.order)
            if w is None:
                return f"refused: no order {command.order}"
            if w.status in TERMINAL:
                return f"refused: order {command.order} is {w.status}"
            if w.order.purpose is Purpose.PROTECT:
                return f"refused: {command.order} protects a position; flatten {w.order.symbol} instead"
        return "accepted"
