"""Measure how fast the synthetic market is made beside how fast the engine consumes it: records a processor second.

Each minute is made and then consumed, as in every run. The engine runs whole: radar, scans, strategies, ledger, risk
gate, journal; with a beat a second, as it trades, and with a beat a minute, as a quick backtest may.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
from collections.abc import Iterator
from decimal import Decimal
from time import process_time
from typing import Final, NamedTuple

from backtest.runner import Plan, run
from benchmarks.measure import pin, report
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import Detail, SyntheticMarket
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.market.reference import Reference
from qm.model.market import Events
from qm.rules.calendar import Session, next_session, session
from qm.strategies.presets import strategy

CASES: Final[tuple[tuple[int, Detail, int], ...]] = (
    (500, "trades", 1),
    (500, "trades", 60),
    (11_000, "bars", 1),
    (11_000, "bars", 60),
)
"""Symbols, what is made of them, and seconds between two beats."""
OF: Final = dt.date(2026, 3, 10)
STRATEGIES: Final = ("orb_robust", "thrust")


class _Timed:
    """Hands batches on, and keeps how many records they had and how long they took to make."""

    def __init__(self, batches: Iterator[Events]) -> None:
        self.records, self.made_s = 0, 0.0
        self._batches = batches

    def __iter__(self) -> _Timed:
        return self

    def __next__(self) -> Events:
        start = process_time()
        try:
            batch = next(self._batches)
        finally:
            self.made_s += process_time() - start
        self.records += len(batch)
        return batch


class Measured(NamedTuple):
    """Processor seconds of one session."""

    records: int
    first_s: float
    """To plan the first session of a market, which has a past to draw."""
    plan_s: float
    """To plan a later one: what is known before it, and its paths."""
    make_s: float
    consume_s: float


def measured(symbols: int, detail: Detail, beat_s: int) -> Measured:
    """Run the second of two sessions."""
    start = process_time()
    market, first = SyntheticMarket(symbols), session(OF)
    _planned(market, first)
    first_s = process_time() - start
    of = next_session(OF)
    start = process_time()
    known = _planned(market, of)
    plan_s = process_time() - start
    batches = _Timed(market.minutes(of, detail=detail))
    chosen = {name: strategy(name) for name in STRATEGIES}
    plan = Plan(EngineSettings(beat_s=beat_s), chosen, equity=Decimal(100_000), exchange=HOUSE)
    start = process_time()
    run(plan, [Day(market.table, of, known, prints=detail == "trades", batches=batches)])
    return Measured(batches.records, first_s, plan_s, batches.made_s, process_time() - start - batches.made_s)


def _planned(market: SyntheticMarket, of: Session) -> Reference:
    known = market.reference(of)
    market.pauses(of)
    return known


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", type=int, default=None)
    pin(parser.parse_args().cpu)
    # What is compiled is compiled before anything counts.
    measured(100, "trades", 60)
    rows, figures = [], {}
    for symbols, detail, beat_s in CASES:
        found = measured(symbols, detail, beat_s)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        name = f"{symbols:,} symbols, {detail}, a beat {'a second' if beat_s == 1 else 'a minute'}"
        figures[name] = found._asdict()
        rows.append(
            [
                name,
                f"{found.records:,}",
                f"{found.first_s:.2f} s",
                f"{found.plan_s:.2f} s",
                f"{found.records / found.make_s:,.0f}",
                f"{found.records / (found.plan_s + found.make_s):,.0f}",
                f"{found.records / found.consume_s:,.0f}",
                f"{memory:,.0f} MB",
            ]
        )
    columns = ["one session", "records", "first planned in", "a later one in", "made a second", "with its plan"]
    report("generator", [*columns, "consumed a second", "peak memory"], rows, figures)


if __name__ == "__main__":
    main()
