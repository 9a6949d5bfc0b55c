"""How the daemon is doing: measured as it goes, shown by `qm status` and on the screen."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from qm.clock import MS, SECOND, monotonic_ns
from qm.model.events import Entry
from qm.ports import JournalSink
from qm.wire.views import HealthView

PROC = Path("/proc/self/statm")


class Health:
    """Counts and times of the daemon; a rate is taken over the time since it was last asked for."""

    def __init__(self) -> None:
        self.store_ns = 0
        """Duration of the last durable append."""
        self.lag_ns = 0
        """How late the loop ran what it had promised for a time."""
        self.records = 0
        self.wakes = 0
        self.queue_depth = 0
        """Frames that wait for the slowest client."""
        self.problem: Callable[[], str] = str
        """Says what does not work beside the trading; nothing when all does."""
        self._fed_ns = 0
        self._rate = 0.0
        self._rate_ns = monotonic_ns()
        self._rate_records = 0

    def fed(self, records: int, wakes: int) -> None:
        """Note that the market was fed."""
        self.records, self.wakes = records, wakes
        self._fed_ns = monotonic_ns()

    def view(self, clients: int = 0) -> HealthView:
        """Return what is shown."""
        now = monotonic_ns()
        if now - self._rate_ns >= SECOND:
            self._rate = (self.records - self._rate_records) * SECOND / (now - self._rate_ns)
            self._rate_ns, self._rate_records = now, self.records
        return HealthView(
            feed_age_ms=(now - self._fed_ns) // MS if self._fed_ns else None,
            loop_lag_ms=round(self.lag_ns / MS, 2),
            queue_depth=self.queue_depth,
            store_ms=round(self.store_ns / MS, 3),
            records_per_s=round(self._rate, 1),
            wakes=self.wakes,
            records=self.records,
            clients=clients,
            rss_mb=round(_rss_mb(), 1),
            problem=self.problem(),
        )


class TimedJournal:
    """A journal whose durable appends are timed."""

    def __init__(self, journal: JournalSink, health: Health) -> None:
        self._journal, self._health = journal, health

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Store entries, and note how long it took when they had to be durable."""
        begun = monotonic_ns()
        self._journal.append(entries, durable)
        if durable:
            self._health.store_ns = monotonic_ns() - begun


def _rss_mb() -> float:
    if PROC.exists():
        return int(PROC.read_text().split()[1]) * resource.getpagesize() / 2**20
    # Where there is no /proc, the peak has to do; its unit differs between systems.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
