"""`qm data import`: foreign files in, checked sessions of a dataset out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from qm.clock import SECOND
from qm.errors import DataError, UsageError
from qm.history.catalogue import Catalogue, check_name
from qm.history.checks import Action, Finding, bar_seconds, found, joined, refuse
from qm.history.days import at_open, by_session
from qm.history.layout import QUOTES, TRADES, bars, length_of
from qm.history.manifest import Manifest
from qm.history.preview import FirstRows, Preview
from qm.history.prints import flagged
from qm.history.sound import SoundRows, marks
from qm.history.source import (
    BARS,
    NO_TIME,
    QUOTE_BARS,
    VENUE_QUOTES,
    Columns,
    Text,
    check_called,
    check_zone,
    files_of,
    read_columns,
)
from qm.history.spool import Key, Spool
from qm.history.storing import State, Stored, store_session
from qm.rules.calendar import session

__all__ = ["ImportOptions", "ImportReport", "Part", "State", "Stored", "import_files"]

_DAY_SECONDS: Final = 86_400
_MOST_SECONDS: Final = 32_767
_FAR: Final = "H"
"""How the tapes mark a price that is far from the market."""


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
    first_rows: tuple[FirstRows, ...] = ()
    """Of a dry run: the first rows of each kind, as they would be stored."""

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
    catalogue: Catalogue, path: Path | Sequence[Path], dataset: str, now: int, options: ImportOptions | None = None
) -> ImportReport:
    """Check the files at `path`, or at several, and store them by session; `now` is the wall time to note, ns UTC.

    Every session is stored whole or not at all; one that is there already with other data stays, unless `replace`.
    Raises NotFoundError and UsageError for what was asked, DataError when no file can be read, DiskFullError.
    """
    options = options or ImportOptions()
    check_name(dataset)
    check_called(options.called)
    check_zone(options.timezone)
    if options.seconds is not None and options.seconds < 1:
        raise UsageError(f"Bars of {options.seconds} s make no sense.", "Give --seconds the length of a bar, e.g. 60.")
    paths = [path] if isinstance(path, Path) else path
    files = [file for each in paths for file in files_of(each)]
    where = ", ".join(map(str, paths))
    with Spool(catalogue.scratch) as spool:
        reader = _Reader(spool, options)
        for file in files:
            reader.read(file, alone=len(files) == 1)
        if not reader.groups:
            raise DataError(f"No file below {where} is market data.", "Bars, trades or quotes, in Parquet or CSV, are.")
        preview = Preview() if options.dry_run else None
        origin = _Origin(dataset, options.source or where, now, options, preview)
        stored = [_store(catalogue, reader, spool, key, origin) for key in spool.sessions()]
    sessions = tuple(each for each in stored if each is not None)
    parts = tuple(group.part(name) for name, group in reader.groups.items())
    first_rows = tuple(preview.first) if preview is not None else ()
    return ImportReport(dataset, options.dry_run, parts, sessions, reader.refused, first_rows)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What is noted with every session of an import."""

    dataset: str
    source: str
    now: int
    options: ImportOptions
    preview: Preview | None


def _store(catalogue: Catalogue, reader: _Reader, spool: Spool, key: Key, origin: _Origin) -> Stored | None:
    name, date = key
    options = origin.options
    group = reader.groups[name]
    of = session(dt.date.fromisoformat(date))
    findings: list[Finding] = []
    with SoundRows(spool, key, of, updates=options.updates) as sound:
        rows = sound.take(findings)
        if origin.preview is not None and not rows.empty:
            origin.preview.look(name, _stored_as(name), of, rows, group.findings)
        group.findings += findings
        if rows.empty:
            return None
        seconds = length_of(name) or 0
        manifest = Manifest(
            dataset=origin.dataset,
            kind=_stored_as(name),
            session=date,
            seconds=(of.close_ns - of.open_ns) // SECOND if seconds == _DAY_SECONDS else seconds,
            rows=0,
            symbols=0,
            first=0,
            last=0,
            source=origin.source,
            fetched_at=origin.now,
            etag=options.etag,
            known_at=options.known_at,
            findings=tuple(joined(group.noted.pop(date, []) + findings)),
        )
        stored = store_session(catalogue, manifest, rows, replace=options.replace, dry_run=options.dry_run)
    group.kept += stored.rows
    return stored


