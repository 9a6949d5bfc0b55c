"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path

from qm.errors import DataError, DiskFullError


def write_whole(path: Path, write: Callable[[Path], None], *, durable: bool = True) -> None:
    """Have `write` fill a file beside `path`, then put it in its place; a failure leaves `path` as it was.

    What can be made again need not be `durable`: its reader must find out when a power cut left it short.
    Raises DiskFullError, or DataError for another failure of the file system.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        if durable:
            with beside.open("rb") as file:
                os.fsync(file.fileno())
        beside.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise file_error(error, path) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def fill(path: Path, data: bytes) -> None:
    """Write `data` to a file: what most have `write_whole` do."""
    path.write_bytes(data)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, hex; OSError as it comes."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def file_error(error: OSError, path: Path) -> DataError | DiskFullError:
    """Return the error that says what went wrong with the file at `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"The disk is full: {path} cannot be written.", "Free some space and try again.")
    if error.errno == errno.EFBIG:
        return DiskFullError(f"{path} may not grow so large.", "Raise the limit on the size of files: ulimit -f.")
    return DataError(
        f"{path} cannot be read or written ({error.strerror or error}).", "Check the path and its permissions."
    )
