"""Recordings by path or by the name of their run, and the journal that belongs to each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cli.feeds import looks_recorded
from cli.places import PLACES, answers, place
from cli.stores import FILE, holding
from qm.engine.settings import RunSettings
from qm.errors import DataError, LockedError, NotFoundError, nearest
from qm.history.records import RAW, SEALED, RecordHeader, read_header
from qm.store.reader import JournalReader

FOLDER = "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording at rest."""

    path: Path
    header: RecordHeader

    def settings(self) -> RunSettings:
        """Return the settings it was made under; DataError when they cannot be read."""
        try:
            return RunSettings.of(self.header.settings)
        except msgspec.DecodeError as error:
            raise DataError(
                f"The settings in {self.path} cannot be read ({error}).", "Use another recording."
            ) from error


def find(what: str | None, mode: str | None) -> Recording:
    """Return the recording at a path or of a run, by default of the run that started last.

    Raises NotFoundError with the nearest names, and LockedError while the run goes on.
    """
    if what is not None and (looks_recorded(what) or "/" in what):
        path = Path(what).expanduser()
        if not path.exists():
            raise NotFoundError(f"There is no recording at {path}.", nearest=nearest(path.name, _names()))
        return Recording(path, read_header(path))
    store, header = holding(what, mode, recorded=True)
    _refuse_running(store, header.id)
    folder = place(store).data / FOLDER
    for suffix in (SEALED, RAW):
        path = folder / f"{header.id}{suffix}"
        if path.exists():
            return Recording(path, read_header(path))
    raise NotFoundError(f"Run {header.id} has no recording in {folder}.", "Only the engine's own runs are recorded.")


@contextmanager
def journal_of(recording: Recording) -> Iterator[JournalReader]:
    """Open the journal beside a recording; NotFoundError when there is none."""
    path = recording.path.absolute().parent.parent / FILE
    if not path.exists():
        raise NotFoundError(
            f"There is no journal at {path} to compare with.", "Name the run instead: qm replay --verify RUN."
        )
    with JournalReader.open(path, recording.settings().mode) as journal:
        yield journal


def _refuse_running(store: str, run: str) -> None:
    from cli.link import ask

    of = place(store)
    if answers(of) and ask(of, "/v1/version")["run"] == run:
        raise LockedError(f"Run {run} is still going on.", "Stop it first: qm down.")


def _names() -> list[str]:
    return [path.name for name in PLACES for path in (place(name).data / FOLDER).glob("*")]
