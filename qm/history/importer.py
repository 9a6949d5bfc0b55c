"""`qm data import`: foreign files in, checked sessions of a dataset out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from qm.clock import SECOND
from qm.errors import DataError, UsageError
from qm.history.catalogue import Catalogue, check_name
from qm.history.checks import Action, Finding, bar_seconds, checked, joined, refuse, strange_bars
from qm.history.days import at_open, by_session
from qm.history.layout import FACTS, QUOTES, TRADES, Array, SessionData, bars, events_of, length_of
from qm.history.manifest import Manifest
from qm.history.prints import flagged, told_once
from qm.history.source import BARS, QUOTE_BARS, VENUE_QUOTES, Columns, check_called, encoded, files_of, read_columns
from qm.history.spool import Key, Spool
from qm.history.summaries import Summaries
from qm.model.instrument import SymbolTable
from qm.rules.calendar import Session, session

_DAY_SECONDS: Final = 86_400
_MOST_SECONDS: Final = 32_767
_SUMMED_ROWS: Final = 5_000_000
"""Of a session; a larger one is summed up when it is first needed."""


class State(StrEnum):
    """What happened to a session; on a dry run, what would."""

    NEW = "new"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    EXTENDED = "extended"
    """What is there stays, with more beside it."""
    CONFLICT = "conflict"
    """Other data is there already, and stays."""


class Stored(msgspec.Struct, frozen=True):
    """One session of one kind."""

    kind: str
    session: str
    rows: int
    symbols: int
    bytes: int
    state: State


class Part(msgspec.Struct, frozen=True):
    """What became of the rows of one layout."""

    kind: str
    files: tuple[str, ...]
    rows_read: int
    rows_kept: int
    symbols: int
    findings: tuple[Finding, ...]


class ImportReport(msgspec.Struct, frozen=True):
    """What an import did, or would do."""

    dataset: str
    dry_run: bool
    parts: tuple[Part, ...]
    sessions: tuple[Stored, ...]
    refused_files: dict[str, str]
    """Files that are no market data, and why."""

    @property
    def rows_refused(self) -> int:
        """Rows that were not taken."""
        return sum(each.rows for part in self.parts for each in part.findings if each.action is Action.REFUSED)


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the files."""

    seconds: int | None = None
    """Length of the bars; None to infer it."""
    end_labels: bool = False
    """The source labels bars by their end."""
    updates: bool = False
    """A bar that is told again, with other numbers, corrects the one before it."""
    timezone: str = "UTC"
    """Of times that carry no zone."""
    called: dict[str, str] = {}
    """What the files call a column of ours, where they do not use a usual name."""
    replace: bool = False
    """Put other data in the place of sessions that are there."""
    dry_run: bool = False
    source: str = ""
    """What to note as the origin; the path by default."""
    etag: str = ""
    """What the origin calls this version."""
    known_at: int = 0
    """When the origin published it, ns UTC; 0 when it does not say."""
    only: dt.date | None = None
    """Refuse rows of all other sessions; None takes every session."""


def import_files(
    catalogue: Catalogue, path: Path, dataset: str, now: int, options: ImportOptions | None = None
) -> ImportReport:
    """Check the files at `path` and store them by session; `now` is the wall time to note, ns UTC.

    Every session is stored whole or not at all; one that is there already with other data stays, unless `replace`.
    Raises NotFoundError and UsageError for what was asked, DataError when no file can be read, DiskFullError.
    """
    options = options or ImportOptions()
    check_name(dataset)
    check_called(options.called)
    files = files_of(path)
    with Spool(catalogue.scratch) as spool:
        reader = _Reader(spool, options)
        for file in files:
            reader.read(file, alone=len(files) == 1)
        if not reader.groups:
            raise DataError(f"No file below {path} is market data.", "Bars, trades or quotes, in Parquet or CSV, are.")
        sessions: list[Stored] = []
        for name, date in spool.sessions():
            group = reader.groups[name]
            of = session(dt.date.fromisoformat(date))
            said = len(group.findings)
            rows = _checked(name, spool.take((name, date)), of, options, group.findings)
            if len(rows.ts):
                manifest = _manifest(dataset, name, rows, of, options.source or str(path), now)
                noted = tuple(joined(reader.noted.get((name, date), []) + group.findings[said:]))
                manifest = msgspec.structs.replace(
                    manifest, etag=options.etag, known_at=options.known_at, findings=noted
                )
                group.kept += manifest.rows
                sessions.append(store(catalogue, manifest, rows, replace=options.replace, dry_run=options.dry_run))
    parts = tuple(group.part(name) for name, group in reader.groups.items())
    return ImportReport(dataset, options.dry_run, parts, tuple(sessions), reader.refused)


