"""The schema of the journal's database, as numbered steps that are applied in one transaction."""

from __future__ import annotations

import sqlite3
from typing import Final

from qm.errors import NewerSchemaError, StoreError, WrongModeError

APPLICATION_ID: Final = 0x514D4A4C
"""Marks the file as a journal of this program ("QMJL")."""

_V1: Final = (
    "CREATE TABLE meta (mode TEXT NOT NULL, schema INTEGER NOT NULL) STRICT",
    """CREATE TABLE runs (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, session TEXT NOT NULL,
        started INTEGER NOT NULL, feed TEXT NOT NULL, settings TEXT NOT NULL, symbols TEXT NOT NULL, code TEXT NOT NULL,
        after_seq INTEGER NOT NULL, after_head BLOB NOT NULL, seal BLOB NOT NULL) STRICT""",
    """CREATE TABLE entries (
        run INTEGER NOT NULL REFERENCES runs (n), seq INTEGER NOT NULL, ts INTEGER NOT NULL, at INTEGER NOT NULL,
        cause INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL,
        PRIMARY KEY (run, seq)) STRICT""",
    """CREATE TABLE mentions (
        run INTEGER NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (run, what, name, seq)) WITHOUT ROWID, STRICT""",
    """CREATE TABLE orders (
        run TEXT NOT NULL, id TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL, qty INTEGER NOT NULL,
        type TEXT NOT NULL, purpose TEXT NOT NULL, strategy TEXT NOT NULL, status TEXT NOT NULL,
        limit_price TEXT, stop_price TEXT, parent TEXT, trade TEXT NOT NULL, broker_id TEXT NOT NULL,
        filled INTEGER NOT NULL, avg_price TEXT, fees_usd TEXT NOT NULL, reason TEXT NOT NULL,
        intended INTEGER NOT NULL, updated INTEGER NOT NULL,
        PRIMARY KEY (run, id)) WITHOUT ROWID, STRICT""",
    "CREATE INDEX orders_of_trade ON orders (run, trade)",
    """CREATE TABLE trades (
        run TEXT NOT NULL, trade TEXT NOT NULL, session TEXT NOT NULL, seq INTEGER NOT NULL, symbol TEXT NOT NULL,
        strategy TEXT NOT NULL, side TEXT NOT NULL, qty INTEGER NOT NULL, opened INTEGER NOT NULL,
        closed INTEGER NOT NULL, entry_price TEXT NOT NULL, exit_price TEXT NOT NULL, gross_usd TEXT NOT NULL,
        fees_usd TEXT NOT NULL, net_usd TEXT NOT NULL, risk_usd REAL NOT NULL, r REAL, mfe_usd REAL NOT NULL,
        mae_usd REAL NOT NULL, reason TEXT NOT NULL, ambiguous INTEGER NOT NULL,
        PRIMARY KEY (run, trade)) WITHOUT ROWID, STRICT""",
    "CREATE INDEX trades_closed ON trades (closed)",
    "CREATE INDEX trades_of_symbol ON trades (symbol, closed)",
    "CREATE INDEX trades_of_strategy ON trades (strategy, closed)",
    """CREATE TABLE positions (
        run TEXT NOT NULL, symbol TEXT NOT NULL, qty INTEGER NOT NULL, avg_price TEXT,
        realized_usd TEXT NOT NULL, fees_usd TEXT NOT NULL, updated INTEGER NOT NULL,
        PRIMARY KEY (run, symbol)) WITHOUT ROWID, STRICT""",
    *(
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        for table in ("runs", "entries")
        for action in ("UPDATE", "DELETE")
    ),
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_V1,)
"""The statements that lead from schema n to n + 1, at index n."""

SCHEMA: Final = len(MIGRATIONS)
"""The schema that this version writes."""


def migrate(db: sqlite3.Connection, mode: str, name: str) -> None:
    """Bring a database to `SCHEMA`, or refuse it without having touched it.

    Raises StoreError for a file that is no journal, WrongModeError and NewerSchemaError; sqlite3.Error as it comes.
    """
    schema = examine(db, mode, name)
    if schema == SCHEMA:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated between the look and the lock.
        for step in MIGRATIONS[_number(db, "user_version") :]:
            for statement in step:
                db.execute(statement)
        db.execute("DELETE FROM meta")
        db.execute("INSERT INTO meta VALUES (?, ?)", (mode, SCHEMA))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def examine(db: sqlite3.Connection, mode: str, name: str) -> int:
    """Return the schema of a database, 0 for an empty one; raises like `migrate`."""
    schema = _number(db, "user_version")
    if _number(db, "application_id") != APPLICATION_ID:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] or schema:
            raise StoreError(f"{name} is a database, but no journal.", "Name another file, or move this one away.")
        return 0
    if schema > SCHEMA:
        raise NewerSchemaError(
            f"{name} was written by a newer version (schema {schema}, this one knows {SCHEMA}).",
            "Update the program, or use another data folder.",
        )
    (found,) = db.execute("SELECT mode FROM meta").fetchone()
    if found != mode:
        raise WrongModeError(
            f"{name} is the journal of mode {found}, not of {mode}.",
            f"Start with --mode {found}, or move the file away.",
        )
    return schema


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
