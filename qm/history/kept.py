"""Files of the day cache and summaries of sessions: whether they are of the data that is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from qm.errors import QmError
from qm.history.catalogue import Catalogue
from qm.history.summaries import Summaries

_SUMMARIES: Final = "summaries"


class Kept(NamedTuple):
    """One file that follows from the data."""

    path: Path
    dataset: str
    kind: str
    session: dt.date
    current: bool
    """It is named after the data that is there now."""
    events: bool
    """It holds events; else a summary, or what lies beside events."""


def kept_files(catalogue: Catalogue, dataset: str | None = None) -> Iterator[Kept]:
    """Yield the files of the day cache and the summaries, of one dataset or all, by path; others are left out."""
    root = catalogue.scratch
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        parts = path.relative_to(root).parts
        if len(parts) < 3 or not path.is_file() or (dataset is not None and parts[0] != dataset):
            continue
        with suppress(ValueError):
            session = dt.date.fromisoformat(path.name[:10])
            if len(parts) == 3 and path.suffix in (".npy", ".json"):
                current = path.with_suffix(".npy") == _cached(catalogue, parts[0], parts[1], session)
                yield Kept(path, parts[0], parts[1], session, current, path.suffix == ".npy")
            elif len(parts) == 4 and parts[1] == _SUMMARIES and path.suffix == ".npz":
                current = path == _summary(catalogue, parts[0], parts[2], session)
                yield Kept(path, parts[0], parts[2], session, current, events=False)


def _cached(catalogue: Catalogue, dataset: str, kind: str, session: dt.date) -> Path | None:
    with suppress(QmError):
        return catalogue.cached(dataset, session, kind)
    return None


def _summary(catalogue: Catalogue, dataset: str, kind: str, session: dt.date) -> Path | None:
    if any(catalogue.sha256(dataset, each, session) is None for each in kind.split("+")):
        return None
    return Summaries(catalogue, dataset, kind).path(session)
