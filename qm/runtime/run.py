"""A run: its journal, its recording, and the engine between them, new or brought back after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import numpy as np

from qm.clock import now_ns
from qm.engine.core import Core
from qm.engine.day import Day
from qm.engine.session import Listener, Session
from qm.engine.settings import EngineSettings, RunSettings
from qm.errors import DataError
from qm.history.records import RAW, RecordHeader, RecordWriter, ReferenceColumns, read_records
from qm.market.market import Market
from qm.model.events import Entry, Filled, SessionEnded
from qm.model.market import Events, Kind
from qm.model.order import Order, OrderStatus, Side
from qm.ports import JournalSink, Venue
from qm.runtime.strategy_files import keep_sources, kept_sources, refuse_changed
from qm.store.chain import RunHeader
from qm.store.port import JournalPort
from qm.strategies.api import Strategy

Resting = tuple[Order, str | None, int, OrderStatus, int | None, int, bool]
"""An order at the exchange: it, the parent of a leg, shares filled, status, active shares, time sent, stop met."""


class RestartableVenue(Venue, Protocol):
    """A simulated exchange that can take up the orders a journal ended with."""

    def restore(
        self,
        working: Iterable[Resting],
        executions: int,
        positions: Mapping[str, int] | None = None,
        traded: Iterable[tuple[Side, int, Decimal, str, str, int]] = (),
    ) -> None:
        """Take up the working orders, the count of executions, the positions and the fills a journal ends with."""
        ...


MakeVenue = Callable[[Market, RunSettings], RestartableVenue]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run needs from outside."""

    settings: RunSettings
    strategies: dict[str, Strategy]
    day: Day
    """The session to run; its batches begin anew each time they are iterated."""
    make_venue: MakeVenue
    feed: str
    """The feed as the trader wrote it."""
    code: str
    """Version of the program."""
    recordings: Path
    """Folder of recordings."""
    remake: Callable[[EngineSettings], dict[str, Strategy]] | None = None
    """Makes the strategies of an earlier run out of its own settings; None where they cannot have changed."""


