"""The daemon in one process: what ends it, what it leaves behind, and that it is taken up from there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from qm.config import paths
from qm.errors import DiskFullError, LockedError
from qm.history import parted, snapshots
from qm.model.commands import AnyCommand, Ban, StopEntries, Unban
from qm.model.events import Banned, EntriesStopped, Entry
from qm.runtime.daemon import Daemon, Service
from qm.runtime.lock import daemon_lock
from qm.store.journal import Journal
from qm.store.reader import JournalReader
from tests.qm.engine.drive import day, setup

DAY = day(symbols=100, minutes=40)


def service(fresh: bool = False) -> Service:
    where = paths("sim")
    return Service(where, setup(where.data / "recordings", DAY), 0.0, fresh)


async def served(daemon: Daemon, records: int) -> int:
    """Run a daemon until it has consumed so many records, or has ended by itself."""
    running = asyncio.create_task(daemon.run())
    while daemon.health.records < records and not running.done():  # noqa: ASYNC110 - it counts, it has no event
        await asyncio.sleep(0)
    daemon.stop()
    return await running


def journaled() -> list[Entry]:
    with JournalReader.open(paths("sim").data / "journal.db", "sim") as journal:
        header = journal.last_run()
        assert header is not None
        assert journal.verify(header.id).ok
        return list(journal.read(header.id))


async def test_a_stopped_daemon_is_taken_up_where_it_was() -> None:
    first = Daemon(service())
    assert await served(first, 20_000) == 0
    state, seq = first.run_.core.book.digest(), len(journaled())
    second = Daemon(service())
    assert second.run_.resumed == seq
    assert second.run_.core.book.digest() == state
    assert await served(second, 40_000) == 0
    assert len(journaled()) > seq
    assert not paths("sim").socket.exists()


async def test_snapshots_that_cannot_be_kept_are_told_and_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, write: object) -> None:
        raise DiskFullError(f"The disk is full: {path} cannot be written.")

    monkeypatch.setattr(parted, "write_whole", full)
    # Every beat is to be written at once.
    monkeypatch.setattr(snapshots, "WRITTEN_S", 0)
    daemon = Daemon(service())
    assert daemon.health.view().problem == ""
    assert await served(daemon, 30_000) == DiskFullError.exit_code
    assert daemon.health.records >= 30_000
    assert "the radar's snapshots are not kept: The disk is full" in daemon.health.view().problem


async def test_bans_for_good_outlive_the_run_and_those_of_the_day_do_not() -> None:
    first = Daemon(service())
    names = DAY.table.names
    wanted: list[AnyCommand] = [
        Ban("1", names[1], "never again", today=False),
        Ban("2", names[2], "offering"),
        Ban("3", names[3], "a mistake", today=False),
        Unban("4", names[3]),
    ]
    assert {first.command(command, "test").outcome for command in wanted} == {"accepted"}
    assert await served(first, 5_000) == 0
    for _ in range(2):
        later = Daemon(service(fresh=True))
        assert later.run_.setup.settings.engine.banned == {names[1]: "never again"}
        assert later.run_.core.book.watchlist.is_banned(names[1])
        assert not later.run_.core.book.watchlist.is_banned(names[2])
        assert await served(later, 1_000) == 0
        assert [entry.body for entry in journaled() if isinstance(entry.body, Banned)] == [
            Banned(names[1], "never again", today=False)
        ]


async def test_a_fresh_daemon_leaves_the_unfinished_run_alone() -> None:
    first = Daemon(service())
    assert await served(first, 5_000) == 0
    second = Daemon(service(fresh=True))
    assert second.run_.resumed == 0
    assert second.run_.header.id != first.run_.header.id
    assert await served(second, 1) == 0


async def test_a_full_disk_ends_it_with_a_message_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(service())
    append, room = Journal.append, [40]

    def full(self: Journal, entries: Sequence[Entry], durable: bool) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise DiskFullError("No space is left for the journal.", "Make room, and start again.")
        append(self, entries, durable)

    with monkeypatch.context() as small_disk:
        small_disk.setattr(Journal, "append", full)
        assert await served(daemon, 1 << 60) == DiskFullError.exit_code
    kept = journaled()
    assert kept
    again = Daemon(service())
    assert again.run_.resumed == len(kept)
    assert await served(again, 1) == 0


async def test_a_defect_ends_it_instead_of_leaving_an_engine_that_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = Daemon(service())

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(daemon.run_, "feed", broken)
    assert await served(daemon, 1 << 60) == 1


async def test_a_command_is_journaled_before_it_is_answered() -> None:
    daemon = Daemon(service())
    done = daemon.command(StopEntries(id="c1", reason="lunch"), "test")
    assert done.outcome == "accepted"
    assert [entry.body.reason for entry in journaled() if isinstance(entry.body, EntriesStopped)] == ["lunch"]
    assert await served(daemon, 1) == 0


def test_a_second_daemon_of_a_mode_is_refused() -> None:
    lock = paths("sim").runtime / "daemon.lock"
    with daemon_lock(lock), pytest.raises(LockedError, match="process"), daemon_lock(lock):
        pass
    with daemon_lock(lock):
        pass
