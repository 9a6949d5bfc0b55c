"""Sessions that do not fit in memory as events: decoded, and merged, a stretch at a time into a file that is mapped."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import numpy as np

from qm.history.files import file_error
from qm.history.layout import columns_of, events_of, merged
from qm.history.manifest import Manifest
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events

LARGE_ROWS: Final = 8_000_000
"""Of a session, from which on its events are mapped: they would take a gigabyte."""
STRETCH: Final = 1 << 20
"""Rows in memory at once."""


def large_session(parts: list[tuple[Manifest, Path]], folder: Path) -> tuple[SymbolTable, Events]:
    """Return the kinds of a session, whose files are known to be sound, as one stream of events.

    They lie in a nameless file of `folder`, which goes with the last use of it. OSError and ArrowException as they
    come, ValueError when a column is missing, DiskFullError.
    """
    symbols = SymbolTable(sorted({name for _, path in parts for name in _names(path)}))
    streams = [_laid_down(_events(manifest, path, symbols), folder) for manifest, path in parts]
    return symbols, streams[0] if len(streams) == 1 else _laid_down(_in_order(streams), folder)


def _names(path: Path) -> set[str]:
    import pyarrow.parquet as pq

    found: set[str] = set()
    with pq.ParquetFile(path) as file:
        for i in range(file.num_row_groups):
            column = file.read_row_group(i, columns=["symbol"]).column("symbol").unify_dictionaries()
            found.update(column.chunk(0).dictionary.to_pylist())
    return found


def _events(manifest: Manifest, path: Path, symbols: SymbolTable) -> Iterator[Events]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        missing = {"ts", "symbol", *columns_of(manifest.kind)}.difference(file.schema_arrow.names)
        if missing:
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        for batch in file.iter_batches(STRETCH):
            coded = batch.column("symbol")
            rows = np.array(symbols.rows(coded.dictionary.to_pylist()), np.int32)
            names = [name for name in batch.schema.names if name != "symbol"]
            columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in names}
            yield events_of(manifest.kind, columns, rows[coded.indices.to_numpy()], manifest.seconds)


def _in_order(streams: list[Events]) -> Iterator[Events]:
    times = [stream["ts"] for stream in streams]
    places = [0] * len(streams)
    while any(place < len(ts) for place, ts in zip(places, times, strict=True)):
        ahead = [
            ts[min(place + STRETCH, len(ts)) - 1] for place, ts in zip(places, times, strict=True) if place < len(ts)
        ]
        upto = int(min(ahead))
        # All that comes before this moment, and where that is nothing, all of this moment: no other order is left.
        ends = [bisect_left(ts, upto, place) for place, ts in zip(places, times, strict=True)]
        if ends == places:
            ends = [bisect_right(ts, upto, place) for place, ts in zip(places, times, strict=True)]
        yield merged([stream[place:end] for stream, place, end in zip(streams, places, ends, strict=True)])
        places = ends


def _laid_down(stretches: Iterable[Events], folder: Path) -> Events:
    """Write events to a file and map it, copy on write as the day cache does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(prefix=".events-", dir=folder) as file:
            rows = 0
            for events in stretches:
                file.write(np.ascontiguousarray(events).data)
                rows += len(events)
            file.flush()
            return np.memmap(file, EVENT, "c", shape=(rows,)).view(np.ndarray)
    except OSError as error:
        raise file_error(error, folder) from error
