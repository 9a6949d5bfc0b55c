"""How the last engine of a place ended, for whoever asks after it is gone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from qm.clock import now_ns, ny
from qm.errors import QmError

FILE: Final = "engine.json"
BYTES: Final = 4096
"""Its size; what ended an engine is cut to fit."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the daemon, and what ended it."""

    run: str
    pid: int
    started: int
    """ns UTC."""
    ended: int = 0
    """ns UTC; 0 while it runs, and for ever when it was killed."""
    problem: str = ""
    """What ended it; empty when it was asked to stop."""
    remedy: str = ""

    def sentence(self) -> str:
        """Return what became of it, in words; only for an engine that runs no more."""
        if not self.ended:
            return f"The last one ({self.run}, process {self.pid}) was killed, or the machine went down."
        at = f"{ny(self.ended):%Y-%m-%d %H:%M:%S} New York"
        if self.problem:
            return f"The last one ({self.run}) ended at {at}: {self.problem}"
        return f"The last one ({self.run}) was stopped at {at}."


def begun(folder: Path, run: str, pid: int) -> Ending:
    """Note that an engine runs; what cannot be written is left out, for it only informs."""
    ending = Ending(run=run, pid=pid, started=now_ns())
    _write(folder, ending)
    return ending


def ended(folder: Path, ending: Ending, error: BaseException | None) -> None:
    """Note how it ended."""
    if isinstance(error, QmError):
        problem, remedy = error.problem, error.remedy
    else:
        problem, remedy = "" if error is None else f"{type(error).__name__}: {error}", ""
    _write(folder, msgspec.structs.replace(ending, ended=now_ns(), problem=problem[:1000], remedy=remedy[:1000]))


def last(folder: Path) -> Ending | None:
    """Return how the last engine of a place ended; None when there was none, or nothing is known of it."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Ending)
    except (OSError, msgspec.DecodeError):
        return None


def _write(folder: Path, ending: Ending) -> None:
    # In place, over the bytes that are there: a full disk has no room for a second file.
    with suppress(OSError):
        handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, msgspec.json.encode(ending).ljust(BYTES), 0)
            os.ftruncate(handle, BYTES)
        finally:
            os.close(handle)