@dataclass(slots=True)
class _Group:
    """What is known of the rows that become one kind of data."""

    files: list[str] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    symbols: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    noted: dict[str, list[Finding]] = field(default_factory=dict)
    """What was said of rows while they were laid down, by session."""

    def part(self, name: str) -> Part:
        findings = tuple(joined(self.findings))
        return Part(_stored_as(name), tuple(self.files), self.read, self.kept, len(self.symbols), findings)


class _Reader:
    """Reads files and lays their rows down by what they become and by session."""

    def __init__(self, spool: Spool, options: ImportOptions) -> None:
        self.groups: dict[str, _Group] = {}
        self.refused: dict[str, str] = {}
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
                self._lay_down(name, columns, taken)
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
        for date, findings in taken.noted.items():
            group.noted.setdefault(date, []).extend(findings)

    def _lay_down(self, name: str, columns: Columns, taken: _Group) -> None:
        findings = taken.findings
        columns = refuse(columns, columns.ts == NO_TIME, "has no time", findings)
        columns = _suspicious(columns, findings)
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
                taken.noted.setdefault(of.date.isoformat(), []).extend(findings[said:])
            kept = dataclasses.replace(kept, texts={})
            self._spool.add((name, of.date.isoformat()), self._files, kept, *marks(kept))


def _suspicious(columns: Columns, findings: list[Finding]) -> Columns:
    """Return the rows without those that their source suspects; of prints with conditions, the shares count."""
    if "suspicious" not in columns.values:
        return columns
    values = dict(columns.values)
    suspicious = values.pop("suspicious") != 0
    columns = dataclasses.replace(columns, values=values)
    told = columns.texts.get("conditions")
    if told is None:
        found(columns, suspicious, "suspicious, says the source: left out", Action.REPAIRED, findings)
        return columns.take(~suspicious)
    found(columns, suspicious, "suspicious, says the source: sets no price", Action.KEPT, findings)
    words = (*told.words, *(word + _FAR for word in told.words))
    code = np.where(suspicious, told.code + len(told.words), told.code).astype(np.int32)
    return dataclasses.replace(columns, texts=columns.texts | {"conditions": Text(code, words)})


def _name(file: Path, columns: Columns, options: ImportOptions) -> str:
    if columns.layout != BARS:
        return columns.layout
    seconds = options.seconds or columns.seconds or bar_seconds(columns)
    if seconds is None:
        raise UsageError(f"{file} does not show how long its bars are.", "Say it with --seconds.")
    if seconds > _MOST_SECONDS and seconds != _DAY_SECONDS:
        raise UsageError(f"Bars of {seconds} s cannot be stored.", "Use bars of at most nine hours, or daily ones.")
    return bars(seconds)


def _stored_as(name: str) -> str:
    return QUOTES if name in (VENUE_QUOTES, QUOTE_BARS) else name


def _at_the_end(columns: Columns, options: ImportOptions) -> Columns:
    """Make quotes of what quote bars close at."""
    seconds = options.seconds or columns.seconds or bar_seconds(columns)
    if seconds is None:
        raise UsageError("The quote bars do not show how long they are.", "Say it with --seconds.")
    values = {name.removesuffix("_close"): column for name, column in columns.values.items()}
    # One ns before the end: the last one of the day still belongs to its session, and a bar of trades comes after it.
    shift = 0 if options.end_labels else seconds * SECOND
    return dataclasses.replace(columns, ts=columns.ts + shift - 1, values=values)
