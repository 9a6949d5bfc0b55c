"""The Unix socket as a file: who may reach it, who is behind it, and whether somebody already listens."""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

from qm.config import create
from qm.errors import ConfigError, LockedError, UnavailableError
from qm.log import logger

MAX_PATH_BYTES: Final = 107
"""Linux keeps 108 bytes for the path of a socket, the last one for a zero."""
BACKLOG: Final = 64

log = logger(__name__)


class Peer(NamedTuple):
    """The process at the other end, as the kernel saw it when it connected."""

    pid: int
    uid: int


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, reachable by the user alone; its folder is made when missing.

    Raises ConfigError when the path is too long, or the folder or what is at the path is not ours; LockedError when
    somebody answers there; UnavailableError when the system refuses.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        raise UnavailableError("This system does not say who connects to a Unix socket.", "Use Linux.")
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise ConfigError(
            f"The path of the socket has {length} bytes, {MAX_PATH_BYTES} are allowed: {path}.",
            "Set QM_RUNTIME_DIR to a shorter folder.",
        )
    if path.parent.is_symlink():
        raise ConfigError(f"{path.parent} is a symbolic link.", "Remove it, or set QM_RUNTIME_DIR to another folder.")
    create(path.parent)
    _clear(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Between bind and chmod the file would be open to others; the mask closes it from the start.
    before = os.umask(0o077)
    try:
        server.bind(os.fspath(path))
        path.chmod(0o600)
        server.listen(BACKLOG)
        server.settimeout(0)
    except OSError as error:
        server.close()
        raise UnavailableError(f"The socket {path} could not be made: {error.strerror}.") from error
    finally:
        os.umask(before)
    return server


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of what is at `path`, None when nothing is: the socket that is removed must be ours."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def peer_of(connection: socket.socket) -> Peer:
    """Return who is at the other end of a connected Unix socket."""
    pid, uid, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Peer(pid, uid)


def _clear(path: Path) -> None:
    """Make room at `path`: a socket that nobody listens at is removed, anything else is refused."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(f"{path} is not a socket.", "Remove it, or set QM_RUNTIME_DIR to another folder.")
    if _answers(path):
        raise LockedError(f"Another daemon answers at {path}.", "See qm status; end it with qm down.")
    log.warning("a dead socket was removed", path=str(path))
    path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # A full backlog, or a file we may not use: whatever it is, it is not dead for certain.
            return True
    return True
