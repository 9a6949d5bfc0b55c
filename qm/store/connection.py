"""Opening the journal's database, and saying in the user's words what SQLite complains about."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from qm.errors import DiskFullError, LockedError, NotFoundError, QmError, StoreError
from qm.store.migrations import examine, migrate

_BUSY_TIMEOUT_MS: Final = 5_000
_CHECKPOINT_PAGES: Final = 4_000


def connect(path: Path, mode: str, *, readonly: bool = False) -> sqlite3.Connection:
    """Open, or create, the journal at `path` with the current schema.

    A reader never creates or migrates. Raises NotFoundError for a reader of a missing file, and StoreError or one of
    its kinds for whatever is wrong with an existing one.
    """
    try:
        if readonly:
            if not path.exists():
                raise NotFoundError(f"There is no journal at {path}.", "Run something in this mode first.")
            db = _connect(f"{path.absolute().as_uri()}?mode=ro")
        else:
            _create(path)
            db = _connect(f"{path.absolute().as_uri()}?mode=rw")
    except (sqlite3.Error, OSError) as error:
        raise store_error(error, path) from error
    try:
        db.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        if readonly:
            examine(db, mode, path.name)
            return db
        # WAL keeps readers and the writer out of each other's way and costs one fsync per durable commit.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        migrate(db, mode, path.name)
    except (sqlite3.Error, QmError) as error:
        db.close()
        raise (error if isinstance(error, QmError) else store_error(error, path)) from error
    return db


def store_error(error: Exception, path: Path) -> StoreError | LockedError:
    """Return the error that says what went wrong with the store at `path`."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno == 28):
        return DiskFullError(f"The disk is full: {path} cannot grow.", "Free some space; nothing was half-written.")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError(f"{path} is locked by another process.", "End the other process, or wait for it.")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(
            f"{path} is damaged ({error}).", "Move the file away and restore a backup; it is never deleted for you."
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or isinstance(error, OSError):
        return StoreError(f"{path} cannot be opened or written ({error}).", "Check the folder and its permissions.")
    return StoreError(f"The journal at {path} failed ({error}).", "See the log; nothing was half-written.")


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    # The file and the WAL that inherits its mode are for their owner only.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _connect(uri: str) -> sqlite3.Connection:
    # One thread writes; the owner may hand the connection to a worker thread, so SQLite's own check is off.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=64)
