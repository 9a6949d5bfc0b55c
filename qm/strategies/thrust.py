"""Three rising bars above VWAP in a strong stock: the example of a strategy that is asked at every bar close."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.model.order import Side
from qm.strategies.api import (
    Done,
    Enter,
    EntrySignals,
    Exit,
    ExitSignals,
    Group,
    Params,
    Plan,
    Strategy,
    View,
    Wishes,
)
from qm.strategies.reading import enough


class ThrustParams(Params, frozen=True):
    """Parameters of the three-bar thrust."""

    bars: Annotated[int, Meta(ge=2, le=10)] = 3
    """Consecutive higher closes wanted."""
    min_stop_atr: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """The stop is at least this far away, in daily ATR(14); 0 asks nothing."""
    max_stop_atr: Annotated[float, Meta(ge=0, le=2)] = 0.75
    """A wider stop is not taken, in daily ATR(14); 0 takes any. With both at 0 it takes hits of `runners`, too."""
    trail_bars: Annotated[int, Meta(ge=1, le=60)] = 5
    """Leave at a close below the low of so many bars before."""
    time_stop_min: Annotated[int, Meta(ge=1, le=390)] = 45
    """Leave after so many minutes whatever happens."""
    last_entry_min: Annotated[int, Meta(ge=1, le=390)] = 345
    """No entry later than this, minutes after the open."""
    give_up_min: Annotated[int, Meta(ge=1, le=390)] = 30
    """Let a symbol go when it has not triggered within so many minutes."""


class ThrustEntry(EntrySignals):
    """Buys the close of the last of several rising bars while price holds above VWAP."""

    def __init__(self, params: ThrustParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars, and remember when to give up."""
        since = max(group.now, group.open_ns)
        return [Plan(group.rows.tolist(), follow=True, wake_at=since + self.params.give_up_min * MINUTE)]

    def on_time(self, group: Group) -> Wishes:
        """Let go of what has not triggered."""
        return [Done(f"no thrust within {self.params.give_up_min} minutes", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        """Enter on the close of the last rising bar."""
        p = self.params
        if view.minute > p.last_entry_min:
            return [Done("too late in the day")]
        recent = list(view.bars)[-(p.bars + 1) :]
        if len(recent) <= p.bars or not rising(recent) or not view.last > view.vwap:
            return []
        stop = min(bar.low for bar in recent[1:])
        width_atr = (view.last - stop) / view.atr if view.atr > 0 else nan
        if not enough(width_atr, p.min_stop_atr) or (p.max_stop_atr and not width_atr <= p.max_stop_atr):
            return []
        return [Enter(Side.BUY, stop, f"{p.bars} rising bars above VWAP")]


class ThrustExit(ExitSignals):
    """Trails the lows of the bars before; a time stop ends what goes nowhere."""

    def __init__(self, params: ThrustParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        """Go on following the bars, until the time stop."""
        return [Plan(follow=True, wake_at=view.now + self.params.time_stop_min * MINUTE)]

    def on_bar(self, view: View) -> Wishes:
        """Leave at a close below the lows before."""
        before = list(view.bars)[-(self.params.trail_bars + 1) : -1]
        if len(before) == self.params.trail_bars and view.bars[-1].close < min(bar.low for bar in before):
            return [Exit(f"closed below the low of {self.params.trail_bars} bars")]
        return []

    def on_time(self, view: View) -> Wishes:
        """Leave when time is up."""
        return [Exit(f"time stop after {self.params.time_stop_min} minutes")]


def rising(bars: list[Bar]) -> bool:
    """Tell whether each bar closed above the one of the minute before."""
    return all(b.close > a.close and b.start - a.start == MINUTE for a, b in pairwise(bars))


def thrust(params: ThrustParams | None = None) -> Strategy:
    """Return the example strategy; experimental, for paper trading only."""
    p = params or ThrustParams()
    return Strategy(
        name="thrust",
        version="1",
        status="experimental",
        about="buys three rising one-minute bars above VWAP in a momentum hit; trails the lows",
        params=p,
        entry=ThrustEntry(p),
        exit=ThrustExit(p),
        scans=("momentum", "momentum_bars", *(() if p.min_stop_atr or p.max_stop_atr else ("runners",))),
        per_day=2,
    )
