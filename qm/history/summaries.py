"""Sessions summed up, kept in a folder that may be deleted at any time: a year of them is read in a second."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from zipfile import BadZipFile

import numpy as np

from qm.errors import QmError
from qm.history.catalogue import Catalogue
from qm.history.files import write_whole
from qm.history.layout import QUOTES, SessionData
from qm.history.summary import Summary, summarise
from qm.model.instrument import SymbolTable

VERSION: Final = 3
"""Of how a session is summed up; another number makes every kept summary stale."""
_COURSES: Final = ("course", "pre_course")


class Summed(NamedTuple):
    """One session."""

    symbols: SymbolTable
    day: Summary


def kind_of(kinds: list[str]) -> str:
    """Return which of the kinds that are fed together tells prices and volume: quotes do not."""
    told = [kind for kind in kinds if kind != QUOTES] or kinds
    return "+".join(told)


class Summaries:
    """The sessions of one dataset and kind."""

    def __init__(self, catalogue: Catalogue, dataset: str, kind: str) -> None:
        self._catalogue = catalogue
        self._dataset = dataset
        self._kind = kind
        self._folder = catalogue.scratch / dataset / "summaries" / kind

    def of(self, date: dt.date, *, courses: bool = True) -> Summed:
        """Return a session, its courses of volume empty if nobody needs them; DataError when missing or damaged."""
        path = self.path(date)
        found = _kept(path, courses=courses)
        return self._keep(path, self._catalogue.load(self._dataset, date, self._kind)) if found is None else found

    def keep(self, data: SessionData) -> None:
        """Sum up a session that has just been stored, while it is in memory."""
        self._keep(self.path(data.session), data)

    def summed(self, data: SessionData) -> Summed:
        """Return a session that is in memory: as it was kept, else summed up and kept."""
        path = self.path(data.session)
        return _kept(path) or self._keep(path, data)

    def path(self, date: dt.date) -> Path:
        """Return where the summary of a session is kept, or would be."""
        stamps = [self._catalogue.sha256(self._dataset, kind, date) for kind in self._kind.split("+")]
        digest = sha256(f"{VERSION} {stamps}".encode()).hexdigest()[:16]
        return self._folder / f"{date}-{digest}.npz"

    def _keep(self, path: Path, data: SessionData) -> Summed:
        found = Summed(data.symbols, summarise(data))
        # A summary that cannot be kept costs time, not the session.
        with suppress(QmError):
            _keep(path, found)
        return found


def _kept(path: Path, *, courses: bool = True) -> Summed | None:
    nothing: Any = np.empty((0, 0), np.float32)
    try:
        with np.load(path, allow_pickle=False) as found:
            # Only what is asked for is read: courses are most of a summary.
            columns = {f.name: found[f.name] if courses or f.name not in _COURSES else nothing for f in fields(Summary)}
            return Summed(SymbolTable(found["names"].tolist()), Summary(**columns))
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _keep(path: Path, summed: Summed) -> None:
    names = np.array(summed.symbols.names, np.str_)

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, names=names, **summed.day.columns())

    if path.parent.is_dir():
        for stale in path.parent.glob(f"{path.name[:10]}-*"):
            stale.unlink(missing_ok=True)
    # The archive has a checksum of each column: one that a power cut left short is made again.
    write_whole(path, write, durable=False)
