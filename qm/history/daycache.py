"""Sessions as they are fed: arrays of events on disk, mapped into memory instead of being decoded again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from qm.errors import QmError
from qm.history.files import fill, write_whole
from qm.history.layout import SessionData
from qm.history.manifest import Manifest
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events

VERSION: Final = 2
"""Of how events are made out of columns; another number makes every cached day stale."""
LARGE_ROWS: Final = 8_000_000
"""Of a session that does not fit in memory as events: they would take half a gigabyte."""

Read = Callable[[], tuple[SymbolTable, Iterator[Events]]]
"""Returns the symbols of a session and its events, a stretch at a time."""


class _Beside(msgspec.Struct, frozen=True):
    digest: str
    rows: int
    symbols: tuple[str, ...]


class DayCache:
    """Days below a folder that may be deleted at any time; each is named by the digest of what it was made from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, manifests: list[Manifest], session: dt.date) -> Path:
        """Return where a session is kept, or would be."""
        kinds = "+".join(manifest.kind for manifest in manifests)
        return self.folder / manifests[0].dataset / kinds / f"{session.isoformat()}-{_digest(manifests)[:16]}.npy"

    def kept(self, manifests: list[Manifest], session: dt.date) -> tuple[SymbolTable, Events] | None:
        """Return what is kept of a session, None when nothing sound is."""
        return _mapped(self.path(manifests, session), _digest(manifests))

    def load(self, manifests: list[Manifest], session: dt.date, read: Read) -> SessionData:
        """Return a session from the cache, or `read` it and keep it; a large one needs the cache, QmError without."""
        digest = _digest(manifests)
        path = self.path(manifests, session)
        found = _mapped(path, digest)
        if found is None:
            rows = sum(manifest.rows for manifest in manifests)
            try:
                _keep(path, digest, rows, *read())
            except QmError:
                # A cache that cannot be written costs time, not the session.
                if rows > LARGE_ROWS:
                    raise
            found = _mapped(path, digest) or _held(*read())
        symbols, events = found
        return SessionData(symbols, events, session, digest)


def _digest(manifests: list[Manifest]) -> str:
    parts = [f"{VERSION} {EVENT.itemsize}", *(f"{each.kind} {each.seconds} {each.sha256}" for each in manifests)]
    return sha256("\n".join(parts).encode()).hexdigest()


def _mapped(path: Path, digest: str) -> tuple[SymbolTable, Events] | None:
    try:
        beside = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Beside)
        # Copy-on-write: nothing reaches the file, and compiled code sees the same kind of array as in a live feed.
        events = np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    if beside.digest != digest or events.dtype != EVENT or events.shape != (beside.rows,):
        return None
    return SymbolTable(beside.symbols), events


def _held(symbols: SymbolTable, stretches: Iterable[Events]) -> tuple[SymbolTable, Events]:
    return symbols, np.concatenate(list(stretches))


def _keep(path: Path, digest: str, rows: int, symbols: SymbolTable, stretches: Iterable[Events]) -> None:
    with suppress(OSError):
        for stale in path.parent.glob(f"{path.name[:10]}-*"):
            stale.unlink()
    write_whole(path, lambda part: _save(part, rows, stretches))
    beside = msgspec.json.encode(_Beside(digest, rows, symbols.names))
    write_whole(path.with_suffix(".json"), lambda part: fill(part, beside))


def _save(part: Path, rows: int, stretches: Iterable[Events]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(EVENT), "fortran_order": False, "shape": (rows,)}
    with part.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for events in stretches:
            file.write(np.ascontiguousarray(events).data)
