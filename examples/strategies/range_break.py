"""Wakes at levels and times only: buys the break of the opening range, and lowers its risk once it is one R ahead.

Copy it into the folder that `qm strategy new` shows, and run it: qm backtest run range_break -d synthetic:200
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
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
    Protect,
    Strategy,
    View,
    Wishes,
)


class BreakParams(Params, frozen=True):
    """Parameters with their bounds; every one of them can be given as `--param range_min=30`."""

    range_min: Annotated[int, Meta(ge=5, le=60)] = 15
    """Length of the opening range, minutes."""
    cutoff_min: Annotated[int, Meta(ge=6, le=390)] = 120
    """No entry later than this, minutes after the open."""
    hold_min: Annotated[int, Meta(ge=5, le=390)] = 90
    """Leave after so many minutes."""


class BreakEntry(EntrySignals):
    """Sleeps until the range is over, then until its high is touched; what happens between costs nothing."""

    def __init__(self, params: BreakParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        ready = group.open_ns + self.params.range_min * MINUTE
        return self.on_time(group) if group.now >= ready else [Plan(rows=group.rows.tolist(), wake_at=ready)]

    def on_time(self, group: Group) -> Wishes:
        cutoff = group.open_ns + self.params.cutoff_min * MINUTE
        if group.now >= cutoff:
            return [Done("the range held", row) for row in group.rows.tolist()]
        # All symbols at once, as arrays. A level that is not known is NaN, and arms nothing.
        high, low = group.col("high"), group.col("low")
        note = {"middle": ((high + low) / 2).tolist()}
        return [Plan(rows=group.rows.tolist(), up=high.tolist(), wake_at=cutoff, note=note)]

    def on_touch(self, view: View) -> Wishes:
        # The first plan disarms the level; the note of the last one stays.
        return [Plan(), Enter(Side.BUY, stop=view.note["middle"], reason="broke the opening range")]


class BreakExit(ExitSignals):
    """One R ahead the stop goes to the entry and half is sold; the rest ends by the stop or the clock."""

    def __init__(self, params: BreakParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        held = view.held
        assert held is not None
        return [Plan(up=[2 * held.price - held.stop], wake_at=held.opened + self.params.hold_min * MINUTE)]

    def on_touch(self, view: View) -> Wishes:
        held = view.held
        assert held is not None
        until = held.opened + self.params.hold_min * MINUTE
        return [Plan(wake_at=until), Exit("1 R reached, half", part=0.5), Protect(held.price, "to the entry")]

    def on_time(self, view: View) -> Wishes:
        return [Exit(f"held for {self.params.hold_min} minutes")]


def strategy(params: BreakParams | None = None) -> Strategy:
    """Return it with its defaults, or with the parameters that were given; its name is that of the file."""
    p = params or BreakParams()
    about = "breaks of the opening range, with half off and the stop at the entry at 1 R"
    return Strategy(__name__, "1", "experimental", about, p, BreakEntry(p), BreakExit(p), scans=("momentum",))
