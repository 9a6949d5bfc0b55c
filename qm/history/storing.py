"""Sound rows of a session into the catalogue: as one Parquet file with its manifest, whole or not at all."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from qm.history.catalogue import Catalogue
from qm.history.files import file_error, sha256_of
from qm.history.layout import FACTS, QUOTES, Array, SessionData, events_of
from qm.history.manifest import Manifest
from qm.history.runs import BLOCK
from qm.history.sound import Sound
from qm.history.source import Columns
from qm.history.summaries import Summaries
from qm.model.instrument import SymbolTable

if TYPE_CHECKING:
    import pyarrow as pa


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


def store(
    catalogue: Catalogue, manifest: Manifest, rows: Columns, *, replace: bool, dry_run: bool, added: bool = False
) -> Stored:
    """Put checked rows, at least one, into the catalogue, where they are new or may `replace` others.

    What the manifest says of rows, symbols, span and file is filled in. With `added` the rows hold what is there and
    more. Raises DataError, DiskFullError.
    """
    manifest, data = encoded(manifest, rows)
    stored = _put(catalogue, manifest, data, replace=replace, dry_run=dry_run, added=added)
    if stored.state in (State.NEW, State.REPLACED, State.EXTENDED) and not dry_run:
        _sum_up(catalogue, manifest, rows)
    return stored


def encoded(manifest: Manifest, rows: Columns) -> tuple[Manifest, bytes]:
    """Return sorted rows, at least one, as a Parquet file, and the manifest with what the file tells."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    manifest = _written(manifest, sink, iter([rows]))
    data = bytes(sink.getvalue())
    return msgspec.structs.replace(manifest, sha256=sha256(data).hexdigest(), bytes=len(data)), data


def store_session(catalogue: Catalogue, manifest: Manifest, sound: Sound, *, replace: bool, dry_run: bool) -> Stored:
    """Put a session of at least one row into the catalogue like `store`.

    One that does not fit in memory is written beside its runs first, and summed up when that is needed.
    """
    if sound.whole is not None:
        return store(catalogue, manifest, sound.whole, replace=replace, dry_run=dry_run)
    path = sound.folder / "session.parquet"
    try:
        manifest = _written(manifest, str(path), sound.blocks())
        manifest = msgspec.structs.replace(manifest, sha256=sha256_of(path), bytes=path.stat().st_size)
    except OSError as error:
        raise file_error(error, path) from error
    return _put(catalogue, manifest, path, replace=replace, dry_run=dry_run)


def _written(manifest: Manifest, sink: Any, blocks: Iterator[Columns]) -> Manifest:
    """Write sorted rows as Parquet, zstd, numbers in their own types; returns the manifest with what they are."""
    import pyarrow.parquet as pq

    first = next(blocks)
    there = np.zeros(len(first.names), bool)
    rows, span = 0, (first.ts[0], first.ts[0])
    table = _table(first)
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for block in itertools.chain([first], blocks):
            writer.write_table(_table(block), row_group_size=BLOCK)
            there[block.symbol] = True
            rows += len(block.ts)
            span = min(span[0], block.ts.min()), max(span[1], block.ts.max())
    began, ended = map(int, span)
    return msgspec.structs.replace(manifest, rows=rows, symbols=int(there.sum()), first=began, last=ended)


def _table(columns: Columns) -> pa.Table:
    import pyarrow as pa

    symbol = pa.DictionaryArray.from_arrays(columns.symbol, pa.array(columns.names, pa.string()))
    return pa.table({"ts": columns.ts, "symbol": symbol, **columns.values})


def _put(
    catalogue: Catalogue, manifest: Manifest, data: bytes | Path, *, replace: bool, dry_run: bool, added: bool = False
) -> Stored:
    date = dt.date.fromisoformat(manifest.session)
    there = catalogue.sha256(manifest.dataset, manifest.kind, date)
    if there is None:
        state = State.NEW
    elif there == manifest.sha256:
        state = State.UNCHANGED if catalogue.sound(manifest.dataset, manifest.kind, date) else State.REPLACED
    else:
        state = State.EXTENDED if added else State.REPLACED if replace else State.CONFLICT
    # The same rows under another etag are noted, so that nobody fetches them a third time.
    again = state is State.UNCHANGED and manifest.etag
    if (again or state in (State.NEW, State.REPLACED, State.EXTENDED)) and not dry_run:
        catalogue.put(manifest, data)
    return Stored(manifest.kind, manifest.session, manifest.rows, manifest.symbols, manifest.bytes, state)


def _sum_up(catalogue: Catalogue, manifest: Manifest, rows: Columns) -> None:
    """Keep the summary of a session while its rows are at hand: a run that needs a year of them then begins at once."""
    if manifest.kind in (*FACTS, QUOTES):
        return
    columns: dict[str, Array] = {"ts": rows.ts, **rows.values}
    events = events_of(manifest.kind, columns, rows.symbol, manifest.seconds)
    data = SessionData(SymbolTable(rows.names), events, dt.date.fromisoformat(manifest.session), manifest.sha256)
    Summaries(catalogue, manifest.dataset, manifest.kind).keep(data)
