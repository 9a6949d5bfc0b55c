"""Market data at rest: Parquet by dataset, kind and session, each file with its manifest."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from qm.errors import DataError, NotFoundError, UsageError
from qm.history.daycache import DayCache
from qm.history.files import fill, sha256_of, write_whole
from qm.history.layout import (
    FACTS,
    QUOTES,
    TRADES,
    Array,
    SessionData,
    columns_of,
    is_kind,
    length_of,
)
from qm.history.manifest import Manifest, read_manifest, write_manifest
from qm.history.reading import damaged, damaged_if, read_session
from qm.model.instrument import SymbolTable
from qm.model.market import Events

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}\Z")


class Dataset(msgspec.Struct, frozen=True):
    """One kind of data of a dataset, over all its sessions."""

    name: str
    kind: str
    sessions: int
    first: str
    """Earliest session date."""
    last: str
    rows: int
    symbols: int
    """Most symbols in one session."""
    bytes: int
    source: str


def unknown_dataset(dataset: str, known: Sequence[str]) -> NotFoundError:
    """Return the error for a dataset that is not there, with those that are."""
    error = NotFoundError.of("dataset", dataset, known)
    if error.nearest:
        return error
    there_is = f"There is {', '.join(known)}." if known else "There is none yet: import one with qm data import."
    return NotFoundError(error.problem, there_is)


class Catalogue:
    """The datasets below `folder`, as `<dataset>/<kind>/<YYYY-MM-DD>.parquet`; `cache` may be deleted at any time."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = DayCache(cache)

    @property
    def folder(self) -> Path:
        """Where the datasets lie."""
        return self._folder

    @property
    def scratch(self) -> Path:
        """Where files of an import may lie while it runs."""
        return self._cache.folder

    def names(self) -> list[str]:
        """Return the names of all datasets."""
        if not self._folder.is_dir():
            return []
        folders = (path.name for path in self._folder.iterdir() if _NAME.match(path.name))
        return sorted(name for name in folders if self._kinds(name) or self._facts(name))

    def ls(self) -> list[Dataset]:
        """Return what there is, by name and kind; DataError for a damaged manifest."""
        return [self._summary(name, kind) for name in self.names() for kind in (*self._kinds(name), *self._facts(name))]

    def kinds(self, dataset: str) -> list[str]:
        """Return the kinds of data that a dataset has; NotFoundError with the nearest names for an unknown one."""
        if not _NAME.match(dataset) or not (kinds := self._kinds(dataset)):
            raise unknown_dataset(dataset, self.names())
        return kinds

    def sessions(
        self, dataset: str, since: dt.date | None = None, until: dt.date | None = None, kind: str | None = None
    ) -> list[dt.date]:
        """Return the session dates of a dataset, in order, both ends included; NotFoundError like `kinds`."""
        chosen = self._choose(dataset, kind)
        dates = set.intersection(*(self._dates(dataset, each) for each in chosen))
        return sorted(date for date in dates if (since or date) <= date <= (until or date))

    def manifest(self, dataset: str, kind: str, session: dt.date) -> Manifest | None:
        """Return the manifest of a session, None when there is none; DataError when it is damaged."""
        path = self._path(dataset, kind, session).with_suffix(".json")
        return read_manifest(path) if path.exists() else None

    def load(self, dataset: str, session: dt.date, kind: str | None = None) -> SessionData:
        """Return a session of a dataset as events.

        `kind` is needed where the dataset has several; `trades+quotes` merges two, and is what a dataset of these two
        kinds is without it. The events are memory-mapped from
        the day cache, which the first load builds. Raises NotFoundError like `kinds`, UsageError when the kind is not
        clear, and DataError when the session is missing or a file is damaged.
        """
        chosen = self._choose(dataset, kind)
        manifests = [self._known(dataset, each, session) for each in chosen]
        return self._cache.load(manifests, session, lambda: self._read(manifests, session))

    def cached(self, dataset: str, session: dt.date, kind: str) -> Path | None:
        """Return where the day cache keeps a session, None when a part of it is missing; DataError like `manifest`."""
        found = [self.manifest(dataset, each, session) for each in kind.split("+")]
        manifests = [each for each in found if each is not None]
        return self._cache.path(manifests, session) if len(manifests) == len(found) else None

    def cache_agrees(self, dataset: str, session: dt.date, kind: str) -> bool:
        """Say whether the day cache tells of a session what its files do, record by record; DataError when damaged."""
        manifests = [self._known(dataset, each, session) for each in kind.split("+")]
        kept = self._cache.kept(manifests, session)
        if kept is None:
            return False
        symbols, stretches = self._read(manifests, session)
        if kept[0].names != symbols.names:
            return False
        place = 0
        for events in stretches:
            block = kept[1][place : place + len(events)]
            if not np.array_equal(block.view(np.uint8), events.view(np.uint8)):
                return False
            place += len(events)
        return place == len(kept[1])

    def facts(self, dataset: str, kind: str) -> list[dt.date]:
        """Return the dates for which there are facts of a kind, `reference` or `splits`, in order."""
        return sorted(self._dates(dataset, kind))

    def fact(self, dataset: str, kind: str, date: dt.date) -> dict[str, Array]:
        """Return facts by column: `symbol` indexes `names`, `ts` is when each was known; DataError when damaged."""
        return self._columns(self._known(dataset, kind, date), date)

    def sha256(self, dataset: str, kind: str, session: dt.date) -> str | None:
        """Return the sha256 of a stored session, None when there is none or its manifest is damaged."""
        with suppress(DataError):
            found = self.manifest(dataset, kind, session)
            return None if found is None else found.sha256
        return None

    def sound(self, dataset: str, kind: str, session: dt.date) -> bool:
        """Say whether a session is there and its file is what its manifest says."""
        with suppress(DataError, OSError):
            found = self.manifest(dataset, kind, session)
            return found is not None and sha256_of(self._path(dataset, kind, session)) == found.sha256
        return False

    def put(self, manifest: Manifest, data: bytes | Path) -> None:
        """Store a session, Parquet sorted by (ts, symbol), in place of what is there; a file is moved away."""
        check_name(manifest.dataset)
        path = self._path(manifest.dataset, manifest.kind, dt.date.fromisoformat(manifest.session))
        write_whole(path, lambda part: fill(part, data) if isinstance(data, bytes) else _move(data, part))
        # Between the two, a reader finds the new file with the old manifest and says that it is damaged, not worse.
        write_manifest(path.with_suffix(".json"), manifest)

    def _choose(self, dataset: str, kind: str | None) -> list[str]:
        there = self.kinds(dataset)
        if kind is None and set(there) == {TRADES, QUOTES}:
            # Prints and the quotes around them are one market; bars beside them would tell it twice.
            return [TRADES, QUOTES]
        if kind is None:
            if len(there) > 1:
                example = f"{TRADES}+{QUOTES}" if {TRADES, QUOTES} <= set(there) else there[0]
                raise UsageError(
                    f"Dataset {dataset} has {', '.join(there)}: say which one.", f"Use --kind, e.g. --kind {example}."
                )
            return there
        wanted = kind.split("+")
        for each in wanted:
            if each not in there:
                raise NotFoundError(f"Dataset {dataset} has no {each}.", f"It has {', '.join(there)}.")
        return wanted

    def _read(self, manifests: list[Manifest], session: dt.date) -> tuple[SymbolTable, Iterator[Events]]:
        parts = [(each, self._path(each.dataset, each.kind, session)) for each in manifests]
        for manifest, path in parts:
            if not self.sound(manifest.dataset, manifest.kind, session):
                raise damaged(path, "its content is not what its manifest says")
        return read_session(parts)

    def _columns(self, manifest: Manifest, session: dt.date) -> dict[str, Array]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._path(manifest.dataset, manifest.kind, session)
        with damaged_if(path):
            sound = sha256_of(path) == manifest.sha256
            table = pq.read_table(path, partitioning=None) if sound else None
        if table is None:
            raise damaged(path, "its content is not what its manifest says")
        missing = {"ts", "symbol", *columns_of(manifest.kind)}.difference(table.column_names)
        if missing:
            raise damaged(path, f"it has no column {', '.join(sorted(missing))}")
        symbol = table.column("symbol").combine_chunks()
        coded = symbol if pa.types.is_dictionary(symbol.type) else symbol.dictionary_encode()
        columns = {name: table.column(name).to_numpy() for name in table.column_names if name != "symbol"}
        columns["symbol"] = coded.indices.to_numpy(zero_copy_only=False)
        columns["names"] = coded.dictionary.to_numpy(zero_copy_only=False)
        return columns

    def _known(self, dataset: str, kind: str, session: dt.date) -> Manifest:
        found = self.manifest(dataset, kind, session)
        if found is None:
            dates = sorted(self._dates(dataset, kind))
            raise DataError(f"Dataset {dataset} has no {kind} of {session}.", f"It has {dates[0]} to {dates[-1]}.")
        return found

    def _summary(self, name: str, kind: str) -> Dataset:
        found = [self._known(name, kind, date) for date in sorted(self._dates(name, kind))]
        return Dataset(
            name=name,
            kind=kind,
            sessions=len(found),
            first=found[0].session,
            last=found[-1].session,
            rows=sum(each.rows for each in found),
            symbols=max(each.symbols for each in found),
            bytes=sum(each.bytes for each in found),
            source=found[-1].source,
        )

    def _kinds(self, dataset: str) -> list[str]:
        folder = self._folder / dataset
        if not folder.is_dir():
            return []
        kinds = [path.name for path in folder.iterdir() if is_kind(path.name) and self._dates(dataset, path.name)]
        return sorted(kinds, key=lambda kind: (length_of(kind) or 0, kind))

    def _facts(self, dataset: str) -> list[str]:
        return [kind for kind in FACTS if self._dates(dataset, kind)]

    def _dates(self, dataset: str, kind: str) -> set[dt.date]:
        return {dt.date.fromisoformat(path.stem) for path in (self._folder / dataset / kind).glob("????-??-??.json")}

    def _path(self, dataset: str, kind: str, session: dt.date) -> Path:
        return self._folder / dataset / kind / f"{session.isoformat()}.parquet"


def check_name(dataset: str) -> None:
    """Raise UsageError when a dataset may not be called so."""
    if not _NAME.match(dataset):
        raise UsageError(f"{dataset!r} cannot name a dataset.", "Use lower case letters, digits, _ and -, at most 64.")


def _move(source: Path, path: Path) -> None:
    shutil.move(source, path)