@dataclass(slots=True)
class _Group:
    """What is known of the rows that become one kind of data."""

    files: list[str] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    symbols: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def part(self, name: str) -> Part:
        findings = tuple(joined(self.findings))
        return Part(_stored_as(name), tuple(self.files), self.read, self.kept, len(self.symbols), findings)


class _Reader:
    """Reads files and lays their rows down by what they become and by session."""

    def __init__(self, spool: Spool, options: ImportOptions) -> None:
        self.groups: dict[str, _Group] = {}
        self.refused: dict[str, str] = {}
        self.noted: dict[Key, list[Finding]] = {}
        """What was said of rows while they were laid down, by what they become and their session."""
        self._spool = spool
        self._options = options
        self._venues: dict[str, int] = {}
        self._files = 0

    def read(self, file: Path, *, alone: bool) -> None:
        """Take a file in whole, or not at all; DataError when it is `alone`, else it is noted as refused."""
        self._files += 1
        taken = _Group([str(file)])
        name = ""
        try:
            for columns in read_columns(file, self._options.timezone, self._options.called):
                name = name or _name(file, columns, self._options)
                taken.read += len(columns.ts)
                taken.symbols.update(columns.names)
                self._lay_down(name, columns, taken.findings)
        except DataError as error:
            if alone:
                raise
            self._spool.drop(self._files)
            self.refused[str(file)] = error.problem
            return
        group = self.groups.setdefault(name, _Group())
        group.files += taken.files
        group.read += taken.read
        group.symbols |= taken.symbols
        group.findings += taken.findings

    def _lay_down(self, name: str, columns: Columns, findings: list[Finding]) -> None:
        seconds = length_of(name)
        if seconds == _DAY_SECONDS:
            columns = at_open(columns, findings)
        elif seconds is not None and self._options.end_labels:
            columns = dataclasses.replace(columns, ts=columns.ts - seconds * SECOND)
        elif name == QUOTE_BARS:
            columns = _at_the_end(columns, self._options)
        elif "exchange" in columns.texts:
            venue = columns.texts["exchange"]
            numbers = [self._venues.setdefault(word, len(self._venues)) for word in venue.words]
            columns = dataclasses.replace(
                columns, values=columns.values | {"venue": np.array(numbers, np.int32)[venue.code]}
            )
        columns.values["file"] = np.full(len(columns.ts), self._files, np.int32)
        for of, rows in by_session(columns, findings):
            if self._options.only not in (None, of.date):
                refuse(rows, np.ones(len(rows.ts), bool), f"not of {self._options.only}", findings)
                continue
            said = len(findings)
            kept = flagged(rows, of, findings) if name == TRADES else rows
            if len(findings) > said:
                self.noted.setdefault((name, of.date.isoformat()), []).extend(findings[said:])
            self._spool.add((name, of.date.isoformat()), self._files, dataclasses.replace(kept, texts={}))


def _name(file: Path, columns: Columns, options: ImportOptions) -> str:
    if columns.layout != BARS:
        return columns.layout
    seconds = options.seconds or bar_seconds(columns)
    if seconds is None:
        raise UsageError(f"{file} does not show how long its bars are.", "Say it with --seconds.")
    if seconds > _MOST_SECONDS and seconds != _DAY_SECONDS:
        raise UsageError(f"Bars of {seconds} s cannot be stored.", "Use bars of at most nine hours, or daily ones.")
    return bars(seconds)


