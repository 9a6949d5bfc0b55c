"""`qm data import --kind`: facts about symbols that no print tells, closes of a session and splits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from qm.errors import DataError, NotFoundError
from qm.history.catalogue import Catalogue, check_name
from qm.history.checks import Action, Finding, checked_names, found, joined, refuse
from qm.history.fact_columns import COLUMNS, FactOptions, closes, splits
from qm.history.importer import ImportReport, Part, Stored, store
from qm.history.layout import REFERENCE, SPLITS
from qm.history.manifest import Manifest
from qm.history.source import Columns, files_of, tables, together

_LEAST: Final = 1e-5


def import_facts(
    catalogue: Catalogue, path: Path, dataset: str, kind: str, now: int, options: FactOptions | None = None
) -> ImportReport:
    """Check the facts at `path` and store them: closes by the session they are of, splits by their first session.

    `kind` is `reference` or `splits`. Raises NotFoundError and UsageError for what was asked; DataError when a file
    cannot be read, is not of the session it is said to be of, or tells a future that nobody knows.
    """
    options = options or FactOptions()
    check_name(dataset)
    for ours in options.called:
        if ours not in COLUMNS[kind]:
            raise NotFoundError.of(f"column of {kind}", ours, COLUMNS[kind])
    findings: list[Finding] = []
    days: dict[dt.date, list[Columns]] = {}
    files = files_of(path)
    read, names = 0, set[str]()
    for file in files:
        for rows in _read(file, kind, now, options, findings):
            read += len(rows.ts)
            sound = checked_names(rows, findings)
            names.update(sound.names)
            for day, part in _by_day(sound):
                days.setdefault(day, []).append(part)
    stored = [_stored(catalogue, dataset, kind, day, days[day], path, now, options, findings) for day in sorted(days)]
    sessions = [each for each in stored if each is not None]
    kept = sum(each.rows for each in sessions)
    whole = Part(kind, tuple(map(str, files)), read, kept, len(names), tuple(joined(findings)))
    return ImportReport(dataset, options.dry_run, (whole,), tuple(sessions), {})


def _read(file: Path, kind: str, now: int, options: FactOptions, findings: list[Finding]) -> Iterator[Columns]:
    import pyarrow as pa

    try:
        for table in tables(file):
            yield closes(file, table, now, options, findings) if kind == REFERENCE else splits(file, table, options)
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({error}).", "Check that it is whole and what its name says."
        ) from error


def _stored(
    catalogue: Catalogue,
    dataset: str,
    kind: str,
    day: dt.date,
    parts: list[Columns],
    path: Path,
    now: int,
    options: FactOptions,
    findings: list[Finding],
) -> Stored | None:
    rows = _sound(kind, together(parts) if len(parts) > 1 else parts[0], findings)
    if not len(rows.ts):
        return None
    manifest = Manifest(
        dataset=dataset,
        kind=kind,
        session=day.isoformat(),
        seconds=0,
        rows=len(rows.ts),
        symbols=len(rows.ts),
        first=int(rows.ts.min()),
        last=int(rows.ts.max()),
        source=str(path),
        fetched_at=now,
    )
    return store(catalogue, manifest, rows, replace=options.replace, dry_run=options.dry_run)


def _sound(kind: str, rows: Columns, findings: list[Finding]) -> Columns:
    value = rows.values["close" if kind == REFERENCE else "factor"]
    what = "close is no positive number" if kind == REFERENCE else "ratio is no positive number"
    sound = np.isfinite(value) & (value > _LEAST) & (value < 1 / _LEAST if kind == SPLITS else True)
    rows = refuse(rows, ~sound, what, findings)
    # Of what is told twice the latest is what is known in the end.
    rows = rows.take(np.lexsort((np.arange(len(rows.ts)), rows.ts, rows.symbol)))
    again = np.zeros(len(rows.ts), bool)
    again[:-1] = np.diff(rows.symbol) == 0
    found(rows, again, "told again later: the last one is kept", Action.REPAIRED, findings)
    return rows.take(~again).without("day")


def _by_day(rows: Columns) -> Iterator[tuple[dt.date, Columns]]:
    for day in np.unique(rows.values["day"]).tolist():
        yield dt.date.fromordinal(day), rows.take(rows.values["day"] == day)
