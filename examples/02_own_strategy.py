"""Write a strategy of your own that sleeps until a price is reached, and give it a few symbols.

Run it with `python examples/02_own_strategy.py`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import numpy as np
from msgspec import Meta

from backtest import runner
from brokers.sim.settings import HOUSE
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.model.order import Side
from qm.risk.limits import RiskSettings
from qm.rules.calendar import session
from qm.strategies.api import Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes


class BreakParams(Params, frozen=True):
    """Parameters with their bounds."""

    range_min: Annotated[int, Meta(ge=5, le=60)] = 15
    """Length of the opening range, minutes."""
    target_r: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """Profit at which to leave, in risks."""


class BreakEntry(EntrySignals):
    """Buys a touch of the high of the opening range; what happens before costs nothing."""

    def __init__(self, params: BreakParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Sleep until the range is complete."""
        return [Plan(rows=group.rows.tolist(), wake_at=group.open_ns + self.params.range_min * MINUTE)]

    def on_time(self, group: Group) -> Wishes:
        """Arm the highs of all symbols at once, and note the middles: only the journal survives a restart."""
        high, low = group.col("high"), group.col("low")
        return [Plan(rows=group.rows.tolist(), up=high.tolist(), note={"middle": ((high + low) / 2).tolist()})]

    def on_touch(self, view: View) -> Wishes:
        """Buy; the empty plan disarms the level, or the next print would touch it again."""
        return [Plan(), Enter(Side.BUY, stop=view.note["middle"], reason="touched the high of the opening range")]


class BreakExit(ExitSignals):
    """Leaves at a target; the stop of the entry rests at the broker by itself."""

    def __init__(self, params: BreakParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        """Arm the target."""
        assert view.held is not None
        return [Plan(up=[view.held.price + self.params.target_r * (view.held.price - view.held.stop)])]

    def on_touch(self, view: View) -> Wishes:
        """Take the profit."""
        return [Exit(f"{self.params.target_r:g} R reached")]


if __name__ == "__main__":
    params, market, day = BreakParams(), SyntheticMarket(200, seed=2), session(dt.date(2025, 3, 13))
    own = Strategy("range_break", "1", "experimental", "my own", params, BreakEntry(params), BreakExit(params))
    busiest = [market.table.names[row] for row in np.argsort(-market.reference(day).adv)[:20]]
    settings = EngineSettings(scans=(), risk=RiskSettings(risk_per_trade=0.001))
    plan = runner.Plan(settings, {own.name: own}, exchange=HOUSE, assigned={own.name: busiest})
    today = Day(market.table, day, market.reference(day), prints=True, batches=market.minutes(day))
    for t in runner.run(plan, [today]).trades:
        print(f"{t.symbol:<5} {t.qty:>5} shares {t.entry_price:>9.4f} to {t.exit_price:>9.4f} {t.r:+.2f} R: {t.reason}")
