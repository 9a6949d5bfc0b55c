"""The radar: every symbol worth a look, ranked by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qm.wire.views import RadarView
from tui.format import age, change, human, places, price, rounded, times
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.cells import by_sign
from tui.widgets.columns import Cell, Column, faint, number, words


class RadarPane(TablePane[RadarView]):
    """Show the radar; a price older than the feed allows is dim and has a question mark."""

    NAME: ClassVar[str] = "radar"
    NUMBER: ClassVar[int] = 1
    EMPTY: ClassVar[str] = "no symbol passes the radar yet"

    def columns(self) -> Sequence[Column[RadarView]]:
        """Return what is known of a symbol, the engine's own score and reasons last."""
        self.stale_ms = 0
        return (
            words("symbol", "SYM", 6, lambda row: row.symbol),
            Column("last", "LAST ", 9, self._last, lambda row: row.last),
            number("chg", "CHG%", 6, lambda row: row.chg_pct, change, by_sign),
            number("gap", "GAP%", 6, lambda row: row.gap_pct, change, rank=7),
            number("mom", "5M%", 6, lambda row: row.mom_pct, change, rank=6),
            number("rvol", "RVOL", 5, lambda row: row.rvol, times, rank=1),
            number("vol", "VOL", 5, lambda row: row.volume, human, rank=2),
            number("float", "FLOAT", 5, lambda row: row.float_shares, human, rank=4),
            number("spr", "SPR", 4, lambda row: row.spread_bps, rounded, rank=5),
            number("age", "AGE", 4, lambda row: row.age_ms, age, faint, rank=9),
            number("score", "SCORE", 5, lambda row: row.score, rounded, rank=1),
            number("moved", "±", 3, lambda row: row.rank_change, places, faint, rank=8),
            words("flags", "FLAGS", 9, lambda row: row.flags, _flags, rank=3),
            words("why", "WHY", 20, lambda row: row.why, faint, rank=2, grow=40),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many symbols of the market are ranked."""
        status = moment.replica.status
        return f"RADAR {len(moment.replica.radar)}/{status.radar_count}" if status else "RADAR"

    def rows(self, moment: Moment) -> Sequence[RadarView]:
        """Return the radar."""
        if moment.replica.status is not None:
            self.stale_ms = moment.replica.status.stale_ms
        return moment.replica.radar.rows()

    def _last(self, row: RadarView) -> Cell:
        stale = row.age_ms is None or row.age_ms > self.stale_ms
        return (price(row.last) + "?", "dim") if stale else (price(row.last) + " ", "")


def _flags(flags: str) -> str:
    folded = flags.casefold()
    return "warn" if "halt" in folded else "live" if "held" in folded else ""
