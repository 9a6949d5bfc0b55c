"""The radar's snapshot store: the strongest symbols of every beat, as Parquet by session date.

While a session runs, its beats are kept in memory and written every few hundred beats as a complete part of their own
(`2026-11-20.parts/0001.parquet`), so that a crash loses only what was not yet written. Closing the store joins the
parts into one file (`2026-11-20.parquet`) with one row group per part. A file is whole or not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qm.errors import DataError, NotFoundError
from qm.history.files import write_whole
from qm.model.instrument import SymbolTable
from qm.radar.ranking import Ranking
from qm.rules.calendar import Session

EVERY: Final = 300
"""Beats in a part."""

FIXED: Final = ("ts", "rank", "symbol", "score", "last")
"""The columns before the contributions: beat (ns UTC), place, symbol, score (0 to 100), last price ($)."""

_Column = npt.NDArray[Any]


class SnapshotWriter:
    """Keeps what the radar showed in one session; a context manager.

    Continues a session that was cut off: parts that are already there stay, and beats at or before the last one stored
    are left out.
    """

    def __init__(self, folder: Path, table: SymbolTable, session: Session, every: int = EVERY) -> None:
        self.path = folder / f"{session.date}.parquet"
        self._parts = _parts_folder(self.path)
        self._names = pa.array(table.names, pa.string())
        self._every = every
        self._beats: list[tuple[int, dict[str, _Column]]] = []
        self._last_ts = max((_span(file)[1] for file in _files(self.path)), default=-1)
        self._number = max((int(part.stem) for part in _part_files(self.path)), default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, ranking: Ranking) -> None:
        """Keep the top of one beat; every few hundred beats they are written.

        Raises DiskFullError and DataError; what was not written is kept and tried again.
        """
        if ranking.ts <= self._last_ts or not len(ranking.order):
            return
        self._last_ts = ranking.ts
        order = ranking.order
        columns = {"row": order, "score": ranking.scores[order], "last": ranking.features["last"][order]}
        columns.update({name: points for name, (_, points) in ranking.contributions(order).items()})
        self._beats.append((ranking.ts, columns))
        if len(self._beats) >= self._every:
            self.flush()

    def flush(self) -> None:
        """Write the beats in memory as a part of their own."""
        if not self._beats:
            return
        table = self._table()
        _write(self._parts / f"{self._number + 1:04d}.parquet", table.schema, [table])
        self._number += 1
        self._beats.clear()

    def close(self) -> None:
        """Write what is left and join all parts into one file; harmless when repeated."""
        self.flush()
        if not _part_files(self.path):
            return
        files = _files(self.path)
        schema = pa.unify_schemas([_opened(file).schema_arrow for file in files])
        _write(self.path, schema, _row_groups(files))
        shutil.rmtree(self._parts)

    def _table(self) -> pa.Table:
        sizes = [len(columns["row"]) for _, columns in self._beats]
        joined = {name: np.concatenate([columns[name] for _, columns in self._beats]) for name in self._beats[0][1]}
        arrays: dict[str, pa.Array] = {
            "ts": pa.array(np.repeat([ts for ts, _ in self._beats], sizes), pa.int64()),
            "rank": pa.array(np.concatenate([np.arange(1, size + 1) for size in sizes]), pa.int32()),
            "symbol": self._names.take(pa.array(joined.pop("row"))),
        }
        arrays.update({name: pa.array(column, pa.float64()) for name, column in joined.items()})
        return pa.table(arrays)


def read(path: Path, at: int | None = None, symbol: str | None = None) -> pa.Table:
    """Return the snapshots of a session, in the order of beats and ranks.

    `path` is the session's file, whether its parts are joined or not. `at` (ns UTC) picks the last beat at or before
    it, `symbol` one symbol. Columns: those of `FIXED`, then points by contribution. Raises NotFoundError when the
    session has no snapshots, DataError when a file cannot be read.
    """
    files = _files(path)
    if not files:
        raise NotFoundError(f"There are no radar snapshots in {path}.")
    filters = pc.field("symbol") == symbol if symbol is not None else None
    if at is not None:
        beat = _beat_at(files, at)
        at_beat = pc.field("ts") == beat
        filters = at_beat if filters is None else filters & at_beat
    try:
        return pa.concat_tables([pq.read_table(file, filters=filters) for file in files], promote_options="default")
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path) from error


def _beat_at(files: list[Path], at: int) -> int:
    """Return the time of the last beat at or before `at`; -1 when there is none."""
    for file in reversed(files):
        first, last = _span(file)
        if last <= at:
            return last
        if first <= at:
            found = pq.read_table(file, columns=["ts"], filters=pc.field("ts") <= at)["ts"]
            return int(pc.max(found).as_py())
    return -1


def _files(path: Path) -> list[Path]:
    """Return the files that make up a session, in order of time."""
    parts = _part_files(path)
    if not path.exists():
        return parts
    # A crash between the joining and the removal of the parts leaves beats in both places.
    joined_until = _span(path)[1]
    return [path, *(part for part in parts if _span(part)[0] > joined_until)]


def _span(file: Path) -> tuple[int, int]:
    """Return the first and the last beat of a file."""
    metadata = _opened(file).metadata
    groups = [metadata.row_group(i).column(0).statistics for i in range(metadata.num_row_groups)]
    return min(group.min for group in groups), max(group.max for group in groups)


def _opened(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file) from error


def _row_groups(files: list[Path]) -> Iterator[pa.Table]:
    for file in files:
        opened = _opened(file)
        for i in range(opened.num_row_groups):
            yield opened.read_row_group(i)


def _parts_folder(path: Path) -> Path:
    return path.with_suffix(".parts")


def _part_files(path: Path) -> list[Path]:
    return sorted(_parts_folder(path).glob("[0-9]*.parquet"))


def _unreadable(path: Path) -> DataError:
    return DataError(f"The radar snapshots in {path} cannot be read.", "Remove the file; nothing else depends on it.")


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables, a row group each."""

    def write(beside: Path) -> None:
        with pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=["symbol"]) as writer:
            for table in tables:
                writer.write_table(_in_schema(table, schema))

    write_whole(path, write)


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with the columns of `schema`, those it lacks empty: weights may change during a session."""
    columns = [
        table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)
