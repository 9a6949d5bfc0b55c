"""Sessions at rest, decoded a stretch of rows at a time: however large they are, little of them is held in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from qm.errors import DataError
from qm.history.layout import Array, columns_of, events_of, merged
from qm.history.manifest import Manifest
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events

STRETCH: Final = 1 << 16
"""Rows in memory at once: their columns and events stay in the processor's caches."""


def read_session(parts: list[tuple[Manifest, Path]]) -> tuple[SymbolTable, Iterator[Events]]:
    """Return the kinds of a session, whose files are known to be sound, as one stream of events in order.

    Raises DataError, now or on the way, when a file cannot be read or is not what its manifest says.
    """
    symbols = SymbolTable(sorted({name for each in parts for name in _names(*each)}))
    streams = [_events(manifest, path, symbols) for manifest, path in parts]
    return symbols, streams[0] if len(streams) == 1 else _in_order(streams)


def damaged(path: Path, why: str) -> DataError:
    """Return the error for a stored file that cannot be read as what it should be."""
    return DataError(f"{path} is damaged: {why}.", "Import the session again with --replace.")


@contextmanager
def damaged_if(path: Path) -> Iterator[None]:
    """Call a file damaged when reading it fails; DataError."""
    import pyarrow as pa

    try:
        yield
    except (ValueError, OSError, pa.ArrowException) as error:
        raise damaged(path, str(error)) from error


@contextmanager
def _opened(manifest: Manifest, path: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with damaged_if(path), pq.ParquetFile(path, read_dictionary=["symbol"]) as file:
        missing = {"ts", "symbol", *columns_of(manifest.kind)}.difference(file.schema_arrow.names)
        if missing:
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        if file.metadata.num_rows != manifest.rows:
            raise ValueError(f"it has {file.metadata.num_rows:,} rows, and its manifest says {manifest.rows:,}")
        yield file


def _names(manifest: Manifest, path: Path) -> set[str]:
    found: set[str] = set()
    with _opened(manifest, path) as file:
        for i in range(file.num_row_groups):
            column = file.read_row_group(i, columns=["symbol"]).column("symbol").unify_dictionaries()
            found.update(column.chunk(0).dictionary.to_pylist())
    return found


def _events(manifest: Manifest, path: Path, symbols: SymbolTable) -> Iterator[Events]:
    with _opened(manifest, path) as file:
        words, rows = None, np.empty(0, np.int32)
        for batch in file.iter_batches(STRETCH):
            coded = batch.column("symbol")
            if words is None or not coded.dictionary.equals(words):
                words = coded.dictionary
                rows = np.array(symbols.rows(words.to_pylist()), np.int32)
            names = [name for name in batch.schema.names if name != "symbol"]
            columns: dict[str, Array] = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in names}
            yield events_of(manifest.kind, columns, rows[coded.indices.to_numpy()], manifest.seconds)


def _in_order(streams: list[Iterator[Events]]) -> Iterator[Events]:
    heads = [next(stream, np.empty(0, EVENT)) for stream in streams]
    while any(map(len, heads)):
        times = [head["ts"] for head in heads]
        upto = min(int(ts[-1]) for ts in times if len(ts))
        ends = [bisect_left(ts, upto) for ts in times]
        if not any(ends):
            # This moment may go on in the next stretch of who has nothing later: no other order is left.
            more = [next(s, None) if len(ts) and ts[-1] == upto else None for s, ts in zip(streams, times, strict=True)]
            if any(each is not None for each in more):
                pairs = zip(heads, more, strict=True)
                heads = [head if each is None else np.concatenate([head, each]) for head, each in pairs]
                continue
            ends = [bisect_right(ts, upto) for ts in times]
        yield merged([head[:end] for head, end in zip(heads, ends, strict=True)])
        heads = [
            head[end:] if end < len(head) else next(stream, head[:0])
            for stream, head, end in zip(streams, heads, ends, strict=True)
        ]
