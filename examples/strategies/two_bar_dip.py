"""Asked at every bar: buys the first bar that closes above the high of a falling one, above VWAP.

Copy it into the folder that `qm strategy new` shows, and run it: qm backtest run two_bar_dip -d synthetic:200
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.model.order import Side
from qm.strategies.api import Done, Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes


class DipParams(Params, frozen=True):
    """Parameters with their bounds."""

    give_up_min: Annotated[int, Meta(ge=1, le=390)] = 20
    """Let a symbol go after so many minutes without an entry."""
    least_stop_atr: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """A nearer stop is noise, in daily ATR(14)."""


class DipEntry(EntrySignals):
    """Looks at the last two bars, each time one closes."""

    def __init__(self, params: DipParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        until = group.now + self.params.give_up_min * MINUTE
        return [Plan(rows=group.rows.tolist(), follow=True, wake_at=until)]

    def on_time(self, group: Group) -> Wishes:
        return [Done(f"no dip within {self.params.give_up_min} minutes", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        if len(view.bars) < 2:
            return []
        before, bar = view.bars[-2], view.bars[-1]
        if not (before.close < before.open and bar.close > before.high and bar.close > view.vwap):
            return []
        stop = min(before.low, bar.low)
        # What is not known is NaN and fails the comparison, so that nothing is bought blindly.
        if not view.last - stop >= self.params.least_stop_atr * view.atr:
            return []
        return [Enter(Side.BUY, stop=stop, reason="closed above a falling bar")]


class DipExit(ExitSignals):
    """Leaves at the first close below the low of the bar before; the stop of the entry rests at the broker."""

    def on_open(self, view: View) -> Wishes:
        return [Plan(follow=True)]

    def on_bar(self, view: View) -> Wishes:
        if len(view.bars) > 1 and view.bars[-1].close < view.bars[-2].low:
            return [Exit("closed below the bar before")]
        return []


def strategy(params: DipParams | None = None) -> Strategy:
    """Return it with its defaults, or with the parameters that were given; its name is that of the file."""
    p = params or DipParams()
    about = "closes above a falling bar in momentum hits"
    return Strategy(__name__, "1", "experimental", about, p, DipEntry(p), DipExit(), ("momentum",), per_day=2)
