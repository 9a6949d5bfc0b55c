"""Rows on their way from files to sessions: in memory while they are few, else on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np

from qm.history.files import file_error
from qm.history.source import Columns, together

MOST_ROWS: Final = 4_000_000
"""Rows that stay in memory, of all sessions together: about 300 MB of bars."""

Key = tuple[str, str]
"""What the rows become, and the date of their session."""


@dataclass(slots=True)
class _Piece:
    file: int
    layout: str
    rows: Columns | Path


class Spool:
    """Pieces of sessions, in the order in which they came; no more than `MOST_ROWS` are in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: TemporaryDirectory[str] | None = None
        self._held = 0
        self._written = 0
        self._pieces: dict[Key, list[_Piece]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._files is not None:
            self._files.cleanup()

    def sessions(self) -> list[Key]:
        """Return what there is, by kind and date."""
        return sorted(self._pieces)

    def add(self, key: Key, file: int, rows: Columns) -> None:
        """Keep rows of a session, which came from the file of this number; DiskFullError."""
        self._pieces.setdefault(key, []).append(_Piece(file, rows.layout, rows))
        self._held += len(rows.ts)
        if self._held > MOST_ROWS:
            self._spill()

    def drop(self, file: int) -> None:
        """Forget what came from a file."""
        for key in self.sessions():
            left = [piece for piece in self._pieces[key] if piece.file != file]
            if left:
                self._pieces[key] = left
            else:
                del self._pieces[key]

    def take(self, key: Key) -> Columns:
        """Return all rows of a session and let go of them."""
        pieces = [_loaded(piece) for piece in self._pieces.pop(key)]
        return pieces[0] if len(pieces) == 1 else together(pieces)

    def _spill(self) -> None:
        try:
            if self._files is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._files = TemporaryDirectory(prefix=".import-", dir=self._folder)
            for pieces in self._pieces.values():
                for piece in pieces:
                    if isinstance(piece.rows, Columns):
                        self._written += 1
                        piece.rows = _saved(Path(self._files.name) / f"{self._written}.npz", piece.rows)
        except OSError as error:
            raise file_error(error, self._folder) from error
        self._held = 0


def _saved(path: Path, rows: Columns) -> Path:
    arrays = {f"v_{name}": column for name, column in rows.values.items()}
    np.savez(path, allow_pickle=False, ts=rows.ts, symbol=rows.symbol, names=np.array(rows.names, np.str_), **arrays)
    return path


def _loaded(piece: _Piece) -> Columns:
    if isinstance(piece.rows, Columns):
        return piece.rows
    with np.load(piece.rows, allow_pickle=False) as found:
        values = {name.removeprefix("v_"): found[name] for name in found.files if name.startswith("v_")}
        names = tuple(str(name) for name in found["names"])
        columns = Columns(piece.layout, found["ts"], found["symbol"], names, values)
    piece.rows.unlink()
    return columns
