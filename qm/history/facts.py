"""`qm data import --kind`: facts about symbols that no print tells, closes of a session and splits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qm.errors import DataError, NotFoundError
from qm.history import lean
from qm.history.catalogue import Catalogue, check_name
from qm.history.checks import Action, Finding, checked_names, found, joined, refuse
from qm.history.fact_columns import COLUMNS, FactOptions, closes, dividends, splits
from qm.history.importer import ImportReport, Part
from qm.history.layout import DIVIDENDS, REFERENCE, SPLITS
from qm.history.manifest import Manifest
from qm.history.source import Columns, files_of, together
from qm.history.storing import Stored, store
from qm.history.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST: Final = 1e-5
_VALUES: Final = {REFERENCE: ("close", "close"), SPLITS: ("factor", "ratio"), DIVIDENDS: ("amount", "amount")}
"""What must be there of each kind, and how people call it."""


def import_facts(
    catalogue: Catalogue,
    path: Path | Sequence[Path],
    dataset: str,
    kind: str,
    now: int,
    options: FactOptions | None = None,
) -> ImportReport:
    """Check the facts at `path`, or at several, and store them.

    Closes are stored by the session that they are of, splits by their first session.

    `kind` is `reference`, `splits` or `dividends`. Raises NotFoundError and UsageError for what was asked; DataError
    when a file cannot be read, is not of the session it is said to be of, or tells a future that nobody knows.
    """
    options = options or FactOptions()
    check_name(dataset)
    for ours in options.called:
        if ours not in COLUMNS[kind]:
            raise NotFoundError.of(f"column of {kind}", ours, COLUMNS[kind])
    findings: list[Finding] = []
    days: dict[dt.date, list[Columns]] = {}
    paths = [path] if isinstance(path, Path) else path
    files = [file for each in paths for file in files_of(each)]
    source = ", ".join(map(str, paths))
    read, names = 0, set[str]()
    for file in files:
        for rows in _read(file, kind, now, options, findings):
            read += len(rows.ts)
            sound = checked_names(rows, findings)
            names.update(sound.names)
            for day, part in _by_day(sound):
                days.setdefault(day, []).append(part)
    stored = [_stored(catalogue, dataset, kind, day, days[day], source, now, options, findings) for day in sorted(days)]
    sessions = [each for each in stored if each is not None]
    kept = sum(each.rows for each in sessions)
    whole = Part(kind, tuple(map(str, files)), read, kept, len(names), tuple(joined(findings)))
    return ImportReport(dataset, options.dry_run, (whole,), tuple(sessions), {})


def _read(file: Path, kind: str, now: int, options: FactOptions, findings: list[Finding]) -> Iterator[Columns]:
    import pyarrow as pa

    try:
        for table in [_factors(file, kind)] if lean.is_factors(file) else tables(file):
            if kind == REFERENCE:
                yield closes(file, table, now, options, findings)
            else:
                yield splits(file, table, options) if kind == SPLITS else dividends(file, table, options)
    except (OSError, KeyError, ValueError, OverflowError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({error}).", "Check that it is whole and what its name says."
        ) from error


def _factors(file: Path, kind: str) -> pa.Table:
    """Return what LEAN's factors of a ticker tell, as a file of splits or dividends would."""
    import pyarrow as pa

    told = lean.factors(file).get(kind, [])
    return pa.table(
        {
            "symbol": pa.array([file.stem.upper()] * len(told), pa.string()),
            "date": pa.array([day for day, _ in told], pa.date32()),
            _VALUES[kind][0]: pa.array([value for _, value in told], pa.float64()),
        }
    )


def _stored(
    catalogue: Catalogue,
    dataset: str,
    kind: str,
    day: dt.date,
    parts: list[Columns],
    source: str,
    now: int,
    options: FactOptions,
    findings: list[Finding],
) -> Stored | None:
    rows = _sound(kind, together(parts) if len(parts) > 1 else parts[0], findings)
    if not len(rows.ts):
        return None
    contradicts = False
    if day in catalogue.facts(dataset, kind):
        # Exchanges come in a file each, splits one by one: what is there stays beside what is new.
        rows, contradicts = _beside(_there(catalogue, dataset, kind, day), rows)
    manifest = Manifest(
        dataset=dataset,
        kind=kind,
        session=day.isoformat(),
        seconds=0,
        rows=0,
        symbols=0,
        first=0,
        last=0,
        source=source,
        fetched_at=now,
    )
    return store(catalogue, manifest, rows, replace=options.replace, dry_run=options.dry_run, added=not contradicts)


def _there(catalogue: Catalogue, dataset: str, kind: str, day: dt.date) -> Columns:
    columns = catalogue.fact(dataset, kind, day)
    names = tuple(str(name) for name in columns.pop("names"))
    ts, symbol = columns.pop("ts"), columns.pop("symbol")
    return Columns(kind, ts, symbol.astype(np.int32), names, columns)


def _beside(there: Columns, new: Columns) -> tuple[Columns, bool]:
    """Return both, of a symbol in both what is new, and whether the two contradict each other."""
    both = together([there, new])
    order = np.argsort(both.symbol, kind="stable")
    twice = np.flatnonzero(np.diff(both.symbol[order]) == 0)
    first, second = order[twice], order[twice + 1]
    equal = np.ones(len(twice), bool)
    for column in both.values.values():
        equal &= (column[first] == column[second]) | (np.isnan(column[first]) & np.isnan(column[second]))
    # What is only repeated was known from the first time on.
    left_out = np.where(equal, second, first)
    keep = np.ones(len(order), bool)
    keep[left_out] = False
    return checked_names(both.take(order[keep[order]]), []), not equal.all()


def _sound(kind: str, rows: Columns, findings: list[Finding]) -> Columns:
    name, what = _VALUES[kind]
    value = rows.values[name]
    sound = np.isfinite(value) & (value > _LEAST) & (value < 1 / _LEAST if kind == SPLITS else True)
    rows = refuse(rows, ~sound, f"{what} is no positive number", findings)
    # Of what is told twice the latest is what is known in the end.
    rows = rows.take(np.lexsort((np.arange(len(rows.ts)), rows.ts, rows.symbol)))
    again = np.zeros(len(rows.ts), bool)
    again[:-1] = np.diff(rows.symbol) == 0
    found(rows, again, "told again later: the last one is kept", Action.REPAIRED, findings)
    return rows.take(~again).without("day")


def _by_day(rows: Columns) -> Iterator[tuple[dt.date, Columns]]:
    for day in np.unique(rows.values["day"]).tolist():
        yield dt.date.fromordinal(day), rows.take(rows.values["day"] == day)
