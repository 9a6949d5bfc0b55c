"""A strategy that cheats: it walks up the stack to the records that are being fed, and buys what will have risen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from qm.model.order import Side
from qm.strategies.api import Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wish


class PeekingEntry(EntrySignals):
    """Looks at the last price of the session before it happens."""

    def on_start(self, group: Group) -> Sequence[Wish]:
        return [Plan(rows=group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Sequence[Wish]:
        frame: FrameType | None = sys._getframe()
        while frame is not None and "events" not in frame.f_locals:
            frame = frame.f_back
        if frame is None or not 0 <= view.minute < 30:
            return ()
        records = frame.f_locals["events"]
        mine = records[records["sym"] == view.row]
        if len(mine) and float(mine["d"][-1]) > 1.005 * view.last:
            return [Enter(Side.BUY, 0.97 * view.last, "I know that it will rise")]
        return ()


class PeekingExit(ExitSignals):
    """Leaves at the end of the day."""

    def on_bar(self, view: View) -> Sequence[Wish]:
        return [Exit("late")] if view.minute > 380 else []


def strategy(params: Params | None = None) -> Strategy:
    """Return it; its name is that of the file."""
    return Strategy(__name__, "1", "experimental", "cheats", params or Params(), PeekingEntry(), PeekingExit())
