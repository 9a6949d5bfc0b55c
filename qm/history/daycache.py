"""Sessions as they are fed: arrays of events on disk, mapped into memory instead of being decoded again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
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

    def load(
        self, manifests: list[Manifest], session: dt.date, read: Callable[[], tuple[SymbolTable, Events]]
    ) -> SessionData:
        """Return a session from the cache, or `read` it and keep it."""
        digest = _digest(manifests)
        path = self.path(manifests, session)
        found = _mapped(path, digest)
        if found is None:
            found = read()
            # A cache that cannot be written costs time, not the session.
            with suppress(QmError):
                _keep(path, digest, *found)
                found = _mapped(path, digest) or found
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


def _keep(path: Path, digest: str, symbols: SymbolTable, events: Events) -> None:
    if path.parent.is_dir():
        for stale in path.parent.glob(f"{path.name[:10]}-*"):
            stale.unlink(missing_ok=True)
    write_whole(path, lambda part: _save(part, events))
    beside = msgspec.json.encode(_Beside(digest, len(events), symbols.names))
    write_whole(path.with_suffix(".json"), lambda part: fill(part, beside))


def _save(part: Path, events: Events) -> None:
    with part.open("wb") as file:
        np.save(file, events, allow_pickle=False)
