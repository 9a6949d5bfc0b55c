"""A run that is stopped and taken up again, and the proof that it decided what it would have decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from qm.errors import DataError, DivergedError
from qm.history.records import RecordWriter, read_records
from qm.model.commands import Flatten, StopEntries
from qm.model.events import Commanded, Entry, Flattened
from qm.model.market import Events
from qm.runtime.pace import skipped, sliced
from qm.runtime.run import Run, next_number, unfinished
from qm.runtime.verify import decide_again, verify
from qm.store.journal import Journal
from tests.qm.engine.drive import day, joined, setup, venue

DAY = day(minutes=50)
SLICES = list(sliced(iter(DAY.batches), 1_500_000_000, DAY.session.open_ns - 300 * 10**9, 0))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", "sim") as opened:
        yield opened


def begin(journal: Journal, folder: Path) -> Run:
    return Run.begin(setup(folder, DAY), journal)


def entries(journal: Journal) -> list[Entry]:
    header = journal.last_run()
    assert header is not None
    return list(journal.read(header.id))


@pytest.mark.parametrize("stop", [1, 300, 700, 1200, len(SLICES) - 1])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(journal: Journal, tmp_path: Path, stop: int) -> None:
    run = begin(journal, tmp_path)
    for part in SLICES[:stop]:
        run.feed(part)
    before = run.core.book.digest()
    # Nothing is closed, as after a kill: what is in the files is all there is.
    header = unfinished(journal, "sim", "synthetic", tmp_path)
    assert header is not None
    again = Run.resume(setup(tmp_path, DAY), journal, header)
    assert again.resumed == len(entries(journal))
    assert again.core.book.digest() == before
    for part in SLICES[stop:]:
        again.feed(part)

    whole = decide_again(again.recorder.header, joined(iter(SLICES)), (), setup(tmp_path, DAY).strategies, venue)
    assert entries(journal) == list(whole.journal.read(header.id))


def test_records_that_were_kept_but_not_decided_on_are_decided_after_the_restart(
    journal: Journal, tmp_path: Path
) -> None:
    run = begin(journal, tmp_path)
    for part in SLICES[:600]:
        run.feed(part)
    for part in SLICES[600:640]:
        run.recorder.append(part)
    header = unfinished(journal, "sim", "synthetic", tmp_path)
    assert header is not None
    again = Run.resume(setup(tmp_path, DAY), journal, header)
    assert again.market.consumed == sum(map(len, SLICES[:640]))
    whole = decide_again(again.recorder.header, joined(iter(SLICES[:640])), (), setup(tmp_path, DAY).strategies, venue)
    assert entries(journal) == list(whole.journal.read(header.id))


def test_a_recorded_run_with_commands_is_proved_entry_by_entry(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    for n, part in enumerate(SLICES):
        run.feed(part)
        if n == 500:
            run.session.command(StopEntries(id="c1", reason="lunch"), "test")
        if n == 900:
            run.session.command(Flatten(id="c2", reason="enough"), "test")
    run.close()
    run_id = run.header.id
    seq, head = journal.head(run_id)
    proof = verify(run.recorder.path, journal.read(run_id), head, setup(tmp_path, DAY).strategies, venue)
    assert proof.identical
    assert proof.entries == seq
    kinds = [type(entry.body) for entry in entries(journal)]
    assert kinds.count(Commanded) == 2
    assert Flattened in kinds


def test_a_changed_recording_is_found_out_and_the_first_difference_shown(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    for part in SLICES:
        run.feed(part)
    run.close()
    header, records = read_records(run.recorder.path)
    changed: Events = np.array(records)
    late = np.flatnonzero(changed["ts"] > DAY.session.open_ns + 20 * 60 * 10**9)
    changed["a"][late] *= 1.05
    again = decide_again(header, changed, (), setup(tmp_path, DAY).strategies, venue)
    assert again.journal.head(run.header.id) != journal.head(run.header.id)


def test_a_journal_that_does_not_fold_to_its_own_checkpoints_is_refused(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    for part in SLICES:
        run.feed(part)
    header = unfinished(journal, "sim", "synthetic", tmp_path)
    assert header is not None
    other = setup(tmp_path, DAY)
    forgetful = Run(other, journal, header, run.recorder)
    kept = [entry for entry in entries(journal) if type(entry.body).__name__ != "Watched"]
    with pytest.raises(DivergedError):
        forgetful.session.resume(kept, read_records(run.recorder.path)[1])


def test_a_recording_that_lost_its_end_is_not_taken_up(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    for part in SLICES:
        run.feed(part)
    run.recorder.close()
    with run.recorder.path.open("r+b") as file:
        file.truncate(run.recorder.path.stat().st_size // 2)
    header = unfinished(journal, "sim", "synthetic", tmp_path)
    assert header is not None
    with pytest.raises(DataError, match="Records were lost|ends at record"):
        Run.resume(setup(tmp_path, DAY), journal, header)


def test_records_are_on_the_disk_before_the_orders_that_they_led_to(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, append = RecordWriter.flush, Journal.append

    def flushed(self: RecordWriter) -> None:
        done.append("records")
        flush(self)

    def appended(self: Journal, entries: Sequence[Entry], durable: bool) -> None:
        done.append("order" if durable else "rest")
        append(self, entries, durable)

    monkeypatch.setattr(RecordWriter, "flush", flushed)
    monkeypatch.setattr(Journal, "append", appended)
    run = begin(journal, tmp_path)
    done.clear()
    for part in SLICES:
        run.feed(part)
    assert "order" in done
    assert all(done[n - 1] == "records" for n, what in enumerate(done) if what == "order")


def test_a_number_that_a_recording_has_is_not_given_again(journal: Journal, tmp_path: Path) -> None:
    assert next_number(journal, tmp_path) == 1
    begin(journal, tmp_path).recorder.close()
    assert next_number(journal, tmp_path) == 2
    (tmp_path / "sim-7.parquet").touch()
    assert next_number(journal, tmp_path) == 8


def test_a_run_whose_recording_is_sealed_is_over(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    run.feed(SLICES[0])
    run.recorder.seal()
    assert unfinished(journal, "sim", "synthetic", tmp_path) is None


def test_the_same_command_twice_is_carried_out_once(journal: Journal, tmp_path: Path) -> None:
    run = begin(journal, tmp_path)
    first = run.session.command(StopEntries(id="c1"), "test")
    second = run.session.command(StopEntries(id="c1"), "test")
    assert first == second
    assert sum(isinstance(entry.body, Commanded) for entry in entries(journal)) == 1


def test_skipping_what_was_fed_leaves_the_rest() -> None:
    whole = joined(iter(DAY.batches))
    for count in (0, 1, 1000, len(whole) - 1):
        assert np.array_equal(np.concatenate(list(skipped(DAY.batches, count))), whole[count:])


def test_slices_hold_every_record_once_and_end_with_the_clock() -> None:
    whole = joined(iter(DAY.batches))
    cut = joined(iter(SLICES))
    assert np.array_equal(cut[cut["kind"] != 5], whole)
    assert all(part["kind"][-1] == 5 for part in SLICES)
    assert (np.diff(cut["ts"]) >= 0).all()
