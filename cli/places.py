"""The places where an engine can live: one for each mode, and one for the demo."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import Final

import msgspec

from qm.config import MODES, Paths, paths
from qm.errors import UnavailableError, UsageError, did_you_mean, nearest

DEMO: Final = "demo"
PLACES: Final = (*MODES, DEMO)
"""What --mode takes: the modes, and the demo, which is a simulation in a folder of its own."""

LOCK: Final = "daemon.lock"


def place(name: str) -> Paths:
    """Return the folders of a mode or of the demo; UsageError for any other name."""
    if name == DEMO:
        sim = paths("sim")
        root = sim.cache / DEMO
        return msgspec.structs.replace(
            sim, data=root / "data", state=root / "state", runtime=sim.runtime.with_name(DEMO)
        )
    for mode in MODES:
        if mode == name:
            return paths(mode)
    raise UsageError(f"No mode is called {name!r}.", did_you_mean(nearest(name, PLACES)) or f"Use {', '.join(PLACES)}.")


def answers(of: Paths) -> bool:
    """Say whether somebody listens at the socket of a place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(of.socket))
        except OSError:
            return False
    return True


def held(of: Paths) -> bool:
    """Say whether a process holds the lock of a place: its engine runs, starts or ends."""
    try:
        handle = os.open(of.runtime / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def running() -> list[str]:
    """Return the places whose engine runs."""
    return [name for name in PLACES if answers(place(name))]


def the_running(name: str | None) -> tuple[str, Paths]:
    """Return the place that is meant: the named one, or the only one whose engine runs.

    Raises UnavailableError when none runs, and UsageError when several do and none was named.
    """
    if name is not None:
        found = place(name)
        if not answers(found):
            start = "qm demo" if name == DEMO else f"qm up --mode {name}"
            raise UnavailableError(f"No engine of mode {name} is running.{_last(found)}", f"Start it: {start}.")
        return name, found
    there = running()
    if not there:
        raise UnavailableError(f"No engine is running.{_last(*map(place, PLACES))}", "Start one: qm up, or qm demo.")
    if len(there) > 1:
        raise UsageError(f"Several engines are running: {', '.join(there)}.", f"Say which: --mode {there[0]}.")
    return there[0], place(there[0])


def _last(*places: Paths) -> str:
    from qm.runtime.ending import last

    # One that is starting or ending right now has not ended yet.
    endings = [ending for of in places if not held(of) and (ending := last(of.state)) is not None]
    latest = max(endings, key=lambda ending: ending.started, default=None)
    return "" if latest is None else f" {latest.sentence()}"
