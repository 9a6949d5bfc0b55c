"""A table that grows while a session runs: complete parts beside each other, joined into one file at the end.

Parts are Parquet (`2026-11-20.parts/0001.parquet`), so that a crash loses only what was not yet written. Closing joins
them into `2026-11-20.parquet` with one row group per part. A file is whole or not there. The first column is the time,
`ts` in ns UTC, and never runs backwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qm.errors import DataError, NotFoundError
from qm.history.files import write_whole


class PartedFile:
    """One such table being written; what an earlier writer left is continued."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts = _parts_folder(path)
        self.last_ts = max((_span(file)[1] for file in files_of(path)), default=-1)
        """Time of the last row that is written, ns UTC; -1 when there is none. DataError when it cannot be read."""
        self._number = max((int(part.stem) for part in _part_files(path)), default=0)

    def add(self, table: pa.Table) -> None:
        """Write rows that are later than all before as a part of their own; DiskFullError, DataError."""
        _write(self._parts / f"{self._number + 1:04d}.parquet", table.schema, [table])
        self._number += 1
        self.last_ts = table["ts"][-1].as_py()

    def close(self) -> None:
        """Join all parts into one file; harmless when repeated. DiskFullError, DataError."""
        if not _part_files(self.path):
            return
        files = files_of(self.path)
        # Columns may change within a session, with the open or with the settings.
        schema = pa.unify_schemas([_opened(file).schema_arrow for file in files])
        _write(self.path, schema, _row_groups(files))
        shutil.rmtree(self._parts)


def files_of(path: Path) -> list[Path]:
    """Return the files that make up a table, in order of time; none when there is no such table."""
    parts = _part_files(path)
    if not path.exists():
        return parts
    # A crash between the joining and the removal of the parts leaves rows in both places.
    joined_until = _span(path)[1]
    return [path, *(part for part in parts if _span(part)[0] > joined_until)]


def read(
    path: Path, at: int | None = None, symbol: str | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return rows of a table, in the order in which they were written.

    `path` is that of the joined file, whether its parts are joined or not. `at` (ns UTC) picks the last time at or
    before it, `symbol` one symbol. Raises NotFoundError when there is no such table, DataError when a file cannot be
    read.
    """
    files = files_of(path)
    if not files:
        raise NotFoundError(f"There are no radar snapshots in {path}.")
    filters = pc.field("symbol") == symbol if symbol is not None else None
    if at is not None:
        at_time = pc.field("ts") == _time_at(files, at)
        filters = at_time if filters is None else filters & at_time
    chosen = None if columns is None else list(columns)
    try:
        found = [pq.read_table(file, columns=chosen, filters=filters) for file in files]
        return pa.concat_tables(found, promote_options="default")
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path) from error


def _time_at(files: list[Path], at: int) -> int:
    for file in reversed(files):
        first, last = _span(file)
        if last <= at:
            return last
        if first <= at:
            found = pq.read_table(file, columns=["ts"], filters=pc.field("ts") <= at)["ts"]
            return int(pc.max(found).as_py())
    return -1


def _span(file: Path) -> tuple[int, int]:
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
    def write(beside: Path) -> None:
        # What is rounded repeats itself: dictionaries take two thirds of the room that plain numbers do.
        with pq.ParquetWriter(beside, schema, compression="zstd", write_statistics=["ts"]) as writer:
            for table in tables:
                writer.write_table(_in_schema(table, schema))

    write_whole(path, write)


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)
