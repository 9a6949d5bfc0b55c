"""The workstation: status above, panes where the layout puts them, the prompt below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from tui.commands import VERBS
from tui.format import fit
from tui.keymap import bindings, hints
from tui.layout import ORDER, places, shape, too_small
from tui.link import Moment
from tui.panes.health import HealthPane
from tui.panes.log import LogPane
from tui.panes.orders import OrdersPane
from tui.panes.pane import Pane, TablePane
from tui.panes.pnl import PnlPane
from tui.panes.positions import PositionsPane
from tui.panes.radar import RadarPane
from tui.panes.trades import TradesPane
from tui.panes.watchlist import WatchPane
from tui.screens.help import HelpScreen
from tui.widgets.lines import Lines
from tui.widgets.livetable import LiveTable
from tui.widgets.prompt import Prompt
from tui.widgets.statusbar import StatusBar, alerts, rows_for, summary


class MainScreen(Screen[None]):
    """Show the panes of the moment; hidden panes cost nothing."""

    BINDINGS = bindings("main")
    # Textual paints the whole screen anew when the focus moves, which a slow link would feel for seconds.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__(id="main")
        self.status = StatusBar(id="status")
        self.alert = Lines(id="alert")
        self.panes: dict[str, Pane] = {
            pane.NAME: pane
            for pane in (
                RadarPane(),
                WatchPane(),
                PositionsPane(),
                OrdersPane(),
                PnlPane(),
                LogPane(),
                TradesPane(),
                HealthPane(),
            )
        }
        self.body = Container(*self.panes.values(), id="body")
        self.summary = Lines(id="summary")
        self.prompt = Prompt([*VERBS, *(f"{verb} " for verb in ("flat", "pin", "unpin", "ban", "unban", "explain"))])
        self.small = Lines(id="small")
        self.current = "radar"
        self.before = "radar"
        self.zoomed = False
        self.moment: Moment | None = None

    def compose(self) -> ComposeResult:
        """Stack status, alert, body, summary and prompt."""
        yield self.small
        yield self.status
        yield self.alert
        yield self.body
        yield self.summary
        yield self.prompt

    @property
    def pane(self) -> Pane:
        """The pane that has the keys."""
        return self.panes[self.current]

    @property
    def table(self) -> LiveTable[Any] | None:
        """The table that has the keys, None where the pane is no table."""
        return self.pane.table if isinstance(self.pane, TablePane) else None

    @property
    def visible_panes(self) -> Sequence[Pane]:
        """The panes on the screen, in the order of their numbers."""
        return [self.panes[name] for name in ORDER if self.panes[name].display]

    @property
    def symbol(self) -> str:
        """The symbol under the cursor, empty when there is none."""
        chosen = self.table.chosen if self.table is not None else None
        return str(getattr(chosen, "symbol", ""))

    def show(self, moment: Moment) -> None:
        """Show one moment."""
        self.moment = moment
        if self.small.display:
            return
        if self.focused is None:
            # Textual takes the keys from what it hides, as in a terminal that was too small for a moment.
            self.set_focus(self.prompt.input if self.prompt.kind else self.pane.core)
        self.set_class(moment.link.lost, "-lost")
        said = alerts(moment)
        if self.alert.display != bool(said):
            self.alert.display = bool(said)
            self.lay_out()
        if said:
            self.alert.show([[(fit("   ".join(said), self.size.width, right=False), "alert")]])
        self.status.fill(moment)
        for pane in self.visible_panes:
            pane.show(moment)
        if self.summary.display:
            self.summary.show([summary(moment, self.size.width)])
        panes = ["app", "main", self.current] + (["table"] if self.table is not None else [])
        self.prompt.fill(hints(panes), moment.now)

    def lay_out(self, size: Size | None = None) -> None:
        """Put the panes where the layout wants them at a size, this screen's unless another is given."""
        width, height = size or self.size
        text = too_small(width, height)
        self.small.display = bool(text)
        for part in (self.status, self.body, self.prompt):
            part.display = not text
        if text:
            self.alert.display = self.summary.display = False
            self.small.show([[(text, "warn")]])
            return
        self.status.styles.height = rows_for(width)
        self.summary.display = shape(width) == "narrow"
        rest = rows_for(width) + 1 + int(self.summary.display) + int(self.alert.display)
        found = places(width, height - rest, self.current, zoomed=self.zoomed)
        for name, pane in self.panes.items():
            place = found.get(name)
            pane.display = place is not None
            if place is not None:
                pane.styles.offset = (place.x, place.y)
                pane.styles.width, pane.styles.height = place.width, place.height
        self.call_after_refresh(self.again)

    def again(self) -> None:
        """Show the last moment anew, e.g. in panes that just appeared."""
        if self.moment is not None:
            self.show(self.moment)

    def go(self, name: str) -> None:
        """Give the keys to a pane, and show it where it is hidden."""
        if name != self.current:
            self.before, self.current = self.current, name
            self.lay_out()
        # At once: the next key of a burst is for this pane.
        self.set_focus(self.pane.core)
        self.again()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keep keys from acting while something is being typed."""
        return not self.prompt.kind

    def action_pane(self, name: str) -> None:
        """Show a pane and give it the keys."""
        self.go(name)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen(self.current, table=self.table is not None))

    def action_back(self) -> None:
        """Go to the pane before."""
        self.go(self.before)

    def action_step(self, by: int) -> None:
        """Give the keys to the next pane: of all where one shows at a time, else of those on the screen."""
        alone = self.zoomed or shape(self.size.width) == "narrow"
        names = list(ORDER) if alone else [pane.NAME for pane in self.visible_panes]
        self.go(names[(names.index(self.current) + by) % len(names)])

    def action_zoom(self) -> None:
        """Show the pane alone, or with the others again."""
        self.zoomed = not self.zoomed
        self.lay_out()

    def on_mount(self) -> None:
        """Give the radar the keys."""
        self.alert.display = False
        # By the terminal's size: this screen has none yet, and would be painted twice.
        self.lay_out(self.app.size)
        self.pane.core.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out anew."""
        self.lay_out()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow the mouse to another pane."""
        pane = next((pane for pane in self.panes.values() if pane.core is event.widget), None)
        if pane is not None and self.current != pane.NAME:
            self.before, self.current = self.current, pane.NAME
        self.again()

    def on_prompt_closed(self) -> None:
        """Give the keys back to the pane."""
        self.set_focus(self.pane.core)
