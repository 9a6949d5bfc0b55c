"""Measure how fast the synthetic market is made beside how fast an engine consumes it: records a processor second."""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import time
from decimal import Decimal
from typing import Final

from backtest.runner import Plan, run
from benchmarks.measure import pin, report
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import Detail, SyntheticMarket
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.rules.calendar import Session, session
from qm.strategies.presets import strategy

CASES: Final[tuple[tuple[int, Detail], ...]] = ((500, "trades"), (11_000, "bars"))
OF: Final = dt.date(2026, 3, 10)


def measured(symbols: int, detail: Detail, of: Session) -> tuple[float, float, float, int]:
    """Return processor seconds to begin (reference, paths), to make and to consume the records, and their number."""
    start = time.process_time()
    market = SyntheticMarket(symbols)
    known = market.reference(of)
    market.pauses(of)
    begun = time.process_time()
    batches = list(market.minutes(of, detail=detail))
    made = time.process_time()
    plan = Plan(EngineSettings(), {"orb_robust": strategy("orb_robust")}, equity=Decimal(100_000), exchange=HOUSE)
    run(plan, [Day(market.table, of, known, prints=detail == "trades", batches=batches)])
    return begun - start, made - begun, time.process_time() - made, sum(len(batch) for batch in batches)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", type=int, default=None)
    pin(parser.parse_args().cpu)
    of = session(OF)
    # What is compiled is compiled before anything counts.
    measured(100, "trades", of)
    rows, figures = [], {}
    for symbols, detail in CASES:
        begin, make, consume, records = measured(symbols, detail, of)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures[f"{symbols} {detail}"] = {"records": records, "begin_s": begin, "make_s": make, "consume_s": consume}
        rows.append(
            [f"{symbols:,} symbols, {detail}", f"{records:,}", f"{begin:.2f} s", f"{records / make:,.0f}",
             f"{records / consume:,.0f}", f"{memory:,.0f} MB"]
        )  # fmt: skip
    columns = ["one session", "records", "begins in", "made a second", "consumed a second", "memory, all records held"]
    report("generator", columns, rows, figures)


if __name__ == "__main__":
    main()
