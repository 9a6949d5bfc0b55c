"""Backtest a preset over two sessions of a made-up market, and explain one of its trades.

Run it with `python examples/01_backtest.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from backtest.runner import Plan, run
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import SyntheticMarket
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.journal.explain import explain_trade
from qm.rules.calendar import sessions
from qm.strategies.presets import strategy

FIRST, LAST = dt.date(2025, 3, 11), dt.date(2025, 3, 12)


def days(symbols: int, seed: int) -> Iterator[Day]:
    """Yield the sessions one by one, each with what was known before it began."""
    market = SyntheticMarket(symbols, seed)
    for session in sessions(FIRST, LAST):
        yield Day(market.table, session, market.reference(session), prints=True, batches=market.minutes(session))


def main() -> None:
    """Run the backtest and print what it came to."""
    plan = Plan(
        # Of the engine's scans, only the one whose hits this strategy takes.
        settings=EngineSettings(scans=("stocks_in_play",)),
        strategies={"orb_robust": strategy("orb_robust", {"stop_atr": 0.5})},
        exchange=HOUSE,
    )
    outcome = run(plan, days(symbols=200, seed=2))
    s = outcome.summary
    print(f"{s.sessions} sessions, {s.records:,} records, {s.wakes:,} wakes in {s.run_s:.2f} s")
    print(f"{s.trades} trades, {s.wins} won, {s.net_usd:+,.2f} $ after {s.fees_usd:,.2f} $ fees, {s.total_r:+.2f} R")
    print(f"journal {s.journal_hash[:16]}: the same inputs give the same hash")
    if not outcome.trades:
        return
    print()
    best = max(outcome.trades, key=lambda trade: trade.net_usd)
    explanation = explain_trade(outcome.journal, outcome.header.id, best.trade)
    assert explanation is not None
    print(explanation.text())


if __name__ == "__main__":
    main()
