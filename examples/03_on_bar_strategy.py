"""Write a strategy that is asked at every bar, in symbols that the radar and a scan find.

Run it with `python examples/03_on_bar_strategy.py`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta

from backtest import runner
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.model.events import Hit
from qm.model.order import Side
from qm.rules.calendar import session
from qm.strategies.api import Done, Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes


class DipParams(Params, frozen=True):
    """Parameters with their bounds."""

    give_up_min: Annotated[int, Meta(ge=1, le=390)] = 20
    """Let a symbol go after so many minutes without an entry."""


class DipEntry(EntrySignals):
    """Buys the first bar that closes above the high of a falling bar before it, above VWAP."""

    def __init__(self, params: DipParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars of a new symbol for a while."""
        until = group.now + self.params.give_up_min * MINUTE
        return [Plan(rows=group.rows.tolist(), follow=True, wake_at=until)]

    def on_time(self, group: Group) -> Wishes:
        """Let go of what gave no entry."""
        return [Done(f"no dip within {self.params.give_up_min} minutes", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        """Look at the last two bars; what is not known is NaN, and fails every comparison."""
        if len(view.bars) < 2:
            return []
        before, bar = view.bars[-2], view.bars[-1]
        if not (before.close < before.open and bar.close > before.high and bar.close > view.vwap):
            return []
        return [Enter(Side.BUY, stop=min(before.low, bar.low), reason="closed above a falling bar")]


class DipExit(ExitSignals):
    """Leaves at the first close below the low of the bar before; the stop of the entry rests at the broker."""

    def on_open(self, view: View) -> Wishes:
        """Go on following the bars."""
        return [Plan(follow=True)]

    def on_bar(self, view: View) -> Wishes:
        """Compare the last two bars."""
        return [Exit("closed below the bar before")] if view.bars[-1].close < view.bars[-2].low else []


if __name__ == "__main__":
    params, market, day = DipParams(), SyntheticMarket(200, seed=1), session(dt.date(2025, 3, 12))
    dip = Strategy("dip", "1", "experimental", "mine", params, DipEntry(params), DipExit(), ("momentum",), per_day=2)
    plan = runner.Plan(EngineSettings(scans=("momentum",)), {"dip": dip}, exchange=HOUSE)
    session_day = Day(market.table, day, market.reference(day), prints=True, batches=market.minutes(day))
    outcome = runner.run(plan, [session_day])
    for t in outcome.trades:
        print(f"{t.symbol:<5} {t.qty:>5} shares {t.entry_price:>9.4f} to {t.exit_price:>9.4f} {t.r:+.2f} R: {t.reason}")
    hits = sum(isinstance(entry.body, Hit) for entry in outcome.journal.read(outcome.header.id))
    print(f"{hits} hits of momentum, {outcome.summary.trades} trades, {outcome.summary.net_usd:+,.2f} $")
