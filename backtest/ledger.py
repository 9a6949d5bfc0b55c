"""Every trial that was ever made, for good: how many there were decides how much the best of them proves."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from backtest.space import Params
from backtest.summary import Summary
from qm.errors import DiskFullError, DivergedError, LockedError, NotFoundError, StoreError, UsageError

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS sweeps (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, definition BLOB NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS trials (
        sweep INTEGER NOT NULL REFERENCES sweeps (n), trial INTEGER NOT NULL, body BLOB NOT NULL, link BLOB NOT NULL,
        PRIMARY KEY (sweep, trial)) STRICT""",
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'nothing leaves the ledger'); END"
        for table in ("sweeps", "trials")
        for verb in ("UPDATE", "DELETE")
    ),
)


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What makes one sweep: equal definitions are the same sweep."""

    strategy: str
    dataset: str
    first: str
    last: str
    vary: tuple[str, ...]
    """Axes as typed."""
    method: str
    """grid, random or optuna."""
    trials: int
    seed: int
    objective: str
    fixed: tuple[str, ...] = ()
    """Other parameters and settings, as typed."""
    costs: str = ""
    equity: float | None = None
    inputs: str = ""
    """Digest over data, code and settings."""
    fills: str = ""
    """What is assumed where a bar tells no order of events."""
    stress: float = 1.0
    """How many times the slippage and the spreads."""

    @property
    def id(self) -> str:
        """Its name: equal for equal sweeps."""
        told = msgspec.to_builtins(self)
        # Ledgers name sweeps from before these could be chosen.
        for name, default in (("fills", ""), ("stress", 1.0)):
            if told[name] == default:
                del told[name]
        digest = sha256(msgspec.json.encode(told)).hexdigest()[:8]
        return f"{self.strategy}-{self.method}-{digest}"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One set of parameters and what came of it."""

    number: int
    params: Params
    run: str = ""
    """Name of the run: equal for equal inputs."""
    summary: Summary | None = None
    """None when it failed."""
    returns: tuple[float, ...] = ()
    """Of the sessions, in order."""
    error: str = ""

    def same_as(self, other: Trial) -> bool:
        """Say whether two runs of one trial came to the same; how long they took does not matter."""
        if self.summary is None or other.summary is None:
            return self.error == other.error
        return self.params == other.params and self.summary.result_hash == other.summary.result_hash


class Ledger:
    """Sweeps and trials in one SQLite file to which rows are only ever added; a context manager."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db, self._path = db, path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create a ledger; StoreError, DiskFullError and LockedError in the words of the user."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            db = sqlite3.connect(path, isolation_level=None, timeout=30)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            for statement in _SCHEMA:
                db.execute(statement)
        except (sqlite3.Error, OSError) as error:
            raise _said(error, path) from error
        return cls(db, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def begin(self, of: Definition) -> None:
        """Enter a sweep; one that is there already is gone on with."""
        self._do("INSERT OR IGNORE INTO sweeps (id, definition) VALUES (?, ?)", of.id, msgspec.json.encode(of))

    def record(self, of: Definition, trial: Trial) -> bool:
        """Enter what came of a trial, durably; False when it was there already.

        Raises DivergedError when it was there with another result: equal inputs must give an equal one.
        """
        known = self._rows("SELECT body FROM trials WHERE sweep = ? AND trial = ?", self._number(of.id), trial.number)
        if known:
            before = msgspec.json.decode(known[0][0], type=Trial)
            if not trial.same_as(before):
                raise DivergedError(
                    f"Trial {trial.number} of {of.id} came to something else than before.",
                    "This is a defect: please report it, with the parameters.",
                )
            return False
        body = msgspec.json.encode(trial)
        self._do(
            "INSERT INTO trials VALUES (?, ?, ?, ?)",
            self._number(of.id),
            trial.number,
            body,
            sha256(self._head() + body).digest(),
        )
        return True

    def trials(self, sweep: str) -> list[Trial]:
        """Return the trials of a sweep by number; NotFoundError with the nearest names."""
        rows = self._rows("SELECT body FROM trials WHERE sweep = ? ORDER BY trial", self._number(sweep))
        return [msgspec.json.decode(body, type=Trial) for (body,) in rows]

    def sweeps(self) -> Iterator[tuple[Definition, int]]:
        """Yield every sweep and how many of its trials were made, the latest last."""
        rows = self._rows(
            "SELECT definition, count(trial) FROM sweeps LEFT JOIN trials ON sweep = n GROUP BY n ORDER BY n"
        )
        for body, count in rows:
            yield msgspec.json.decode(body, type=Definition), count

    def tried(self, strategy: str) -> int:
        """Return how many trials were ever made of a strategy, in whatever sweep."""
        return sum(count for of, count in self.sweeps() if of.strategy == strategy)

    def verify(self) -> None:
        """Recompute the chain over all trials; StoreError when a row was changed or lost in between."""
        link = b""
        for body, stored in self._rows("SELECT body, link FROM trials ORDER BY rowid"):
            link = sha256(link + body).digest()
            if link != stored:
                raise StoreError(f"A trial in {self._path} was changed or removed.", "Restore a backup of the ledger.")

    def _head(self) -> bytes:
        rows = self._rows("SELECT link FROM trials ORDER BY rowid DESC LIMIT 1")
        return bytes(rows[0][0]) if rows else b""

    def _number(self, sweep: str) -> int:
        rows = self._rows("SELECT n FROM sweeps WHERE id = ?", sweep)
        if not rows:
            raise NotFoundError.of("sweep", sweep, (name for (name,) in self._rows("SELECT id FROM sweeps")))
        return int(rows[0][0])

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            with closing(self._db.execute(query, values)) as found:
                return found.fetchall()
        except sqlite3.Error as error:
            raise _said(error, self._path) from error

    def _do(self, query: str, *values: Any) -> None:
        self._rows(query, *values)


def _said(error: Exception, path: Path) -> StoreError | LockedError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) == 28:
        return DiskFullError(f"The disk is full: {path} cannot grow.", "Free some space and run the sweep again.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError(f"{path} is locked by another process.", "Wait for the other sweep to end.")
    return StoreError(
        f"The ledger {path} cannot be used ({error}).", "Check the file; restore a backup if it is damaged."
    )


def best_first(trials: list[Trial], objective: str) -> list[Trial]:
    """Return the trials that came to something, the best by the objective first; equal ones by number."""
    known = [(value, trial) for trial in trials if (value := figure(trial, objective)) is not None]
    return [trial for _, trial in sorted(known, key=lambda pair: (-pair[0], pair[1].number))]


def figure(trial: Trial, objective: str) -> float | None:
    """Return the figure of a trial that a sweep looks at; None when the trial failed or the figure is unknown."""
    if trial.summary is None:
        return None
    for part in (trial.summary, trial.summary.by_day, trial.summary.by_trade):
        if objective in part.__struct_fields__:
            value = getattr(part, objective)
            return None if value is None else float(value)
    raise UsageError(f"{objective!r} is no figure of a result.", "E.g. sharpe, net_usd, mean_r, profit_factor.")
