"""What is kept of the radar, and for how long: whole runs are removed, the oldest first."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from qm.clock import DAY


class SnapshotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of the radar, and for how long; the list of every beat always is."""

    market_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    """Seconds between snapshots of the whole market; 0 keeps none."""
    days: Annotated[int, Meta(ge=1)] = 30
    """Runs that were written longer ago are removed when an engine starts."""
    max_mb: Annotated[int, Meta(ge=1)] = 4_000
    """When the runs of a mode take more, the oldest are removed, MB."""


class _Kept(NamedTuple):
    written: int
    """ns UTC of the newest file."""
    size: int
    folder: Path


def prune(folder: Path, days: int, max_bytes: int, now: int, spare: Collection[str] = ()) -> list[str]:
    """Remove the runs below `folder` that are too old or too much, and return their names, the oldest first.

    A run is a folder; it is as old as the newest file in it was written before `now` (ns UTC). Those in `spare` are
    never removed, but count. What cannot be removed is left.
    """
    runs = sorted(_of(each) for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    total = sum(run.size for run in runs)
    gone = []
    for run in runs:
        if run.folder.name in spare or (run.written >= now - days * DAY and total <= max_bytes):
            continue
        with suppress(OSError):
            shutil.rmtree(run.folder)
            total -= run.size
            gone.append(run.folder.name)
    return gone


def _of(folder: Path) -> _Kept:
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    newest = max((file.st_mtime_ns for file in files), default=folder.stat().st_mtime_ns)
    return _Kept(newest, sum(file.st_size for file in files), folder)
