"""`qm data import`: foreign files in, checked sessions of a dataset out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from qm.clock import DAY, HOUR, SECOND, ny_offset_ns
from qm.errors import DataError, UsageError
from qm.history.catalogue import Catalogue, check_name
from qm.history.checks import Action, Finding, bar_seconds, checked, refuse, strange_bars
from qm.history.layout import Array, bars, length_of
from qm.history.manifest import Manifest
from qm.history.source import BARS, Columns, check_called, encoded, files_of, read_columns, together
from qm.rules.calendar import Session, is_session, session

_EPOCH: Final = dt.date(1970, 1, 1)
_DAY_SECONDS: Final = 86_400
_MOST_SECONDS: Final = 32_767
_EVENING: Final = 4 * HOUR
"""From 20:00 in New York on, prints belong to the next trading date."""


class State(StrEnum):
    """What happened to a session; on a dry run, what would."""

    NEW = "new"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
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
    timezone: str = "UTC"
    """Of times that carry no zone."""
    called: dict[str, str] = {}
    """What the files call a column of ours, where they do not use a usual name."""
    replace: bool = False
    """Put other data in the place of sessions that are there."""
    dry_run: bool = False
    source: str = ""
    """What to note as the origin; the path by default."""


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
    groups, refused = _read(files_of(path), options)
    if not groups:
        raise DataError(f"No file below {path} is market data.", "Bars, trades or quotes, in Parquet or CSV, are.")
    parts: list[Part] = []
    sessions: list[Stored] = []
    for kind, members in groups.items():
        findings: list[Finding] = []
        read = sum(len(columns.ts) for _, columns in members)
        columns = _labelled(kind, together([columns for _, columns in members]), options, findings)
        kept = 0
        for date, rows, seconds in _by_session(kind, columns, findings):
            manifest = Manifest(
                dataset=dataset,
                kind=kind,
                session=date.isoformat(),
                seconds=seconds,
                rows=len(rows.ts),
                symbols=len(np.unique(rows.symbol)),
                first=int(rows.ts[0]),
                last=int(rows.ts[-1]),
                source=options.source or str(path),
                fetched_at=now,
            )
            kept += manifest.rows
            sessions.append(_store(catalogue, manifest, rows, options))
        files = tuple(str(file) for file, _ in members)
        parts.append(Part(kind, files, read, kept, len(columns.names), tuple(findings)))
    return ImportReport(dataset, options.dry_run, tuple(parts), tuple(sessions), refused)


def _read(files: list[Path], options: ImportOptions) -> tuple[dict[str, list[tuple[Path, Columns]]], dict[str, str]]:
    groups: dict[str, list[tuple[Path, Columns]]] = {}
    refused: dict[str, str] = {}
    for file in files:
        try:
            columns = read_columns(file, options.timezone, options.called)
        except DataError as error:
            if len(files) == 1:
                raise
            refused[str(file)] = error.problem
        else:
            groups.setdefault(_kind(file, columns, options), []).append((file, columns))
    return groups, refused


def _kind(file: Path, columns: Columns, options: ImportOptions) -> str:
    if columns.layout != BARS:
        return columns.layout
    seconds = options.seconds or bar_seconds(columns)
    if seconds is None:
        raise UsageError(f"{file} does not show how long its bars are.", "Say it with --seconds.")
    if seconds > _MOST_SECONDS and seconds != _DAY_SECONDS:
        raise UsageError(f"Bars of {seconds} s cannot be stored.", "Use bars of at most nine hours, or daily ones.")
    return bars(seconds)


def _labelled(kind: str, columns: Columns, options: ImportOptions, findings: list[Finding]) -> Columns:
    seconds = length_of(kind)
    if seconds is None:
        return checked(columns, findings)
    if seconds == _DAY_SECONDS:
        return checked(_at_open(columns, findings), findings)
    if options.end_labels:
        columns = replace(columns, ts=columns.ts - seconds * SECOND)
    columns = checked(columns, findings)
    strange_bars(columns, seconds, findings)
    return columns


def _at_open(columns: Columns, findings: list[Finding]) -> Columns:
    """Label daily bars by the open of their session, because that is where what they tell begins."""
    # A day that is labelled by midnight UTC means the date of that label; another label, the date in New York.
    days = np.where(columns.ts % DAY == 0, columns.ts, columns.ts + _offsets(columns.ts)) // DAY
    values, place = np.unique(days, return_inverse=True)
    found = [_session(int(day)) for day in values]
    opens = np.array([0 if each is None else each.open_ns for each in found], np.int64)
    closed = np.array([each is None for each in found], bool)
    columns = refuse(columns, closed[place], "not on a session of the calendar", findings)
    return replace(columns, ts=opens[place[~closed[place]]])


def _by_session(kind: str, columns: Columns, findings: list[Finding]) -> Iterator[tuple[dt.date, Columns, int]]:
    days = (columns.ts + _offsets(columns.ts) + _EVENING) // DAY
    values, place = np.unique(days, return_inverse=True)
    found = [_session(int(day)) for day in values]
    closed = np.array([each is None for each in found], bool)
    refuse(columns, closed[place], "outside every session of the calendar", findings)
    # Rows are sorted by time and days follow time, so that each session is one stretch of them.
    edges = np.searchsorted(days, [*values.tolist(), np.iinfo(np.int64).max])
    length = length_of(kind) or 0
    for each, start, stop in zip(found, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if each is not None:
            whole = length == _DAY_SECONDS
            seconds = (each.close_ns - each.open_ns) // SECOND if whole else length
            yield each.date, columns.take(np.arange(start, stop)), seconds


def _session(day: int) -> Session | None:
    try:
        date = _EPOCH + dt.timedelta(days=day)
        return session(date) if is_session(date) else None
    except (DataError, OverflowError):
        return None


def _offsets(ts: Array) -> Array:
    hours, place = np.unique(ts // HOUR, return_inverse=True)
    return np.array([_offset(int(hour)) for hour in hours], np.int64)[place]


def _offset(hour: int) -> int:
    try:
        return ny_offset_ns(hour * HOUR)
    except OverflowError:
        return 0


def _store(catalogue: Catalogue, manifest: Manifest, rows: Columns, options: ImportOptions) -> Stored:
    data = encoded(rows)
    manifest = msgspec.structs.replace(manifest, sha256=sha256(data).hexdigest(), bytes=len(data))
    there = catalogue.sha256(manifest.dataset, manifest.kind, dt.date.fromisoformat(manifest.session))
    if there is None:
        state = State.NEW
    elif there == manifest.sha256:
        state = State.UNCHANGED
    else:
        state = State.REPLACED if options.replace else State.CONFLICT
    if state in (State.NEW, State.REPLACED) and not options.dry_run:
        catalogue.put(manifest, data)
    return Stored(manifest.kind, manifest.session, manifest.rows, manifest.symbols, manifest.bytes, state)
