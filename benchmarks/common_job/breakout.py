"""The common job's rule as a strategy of ours: two plans a day for all symbols together, one more per trade."""

from __future__ import annotations

from math import nan

from benchmarks.common_job import job
from qm.model.order import Side
from qm.strategies.api import (
    NOTHING,
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

NAME = "common_job"
RANGE_END = job.RANGE_BARS
"""Minutes after the open, as are the other times here: a bar is known at its end."""
LAST_ENTRY = job.LAST_ENTRY + 1
EXIT = job.EXIT_BAR + 1
BELOW = "close below the range"


class Entry(EntrySignals):
    """Arms the range's high for closes."""

    def on_start(self, group: Group) -> Wishes:
        """Wait for the range to end."""
        return [Plan(rows=group.rows.tolist(), wake_at=group.open_ns + RANGE_END * job.MINUTE_NS)]

    def on_time(self, group: Group) -> Wishes:
        """Arm the high of the range, keep its low, and wait for the time of the exit."""
        exit_at = group.open_ns + EXIT * job.MINUTE_NS
        if group.now >= exit_at:
            return NOTHING
        high, low = group.col("high").tolist(), group.col("low").tolist()
        return [Plan(rows=group.rows.tolist(), close_up=high, note={"low": low}, wake_at=exit_at)]

    def on_close(self, view: View) -> Wishes:
        """Buy on the first close above the range."""
        if view.minute > LAST_ENTRY:
            return NOTHING
        low = view.note.get("low", nan)
        return [Enter(Side.BUY, stop=low, reason="close above the range", resting_stop=False, shares=job.SHARES)]


class Leave(ExitSignals):
    """Arms the range's low for closes."""

    def on_open(self, view: View) -> Wishes:
        """Wait for a close at or below the range."""
        return [Plan(close_down=[view.note["low"]])]

    def on_close(self, view: View) -> Wishes:
        """Leave below the range."""
        return [Exit(BELOW)]

    def on_time(self, view: View) -> Wishes:
        """Leave before the close."""
        return [Exit("end of day")]


def breakout() -> Strategy:
    """Return the strategy."""
    about = "five-minute opening-range breakout on closes, long only, one trade per symbol and day"
    return Strategy(NAME, "1", "experimental", about, Params(), Entry(), Leave())
