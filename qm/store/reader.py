"""Reading a journal: entries, their causes, what they are about, and the tables projected from them."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from qm.errors import NotFoundError, StoreError
from qm.model.events import AnyEvent, Entry
from qm.store import tables
from qm.store.chain import RunHeader, Verdict
from qm.store.connection import connect, store_error
from qm.store.projections import OrderRow, PositionRow, TradeRow
from qm.store.verify import verify_run

T = TypeVar("T")

decode_body: Final = msgspec.json.Decoder(AnyEvent).decode
"""Read an event from its stored JSON; msgspec.DecodeError."""

_RUNS: Final = "SELECT id, mode, session, started, feed, settings, symbols, code, n FROM runs"
_ENTRY: Final = "SELECT seq, ts, at, cause, body FROM entries WHERE run = ? AND seq = ?"
_READ: Final = "SELECT seq, ts, at, cause, body FROM entries WHERE run = ? AND seq > ? ORDER BY seq LIMIT 4096"
_LINKS: Final = "SELECT seq, hash FROM entries WHERE run = ? AND seq > ? ORDER BY seq LIMIT 4096"


class JournalReader:
    """A journal of one mode in one SQLite file, as any process may read it while another writes.

    Every method raises StoreError, or one of its kinds, when the file fails, and NotFoundError with the nearest ids for
    a run that is not there.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    @classmethod
    def open(cls, path: Path, mode: str) -> Self:
        """Open the journal of a mode; NotFoundError when there is none, WrongModeError, NewerSchemaError."""
        return cls(connect(path, mode, readonly=True), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def read(self, run: str, after: int = 0) -> Iterator[Entry]:
        """Yield the entries of a run with `seq` above `after`, in order; NotFoundError for an unknown run."""
        for row in self._pages(run, _READ, after):
            yield self._entry(row)

    def links(self, run: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield `seq` and hash of the entries of a run, in order."""
        return self._pages(run, _LINKS, after)

    def head(self, run: str) -> tuple[int, bytes]:
        """Return `seq` and hash of the last entry; 0 and the genesis when there is none."""
        header, n = self._find(run)
        return self._guard(lambda: self._head(n, header.genesis))

    def verify(self, run: str) -> Verdict:
        """Recompute header and chain of a run and name the first row that does not hold.

        Rows cut off at the end of the last run leave no trace in the file itself: compare `head` with a copy elsewhere.
        """
        self._find(run)
        return self._guard(lambda: verify_run(self._db, run))

    def check(self) -> None:
        """Have SQLite look for damage to the file; StoreError with what it found."""
        (found,) = self._guard(lambda: self._db.execute("PRAGMA quick_check(1)").fetchone())
        if found != "ok":
            raise StoreError(f"{self._path} is damaged ({found}).", "Move the file away and restore a backup.")

    def header(self, run: str) -> RunHeader:
        """Return the header of a run; NotFoundError with the nearest ids when there is none."""
        return self._find(run)[0]

    def runs(self) -> list[RunHeader]:
        """Return the headers of all runs, in the order in which they started."""
        return [_header(row) for row in self._rows(f"{_RUNS} ORDER BY n")]

    def last_run(self, session: str | None = None) -> RunHeader | None:
        """Return the run that started last, of a session if one is given; None when there is none."""
        found = self._rows(f"{_RUNS} WHERE session = ifnull(?, session) ORDER BY n DESC LIMIT 1", session)
        return _header(found[0]) if found else None

    def entry(self, run: str, seq: int) -> Entry:
        """Return one entry; NotFoundError when there is none."""
        n = self._find(run)[1]
        found = self._rows(_ENTRY, n, seq)
        if not found:
            raise NotFoundError(f"Run {run} has no entry {seq}.", f"Its last entry is {self.head(run)[0]}.")
        return self._entry(found[0])

    def chain_of_causes(self, run: str, seq: int) -> list[Entry]:
        """Return an entry and what led to it, the entry first, the first cause last."""
        walk = [self.entry(run, seq)]
        # A cause is always older than its effect; a damaged row that says otherwise must not make this endless.
        while 0 < walk[-1].cause < walk[-1].seq:
            walk.append(self.entry(run, walk[-1].cause))
        return walk

    def entries_about(
        self, run: str, *, symbol: str | None = None, order: str | None = None, trade: str | None = None
    ) -> list[Entry]:
        """Return the entries that name a symbol (itself, or one of its orders), an order, or the orders of a trade."""
        n = self._find(run)[1]
        names = [("symbol", symbol)] if symbol else []
        names += [("order", order)] if order else []
        if trade:
            names.append(("order", trade))
            names += [
                ("order", each)
                for (each,) in self._rows("SELECT id FROM orders WHERE run = ? AND trade = ?", run, trade)
            ]
        seqs = {
            seq
            for what, name in names
            for (seq,) in self._rows("SELECT seq FROM mentions WHERE run = ? AND what = ? AND name = ?", n, what, name)
        }
        return [self._entry(self._rows(_ENTRY, n, seq)[0]) for seq in sorted(seqs)]

    def orders(self, run: str) -> list[OrderRow]:
        """Return the orders of a run, by id."""
        self._find(run)
        return self._guard(lambda: tables.of_run(self._db, OrderRow, run))

    def positions(self, run: str) -> list[PositionRow]:
        """Return the positions of a run, flat ones included, by symbol."""
        self._find(run)
        return self._guard(lambda: tables.of_run(self._db, PositionRow, run))

    def trades(
        self,
        *,
        run: str | None = None,
        symbol: str | None = None,
        strategy: str | None = None,
        since: dt.date | None = None,
        limit: int | None = None,
    ) -> list[TradeRow]:
        """Return the closed trades of all runs that fit every given filter, the latest first; `since` is a session."""
        return self._guard(
            lambda: tables.trades(self._db, run=run, symbol=symbol, strategy=strategy, since=since, limit=limit)
        )

    def _find(self, run: str) -> tuple[RunHeader, int]:
        found = self._rows(f"{_RUNS} WHERE id = ?", run)
        if not found:
            raise NotFoundError.of(
                "run", run, (each for (each,) in self._rows("SELECT id FROM runs ORDER BY n DESC LIMIT 1000"))
            )
        return _header(found[0]), found[0][-1]

    def _head(self, n: int, genesis: Callable[[], bytes]) -> tuple[int, bytes]:
        found = self._db.execute(
            "SELECT seq, hash FROM entries WHERE run = ? ORDER BY seq DESC LIMIT 1", (n,)
        ).fetchone()
        return (0, genesis()) if found is None else (found[0], found[1])

    def _pages(self, run: str, query: str, after: int) -> Iterator[Any]:
        # Page by page, so that a slow reader holds no transaction open and the write-ahead log can be folded in.
        n = self._find(run)[1]
        while page := self._rows(query, n, after):
            yield from page
            after = page[-1][0]

    def _entry(self, row: tuple[int, int, int, int, str]) -> Entry:
        seq, ts, at, cause, body = row
        try:
            return Entry(seq, ts, at, cause, decode_body(body))
        except msgspec.DecodeError as error:
            raise StoreError(f"Entry {seq} in {self._path} cannot be read ({error}).", "Verify the journal.") from error

    def _rows(self, query: str, *values: Any) -> list[Any]:
        return self._guard(lambda: self._db.execute(query, values).fetchall())

    def _guard(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error


def _header(row: Sequence[Any]) -> RunHeader:
    return RunHeader(**dict(zip(RunHeader.__struct_fields__, row[:-1], strict=True)))
