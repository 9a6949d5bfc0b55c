"""Open positions, what they make, and whether every share has a stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qm.wire.views import PositionView
from tui.format import clock, in_r, price, signed
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.cells import by_sign
from tui.widgets.columns import Cell, Column, faint, number, words


class PositionsPane(TablePane[PositionView]):
    """Show the positions; one that lacks protection says so."""

    NAME: ClassVar[str] = "positions"
    NUMBER: ClassVar[int] = 3
    EMPTY: ClassVar[str] = "flat"

    def columns(self) -> Sequence[Column[PositionView]]:
        """Return size, prices, result and protection."""
        return (
            words("symbol", "SYM", 6, lambda row: row.symbol),
            number("qty", "QTY", 7, lambda row: row.qty, signed),
            number("avg", "AVG", 8, lambda row: row.avg_price, price, rank=3),
            number("last", "LAST", 8, lambda row: row.last, price, rank=2),
            number("pnl", "P&L $", 7, lambda row: row.unrealized_usd, signed, by_sign),
            number("r", "R", 6, lambda row: row.r, in_r, by_sign, rank=1),
            Column("stop", "STOP", 8, _stop, lambda row: row.stop),
            number("mfe", "MFE $", 6, lambda row: row.mfe_usd, signed, faint, rank=5),
            number("mae", "MAE $", 6, lambda row: row.mae_usd, signed, faint, rank=5),
            number("opened", "SINCE", 8, lambda row: row.opened, clock, faint, rank=6),
            words("strategy", "STRATEGY", 10, lambda row: row.strategy, rank=4, grow=6),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many positions are open, and how many lack a stop."""
        rows = moment.replica.positions.rows()
        bare = sum(1 for row in rows if unprotected(row))
        return f"POSITIONS {len(rows)}" + (f"  {bare} UNPROTECTED" if bare else "")

    def rows(self, moment: Moment) -> Sequence[PositionView]:
        """Return the positions."""
        return moment.replica.positions.rows()


def unprotected(row: PositionView) -> bool:
    """Say whether a share of the position has no active stop."""
    return row.protected_qty < abs(row.qty)


def _stop(row: PositionView) -> Cell:
    if unprotected(row):
        return ("NO STOP!" if row.protected_qty == 0 else f"{row.protected_qty}/{abs(row.qty)}!", "alert")
    return (price(row.stop), "")
