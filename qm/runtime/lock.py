"""One daemon per mode: an advisory lock that the system frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qm.config import create
from qm.errors import LockedError


@contextmanager
def daemon_lock(path: Path) -> Iterator[None]:
    """Hold the lock file while the daemon runs; LockedError with the holder's process id when it is taken."""
    create(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise LockedError(
                f"Another daemon of this mode is running (process {holder}).",
                "Use `qm attach` to see it, or `qm down` to stop it.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        # The file stays: removing it would let two daemons lock two files of the same name.
        os.close(handle)
