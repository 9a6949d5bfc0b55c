"""Rows on their way from files to sessions: in memory while they are few, else on disk, by symbol.

An import reads files in any order and needs sessions whole, because what is told twice or taken back may stand
anywhere. All of that concerns one symbol at a time, so a session of 70 million prints is taken in groups of symbols,
each with its rows in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np

from qm.history.files import file_error
from qm.history.layout import Array
from qm.history.runs import Laid
from qm.history.source import Columns, together

MOST_ROWS: Final = 4_000_000
"""Rows that stay in memory, of all sessions together: about 300 MB."""
GROUP_ROWS: Final = 1_000_000
"""Rows of a group of symbols, where the session does not stay in memory; one symbol alone may have more."""

Key = tuple[str, str]
"""What the rows become, and the date of their session."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of one file and session on disk, by symbol."""

    file: int
    laid: Laid
    place: int
    symbols: Array
    """Numbers of the bare symbols, in the order in which their rows lie."""
    edges: Array
    """Where the rows of each begin, and where the last ones end."""


@dataclass(slots=True)
class _Held:
    """What there is of one session."""

    waiting: list[tuple[int, Columns]] = field(default_factory=list)
    """In memory, with the number of the file."""
    stretches: list[_Stretch] = field(default_factory=list)
    marks: set[tuple[int, str]] = field(default_factory=set)
    """What was said of the rows of a file."""


class Spool:
    """Pieces of sessions, in the order in which they came; no more than `MOST_ROWS` are in memory."""

    def __init__(self, folder: Path) -> None:
        self._scratch = folder
        self._files: TemporaryDirectory[str] | None = None
        self._in_memory = 0
        self._written = 0
        self._held: dict[Key, _Held] = {}
        self._names: dict[str, int] = {}
        self._bare: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._files is not None:
            self._files.cleanup()

    def sessions(self) -> list[Key]:
        """Return what there is, by kind and date."""
        return sorted(self._held)

    def folder(self) -> Path:
        """Return a folder for files of this import, which goes with the spool; DiskFullError, DataError."""
        try:
            if self._files is None:
                self._scratch.mkdir(parents=True, exist_ok=True)
                self._files = TemporaryDirectory(prefix=".import-", dir=self._scratch)
            return Path(self._files.name)
        except OSError as error:
            raise file_error(error, self._scratch) from error

    def add(self, key: Key, file: int, rows: Columns, *marks: str) -> None:
        """Keep rows of a session, which came from the file of this number; DiskFullError.

        `marks` say of the session what all its rows together show, and one group of them would not.
        """
        held = self._held.setdefault(key, _Held())
        held.waiting.append((file, rows))
        held.marks.update((file, mark) for mark in marks)
        self._in_memory += len(rows.ts)
        if self._in_memory > MOST_ROWS:
            self._spill()

    def drop(self, file: int) -> None:
        """Forget what came from a file."""
        for key, held in list(self._held.items()):
            self._in_memory -= _waiting(held)
            held.waiting = [(of, rows) for of, rows in held.waiting if of != file]
            self._in_memory += _waiting(held)
            held.stretches = [each for each in held.stretches if each.file != file]
            held.marks = {(of, mark) for of, mark in held.marks if of != file}
            if not held.waiting and not held.stretches:
                del self._held[key]

    def marked(self, key: Key, mark: str) -> bool:
        """Say whether any rows of a session were added with a mark."""
        return any(each == mark for _, each in self._held[key].marks)

    def groups(self, key: Key) -> list[tuple[str, ...]]:
        """Return the symbols of each group in which the rows of a session can be had, in order; a whole one is one."""
        held = self._held[key]
        if not held.stretches:
            return [()]
        # What is told twice may stand in memory and on disk.
        self._in_memory -= _waiting(held)
        self._lay_down([held])
        rows = np.zeros(len(self._bare), np.int64)
        for each in held.stretches:
            np.add.at(rows, each.symbols, np.diff(each.edges))
        found: list[tuple[str, ...]] = []
        group: list[str] = []
        count = 0
        for name in sorted(name for name, number in self._bare.items() if rows[number]):
            more = int(rows[self._bare[name]])
            if group and count + more > GROUP_ROWS:
                found.append(tuple(group))
                group, count = [], 0
            group.append(name)
            count += more
        return [*found, tuple(group)]

    def rows(self, key: Key, group: tuple[str, ...]) -> Columns:
        """Return the rows of a session, of a group of `groups`, in the order in which they came."""
        held = self._held[key]
        if not held.stretches:
            parts = [rows for _, rows in held.waiting]
            return parts[0] if len(parts) == 1 else together(parts)
        names = tuple(self._names)
        wanted = np.array([self._bare[name] for name in group])
        parts = []
        for each in held.stretches:
            # They lie in the order of their names, so that those of a group lie together.
            found = np.flatnonzero(np.isin(each.symbols, wanted))
            start, stop = (each.edges[found[0]], each.edges[found[-1] + 1]) if len(found) else (0, 0)
            rows = each.laid.rows(each.place, int(start), int(stop), names)
            used, symbol = np.unique(rows.symbol, return_inverse=True)
            parts.append(replace(rows, symbol=symbol.astype(np.int32), names=tuple(names[i] for i in used.tolist())))
        return together(parts)

    def forget(self, key: Key) -> None:
        """Let go of a session."""
        self._in_memory -= _waiting(self._held.pop(key))

    def _spill(self) -> None:
        self._lay_down(list(self._held.values()))
        self._in_memory = 0

    def _lay_down(self, every: list[_Held]) -> None:
        """Put what is in memory on disk: a file for what has the same columns."""
        alike: dict[tuple[str, ...], list[tuple[_Held, int, Columns]]] = {}
        for held in every:
            for number in dict.fromkeys(file for file, _ in held.waiting):
                parts = [rows for file, rows in held.waiting if file == number]
                rows = parts[0] if len(parts) == 1 else together(parts)
                columns = (rows.layout, *(f"{name} {column.dtype}" for name, column in rows.values.items()))
                alike.setdefault(columns, []).append((held, number, rows))
            held.waiting.clear()
        for pieces in alike.values():
            self._written += 1
            path = self.folder() / f"spool-{self._written}"
            placed: list[tuple[_Held, int, Array, Array]] = []
            laid = Laid.down(path, self._by_symbol(pieces, placed))
            for place, (held, number, symbols, edges) in enumerate(placed):
                held.stretches.append(_Stretch(number, laid, place, symbols, edges))
        for held in every:
            # Files are read one after the other: this is the order in which rows came.
            held.stretches.sort(key=lambda each: each.file)

    def _by_symbol(
        self, pieces: list[tuple[_Held, int, Columns]], placed: list[tuple[_Held, int, Array, Array]]
    ) -> Iterator[Columns]:
        for held, number, rows in pieces:
            codes = [self._names.setdefault(name, len(self._names)) for name in rows.names]
            # Blanks around a symbol are repaired later: both ways of writing it belong together.
            bare = [name.strip() for name in rows.names]
            numbers = np.array([self._bare.setdefault(name, len(self._bare)) for name in bare])
            rank = np.unique(np.array(bare, object), return_inverse=True)[1]
            order = np.argsort(rank[rows.symbol], kind="stable")
            found = numbers[rows.symbol[order]]
            starts = np.flatnonzero(np.diff(found, prepend=-1))
            placed.append((held, number, found[starts], np.append(starts, len(found))))
            yield replace(rows.take(order), symbol=np.array(codes, np.int32)[rows.symbol[order]], texts={})


def _waiting(held: _Held) -> int:
    return sum(len(rows.ts) for _, rows in held.waiting)
