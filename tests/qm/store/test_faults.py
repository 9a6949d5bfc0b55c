import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from qm.errors import DiskFullError, LockedError, NewerSchemaError, NotFoundError, StoreError, WrongModeError
from qm.store import connection
from qm.store.journal import Journal
from qm.store.migrations import SCHEMA
from qm.store.reader import JournalReader
from tests.qm.store.flows import header, number, round_trip

WRITER = """
import sys
from pathlib import Path
from qm.store.journal import Journal
from tests.qm.store.flows import header, number, round_trip
with Journal.open(Path(sys.argv[1]), "sim") as journal:
    journal.start_run(header())
    seq = 1
    while True:
        entries = number(round_trip(seq), seq)
        journal.append(entries[:-1], durable=False)
        journal.append(entries[-1:], durable=True)
        seq += len(entries)
        print(seq - 1, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with two runs of twelve entries each."""
    path = tmp_path / "journal.db"
    with Journal.open(path, "sim") as journal:
        for run in ("one", "two"):
            journal.start_run(header(run))
            journal.append(number(round_trip()), durable=True)
    return path


def tamper(path: Path, *statements: str) -> None:
    """Change the file behind the journal's back."""
    with sqlite3.connect(path, isolation_level=None) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)
    db.close()


def test_another_mode_is_refused_in_both_directions(file: Path) -> None:
    for open_it in (Journal.open, JournalReader.open):
        with pytest.raises(WrongModeError, match="mode sim, not of live") as caught:
            open_it(file, "live")
        assert "--mode sim" in caught.value.remedy


def test_a_newer_schema_is_refused_and_left_alone(file: Path) -> None:
    tamper(file, f"PRAGMA user_version = {SCHEMA + 1}")
    before = file.read_bytes()
    for open_it in (Journal.open, JournalReader.open):
        with pytest.raises(NewerSchemaError, match=f"schema {SCHEMA + 1}"):
            open_it(file, "sim")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"not a database at all" * 100, "damaged"), (b"SQLite format 3\0" + b"\xff" * 5000, "damaged")],
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=problem):
        Journal.open(path, "sim")
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(StoreError, match="no journal"):
        Journal.open(path, "sim")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="cannot be opened"):
        Journal.open(tmp_path / "taken" / "journal.db", "sim")


def test_entries_and_runs_cannot_be_changed_or_deleted(file: Path) -> None:
    with sqlite3.connect(file) as db:
        for statement in (
            "UPDATE entries SET ts = 0",
            "DELETE FROM entries",
            "UPDATE runs SET feed = ''",
            "DELETE FROM runs",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "bad", "problem"),
    [
        ("UPDATE entries SET ts = ts + 1 WHERE run = 2 AND seq = 5", 5, "hash"),
        ("UPDATE entries SET at = 0 WHERE run = 2 AND seq = 12", 12, "hash"),
        ("UPDATE entries SET cause = 0 WHERE run = 2 AND seq = 10", 10, "hash"),
        ("UPDATE entries SET body = replace(body, 'break', 'broke') WHERE run = 2 AND seq = 2", 2, "hash"),
        ("UPDATE entries SET type = 'hit' WHERE run = 2 AND seq = 3", 3, "another type"),
        ("UPDATE entries SET hash = zeroblob(32) WHERE run = 2 AND seq = 1", 1, "hash"),
        ("DELETE FROM entries WHERE run = 2 AND seq = 7", 7, "missing"),
        ("UPDATE entries SET seq = seq + 100 WHERE run = 2 AND seq = 4", 4, "missing"),
        ("UPDATE runs SET started = 1 WHERE n = 2", 0, "header"),
        ("UPDATE runs SET settings = '{}x' WHERE n = 2", 0, "header"),
        ("DELETE FROM entries WHERE run = 1 AND seq > 10", 0, "entry 12 of the run before"),
        ("DELETE FROM runs WHERE n = 1", 0, "the run before it is missing"),
    ],
)
def test_whatever_is_changed_behind_its_back_is_found(file: Path, statement: str, bad: int, problem: str) -> None:
    tamper(file, statement)
    with JournalReader.open(file, "sim") as reader:
        verdict = reader.verify("two")
    assert (verdict.ok, verdict.bad) == (False, bad)
    assert problem in verdict.problem


def test_changed_links_after_a_changed_entry_do_not_help(file: Path) -> None:
    with JournalReader.open(file, "sim") as reader:
        head = reader.head("two")
    tamper(
        file,
        "UPDATE entries SET hash = (SELECT hash FROM entries WHERE run = 1 AND seq = 1) WHERE run = 2 AND seq = 12",
    )
    with JournalReader.open(file, "sim") as reader:
        assert reader.head("two") != head
        assert reader.verify("two").bad == 12


