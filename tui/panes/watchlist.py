"""The active strategy watchlist: who works which symbol, at which levels, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qm.wire.views import WatchView
from tui.format import change, minutes, price
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.cells import by_sign
from tui.widgets.columns import Cell, Column, faint, number, words

URGENCY = {
    state: place for place, state in enumerate(("in position", "armed", "planned", "watched", "done", "released"))
}
WORDS = {"in position": "position"}
TONES = {"in position": "up", "armed": "live", "planned": ""}


class WatchPane(TablePane[WatchView]):
    """Show the watchlist."""

    NAME: ClassVar[str] = "watch"
    NUMBER: ClassVar[int] = 2
    EMPTY: ClassVar[str] = "nothing is watched"

    def columns(self) -> Sequence[Column[WatchView]]:
        """Return who, where, and why."""
        return (
            words("symbol", "SYM", 6, lambda row: row.symbol),
            Column("state", "STATE", 8, _state, lambda row: row.state, right=False),
            number("last", "LAST", 8, lambda row: row.last, price),
            number("chg", "CHG%", 6, lambda row: row.chg_pct, change, by_sign, rank=3),
            number("entry", "ENTRY", 8, lambda row: row.entry, price, rank=1),
            number("stop", "STOP", 8, lambda row: row.stop, price, rank=2),
            number("left", "LEFT", 4, lambda row: row.minutes_left, minutes, rank=4),
            words("strategy", "STRATEGY", 10, lambda row: row.strategy, rank=4, grow=6),
            words("reason", "WHY", 12, lambda row: row.reason, faint, rank=5, grow=40),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many symbols are watched."""
        return f"WATCHLIST {len(moment.replica.watch)}"

    def rows(self, moment: Moment) -> Sequence[WatchView]:
        """Return the watchlist, who may trade soonest first; among equals the engine's order stays."""
        return sorted(moment.replica.watch.rows(), key=lambda row: URGENCY.get(row.state, len(URGENCY)))


def _state(row: WatchView) -> Cell:
    return (WORDS.get(row.state, row.state), TONES.get(row.state, "dim"))
