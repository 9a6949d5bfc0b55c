"""The journal in SQLite: append-only, hash-chained, the source of truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec

from qm.errors import StoreError
from qm.model.events import Entry, SessionStarted
from qm.store import tables
from qm.store.chain import Chain, RunHeader, body_of
from qm.store.connection import connect, store_error
from qm.store.mentions import orders_of, symbols_of, tag_of
from qm.store.projections import Projection, Row
from qm.store.reader import JournalReader, decode_body

T = TypeVar("T")

_NO_HEAD: Final = bytes(32)
_INSERT_RUN: Final = (
    "INSERT INTO runs (n, id, mode, session, started, feed, settings, symbols, code, after_seq, after_head, seal) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LAST_SESSION: Final = "SELECT body FROM entries WHERE run = ? AND type = 'session_started' ORDER BY seq DESC LIMIT 1"
_INSERT_ENTRY: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_MENTION: Final = "INSERT OR IGNORE INTO mentions VALUES (?, ?, ?, ?)"

Mention = tuple[int, str, str, int]


class _Run:
    __slots__ = ("chain", "n", "tables")

    def __init__(self, n: int, chain: Chain, projection: Projection) -> None:
        self.n = n
        self.chain = chain
        self.tables = projection

    def project(self, entries: Sequence[Entry]) -> tuple[list[Row], list[Mention]]:
        changed: dict[int, Row] = {}
        mentions: list[Mention] = []
        for entry in entries:
            for row in self.tables.apply(entry):
                changed[id(row)] = row
            orders = orders_of(entry.body)
            symbols = symbols_of(entry.body) or tuple(filter(None, map(self.tables.symbol_of, orders)))
            mentions += [(self.n, "order", order, entry.seq) for order in orders]
            mentions += [(self.n, "symbol", symbol, entry.seq) for symbol in symbols]
        return list(changed.values()), mentions


class Journal(JournalReader):
    """The one writer of a mode's journal; it reads, too.

    Every method raises StoreError, or one of its kinds, when the file fails; LockedError when another process keeps it
    locked for longer than the busy timeout. After an error the file holds what it held before the call.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        super().__init__(db, path)
        self._run: _Run | None = None
        self._full = True

    @classmethod
    def open(cls, path: Path, mode: str) -> Self:
        """Open or create the journal of a mode; WrongModeError, NewerSchemaError."""
        return cls(connect(path, mode), path)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file; for quiet moments, so that no append has to."""
        self._guard(lambda: self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    def start_run(self, header: RunHeader) -> None:
        """Begin a run, durably; `append` then goes to it. Raises StoreError when the id was used before."""
        n = self._transaction(lambda: self._insert_run(header), durable=True)
        self._run = _Run(n, Chain(header.genesis()), Projection(header.id, header.session))

    def resume(self, run: str) -> RunHeader:
        """Take up a run where it ended; `append` then goes to it. It is not verified: see `verify`."""
        self._guard(self._rollback)
        header, n = self._find(run)
        seq, head = self.head(run)
        started = self._rows(_LAST_SESSION, n)
        projection = Projection(run, _session_of(started[0][0]) if started else header.session)
        self._guard(lambda: tables.restore(self._db, projection))
        self._run = _Run(n, Chain(head, seq), projection)
        return header

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Store entries, all or none, and what is projected from them; durable ones survive a power cut.

        Entries that were appended before without `durable` are made durable along with them. Raises StoreError when a
        `seq` does not follow the last, or when an entry could not be read back; DiskFullError.
        """
        if not entries:
            return
        run = self._run
        if run is None:
            raise StoreError("No run was started in the journal.", "Start or resume a run first.")
        chain = Chain(run.chain.head, run.chain.seq)
        rows = [_row(run.n, chain, entry) for entry in entries]
        session = run.tables.session
        try:
            changed, mentions = run.project(entries)

            def insert() -> None:
                self._db.executemany(_INSERT_ENTRY, rows)
                self._db.executemany(_INSERT_MENTION, mentions)
                tables.write(self._db, changed)

            self._transaction(insert, durable)
        except BaseException:
            self._forget(run, session)
            raise
        run.chain = chain

    def rebuild(self, run: str) -> None:
        """Project a run's tables and mentions again from its entries."""
        header, n = self._find(run)
        fresh = _Run(n, Chain(header.genesis()), Projection(run, header.session))
        entries = list(self.read(run))

        def replace() -> None:
            tables.clear(self._db, run)
            self._db.execute("DELETE FROM mentions WHERE run = ?", (n,))
            changed, mentions = fresh.project(entries)
            self._db.executemany(_INSERT_MENTION, mentions)
            tables.write(self._db, changed)

        self._transaction(replace, durable=True)
        if self._run is not None and self._run.n == n:
            self._run.tables = fresh.tables

    def _insert_run(self, header: RunHeader) -> int:
        if self._db.execute("SELECT 1 FROM runs WHERE id = ?", (header.id,)).fetchone():
            raise StoreError(f"The journal already has a run {header.id}.", "Resume it, or choose another id.")
        n, seal, seq, head = 1, _NO_HEAD, 0, _NO_HEAD
        last = self._db.execute("SELECT n, seal, id FROM runs ORDER BY n DESC LIMIT 1").fetchone()
        if last is not None:
            n, seal = last[0] + 1, last[1]
            seq, head = self.head(last[2])
        values = msgspec.structs.astuple(header)
        self._db.execute(_INSERT_RUN, (n, *values, seq, head, header.seal(seal, head)))
        return n

    def _transaction(self, work: Callable[[], T], durable: bool) -> T:
        try:
            self._rollback()
            if durable != self._full:
                # Only outside a transaction; 1.3 µs. A FULL commit also syncs what NORMAL ones left in the log.
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._full = durable
            self._db.execute("BEGIN IMMEDIATE")
            result = work()
            self._db.execute("COMMIT")
        except BaseException as error:
            # A rollback that fails is tried again before the next transaction.
            with suppress(sqlite3.Error):
                self._rollback()
            if isinstance(error, sqlite3.Error):
                raise store_error(error, self._path) from error
            raise
        return result

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _forget(self, run: _Run, session: str) -> None:
        # What was folded in memory did not reach the tables: go back to what did.
        run.tables = Projection(run.tables.run, session)
        try:
            self._rollback()
            tables.restore(self._db, run.tables)
        except sqlite3.Error:
            # The caller learns of the first failure; to append again, the run must be resumed.
            self._run = None


def _session_of(body: str) -> str:
    event = decode_body(body)
    assert isinstance(event, SessionStarted)
    return event.session


def _row(n: int, chain: Chain, entry: Entry) -> tuple[Any, ...]:
    if entry.seq != chain.seq + 1:
        raise StoreError(
            f"Entry {entry.seq} does not follow entry {chain.seq} in the journal.",
            "This is a defect: please report it.",
        )
    data, digest = chain.add(entry)
    body = body_of(data)
    if b"null" in body:
        # A NaN is written as null; where the field is no option, the journal could never be read again.
        try:
            decode_body(body)
        except msgspec.DecodeError as error:
            raise StoreError(
                f"Entry {entry.seq} ({tag_of(entry.body)}) could not be read back ({error}).",
                "This is a defect: please report it.",
            ) from error
    return (n, entry.seq, entry.ts, entry.at, entry.cause, tag_of(entry.body), body.decode(), digest)
