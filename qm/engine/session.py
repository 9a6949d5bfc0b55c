"""The one driver of all four clocks: decisions in the market's own order, the journal before every effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from qm.engine.core import END, Core
from qm.errors import DivergedError
from qm.market.market import Market
from qm.model.commands import AnyCommand
from qm.model.effects import Cancel, Notify, Replace, Submit
from qm.model.events import Checkpoint, Commanded, Entry
from qm.model.inputs import AnyReport, Refusal, Why
from qm.model.market import Events
from qm.model.order import OrderStatus
from qm.ports import JournalSink, Venue
from qm.radar.marks import KEPT_NS
from qm.radar.ranking import Ranking


class Listener(Protocol):
    """Who wants to see what happened, after it is in the journal."""

    def on_entries(self, entries: Sequence[Entry]) -> None:
        """Entries were journaled."""
        ...

    def on_ranking(self, ranking: Ranking) -> None:
        """The radar had a beat."""
        ...

    def on_notice(self, notice: Notify) -> None:
        """The trader should be told."""
        ...


class Session:
    """Feeds records to the market and inputs to the core, and carries out effects once they are durable."""

    def __init__(self, core: Core, venue: Venue, journal: JournalSink, listener: Listener | None = None) -> None:
        self.core, self.venue, self.journal, self.listener = core, venue, journal, listener
        self.wakes = 0
        self._ranking: Ranking | None = None

    def start(self, market: Market, equity: Decimal, assigned: Mapping[str, Sequence[str]] | None = None) -> None:
        """Begin the session of a market."""
        self.core.start_session(market, equity, assigned)
        self._carry_out()
        self.flush(durable=True)

    def feed(self, events: Events) -> None:
        """Consume records in order; how they are cut into batches makes no difference."""
        core, market = self.core, self.core.book.market
        venue, run = self.venue, market.run
        index = 0
        while True:
            index, wake = run(events, index)
            if wake is None:
                break
            self.wakes += 1
            if wake.why & Why.TIMER:
                reports = venue.end_session(wake.ts) if market.timers.next_key() == END else ()
            else:
                # What is taken back was no trade, and fills nothing.
                reports = () if wake.why & Why.REVISED else venue.on_wake(wake)
            if reports:
                self._report(reports)
            core.wake(wake)
            if core.book.effects:
                self._carry_out()
            if core.ranking is not self._ranking:
                self._show_ranking()
        self.flush()

    def command(self, command: AnyCommand, who: str) -> Commanded:
        """Carry out an operator's command now."""
        done = self.core.command(command, who)
        self._carry_out()
        self.flush(durable=True)
        return done

    def resume(self, entries: Sequence[Entry], records: Events) -> None:
        """Bring back the state of a journal: the market is replayed to where each entry was stated, nothing decided.

        Records that were kept but not decided on before the stop are decided now, as they would have been.
        """
        market, book = self.core.book.market, self.core.book
        begun = market.consumed
        # The radar remembers no longer; scoring the market of every beat since 04:00 again would take minutes.
        book.radar.marks_from = entries[-1].ts - KEPT_NS if entries else 0
        for entry in entries:
            market.replay(records[market.consumed - begun : entry.at - begun])
            if isinstance(entry.body, Checkpoint) and entry.body.state != book.digest():
                raise DivergedError(
                    f"The journal does not fold to the state that it holds at entry {entry.seq}.",
                    "The program changed or the journal was damaged: close positions at the broker, start a new run.",
                )
            book.fold(entry)
        market.timers.keep("plan:")
        self.core.set_timers()

    def settle(self) -> None:
        """Finish what a stop interrupted: send again what no broker can have, renew protection, go on leaving.

        Only for a simulated exchange, which forgot everything with the process: an order that was never acknowledged
        there does not exist. A broker outside must be asked instead.
        """
        book = self.core.book
        for w in [w for w in book.orders.all.values() if w.status is OrderStatus.INTENDED]:
            self.core.reports([Refusal(w.order.id, book.market.now, "the exchange stopped before it answered")])
        book.effects += [Cancel(w.order.id) for w in book.orders.all.values() if w.asked and not w.done]
        self._carry_out()
        for symbol in list(book.portfolio.positions):
            self.core.closing.leave(symbol)
            self.core.closing.protect(symbol)
        self._carry_out()
        self.flush(durable=True)

    def flush(self, durable: bool = False) -> None:
        """Hand what was stated to the journal."""
        entries = self.core.book.entries
        if not entries:
            return
        self.core.book.entries = []
        self.journal.append(entries, durable)
        if self.listener is not None:
            self.listener.on_entries(entries)

    def _report(self, reports: Sequence[AnyReport]) -> None:
        self.core.reports(reports)
        self._carry_out()

    def _carry_out(self) -> None:
        book = self.core.book
        while book.effects:
            self.flush(durable=True)
            effects, book.effects = book.effects, []
            reports: list[AnyReport] = []
            for effect in effects:
                if isinstance(effect, Submit):
                    reports += self.venue.submit(effect.order, effect.leg, book.market.now)
                elif isinstance(effect, Cancel):
                    reports += self.venue.cancel(effect.order, book.market.now)
                elif isinstance(effect, Replace):
                    reports += self.venue.replace(effect.old, effect.order, book.market.now)
                elif self.listener is not None:
                    self.listener.on_notice(effect)
            if reports:
                self.core.reports(reports)

    def _show_ranking(self) -> None:
        self._ranking = self.core.ranking
        if self.listener is not None and self._ranking is not None:
            self.listener.on_ranking(self._ranking)
