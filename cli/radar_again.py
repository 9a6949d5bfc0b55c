"""The ranks of a recorded run, compared with those of its repetition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cli import compose, recordings
from cli.output import say
from cli.radar_places import Kept
from qm.errors import UsageError
from qm.history.radar_days import Difference, difference
from qm.history.records import read_records
from qm.history.snapshots import SnapshotWriter
from qm.model.effects import Notify
from qm.model.events import Commanded, Entry
from qm.radar.ranking import Ranking
from qm.rules.calendar import session
from qm.runtime.verify import decide_again


class _Watcher:
    """Puts down what the radar of the repetition shows."""

    def __init__(self, snapshots: SnapshotWriter) -> None:
        self._snapshots = snapshots

    def on_entries(self, entries: Sequence[Entry]) -> None:
        pass

    def on_ranking(self, ranking: Ranking) -> None:
        self._snapshots.add(ranking)

    def on_notice(self, notice: Notify) -> None:
        pass


def again(where: Kept) -> Difference:
    """Run a recorded run again, and compare its snapshots with those that the repetition leaves.

    Raises UsageError for a backtest, which has no recording, and otherwise what is wrong with recording or journal.
    """
    if where.store == "backtest":
        raise UsageError(
            f"{where.run} is a backtest, which is not recorded.", "Run it again, and compare two runs by name."
        )
    recording = recordings.find(where.run, where.store)
    header, records = read_records(recording.path)
    with recordings.journal_of(recording) as journal:
        commands = [entry for entry in journal.read(where.run) if isinstance(entry.body, Commanded)]
    say(f"running {recording.path} again ...")
    with TemporaryDirectory(prefix="qm-radar-") as folder:
        with SnapshotWriter(Path(folder), header.table(), session(where.date), market_s=0) as snapshots:
            strategies = compose.strategies(recording.settings().engine)
            decide_again(header, records, commands, strategies, compose.make_venue, listener=_Watcher(snapshots))
        return difference(where.path, Path(folder) / where.path.name)