def _stored_as(name: str) -> str:
    return QUOTES if name in (VENUE_QUOTES, QUOTE_BARS) else name


def _at_the_end(columns: Columns, options: ImportOptions) -> Columns:
    """Make quotes of what quote bars close at."""
    seconds = options.seconds or bar_seconds(columns)
    if seconds is None:
        raise UsageError("The quote bars do not show how long they are.", "Say it with --seconds.")
    values = {name.removesuffix("_close"): column for name, column in columns.values.items()}
    # One ns before the end: the last one of the day still belongs to its session, and a bar of trades comes after it.
    shift = 0 if options.end_labels else seconds * SECOND
    return dataclasses.replace(columns, ts=columns.ts + shift - 1, values=values)


def _checked(name: str, rows: Columns, of: Session, options: ImportOptions, findings: list[Finding]) -> Columns:
    if name == TRADES:
        return checked(told_once(rows, findings), findings)
    if name == VENUE_QUOTES:
        # Only who has quotes of single venues pays for compiling what joins them.
        from qm.history.consolidate import best_of

        return best_of(checked(rows.without("file"), findings), findings)
    rows = checked(rows.without("file"), findings, updates=options.updates)
    seconds = length_of(name)
    if seconds is not None and seconds != _DAY_SECONDS:
        strange_bars(rows, seconds, of, findings)
    return rows


def _manifest(dataset: str, name: str, rows: Columns, of: Session, source: str, now: int) -> Manifest:
    seconds = length_of(name) or 0
    return Manifest(
        dataset=dataset,
        kind=_stored_as(name),
        session=of.date.isoformat(),
        seconds=(of.close_ns - of.open_ns) // SECOND if seconds == _DAY_SECONDS else seconds,
        rows=len(rows.ts),
        symbols=len(np.unique(rows.symbol)),
        first=int(rows.ts[0]),
        last=int(rows.ts[-1]),
        source=source,
        fetched_at=now,
    )


def store(
    catalogue: Catalogue, manifest: Manifest, rows: Columns, *, replace: bool, dry_run: bool, added: bool = False
) -> Stored:
    """Put checked rows into the catalogue, where they are new or may `replace` others; DataError, DiskFullError.

    With `added` they hold what is there and more.
    """
    data = encoded(rows)
    manifest = msgspec.structs.replace(manifest, sha256=sha256(data).hexdigest(), bytes=len(data))
    there = catalogue.sha256(manifest.dataset, manifest.kind, dt.date.fromisoformat(manifest.session))
    if there is None:
        state = State.NEW
    elif there == manifest.sha256:
        date = dt.date.fromisoformat(manifest.session)
        state = State.UNCHANGED if catalogue.sound(manifest.dataset, manifest.kind, date) else State.REPLACED
    else:
        state = State.EXTENDED if added else State.REPLACED if replace else State.CONFLICT
    if state in (State.NEW, State.REPLACED, State.EXTENDED) and not dry_run:
        catalogue.put(manifest, data)
        _sum_up(catalogue, manifest, rows)
    elif state is State.UNCHANGED and manifest.etag and not dry_run:
        # The same rows under another etag: noted, so that nobody fetches them a third time.
        catalogue.put(manifest, data)
    return Stored(manifest.kind, manifest.session, manifest.rows, manifest.symbols, manifest.bytes, state)


def _sum_up(catalogue: Catalogue, manifest: Manifest, rows: Columns) -> None:
    """Keep the summary of a session while its rows are at hand: a run that needs a year of them then begins at once."""
    if manifest.kind in (*FACTS, QUOTES) or manifest.rows > _SUMMED_ROWS:
        return
    columns: dict[str, Array] = {"ts": rows.ts, **rows.values}
    events = events_of(manifest.kind, columns, rows.symbol, manifest.seconds)
    data = SessionData(SymbolTable(rows.names), events, dt.date.fromisoformat(manifest.session), manifest.sha256)
    Summaries(catalogue, manifest.dataset, manifest.kind).keep(data)
