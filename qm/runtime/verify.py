"""Proof of a recorded session: its inputs are run again, and every decision is compared with the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from qm.engine.core import Core
from qm.engine.session import Listener, Session
from qm.engine.settings import RunSettings
from qm.history.records import RecordHeader, read_records
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Commanded, Entry
from qm.model.market import Events
from qm.ports import Venue
from qm.rules.calendar import session as session_of
from qm.runtime.run import MakeVenue
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.api import Strategy


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What running a recording again came to."""

    run: str
    identical: bool
    entries: int
    """Entries compared."""
    records: int
    journal_hash: str
    """Head of the chain of the journal."""
    again_hash: str
    """Head of the chain of the second run."""
    at: int = 0
    """`seq` of the first entry that differs; 0 when none does."""
    journal_entry: str = ""
    """The first entry that differs, as JSON; empty when one side has none."""
    again_entry: str = ""


class Decided(msgspec.Struct, frozen=True):
    """A run decided anew from its inputs."""

    header: RunHeader
    journal: MemoryJournal
    records: int


def decide_again(
    header: RecordHeader,
    records: Events,
    commands: Sequence[Entry],
    strategies: dict[str, Strategy],
    make_venue: MakeVenue,
    cuts: Iterable[int] = (),
    listener: Listener | None = None,
) -> Decided:
    """Run the engine over recorded inputs; `commands` are the journaled ones, `cuts` further places to cut batches.

    The `listener` sees what happens as that of the recorded run did.
    """
    import datetime as dt

    settings = RunSettings.of(header.settings)
    table = header.table()
    day = session_of(dt.date.fromisoformat(header.session))
    reference = header.reference.reference() if header.reference else Reference.empty(len(table))
    market = Market(table, day, reference, prints=settings.prints)
    core = Core(settings.engine, strategies, market, settings.mode, settings.run_number, settings.fees)
    venue: Venue = make_venue(market, settings)
    journal = MemoryJournal()
    run = RunHeader(
        id=header.run,
        mode=settings.mode,
        session=header.session,
        started=0,
        settings=header.settings,
        symbols=table.digest(),
        code=header.code,
    )
    journal.start_run(run)
    session = Session(core, venue, journal, listener)
    session.start(market, settings.equity, {n: s or table.names for n, s in settings.assigned.items()})
    for start, end, command in _schedule(len(records), commands, cuts):
        if end > start:
            session.feed(records[start:end])
        if command is not None:
            session.command(command.command, command.who)
    return Decided(run, journal, len(records))


def verify(
    recording: Path, journal: Iterable[Entry], head: bytes, strategies: dict[str, Strategy], make_venue: MakeVenue
) -> Verification:
    """Run a recording again and compare it, entry by entry, with the journal of its run."""
    header, records = read_records(recording)
    entries = list(journal)
    commands = [entry for entry in entries if isinstance(entry.body, Commanded)]
    again = decide_again(header, records, commands, strategies, make_venue)
    others = list(again.journal.read(header.run))
    again_head = again.journal.head(header.run)[1]
    at, ours, theirs = _first_difference(entries, others)
    return Verification(
        run=header.run,
        identical=at == 0 and head == again_head,
        entries=len(entries),
        records=len(records),
        journal_hash=head.hex(),
        again_hash=again_head.hex(),
        at=at,
        journal_entry=ours,
        again_entry=theirs,
    )


def _schedule(
    count: int, commands: Sequence[Entry], cuts: Iterable[int]
) -> Iterator[tuple[int, int, Commanded | None]]:
    stops: list[tuple[int, Commanded | None]] = [(cut, None) for cut in cuts]
    for entry in commands:
        assert isinstance(entry.body, Commanded)
        stops.append((entry.at, entry.body))
    # Stable: commands at one place keep their order.
    stops.sort(key=lambda stop: stop[0])
    start = 0
    for stop, command in stops:
        yield start, stop, command
        start = max(start, stop)
    yield start, count, None


def _first_difference(ours: Sequence[Entry], theirs: Sequence[Entry]) -> tuple[int, str, str]:
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            return one.seq, _shown(one), _shown(other)
    if len(ours) == len(theirs):
        return 0, "", ""
    at = min(len(ours), len(theirs))
    return at + 1, _shown(ours[at]) if at < len(ours) else "", _shown(theirs[at]) if at < len(theirs) else ""


def _shown(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()
