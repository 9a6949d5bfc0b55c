"""One session of a made-up market as fast as the machine allows, and what came of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from shutil import rmtree
from typing import Any, Final, cast

import msgspec
import numpy as np

from backtest.summary import DayResult, summarize
from cli import compose
from cli.feeds import Synthetic
from cli.interrupts import Interrupts
from cli.markets import synthetic_day
from cli.output import Progress, emit, emit_json, facts, say, usd
from cli.places import DEMO, place
from cli.stores import radar_folder
from qm.clock import MINUTE, ny, perf_ns
from qm.config import Paths, create
from qm.engine.core import Core
from qm.engine.settings import RunSettings
from qm.history.snapshots import SnapshotWriter
from qm.model.effects import Notify
from qm.model.events import Entry, Hit
from qm.model.inputs import Wake
from qm.model.market import Events, clock, events
from qm.radar.ranking import Ranking
from qm.runtime.lock import daemon_lock
from qm.runtime.run import Run, Setup
from qm.store.journal import Journal

WAKES_KEPT: Final = 1_000_000
"""Latencies kept; a session has some thousand wakes."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long the engine took from a wake of the market to what it stated; wakes that stated nothing do not count.

    The radar's beats are in it, the commits of the journal are not.
    """

    decisions: int
    """Wakes at which something was stated."""
    median_us: float | None
    p99_us: float | None
    max_us: float | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a headless session came to."""

    run: str
    session: str
    finished: bool
    symbols: int
    records: int
    hits: int
    trades: int
    wins: int
    net_usd: float
    fees_usd: float
    total_r: float
    mean_r: float | None
    equity_usd: float
    wakes: int
    """Times that the market asked the engine."""
    deciding: Latency
    run_s: float
    records_per_s: float
    journal: str
    journal_hash: str


