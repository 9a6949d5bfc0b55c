"""What the radar showed in a recorded session is what it shows when the recording is fed to it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from qm.history.parted import read
from qm.history.radar_days import difference
from qm.history.records import read_records
from qm.history.snapshots import SnapshotWriter
from qm.model.effects import Notify
from qm.model.events import Commanded, Entry
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from qm.runtime.pace import sliced
from qm.runtime.run import Run, unfinished
from qm.runtime.verify import decide_again
from qm.store.journal import Journal
from tests.qm.engine.drive import day, run_settings, setup, venue

DAY = day(minutes=40)
SLICES = list(sliced(iter(DAY.batches), 2_000_000_000, DAY.session.open_ns - 300 * 10**9, 0))
NAME = f"{DAY.session.date}.parquet"


class Kept:
    """Puts down what the radar shows."""

    def __init__(self, folder: Path) -> None:
        self.store = SnapshotWriter(folder, DAY.table, DAY.session)

    def on_entries(self, entries: Sequence[Entry]) -> None:
        pass

    def on_ranking(self, ranking: Ranking) -> None:
        self.store.add(ranking)

    def on_notice(self, notice: Notify) -> None:
        pass


@pytest.mark.parametrize("beat_s", [60, 10])
def test_a_recorded_session_replayed_gives_no_rank_difference(tmp_path: Path, beat_s: int) -> None:
    settings = run_settings()
    # A short list, so that symbols do enter and leave.
    engine = msgspec.structs.replace(settings.engine, beat_s=beat_s, radar=RadarWeights(top=10, margin=1.0))
    made = setup(tmp_path / "recordings", DAY, msgspec.structs.replace(settings, engine=engine))
    (tmp_path / "recordings").mkdir()
    first = Kept(tmp_path / "first")
    with Journal.open(tmp_path / "journal.db", "sim") as journal:
        run = Run.begin(made, journal)
        run.listen(first)
        for part in SLICES[: len(SLICES) // 2]:
            run.feed(part)
        first.store.close()
        # It is killed, and taken up again; the store goes on, too.
        header = unfinished(journal, "sim", "synthetic", tmp_path / "recordings")
        assert header is not None
        run = Run.resume(made, journal, header)
        first = Kept(tmp_path / "first")
        run.listen(first)
        for part in SLICES[len(SLICES) // 2 :]:
            run.feed(part)
        first.store.close()
        commands = [entry for entry in journal.read(header.id) if isinstance(entry.body, Commanded)]
        run.recorder.flush()
        recorded, records = read_records(run.recorder.path)
    second = Kept(tmp_path / "second")
    decide_again(recorded, records, commands, made.strategies, venue, cuts=[1000, 20_000], listener=second)
    second.store.close()
    found = difference(tmp_path / "first" / NAME, tmp_path / "second" / NAME)
    assert found.same, found
    assert found.beats >= 40 * 60 // beat_s
    flags = set(read(tmp_path / "first" / NAME)["flags"].to_pylist())
    assert len(flags) > 2
