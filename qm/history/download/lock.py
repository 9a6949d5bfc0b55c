"""One download at a time: a lock that the system frees when its holder dies, and that says who holds it since when."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from qm.clock import SECOND, now_ns
from qm.config import create
from qm.errors import LockedError

_AGAIN_S: Final = 0.2


class _Holder(msgspec.Struct, frozen=True):
    pid: int
    since: int


@asynccontextmanager
async def only_one(path: Path, patient: Callable[[], bool]) -> AsyncIterator[None]:
    """Hold the lock at `path`; LockedError with its holder and age when it is taken and one is no longer `patient`."""
    create(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(handle):
            if not patient():
                raise _locked(handle)
            await asyncio.sleep(_AGAIN_S)
        os.ftruncate(handle, 0)
        os.pwrite(handle, msgspec.json.encode(_Holder(os.getpid(), now_ns())), 0)
        yield
    finally:
        # The file stays: removing it would let two downloads lock two files of the same name.
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(handle: int) -> LockedError:
    who = "Another download"
    try:
        holder = msgspec.json.decode(os.pread(handle, 200, 0), type=_Holder)
    except msgspec.DecodeError:
        pass  # It was taken a moment ago.
    else:
        who += f" (process {holder.pid}, for {max(0, now_ns() - holder.since) // SECOND:,} s)"
    return LockedError(f"{who} is at work.", "Wait for its end with --wait, or end it.")
