"""Which radar snapshots a command means: of which run, of which session."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cli.stores import STORES, radar_folder
from cli.trial import UNFINISHED
from qm.clock import at_ny
from qm.errors import NotFoundError, UsageError, nearest


class Kept(NamedTuple):
    """The snapshots of one session of a run."""

    written: int
    """ns UTC of the newest file."""
    store: str
    """Mode, demo or backtest."""
    run: str
    date: dt.date
    path: Path


def kept(run: str | None = None, mode: str | None = None, date: dt.date | None = None) -> Kept:
    """Return the snapshots that are meant, of several those that were written last.

    Raises NotFoundError with what there is, and UsageError for a mode that does not exist.
    """
    everything = _all((mode,) if mode else STORES)
    found = [each for each in everything if run in (None, each.run) and date in (None, each.date)]
    if found:
        return max(found)
    if not everything:
        raise NotFoundError(
            "There are no radar snapshots yet.",
            "Run something first: qm demo --headless, or qm backtest run --snapshots. Engines write once a minute.",
        )
    if run is not None and all(each.run != run for each in everything):
        raise NotFoundError.of("run with radar snapshots", run, sorted({each.run for each in everything}))
    dates = sorted({f"{each.date}" for each in everything if run in (None, each.run)})
    raise NotFoundError(
        f"There are no radar snapshots of {date}.",
        f"There are those of {', '.join(dates[-5:])}.",
        nearest=nearest(f"{date}", dates),
    )


def moment(text: str, date: dt.date) -> int:
    """Return the time that was typed, ns UTC: a time of day in New York, or ISO 8601, with its offset or of New York.

    Raises UsageError.
    """
    with suppress(ValueError):
        return at_ny(date, text)
    with suppress(ValueError):
        given = dt.datetime.fromisoformat(text)
        if given.tzinfo is None:
            return at_ny(given.date(), given.time().isoformat())
        return int(given.timestamp() * 1_000_000) * 1_000
    raise UsageError(f"{text!r} is no time.", "Write 10:31, 10:31:05 or 2025-11-14T10:31:00-05:00.")


def _all(stores: tuple[str, ...]) -> list[Kept]:
    found = []
    for store in stores:
        for folder in sorted(radar_folder(store).glob("*")):
            if not folder.is_dir() or folder.name.startswith(UNFINISHED):
                continue
            dates = {path.name[:10] for path in folder.iterdir() if not path.name.startswith(".")}
            for text in sorted(dates):
                with suppress(ValueError):
                    path = folder / f"{text}.parquet"
                    found.append(Kept(_written(path), store, folder.name, dt.date.fromisoformat(text), path))
    return [each for each in found if each.written]


def _written(path: Path) -> int:
    parts = path.with_suffix(".parts")
    files = [path, *(parts.iterdir() if parts.is_dir() else ())]
    return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)