class _Timed:
    """The core, with the time of each wake taken."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.took = array("q")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def wake(self, wake: Wake) -> None:
        before, started = self._core.book.seq, perf_ns()
        self._core.wake(wake)
        if self._core.book.seq > before and len(self.took) < WAKES_KEPT:
            self.took.append(perf_ns() - started)

    def latency(self) -> Latency:
        if not self.took:
            return Latency(decisions=0, median_us=None, p99_us=None, max_us=None)
        took = np.frombuffer(self.took, np.int64) / 1e3
        median, p99, most = (round(float(np.percentile(took, q)), 1) for q in (50, 99, 100))
        return Latency(decisions=len(took), median_us=median, p99_us=p99, max_us=most)


class _Watcher:
    """Counts hits, and keeps what the radar shows."""

    def __init__(self, snapshots: SnapshotWriter) -> None:
        self.hits = 0
        self._snapshots = snapshots

    def on_entries(self, entries: Sequence[Entry]) -> None:
        self.hits += sum(isinstance(entry.body, Hit) for entry in entries)

    def on_ranking(self, ranking: Ranking) -> None:
        self._snapshots.add(ranking)

    def on_notice(self, notice: Notify) -> None:
        say(notice.text)


def run(symbols: int, seed: int, *, as_json: bool) -> int:
    """Run one session in the demo's folder and print what came of it; returns the exit code.

    Raises LockedError while a demo runs.
    """
    of = place(DEMO)
    with daemon_lock(of.runtime / "daemon.lock"):
        rmtree(of.data, ignore_errors=True)
        result = _session(of, Synthetic(symbols, seed))
    if as_json:
        emit_json(result)
    else:
        _show(result)
    return 0 if result.finished else 130


def _session(of: Paths, spec: Synthetic) -> Result:
    settings = compose.settings()
    day = synthetic_day(spec)
    run_settings = RunSettings(
        mode="sim",
        run_number=1,
        equity=settings.account.equity_usd,
        engine=settings.engine,
        exchange=msgspec.to_builtins(settings.exchange),
        commission=settings.account.commission,
    )
    setup = Setup(
        settings=run_settings,
        strategies=compose.strategies(settings.engine),
        day=day,
        make_venue=compose.make_venue,
        feed=spec.name,
        code=compose.code(),
        recordings=create(of.data) / "recordings",
    )
    kept = radar_folder(DEMO) / "sim-1"
    snapshots = SnapshotWriter(kept, day.table, day.session, market_s=settings.snapshots.market_s)
    promise = "stopping; what was done is kept"
    with Journal.open(of.data / "journal.db", "sim") as journal, Interrupts(promise) as interrupts:
        run = Run.begin(setup, journal)
        watcher = _Watcher(snapshots)
        run.listen(watcher)
        timed = _Timed(run.core)
        run.session.core = cast("Core", timed)
        started = perf_ns()
        with Progress() as progress:
            for batch in interrupts.until_asked(_batches(setup)):
                run.feed(batch)
                progress.show(_position(run, watcher))
        took_s = (perf_ns() - started) / 1e9
        finished = run.over
        snapshots.close()
        run.close()
        return _result(
            run, watcher.hits, timed.latency(), took_s, finished=finished, journal=str(of.data / "journal.db")
        )


def _batches(setup: Setup) -> Iterator[Events]:
    yield from setup.day.batches
    yield events([clock(setup.day.session.close_ns + 2 * MINUTE)])


def _position(run: Run, watcher: _Watcher) -> str:
    book, market = run.core.book, run.market
    net = float(book.portfolio.equity() - run.setup.settings.equity)
    return (
        f"{ny(market.now):%H:%M} New York, {market.consumed:,} records, {watcher.hits} hits, "
        f"{len(book.closed)} trades, {usd(net)} $"
    )


def _result(run: Run, hits: int, latency: Latency, took_s: float, *, finished: bool, journal: str) -> Result:
    closed, equity = run.core.book.closed, run.equity
    head = run.journal.head(run.header.id)[1].hex()
    day = DayResult(run.header.session, equity, len(closed))
    counts = {"symbols": len(run.market.table), "records": run.market.consumed, "wakes": run.session.wakes}
    s = summarize(run.header.id, closed, [day], run.setup.settings.equity, counts, head, took_s)
    return Result(
        run=s.run,
        session=run.header.session,
        finished=finished,
        symbols=s.symbols,
        records=s.records,
        hits=hits,
        trades=s.trades,
        wins=s.wins,
        net_usd=s.net_usd,
        fees_usd=s.fees_usd,
        total_r=s.total_r,
        mean_r=s.by_trade.mean_r,
        wakes=s.wakes,
        equity_usd=s.end_equity_usd,
        deciding=latency,
        run_s=round(took_s, 3),
        records_per_s=round(s.records_per_s),
        journal=journal,
        journal_hash=head,
    )


def _show(result: Result) -> None:
    deciding = result.deciding
    how = "" if result.finished else " (interrupted)"
    took = f"median {deciding.median_us} µs, p99 {deciding.p99_us} µs, most {deciding.max_us} µs"
    emit(f"One session of a made-up market, {result.session}{how}")
    emit()
    facts(
        [
            ("market", f"{result.symbols:,} symbols, {result.records:,} records"),
            ("hits", f"{result.hits:,}"),
            ("trades", f"{result.trades:,}, {result.wins:,} won"),
            ("P&L", f"{usd(result.net_usd)} $ after {result.fees_usd:,.2f} $ fees, {result.total_r:+.2f} R"),
            ("deciding", f"{result.wakes:,} wakes, {deciding.decisions:,} of them decided something: {took}"),
            ("took", f"{result.run_s:.2f} s ({result.records_per_s:,.0f} records/s, recording and journal included)"),
            ("journal", f"{result.journal} (run {result.run}, {result.journal_hash[:16]})"),
        ]
    )
    if result.trades:
        emit()
        emit("qm journal list, qm explain SYMBOL, and qm replay --verify tell more.")
