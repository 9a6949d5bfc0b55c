"""An engine over a small synthetic market, with all that shows it: what a daemon puts together, without the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qm.engine.core import Core
from qm.engine.session import Session
from qm.market.market import Market
from qm.model.commands import AnyCommand
from qm.model.effects import Notify
from qm.model.events import Commanded, Entry
from qm.model.market import Events
from qm.radar.ranking import Ranking
from qm.runtime.gateway import Gateway
from qm.runtime.projector import Projector, Running
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.presets import strategy
from qm.wire.protocol import Snapshot
from qm.wire.views import HealthView
from tests.qm.engine.drive import DATE, day, run_settings, venue

RUN = "sim-1"
HEALTH = HealthView(
    feed_age_ms=3,
    loop_lag_ms=0.1,
    queue_depth=0,
    store_ms=0.5,
    records_per_s=100.0,
    wakes=1,
    records=2,
    clients=0,
    rss_mb=90.0,
)
RUNNING = Running(feed="synthetic", run=RUN, pid=4711, version="0.1.0", started=1_700_000_000_000_000_000, speed=30.0)
LIMIT_S = 20.0
"""A test that takes longer hangs; it is not how long anything is waited for."""


class Rig:
    """The engine, its journal in memory and its projector; `feed` goes on for some minutes of the market."""

    def __init__(self, symbols: int = 200, minutes: int = 60, seed: int = 2, start: bool = True) -> None:
        of, settings = day(symbols, minutes, seed), run_settings()
        self.market = Market(of.table, of.session, of.reference, prints=True)
        chosen = {choice.name: strategy(choice.name, choice.params) for choice in settings.engine.strategies}
        self.core = Core(settings.engine, chosen, self.market, "sim", 1)
        self.journal = MemoryJournal()
        self.journal.start_run(RunHeader(id=RUN, mode="sim", session=DATE.isoformat(), started=0))
        self.projector = Projector(self.core)
        self.session = Session(self.core, venue(self.market, settings), self.journal, self)
        self.commanded: list[tuple[AnyCommand, str]] = []
        self._batches: Iterator[Events] = iter(of.batches)
        if start:
            self.session.start(self.market, settings.equity)

    def on_entries(self, entries: Sequence[Entry]) -> None:
        self.projector.entries(entries)

    def on_ranking(self, ranking: Ranking) -> None:
        pass

    def on_notice(self, notice: Notify) -> None:
        pass

    def batches(self) -> Iterator[Events]:
        """Feed minute after minute, yielding what was fed."""
        for batch in self._batches:
            self.session.feed(batch)
            yield batch

    def feed(self, minutes: int) -> None:
        """Feed so many minutes after the open, or what is left."""
        end = self.market.session.open_ns + minutes * 60 * 10**9
        for _ in self.batches():
            if self.market.now >= end:
                return

    def frame(self, seq: int = 1) -> Snapshot:
        return self.projector.frame(seq, HEALTH, RUNNING)

    def command(self, command: AnyCommand, who: str) -> Commanded:
        self.commanded.append((command, who))
        return self.session.command(command, who)

    def entries(self) -> list[Entry]:
        return list(self.journal.read(RUN))

    def gateway(self, path: Path, stop: Callable[[], None] = lambda: None) -> Gateway:
        return Gateway(path, self.projector, self.journal, RUN, self.command, lambda: HEALTH, lambda: RUNNING, stop)


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until something holds; a failure, not a wait, when it never does."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 (what is waited for sets no event)
            await asyncio.sleep(0)
