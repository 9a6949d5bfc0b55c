"""How the engine is doing, and how far this screen keeps up with it."""

from __future__ import annotations

from typing import ClassVar

from tui.format import age, human, rounded
from tui.link import Moment
from tui.panes.pane import Pane
from tui.widgets.facts import FACT_WIDTH, Fact, in_columns
from tui.widgets.lines import Page


class HealthPane(Pane):
    """Show the daemon's health."""

    NAME: ClassVar[str] = "health"
    NUMBER: ClassVar[int] = 8

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.hz = 0.0
        """Frames of the screen per second, as the pace allows now."""

    @property
    def core(self) -> Page:
        """The lines."""
        return self.page

    def title(self, moment: Moment) -> tuple[str, str]:
        """Return whose health it is."""
        status = moment.replica.status
        return ("ENGINE", f"{status.version} pid {status.pid}" if status else "")

    def fill(self, moment: Moment) -> None:
        """Show the numbers in as many columns as fit."""
        status = moment.replica.status
        lines = in_columns(self.facts(moment), max(1, self.page.size.width // FACT_WIDTH))
        if status is not None:
            lines.append((("feed ", "dim"), (f"{status.feed}  ", ""), (f"session {status.session}", "dim")))
        self.page.show(lines)

    def facts(self, moment: Moment) -> list[Fact]:
        """Return the numbers."""
        health, status = moment.replica.health, moment.replica.status
        if health is None or status is None:
            return []
        return [
            ("feed age", age(health.feed_age_ms), ""),
            ("loop lag", f"{rounded(health.loop_lag_ms, 1)}ms", ""),
            ("store", f"{rounded(health.store_ms, 1)}ms", ""),
            ("records/s", human(health.records_per_s), ""),
            ("records", human(health.records), ""),
            ("wakes", human(health.wakes), ""),
            ("queue", human(health.queue_depth), "warn" if health.queue_depth > 1000 else ""),
            ("speed", "max" if status.speed == 0 else f"{status.speed:g}x", ""),
            ("memory", f"{health.rss_mb:.0f}MB", ""),
            ("clients", str(health.clients), ""),
            ("screen", f"{self.hz:g}Hz", ""),
            ("gaps", str(moment.link.gaps), "warn" if moment.link.gaps else ""),
            ("hash", status.state_hash, "dim"),
        ]
