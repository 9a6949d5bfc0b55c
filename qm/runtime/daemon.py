"""The daemon: one run, its feed and its gateway in one loop, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from qm.clock import MINUTE, MS, monotonic_ns, now_ns
from qm.config import Paths, create
from qm.errors import QmError
from qm.history.retention import SnapshotSettings, prune
from qm.history.snapshots import SnapshotWriter
from qm.log import logger
from qm.model.commands import AnyCommand
from qm.model.effects import Notify
from qm.model.events import Commanded, Entry
from qm.radar.ranking import Ranking
from qm.runtime.bans import with_bans
from qm.runtime.ending import begun, ended
from qm.runtime.gateway import Gateway
from qm.runtime.health import Health, TimedJournal
from qm.runtime.lock import daemon_lock
from qm.runtime.pace import paced, skipped, sliced
from qm.runtime.projector import Projector, Running
from qm.runtime.run import Run, Setup, next_number, unfinished
from qm.runtime.warming import warm
from qm.store.journal import Journal

FRAME_NS = 200 * MS
"""Between two frames to the screens: five a second."""
BEFORE_OPEN_NS = 5 * MINUTE
"""The pace of a replay begins so long before the open; a thin premarket is not waited for."""
STALE_MS = 2000
"""A price older than this is marked on the screen."""
FAST_SLICE_NS = 5_000_000_000
"""Market time between frames when the feed does not wait for the clock."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What the daemon serves."""

    paths: Paths
    setup: Setup
    speed: float
    """Market time per wall time; 0 for as fast as possible."""
    fresh: bool = False
    """Begin a new run even where an unfinished one could be taken up."""
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    """What is kept of the radar."""


def serve(service: Service) -> int:
    """Run the daemon until it is stopped; returns its exit code. Raises LockedError while another one runs."""
    with daemon_lock(service.paths.runtime / "daemon.lock"):
        import uvloop

        return uvloop.run(Daemon(service).run())


