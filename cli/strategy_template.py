"""What `qm strategy new` writes: a small strategy that runs as it is, with a comment at every place to change."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = '''\
"""Say here in one sentence what it waits for, and why that should pay."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.model.order import Side
from qm.strategies.api import Done, Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes


class MyParams(Params, frozen=True):
    """What can be changed without touching the rules; every number has its bounds."""

    range_min: Annotated[int, Meta(ge=1, le=120)] = 15
    """Length of the opening range, minutes."""
    stop_atr: Annotated[float, Meta(gt=0, le=3)] = 0.5
    """Distance of the stop, in daily ATR(14)."""
    target_r: Annotated[float, Meta(gt=0, le=20)] = 2.0
    """Profit at which to leave, in risks."""
    cutoff_min: Annotated[int, Meta(ge=1, le=390)] = 120
    """No entry later than this, minutes after the open."""


class MyEntry(EntrySignals):
    """Asked while the symbol is flat. It keeps nothing in `self`: what to remember goes into the note of a Plan."""

    def __init__(self, params: MyParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        # You were given these symbols. Wake me when the range is over; until then nothing is computed.
        ready = group.open_ns + self.params.range_min * MINUTE
        if group.now >= ready:
            return self.on_time(group)
        return [Plan(rows=group.rows.tolist(), wake_at=ready)]

    def on_time(self, group: Group) -> Wishes:
        if group.now >= group.open_ns + self.params.cutoff_min * MINUTE:
            return [Done("no breakout in time", row) for row in group.rows.tolist()]
        # Arm the high of each symbol at once, remember it, and wake me again at the cut-off.
        high = group.col("high").tolist()
        cutoff = group.open_ns + self.params.cutoff_min * MINUTE
        return [Plan(rows=group.rows.tolist(), up=high, wake_at=cutoff, note={"high": high})]

    def on_touch(self, view: View) -> Wishes:
        # What is not known is NaN, and every comparison with it is False: write conditions so that they must hold.
        if not (view.atr > 0 and view.last > view.vwap):
            return []
        stop = view.last - self.params.stop_atr * view.atr
        # The empty plan disarms the level, or the next price would touch it again. Sizing and the gate come after this.
        return [Plan(), Enter(Side.BUY, stop=stop, reason=f"above {view.note['high']:.2f}, the high of the range")]


class MyExit(ExitSignals):
    """Asked while a position is open. The stop of the entry rests at the broker by itself."""

    def __init__(self, params: MyParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        held = view.held
        assert held is not None
        return [Plan(up=[held.price + self.params.target_r * (held.price - held.stop)])]

    def on_touch(self, view: View) -> Wishes:
        return [Plan(), Exit(f"{self.params.target_r:g} R reached")]


def strategy(params: MyParams | None = None) -> Strategy:
    """The one function that is looked for. The name of the strategy is the name of its file."""
    p = params or MyParams()
    return Strategy(
        name=__name__,
        version="1",
        status="experimental",
        about="buys a breakout of the opening range above VWAP",
        params=p,
        entry=MyEntry(p),
        exit=MyExit(p),
        # Scans whose hits it takes: `qm scan list`. An empty tuple is for strategies that are handed a list of symbols.
        scans=("momentum",),
        # Entries per symbol and day.
        per_day=1,
    )
'''
