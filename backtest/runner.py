"""Runs the engine over past sessions: the same core, radar, gate and exchange as live, at full speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from backtest.summary import DayResult, Summary, summarize
from brokers.sim.clearing import Costs
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import MINUTE, perf_ns
from qm.engine.core import Core
from qm.engine.day import Day
from qm.engine.session import Session
from qm.engine.settings import EngineSettings
from qm.history.snapshots import SnapshotWriter
from qm.market.market import Market
from qm.model.effects import Notify
from qm.model.events import Entry, TradeClosed
from qm.model.market import clock, events
from qm.radar.ranking import Ranking
from qm.rules.fees import FeeSchedule
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.api import Strategy

Progress = Callable[[DayResult, int], None]
"""Called after each session with its result and the trades so far."""

MOST_TOLD: Final = 20
"""Different warnings of a run that are kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    settings: EngineSettings
    strategies: dict[str, Strategy]
    equity: Decimal = Decimal(100_000)
    exchange: SimSettings = field(default_factory=SimSettings)
    fees: Costs = field(default_factory=FeeSchedule)
    assigned: dict[str, Sequence[str]] = field(default_factory=dict)
    """Strategies that get a fixed list of symbols, past radar and scanner; an empty list is every symbol of the day."""
    mode: str = "backtest"
    run_number: int = 0
    run_id: str = "backtest"
    snapshots: Path | None = None
    """Folder for what the radar showed, one file per session; None keeps nothing."""
    market_s: int = 60
    """Seconds between snapshots of the whole market; 0 keeps none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    summary: Summary
    trades: list[TradeClosed]
    days: list[DayResult]
    journal: MemoryJournal
    header: RunHeader
    told: Mapping[str, int]
    """What the trader would have been warned of, and how often; the first of them, if they are very many."""


def run(plan: Plan, days: Iterable[Day], header: RunHeader | None = None, progress: Progress | None = None) -> Outcome:
    """Run the plan over the days, in order; equity is carried over, one session is in memory at a time.

    Raises DataError from the days' source, and with snapshots DiskFullError; a strategy that raises is isolated and
    does not end the run.
    """
    journal = MemoryJournal()
    trades: list[TradeClosed] = []
    results: list[DayResult] = []
    counts = {"symbols": 0, "records": 0, "wakes": 0}
    told: Counter[str] = Counter()
    core: Core | None = None
    exchange: SimExchange | None = None
    started = perf_ns()
    for day in days:
        consumed = counts["records"]
        market = Market(day.table, day.session, day.reference, consumed=consumed, prints=day.prints)
        if core is None or exchange is None:
            header = header or _header(plan, day)
            journal.start_run(header)
            fees = plan.fees if isinstance(plan.fees, FeeSchedule) else None
            core = Core(plan.settings, plan.strategies, market, plan.mode, plan.run_number, fees)
            exchange = SimExchange(market, plan.fees, plan.exchange)
            equity = plan.equity
        else:
            exchange.begin(market)
            equity = core.book.portfolio.equity()
        kept = (
            None
            if plan.snapshots is None
            else SnapshotWriter(plan.snapshots, day.table, day.session, market_s=plan.market_s)
        )
        session = Session(core, exchange, journal, _Listener(told, kept))
        everything = day.table.names
        assigned = {name: symbols or everything for name, symbols in plan.assigned.items()}
        session.start(market, equity, assigned)
        for batch in day.batches:
            session.feed(batch)
        # The end of the session comes with the clock, not with a trade.
        session.feed(events([clock(day.session.close_ns + 2 * MINUTE)]))
        if kept is not None:
            kept.close()
        counts["symbols"] = max(counts["symbols"], len(day.table))
        counts["records"] = market.consumed
        counts["wakes"] += session.wakes
        trades += core.book.closed
        result = DayResult(day.session.date.isoformat(), core.book.portfolio.equity(), len(core.book.closed))
        results.append(result)
        if progress is not None:
            progress(result, len(trades))
    elapsed = (perf_ns() - started) / 1e9
    assert header is not None
    head = journal.head(header.id)[1].hex()
    summary = summarize(plan.run_id, trades, results, plan.equity, counts, head, elapsed)
    return Outcome(summary, trades, results, journal, header, told)


class _Listener:
    """Counts what the trader is warned of, and puts down what the radar shows where that is kept."""

    def __init__(self, told: Counter[str], snapshots: SnapshotWriter | None) -> None:
        self._told, self._snapshots = told, snapshots

    def on_entries(self, entries: Sequence[Entry]) -> None:
        pass

    def on_ranking(self, ranking: Ranking) -> None:
        if self._snapshots is not None:
            self._snapshots.add(ranking)

    def on_notice(self, notice: Notify) -> None:
        if notice.level != "info" and (notice.text in self._told or len(self._told) < MOST_TOLD):
            self._told[notice.text] += 1


def _header(plan: Plan, day: Day) -> RunHeader:
    return RunHeader(
        id=plan.run_id,
        mode=plan.mode,
        session=day.session.date.isoformat(),
        started=0,
        feed="backtest",
        settings=plan.settings.digest(),
        symbols=day.table.digest(),
    )