class Daemon:
    """Feeds the run, publishes frames, and puts everything down in order at the end."""

    def __init__(self, service: Service) -> None:
        paths = service.paths
        create(paths.data)
        create(paths.state)
        self.service = service
        self.health = Health()
        self.journal = Journal.open(paths.data / "journal.db", paths.mode)
        self.run_ = self._begin()
        run = self.run_
        self.projector = Projector(run.core)
        self.snapshots = self._snapshots(paths.data / "radar", run.header.id)
        self.health.problem = self._problem
        run.time_journal(lambda journal: TimedJournal(journal, self.health))
        run.listen(self)
        # What was stated before anybody listened belongs on the screen, too.
        self.projector.entries(list(self.journal.read(run.header.id)))
        self.gateway = Gateway(
            paths.socket,
            self.projector,
            self.journal,
            run.header.id,
            self.command,
            self.health.view,
            self.running,
            self.stop,
        )
        self._stopping = asyncio.Event()
        self._started = now_ns()
        self._failure: BaseException | None = None

    async def run(self) -> int:
        """Serve until stopped; returns the exit code."""
        # Nobody is answered while something is compiled: that has to be over before anybody asks.
        warm(self.service.setup)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        # Closing the terminal that started it must not end it.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        await self.gateway.start()
        ending = begun(self.service.paths.state, self.run_.header.id, os.getpid())
        tasks = [asyncio.create_task(self._feed()), asyncio.create_task(self._frames())]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            await self._stopping.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.gateway.stop()
            self._put_down()
            ended(self.service.paths.state, ending, self._failure)
        return self._failure.exit_code if isinstance(self._failure, QmError) else int(self._failure is not None)

    def stop(self) -> None:
        """Ask the daemon to end; what is open stays open, and is taken up by the next start."""
        self._stopping.set()

    def command(self, command: AnyCommand, who: str) -> Commanded:
        """Carry out an operator's command."""
        return self.run_.session.command(command, who)

    def running(self) -> Running:
        """Return what the status line shows of the daemon itself."""
        return Running(
            feed=self.service.setup.feed,
            run=self.run_.header.id,
            pid=os.getpid(),
            version=self.service.setup.code,
            started=self._started,
            speed=self.service.speed,
            # At many times the pace of the clock a print of two seconds ago is as old as many.
            stale_ms=int(STALE_MS * max(1.0, self.service.speed)),
        )

    # --- what the engine shows -----------------------------------------------------------------------------------

    def on_entries(self, entries: Sequence[Entry]) -> None:
        """Entries were journaled."""
        self.projector.entries(entries)

    def on_ranking(self, ranking: Ranking) -> None:
        """The radar had a beat: keep what it showed."""
        self.snapshots.add(ranking)

    def on_notice(self, notice: Notify) -> None:
        """The trader should be told."""
        log.warning(notice.text, level=notice.level)

    # --- the loop ------------------------------------------------------------------------------------------------

    def _begin(self) -> Run:
        setup, mode = self.service.setup, self.service.paths.mode
        header = None if self.service.fresh else unfinished(self.journal, mode, setup.feed, setup.recordings)
        if header is not None:
            run = Run.resume(setup, self.journal, header)
            log.info("resumed", run=header.id, entries=run.resumed, state=run.core.book.digest())
            return run
        number = next_number(self.journal, setup.recordings)
        settings = structs.replace(with_bans(setup.settings, self.journal), run_number=number)
        return Run.begin(replace(setup, settings=settings), self.journal)

    def _snapshots(self, folder: Path, run: str) -> SnapshotWriter:
        kept, day = self.service.snapshots, self.service.setup.day
        gone = prune(folder, kept.days, kept.max_mb * 1_000_000, now_ns(), spare=[run])
        if gone:
            log.info("removed the radar snapshots of old runs", runs=gone)
        # The engine never waits for a disk: a beat that the thread cannot take is left out, and counted.
        return SnapshotWriter(
            folder / run, day.table, day.session, market_s=kept.market_s, wait=False, on_problem=self._unkept
        )

    def _problem(self) -> str:
        kept = self.snapshots
        if kept.problem is not None:
            return f"the radar's snapshots are not kept: {kept.problem.problem}"
        return f"{kept.lost:,} beats of the radar were not kept, for want of time" if kept.lost else ""

    def _unkept(self, error: QmError) -> None:
        log.error("the radar's snapshots are not kept", problem=error.problem, remedy=error.remedy)

    async def _feed(self) -> None:
        run, speed = self.run_, self.service.speed
        day = self.service.setup.day
        width = int(speed * 50 * MS) if speed else FAST_SLICE_NS
        fed = run.fed
        rest = skipped(day.batches, fed)
        start = run.market.now if run.market.consumed else 0
        try:
            slices = sliced(rest, width, start, day.session.close_ns + 2 * MINUTE)
            async for part in paced(slices, speed, day.session.open_ns - BEFORE_OPEN_NS):
                run.feed(part)
                self.health.fed(run.market.consumed, run.session.wakes)
            log.info("the feed has ended", run=run.header.id)
        except QmError as error:
            log.error(error.problem, remedy=error.remedy)  # noqa: TRY400 - it says what it is; a trace would not help
            self._failure = error
            self.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A defect may not leave an engine that looks alive and decides nothing.
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a defect ended the engine", exc_info=error)
            self._failure = self._failure or error
            self.stop()

    async def _frames(self) -> None:
        due = monotonic_ns() + FRAME_NS
        while True:
            await asyncio.sleep(max(0, due - monotonic_ns()) / 1e9)
            self.health.lag_ns = max(0, monotonic_ns() - due)
            self.gateway.publish()
            due = max(due + FRAME_NS, monotonic_ns())

    def _put_down(self) -> None:
        steps: list[Callable[[], Any]] = [self.run_.close, self.snapshots.close, self.journal.close]
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - each is tried, whatever became of the one before
                log.error(str(error), remedy=getattr(error, "remedy", ""))  # noqa: TRY400 - as above
                self._failure = self._failure or error
