"""The orders of the session, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qm.wire.views import OrderView
from tui.format import clock, price
from tui.keymap import bindings
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.columns import Column, faint, number, words

OVER = frozenset({"filled", "canceled", "expired", "rejected"})
"""Statuses after which nothing more is expected; whatever else there is may still fill."""
TONES = {"filled": "", "rejected": "down", "unknown": "alert", "canceled": "dim", "expired": "dim", "held": "dim"}
TYPES = {
    "stop_limit": "stop lmt",
    "market_on_open": "MOO",
    "limit_on_open": "LOO",
    "market_on_close": "MOC",
    "limit_on_close": "LOC",
}


class OrdersPane(TablePane[OrderView]):
    """Show the orders."""

    NAME: ClassVar[str] = "orders"
    NUMBER: ClassVar[int] = 4
    EMPTY: ClassVar[str] = "no order yet"
    BINDINGS = bindings("orders")

    def columns(self) -> Sequence[Column[OrderView]]:
        """Return what was ordered, how far it got, and why it ended."""
        return (
            number("ts", "TIME    ", 8, lambda row: row.ts, clock, faint, rank=3),
            words("symbol", "SYM", 6, lambda row: row.symbol),
            words("side", "SIDE", 4, lambda row: row.side),
            Column("filled", "FILLED", 9, lambda row: (f"{row.filled}/{row.qty}", ""), lambda row: row.filled),
            number("price", "PRICE", 8, told, price, rank=1),
            words("type", "TYPE", 8, lambda row: TYPES.get(row.type, row.type), faint, rank=4),
            words("status", "STATUS", 8, lambda row: row.status, lambda status: TONES.get(status, "live")),
            words("purpose", "FOR", 7, lambda row: row.purpose, faint, rank=2),
            words("strategy", "STRATEGY", 10, lambda row: row.strategy, rank=6),
            words("id", "ID", 12, lambda row: row.id, faint, rank=7),
            words("note", "NOTE", 10, lambda row: row.note, faint, rank=5, grow=40),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many orders there were and how many still work."""
        rows = moment.replica.orders.rows()
        return f"ORDERS {len(rows)}  {working(rows)} working"

    def rows(self, moment: Moment) -> Sequence[OrderView]:
        """Return the orders."""
        return moment.replica.orders.rows()


def told(row: OrderView) -> float | None:
    """Return the price that matters now: what it filled at, or else what it asks for."""
    if row.avg_price is not None:
        return row.avg_price
    return row.stop if row.limit is None else row.limit


def working(rows: Sequence[OrderView]) -> int:
    """Count the orders that may still fill."""
    return sum(1 for row in rows if row.status not in OVER)
