"""Rows of one session that do not fit in memory: sorted runs on disk, and their merge by time.

Who has more rows than memory sorts what fits, lays it down as a run, and reads all runs back merged. The two uses:

- `Laid` is one file of scratch space with a stretch of rows; the spool of an import keeps rows by symbol in such files.
- `Runs` takes pieces of a session that are sorted by (ts, symbol) and share no symbol, and gives them back as one
  stream in that order, in blocks of `BLOCK` rows: never more than one stretch of each run is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qm.history.files import file_error
from qm.history.source import Columns

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK: Final = 1 << 20
"""Rows of a merged block; a row group of the files at rest."""
STRETCH: Final = 1 << 15
"""Rows of each run that are in memory while runs are merged."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Stretches of rows in a file, which may be read apart; all have the same columns."""

    path: Path
    layout: str

    @classmethod
    def down(cls, path: Path, stretches: Iterator[Columns]) -> Laid:
        """Write stretches, at least one, to a new file; DiskFullError, DataError."""
        import pyarrow as pa

        first = next(stretches)
        batch = _batch(first)
        try:
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
                writer.write_batch(batch)
                for rows in stretches:
                    writer.write_batch(_batch(rows))
        except OSError as error:
            raise file_error(error, path) from error
        return cls(path, first.layout)

    def rows(self, stretch: int, start: int, stop: int, names: tuple[str, ...]) -> Columns:
        """Return a copy of some rows of a stretch; of the file only they are read."""
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as mapped:
            batch = pa.ipc.open_file(mapped).get_batch(stretch)
            found = _columns(batch.slice(start, stop - start), self.layout, names)
            # Nothing may point into the file once it is closed.
            return found.take(np.arange(stop - start))

    def stretches(self, names: tuple[str, ...]) -> Iterator[Columns]:
        """Yield the stretches, one in memory at a time."""
        import pyarrow as pa

        # Not mapped: pages of a mapped file would count as memory until the end.
        with pa.OSFile(str(self.path)) as source:
            file = pa.ipc.open_file(source)
            for i in range(file.num_record_batches):
                yield _columns(file.get_batch(i), self.layout, names)


class Runs:
    """Sorted pieces of a session that share no symbol, each wholly before the next one by name, and their merge."""

    def __init__(self, folder: Path) -> None:
        """Keep the pieces in files of `folder`, which is there and belongs to this session alone."""
        self._folder = folder
        self._pieces: list[Laid] = []
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def names(self) -> tuple[str, ...]:
        """All symbols, in order."""
        return tuple(self._names)

    def add(self, rows: Columns) -> None:
        """Lay down a piece, sorted by (ts, symbol), whose names are in order and after those before; DiskFullError."""
        symbol = rows.symbol + np.int32(len(self._names))
        self._names += rows.names
        if not len(rows.ts):
            return
        path = self._folder / f"run-{len(self._pieces)}"
        moved = replace(rows, symbol=symbol)
        pieces = (moved.take(np.s_[i : i + STRETCH]) for i in range(0, len(rows.ts), STRETCH))
        self._pieces.append(Laid.down(path, pieces))

    def merged(self) -> Iterator[Columns]:
        """Yield all rows in blocks, sorted by (ts, symbol); rows of one symbol and moment stay in their order."""
        waiting: list[Columns] = []
        count = 0
        for rows in self._in_order():
            waiting.append(rows)
            count += len(rows.ts)
            while count >= BLOCK:
                whole = _joined(waiting)
                yield whole.take(np.s_[:BLOCK])
                waiting = [whole.take(np.s_[BLOCK:])]
                count -= BLOCK
        if count:
            yield _joined(waiting)

    def _in_order(self) -> Iterator[Columns]:
        heads = [_Head(piece.stretches(self.names)) for piece in self._pieces]
        while heads := [head for head in heads if head.more()]:
            # Up to here every run is in memory; rows of this very moment may go on in the next stretch.
            upto = min(head.last for head in heads)
            rows = _joined([head.before(upto) for head in heads])
            if len(rows.ts):
                yield rows.take(np.lexsort((rows.symbol, rows.ts)))
            for head in heads:
                yield from head.at(upto)


class _Head:
    """The stretch of a run that is in memory."""

    def __init__(self, stretches: Iterator[Columns]) -> None:
        self._stretches = stretches
        self._rows = next(stretches)

    def more(self) -> bool:
        """Say whether rows are left, and have some of them in memory."""
        while not len(self._rows.ts):
            found = next(self._stretches, None)
            if found is None:
                return False
            self._rows = found
        return True

    @property
    def last(self) -> int:
        return int(self._rows.ts[-1])

    def before(self, moment: int) -> Columns:
        return self._cut(int(np.searchsorted(self._rows.ts, moment, side="left")))

    def at(self, moment: int) -> Iterator[Columns]:
        while self.more() and self._rows.ts[0] == moment:
            yield self._cut(int(np.searchsorted(self._rows.ts, moment, side="right")))

    def _cut(self, place: int) -> Columns:
        rows, self._rows = self._rows.take(np.s_[:place]), self._rows.take(np.s_[place:])
        return rows


def _joined(parts: list[Columns]) -> Columns:
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        ts=np.concatenate([part.ts for part in parts]),
        symbol=np.concatenate([part.symbol for part in parts]),
        values={name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
    )


def _batch(rows: Columns) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.record_batch({"ts": rows.ts, "symbol": rows.symbol, **{f"v_{k}": v for k, v in rows.values.items()}})


def _columns(batch: pa.RecordBatch, layout: str, names: tuple[str, ...]) -> Columns:
    columns = {name: batch.column(name).to_numpy() for name in batch.schema.names}
    ts, symbol = columns.pop("ts"), columns.pop("symbol")
    return Columns(layout, ts, symbol, names, {name.removeprefix("v_"): column for name, column in columns.items()})
