"""The account and the day: what was made, what may still be lost, and the curve of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qm.wire.views import PnlView
from tui.format import UNKNOWN, in_r, signed, whole
from tui.link import Moment
from tui.panes.pane import Pane
from tui.widgets.cells import by_sign
from tui.widgets.facts import FACT_WIDTH, Fact, in_columns
from tui.widgets.lines import Line, Page, line_width
from tui.widgets.sparkline import curve

SCALE_WIDTH = 8
MOST_ROWS = 12
"""A taller curve would show no more, only steeper."""


class PnlPane(Pane):
    """Show the day's result, as numbers above a curve."""

    NAME: ClassVar[str] = "pnl"
    NUMBER: ClassVar[int] = 5

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    @property
    def core(self) -> Page:
        """The lines."""
        return self.page

    def title(self, moment: Moment) -> tuple[str, str]:
        """Return the day's result."""
        pnl = moment.replica.pnl
        return ("P&L", f"day {signed(pnl.day_usd, 2)}  {in_r(pnl.day_r)}" if pnl else "")

    def fill(self, moment: Moment) -> None:
        """Show the numbers in as many columns as fit, the curve in the rows that are left."""
        pnl = moment.replica.pnl
        size = self.page.size
        if pnl is None or size.width < 1:
            self.page.show([])
            return
        lines = in_columns(facts(pnl), max(1, size.width // FACT_WIDTH))
        rows = min(MOST_ROWS, size.height - len(lines))
        if rows > 0 and pnl.curve:
            lines += chart(pnl.curve, size.width, rows)
        self.page.show(lines)


def facts(pnl: PnlView) -> list[Fact]:
    """Return the numbers, the most wanted first."""
    rate = f"{pnl.wins}/{pnl.trades} {100 * pnl.wins / pnl.trades:.0f}%" if pnl.trades else UNKNOWN
    return [
        ("realized", signed(pnl.realized_usd, 2), by_sign(pnl.realized_usd)),
        ("open", signed(pnl.unrealized_usd, 2), by_sign(pnl.unrealized_usd)),
        ("loss left", whole(pnl.loss_left_usd), "" if (pnl.loss_left_usd or 0) > 0 else "alert"),
        ("at risk", whole(pnl.open_risk_usd), ""),
        ("fees", signed(-pnl.fees_usd, 2), ""),
        ("won", rate, ""),
        ("equity", whole(pnl.equity_usd), ""),
        ("power", whole(pnl.buying_power_usd), ""),
    ]


def chart(values: Sequence[float], width: int, rows: int) -> list[Line]:
    """Return the curve with its best and worst value beside it where there is room."""
    room = width - SCALE_WIDTH
    if room < 10 or not any(values):
        return curve(values, width, rows)
    lines = [tuple(line) for line in curve(values, room, rows)]
    labels = {0: signed(max(0.0, *values)), len(lines) - 1: signed(min(0.0, *values))} if rows > 1 else {}
    used = max((line_width(line) for line in lines), default=0)
    return [(*line, (" " * (used - line_width(line)) + " " + labels.get(y, ""), "dim")) for y, line in enumerate(lines)]