def test_an_entry_of_an_unknown_type_is_reported_not_crashed_upon(file: Path) -> None:
    tamper(file, "UPDATE entries SET body = replace(body, 'hit', 'hut') WHERE run = 2 AND seq = 1")
    with JournalReader.open(file, "sim") as reader, pytest.raises(StoreError, match="Entry 1"):
        reader.entry("two", 1)


def test_a_damaged_page_is_found(file: Path) -> None:
    data = bytearray(file.read_bytes())
    # The middle of the file is well inside the tables.
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\xa5" * 4096
    file.write_bytes(data)

    def read_all() -> None:
        with Journal.open(file, "sim") as journal:
            journal.check()

    with pytest.raises(StoreError, match="damaged"):
        read_all()


def test_a_sound_file_passes_the_check(file: Path) -> None:
    with Journal.open(file, "sim") as journal:
        journal.check()
        journal.checkpoint()
        assert journal.verify("one").ok


def test_a_full_disk_stores_nothing_half_and_can_be_tried_again(tmp_path: Path) -> None:
    entries = number([body for i in range(200) for body in round_trip(i)])
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        journal.append(entries[:12], durable=True)
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages + 5}")
        for durable in (True, False):
            with pytest.raises(DiskFullError, match="disk is full"):
                journal.append(entries[12:], durable=durable)
            assert journal.head("sim-1")[0] == 12
            assert len(journal.orders("sim-1")) == 2
        journal._db.execute("PRAGMA max_page_count = 1000000")
        journal.append(entries[12:], durable=True)
        assert journal.verify("sim-1").entries == len(entries)


class Failing:
    """A connection whose nth statement fails, and with `more` those after it."""

    def __init__(self, db: sqlite3.Connection, fatal: int, more: int) -> None:
        self._db = db
        self._left = fatal
        self._more = more

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def _count(self, statement: str) -> None:
        self._left -= 1
        if -self._more <= self._left <= 0:
            raise sqlite3.OperationalError("disk I/O error")

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        self._count(statement)
        return self._db.execute(statement, *values)

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        self._count(statement)
        return self._db.executemany(statement, rows)


def faulty(step: Callable[[Journal], None], journal: Journal, more: int) -> int:
    """Run `step` with its first, second ... statement failing, until none does; returns how many failed."""
    for fatal in count(1):
        sound = journal._db
        journal._db = Failing(sound, fatal, more)  # type: ignore[assignment]
        try:
            step(journal)
        except StoreError:
            journal._db = sound
            if journal._run is None:
                journal.resume("sim-1")
        else:
            journal._db = sound
            return fatal - 1
    raise AssertionError


@pytest.mark.parametrize("more", [0, 1, 2, 5])
def test_any_statement_may_fail_and_the_same_append_then_succeeds(tmp_path: Path, more: int) -> None:
    entries = number([*round_trip(1), *round_trip(2, "CYPH")])
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        journal.append(entries[:5], durable=False)
        failed = faulty(lambda each: each.append(entries[5:], durable=True), journal, more)
        assert failed > 8
        assert list(journal.read("sim-1")) == entries
        assert journal.verify("sim-1").ok
        tables = (journal.orders("sim-1"), journal.positions("sim-1"), journal.trades())
        assert faulty(lambda each: each.rebuild("sim-1"), journal, more) > 8
        assert tables == (journal.orders("sim-1"), journal.positions("sim-1"), journal.trades())


def test_a_second_writer_is_refused_before_it_can_fork_the_chain(file: Path) -> None:
    entries = number([*round_trip(), *round_trip(2)])
    with Journal.open(file, "sim") as first, Journal.open(file, "sim") as second:
        first.resume("two")
        second.resume("two")
        first.append(entries[12:], durable=True)
        with pytest.raises(StoreError):
            second.append(entries[12:], durable=True)
        assert first.verify("two").ok


def test_a_locked_file_is_reported_after_the_timeout(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BUSY_TIMEOUT_MS", 20)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Journal.open(file, "sim") as journal, pytest.raises(LockedError, match="locked by another process"):
        journal.start_run(header("three"))
    holder.close()


def test_a_reader_of_nothing_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        JournalReader.open(tmp_path / "none" / "j.db", "sim")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_every_durable_entry_and_a_chain_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for trades in (1, 7, 30):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(trades)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().splitlines()]
        with Journal.open(path, "sim") as journal:
            verdict = journal.verify("sim-1")
            assert verdict.ok
            assert verdict.entries >= told[-1] >= 12 * trades
            orders = journal.orders("sim-1")
            journal.rebuild("sim-1")
            assert journal.orders("sim-1") == orders
            journal.resume("sim-1")
            journal.append(number(round_trip(9999), verdict.entries + 1), durable=True)
            assert journal.verify("sim-1").ok
