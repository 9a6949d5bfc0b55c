"""A year of the whole market through the full funnel: a few generated sessions are run, and the year follows from them.

Every symbol has a bar in every minute of regular hours. A session runs as `qm backtest run` runs it: loaded from the
day cache or decoded from Parquet, what is known before it gathered, radar and scans at every minute (those before the
open see an empty market), watchlist, allocator, a strategy, ledger, risk gate, and the journal from which every trade
is explained. A past of as many sessions as a beta looks back on makes what is known before each as dear as in mid-year;
it has a bar a symbol, so that the usual volumes are the generator's, and the first session finds and trades like any.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np

from backtest.runner import Plan, run
from backtest.summary import DayResult
from benchmarks.measure import HOME, pin, report
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.engine.settings import EngineSettings, StrategyChoice
from qm.history import storing
from qm.history.catalogue import Catalogue
from qm.history.known import Known
from qm.history.layout import BAR_COLUMNS, bars
from qm.history.manifest import Manifest
from qm.history.source import BARS, Columns
from qm.market.betas import BETA_DAYS
from qm.market.reference import Reference
from qm.model.market import Kind
from qm.rules import calendar
from qm.rules.calendar import Session, next_session, session
from qm.strategies.presets import strategy

YEAR: Final = 252
SYMBOLS: Final = 11_000
SMALLER: Final = (500, 3_600)
SESSIONS: Final = 5
FEW: Final = 3
"""Sessions of the smaller markets."""
BEFORE: Final = dt.date(2026, 3, 2)
"""The last session that is past."""
NAME: Final = "whole"
STRATEGY: Final = "orb_robust"
SCANS: Final = ("stocks_in_play", "momentum_bars")
SHARES: Final = 100.0
"""Volume of a bar in a minute in which the generator has none."""


def make(folder: Path, symbols: int, sessions: int) -> None:
    """Generate sessions into a catalogue below `folder`, with what is known before each beside them."""
    market, of = SyntheticMarket(symbols), next_session(BEFORE)
    catalogue = Catalogue(folder / "history", folder / "days")
    order = np.argsort(np.array(market.table.names))
    for past in calendar.sessions(BEFORE - dt.timedelta(days=2 * BETA_DAYS), BEFORE)[-BETA_DAYS:]:
        _store(catalogue, past, _one_bar(market, past, order))
    for _ in range(sessions):
        _store(catalogue, of, _filled(market, of, order))
        known = market.reference(of).of(order.tolist())
        np.savez(
            _beside(folder, of.date), allow_pickle=False, **{f.name: getattr(known, f.name) for f in fields(known)}
        )
        of = next_session(of.date)


def _store(catalogue: Catalogue, of: Session, columns: Columns) -> None:
    about = Manifest(
        dataset=NAME,
        kind=bars(60),
        session=of.date.isoformat(),
        seconds=60,
        rows=len(columns.ts),
        symbols=len(columns.names),
        first=int(columns.ts[0]),
        last=int(columns.ts[-1]),
        source="generated",
        fetched_at=0,
    )
    storing.store(catalogue, about, columns, replace=False, dry_run=False)


def _one_bar(market: SyntheticMarket, of: Session, order: np.ndarray[Any, np.dtype[np.int64]]) -> Columns:
    """Return a session that is past, told by a bar at the open of every symbol."""
    names = tuple(market.table.names[row] for row in order)
    prices = np.maximum(market.universe.price[order], 0.01)
    values = dict.fromkeys(BAR_COLUMNS, prices) | {"volume": np.full(len(names), SHARES)}
    return Columns(BARS, np.full(len(names), of.open_ns), np.arange(len(names), dtype=np.int32), names, values)


def _filled(market: SyntheticMarket, of: Session, order: np.ndarray[Any, np.dtype[np.int64]]) -> Columns:
    """Return a session in which every symbol has a bar in every minute: where none traded, at its last price."""
    symbols = len(order)
    last = np.maximum(np.round(market.marks(of).opened, 2), 0.01)
    made = np.empty((of.minutes, len(BAR_COLUMNS), symbols))
    for minute, records in zip(range(of.minutes), market.minutes(of, of.open_ns, "bars"), strict=False):
        traded = records[records["kind"] == Kind.BAR]
        made[minute, :4], made[minute, 4] = last, SHARES
        for column, field in enumerate("abcde"):
            made[minute, column, traded["sym"]] = traded[field]
        last = made[minute, 3].copy()
    names = tuple(market.table.names[row] for row in order)
    ts = np.repeat(of.open_ns + np.arange(of.minutes) * MINUTE, symbols)
    values = {name: made[:, n, order].ravel() for n, name in enumerate(BAR_COLUMNS)}
    return Columns(BARS, ts, np.tile(np.arange(symbols, dtype=np.int32), of.minutes), names, values)


def _beside(folder: Path, date: dt.date) -> Path:
    return folder / f"{date}.npz"


def days(folder: Path) -> Iterator[Day]:
    """Yield the sessions as a backtest gets them."""
    store = Catalogue(folder / "history", folder / "days")
    dates = store.sessions(NAME, since=next_session(BEFORE).date)
    known = Known(store, NAME, store.kinds(NAME), dates[0])
    for date in dates:
        data = store.load(NAME, date)
        # Gathered as in any backtest; a few sessions are no past, so the generator's takes its place.
        known.before(data)
        with np.load(_beside(folder, date), allow_pickle=False) as found:
            reference = Reference(**found)
        yield Day(data.symbols, session(date), reference, prints=False, batches=[data.events])
        known.add(data)


def measure(folder: Path, snapshots: Path | None) -> dict[str, Any]:
    """Run all sessions in this process; returns seconds and memory by session, and what came of them."""
    settings = EngineSettings(strategies=(StrategyChoice(STRATEGY),), scans=SCANS)
    marks = [(perf_counter(), process_time(), 0)]

    def note(_: DayResult, __: int) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        marks.append((perf_counter(), process_time(), peak))

    plan = Plan(settings, {STRATEGY: strategy(STRATEGY)}, exchange=HOUSE, snapshots=snapshots, market_s=0)
    done = run(plan, days(folder), progress=note)
    pairs = list(pairwise(marks))
    kinds = [type(entry.body).__name__ for entry in done.journal.read(done.header.id)]
    return {
        "clock_s": [after[0] - before[0] for before, after in pairs],
        "processor_s": [after[1] - before[1] for before, after in pairs],
        "peak_mb": [mark[2] for mark in marks[1:]],
        "bars": done.summary.records // len(pairs),
        "hits": kinds.count("Hit"),
        "trades": done.summary.trades,
        "entries": len(kinds),
        "hash": done.summary.journal_hash,
    }


def in_a_process(folder: Path, cpu: int, *, decoded: bool = False, snapshots: bool = False) -> dict[str, Any]:
    """Measure in a process of its own, pinned; `decoded` starts without a day cache, and builds it on the way."""
    if decoded:
        shutil.rmtree(folder / "days" / NAME / bars(60), ignore_errors=True)
    kept = folder / "snapshots"
    told = _python("--run", str(folder), "--cpu", str(cpu), *(["--snapshots", str(kept)] if snapshots else []))
    shutil.rmtree(kept, ignore_errors=True)
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def _python(*options: str) -> str:
    asked = [sys.executable, "-m", "benchmarks.year", *options]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def row(name: str, found: dict[str, Any]) -> list[str]:
    """Return the line of one way to run."""
    # The first session begins in the cold: its symbols are new, the compiled code is read in.
    clock, processor = (statistics.median(found[key][1:]) for key in ("clock_s", "processor_s"))
    return [
        name,
        f"{found['bars']:,}",
        f"{clock:.2f}",
        f"{processor:.2f}",
        f"{1e9 * processor / found['bars']:.0f}",
        f"{YEAR * clock / 60:.1f}",
        f"{YEAR * processor / 60:.1f}",
        f"{found['peak_mb'][0]:,}",
        f"{found['peak_mb'][-1]:,}",
        f"{found['hits']:,}",
        f"{found['trades']:,}",
    ]


def main() -> None:
    """Generate, run and report; `--make` and `--run` do one folder's part in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--snapshots", type=Path)
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make, arguments.symbols, arguments.sessions)
        return
    if arguments.run:
        pin(arguments.cpu)
        print(json.dumps(measure(arguments.run, arguments.snapshots)))
        return
    home = HOME / f"year-{os.getpid()}"
    figures, rows = {}, []
    try:
        for symbols in (*SMALLER, arguments.symbols):
            folder = home / str(symbols)
            sessions = arguments.sessions if symbols == arguments.symbols else FEW
            # A process inherits the peak of memory of the one that starts it: this one must stay small.
            _python("--make", str(folder), "--symbols", str(symbols), "--sessions", str(sessions))
            ways: dict[str, dict[str, bool]] = {"Parquet": {"decoded": True}, "day cache": {}}
            if symbols == arguments.symbols:
                ways["day cache, with snapshots of the list"] = {"snapshots": True}
            for name, how in ways.items():
                title = f"{symbols:,} symbols, {name}"
                figures[title] = in_a_process(folder, arguments.cpu, **how)
                rows.append(row(title, figures[title]))
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    count = f"{arguments.sessions} sessions were run"
    columns = [
        f"{count}; a year is extrapolated",
        "bars a session",
        "s a session",
        "processor s",
        "ns a bar",
        f"{YEAR} sessions would take, min",
        "of processor time",
        "peak MB after 1",
        "after all",
        "hits",
        "trades",
    ]
    report("year", columns, rows, figures)


if __name__ == "__main__":
    main()