class Durable:
    """A journal whose durable entries are never ahead of the recording: first the records, then what they led to."""

    def __init__(self, journal: JournalSink, recorder: RecordWriter) -> None:
        self._journal, self._recorder = journal, recorder

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Store entries; when `durable`, the records before them have survived a power cut, too."""
        if durable:
            self._recorder.flush()
        self._journal.append(entries, durable)


class Run:
    """One session's engine with its journal and its recording: records are kept before they are decided on."""

    def __init__(self, setup: Setup, journal: JournalPort, header: RunHeader, recorder: RecordWriter) -> None:
        self.setup, self.journal, self.header, self.recorder = setup, journal, header, recorder
        day, settings = setup.day, setup.settings
        self.market = Market(day.table, day.session, day.reference, prints=settings.prints)
        mode, number = settings.mode, settings.run_number
        self.core = Core(settings.engine, setup.strategies, self.market, mode, number, settings.fees)
        self.venue = setup.make_venue(self.market, settings)
        self.session = Session(self.core, self.venue, Durable(journal, recorder))
        self.resumed = 0
        """Entries folded from the journal at the start; 0 for a new run."""

    @classmethod
    def begin(cls, setup: Setup, journal: JournalPort) -> Run:
        """Start a new run."""
        settings, day = setup.settings, setup.day
        date = day.session.date.isoformat()
        header = RunHeader(
            id=f"{settings.mode}-{settings.run_number}",
            mode=settings.mode,
            session=date,
            started=now_ns(),
            feed=setup.feed,
            settings=settings.text(),
            symbols=day.table.digest(),
            code=setup.code,
        )
        kept = RecordHeader(
            session=date,
            run=header.id,
            symbols=day.table.names,
            reference=ReferenceColumns.of(day.reference),
            settings=header.settings,
            code=setup.code,
        )
        keep_sources(setup.strategies.values(), kept_sources(setup.recordings))
        recorder = RecordWriter.create(setup.recordings / f"{header.id}.rec", kept)
        journal.start_run(header)
        run = cls(setup, journal, header, recorder)
        assigned = {name: symbols or day.table.names for name, symbols in settings.assigned.items()}
        run.session.start(run.market, settings.equity, assigned)
        return run

    @classmethod
    def resume(cls, setup: Setup, journal: JournalPort, header: RunHeader) -> Run:
        """Bring back a run that was stopped, by a fold of its journal over its recording.

        Raises DivergedError when the fold does not arrive at a digest that the journal holds, and ConfigError when the
        rules of a strategy are not those with which the run began.
        """
        # A resumed run does not change its mind: it goes on with the settings it was begun with.
        settings = RunSettings.of(header.settings)
        again = setup.remake(settings.engine) if setup.remake else setup.strategies
        refuse_changed(journal.read(header.id), again, header.id, kept_sources(setup.recordings))
        setup = replace(setup, settings=settings, strategies=again)
        recorder = RecordWriter.resume(setup.recordings / f"{header.id}.rec")
        journal.resume(header.id)
        run = cls(setup, journal, header, recorder)
        entries = list(journal.read(header.id))
        _, records = read_records(recorder.path)
        if entries and entries[-1].at > len(records):
            raise DataError(
                f"The recording of run {header.id} ends at record {len(records):,}, its journal at {entries[-1].at:,}.",
                "Records were lost, so the state cannot be brought back: start anew with `qm up --fresh`.",
            )
        run.session.resume(entries, records)
        run.resumed = len(entries)
        orders, positions = run.core.book.orders, run.core.book.portfolio.positions
        # Parents come before their legs: the book keeps its orders in the order in which they were intended.
        resting = [
            (w.order, w.order.parent, w.filled, w.status, w.active, w.sent, w.triggered)
            for w in orders.all.values()
            if not w.done and w.status is not OrderStatus.INTENDED
        ]
        traded = [
            (b.side, b.execution.qty, b.execution.price, b.execution.order, b.symbol, b.execution.ts)
            for b in (e.body for e in entries)
            if isinstance(b, Filled)
        ]
        run.venue.restore(resting, orders.executions, {symbol: p.qty for symbol, p in positions.items()}, traded)
        run.session.settle()
        run.session.feed(records[run.market.consumed :])
        return run

    def listen(self, listener: Listener) -> None:
        """Show what happens from now on to a listener."""
        self.session.listener = listener

    def time_journal(self, wrap: Callable[[JournalSink], JournalSink]) -> None:
        """Put something between the engine and its journal, to measure it."""
        self.session.journal = wrap(self.session.journal)

    def feed(self, events: Events) -> None:
        """Keep records, then decide on them."""
        self.recorder.append(events)
        self.session.feed(events)

    @property
    def fed(self) -> int:
        """Records of the source that were fed, the clock's own not counted."""
        _, records = read_records(self.recorder.path)
        return int(np.count_nonzero(records["kind"] != Kind.CLOCK))

    @property
    def equity(self) -> Decimal:
        """What the account is worth now."""
        return self.core.book.portfolio.equity()

    @property
    def over(self) -> bool:
        """The session has ended."""
        return self.core.book.ended

    def close(self) -> None:
        """Put everything down: the recording is sealed when the session is over, else it can be resumed."""
        self.session.flush(durable=True)
        if self.over:
            self.recorder.seal()
        else:
            self.recorder.close()


def next_number(journal: JournalPort, recordings: Path) -> int:
    """Return a run number that neither the journal nor a recording has used.

    A journal may have been moved away; its recordings are still the only proof of what it holds.
    """
    names = [header.id for header in journal.runs()] + [path.stem for path in recordings.glob("*-*.*")]
    used = [int(tail) for tail in (name.rpartition("-")[2] for name in names) if tail.isdecimal()]
    return max(used, default=0) + 1


def unfinished(journal: JournalPort, mode: str, feed: str, recordings: Path) -> RunHeader | None:
    """Return the last run of a mode if it was fed by the same feed, its session is not over and its recording open."""
    header = journal.last_run()
    if header is None or header.mode != mode or header.feed != feed:
        return None
    if not (recordings / f"{header.id}{RAW}").exists():
        return None
    seq, _ = journal.head(header.id)
    over = not seq or any(isinstance(e.body, SessionEnded) for e in journal.read(header.id, after=max(0, seq - 10)))
    return None if over else header
