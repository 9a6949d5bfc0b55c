"""`qm data gc`: what killed programs left behind, and caches of data that is no longer there; never data."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from qm.clock import DAY
from qm.history.catalogue import Catalogue
from qm.history.kept import kept_files

SCHEMA: Final = 1
"""Version of the JSON of a clean-up."""
_PART: Final = re.compile(r"\..+\.([0-9]+)\.part\Z")
_IMPORT: Final = ".import-*"


class Piece(msgspec.Struct, frozen=True):
    """One file or folder that nobody needs."""

    path: str
    bytes: int
    why: str


class Garbage(msgspec.Struct, frozen=True):
    """What was removed, or would be."""

    dry_run: bool
    pieces: tuple[Piece, ...]
    kept: tuple[str, ...]
    """What could not be removed."""
    schema: int = SCHEMA

    @property
    def bytes(self) -> int:
        """Sum of the sizes."""
        return sum(piece.bytes for piece in self.pieces)


def collect(catalogue: Catalogue, now: int, *, dry_run: bool = False) -> Garbage:
    """Remove what is left over; `now` (ns UTC) tells how old it is. With `dry_run` nothing is touched."""
    pieces, kept = [], []
    for path, why in _found(catalogue, now):
        size = _size(path)
        try:
            if not dry_run:
                _remove(path)
        except OSError:
            kept.append(str(path))
            continue
        pieces.append(Piece(str(path), size, why))
    return Garbage(dry_run, tuple(pieces), tuple(kept))


def _found(catalogue: Catalogue, now: int) -> Iterator[tuple[Path, str]]:
    for root in (catalogue.folder, catalogue.scratch):
        for path in sorted(root.rglob(".*.part")) if root.is_dir() else []:
            match = _PART.match(path.name)
            if match and path.is_file() and not _alive(int(match[1])):
                yield path, "half a file that a killed program left"
    if catalogue.scratch.is_dir():
        for path in sorted(catalogue.scratch.glob(_IMPORT)):
            # An import of so many rows that they did not fit into memory may take hours, not days.
            if path.is_dir() and now - _newest(path) > DAY:
                yield path, "rows of an import that was killed"
    for each in kept_files(catalogue):
        if not each.current:
            yield each.path, "cache of data that was replaced or is gone"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _newest(folder: Path) -> int:
    return max((path.stat().st_mtime_ns for path in (folder, *folder.rglob("*"))), default=0)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
