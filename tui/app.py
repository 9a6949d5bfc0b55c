"""The workstation as a program: it draws the replica a few times a second and turns keys into commands."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, assert_never

from textual.app import App
from textual.binding import BindingType
from textual.timer import Timer

from qm.wire.client import Client, QmError
from tui import commands
from tui.format import clean
from tui.keymap import bindings
from tui.link import Link, Moment, SocketLink
from tui.pace import Pace, backlog
from tui.screens.main import MainScreen
from tui.screens.text import TextScreen
from tui.theme import THEMES, pick
from tui.widgets import filter as row_filter
from tui.widgets.livetable import LiveTable
from tui.widgets.prompt import Prompt

DEFAULT_HZ = 5.0


class Workstation(App[int]):
    """Show what a link brings; `hz` frames a second at most."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    TITLE = "QuantMatrix"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, link: Link, *, theme: str = "qm-dark", hz: float = DEFAULT_HZ) -> None:
        super().__init__()
        for each in THEMES.values():
            self.register_theme(each)
        self.theme = theme
        self.animation_level = "none"
        self.link = link
        self.pace = Pace(hz)
        self.main = MainScreen()
        self._timer: Timer | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the tones of the plain theme, for themes that are not ours."""
        return THEMES["qm-mono"].variables

    def get_default_screen(self) -> MainScreen:
        """Return the workstation's screen."""
        return self.main

    def on_mount(self) -> None:
        """Start the link and the frames."""
        if not self.is_headless:
            for each in (signal.SIGTERM, signal.SIGHUP):
                # Leave in good order, or the shell would inherit a terminal in raw mode.
                asyncio.get_running_loop().add_signal_handler(each, self.exit, 0)
        self.run_worker(self.link.run(), name="link", exit_on_error=True)
        self._timer = self.set_interval(1 / self.pace.hz, self.tick)

    def tick(self) -> None:
        """Draw a frame, unless the terminal is still busy with those before."""
        hz = self.pace.hz
        if self.pace.draws(backlog(self._driver), self.link.now()):
            self.draw()
        if self.pace.hz != hz:
            self._retime()

    def draw(self) -> None:
        """Draw the moment on whichever screen is on top."""
        screen = self.screen
        if isinstance(screen, MainScreen | TextScreen):
            self.main.panes["health"].hz = self.pace.hz  # type: ignore[attr-defined]
            screen.show(Moment(self.link.replica, self.link.state, self.link.now()))

    def say(self, text: str, tone: str = "") -> None:
        """Answer in the bottom line."""
        self.main.prompt.say(text, tone, self.link.now())
        self.draw()

    def do(self, command: commands.Command) -> None:
        """Carry out a command."""
        match command:
            case commands.Send():
                self._send(command)
            case commands.Show(pane):
                self.main.go(pane)
            case commands.Hz(hz):
                self.pace.wish(hz)
                self._retime()
                self.say(f"{hz:g} frames a second")
            case commands.Theme(name):
                self.theme = name
            case commands.Explain(what):
                self._aside(self._explain(what))
            case commands.Detach():
                self.action_detach()
            case commands.Help():
                self.main.action_help()
            case _:
                assert_never(command)

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """Carry out what was typed."""
        if event.kind == "panic":
            if event.text.strip().casefold() == commands.FLATTEN_WORD:
                self.do(commands.Send({"do": "flatten", "symbol": None, "reason": "panic key"}, urgent=True))
            else:
                self.say("Nothing was flattened: the word flat was not typed.", "warn")
        elif event.kind == "filter":
            self._filter(event.text)
        else:
            try:
                self.do(commands.parse(event.text, self.main.symbol))
            except commands.CommandError as error:
                self.say(str(error), "warn")

    def on_live_table_changed(self) -> None:
        """Let the rule of the pane say so at once."""
        self.draw()

    def on_live_table_chosen(self, event: LiveTable.Chosen) -> None:
        """Explain the row that was opened."""
        what = event.key if self.main.current == "trades" else self.main.symbol
        if what:
            self.do(commands.Explain(what))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keep keys from acting while something is being typed; leaving is always possible."""
        return action == "detach" or not self.main.prompt.kind

    def action_ask(self, kind: str) -> None:
        """Open the prompt."""
        while not isinstance(self.screen, MainScreen):
            self.pop_screen()
        if kind == "filter" and self.main.table is None:
            self.say("There is nothing to filter in this pane.", "warn")
            return
        self.main.prompt.ask(kind)

    def action_detach(self) -> None:
        """Leave; the engine keeps running."""
        self.exit(0)

    def action_copy(self) -> None:
        """Copy the symbol."""
        # Cleaned, because what is copied may be pasted into a shell.
        if symbol := clean(self.main.symbol):
            self.copy_to_clipboard(symbol)
            self.say(f"copied {symbol}")

    def action_pin(self) -> None:
        """Pin the symbol."""
        if symbol := self.main.symbol:
            self.do(commands.Send({"do": "pin", "symbol": symbol}))

    def action_cancel(self) -> None:
        """Ask to cancel the chosen order: the command is typed already, enter sends it."""
        chosen = self.main.table.chosen if self.main.table is not None else None
        if chosen is not None and self.main.current == "orders":
            self.main.prompt.ask("command", f"cancel {chosen.key}")

    def _retime(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(1 / self.pace.hz, self.tick)

    def _filter(self, text: str) -> None:
        table = self.main.table
        if table is None:
            return
        try:
            table.filter(row_filter.parse(text, table.columns))
        except ValueError as error:
            self.say(str(error), "warn")
        self.draw()

    def _send(self, command: commands.Send) -> None:
        if self.link.state.lost and not command.urgent:
            self.say(f"Not sent, the engine link is lost: {self.link.state.problem}", "alert")
            return
        self.say("sent ...", "dim")
        self._aside(self._deliver(command))

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        # In a worker: a handler that waited for the socket would block the keys.
        self.run_worker(work, group="asks", exit_on_error=True)

    async def _deliver(self, command: commands.Send) -> None:
        name = str(command.body["do"]).replace("_", " ")
        try:
            reply = await self.link.command(command.body)
        except QmError as error:
            self.say(f"{name} FAILED: {error.problem} {error.remedy}", "alert")
        else:
            done = "accepted" if reply.accepted else "REFUSED"
            self.say(f"{name} {done}: {reply.outcome}", "up" if reply.accepted else "warn")

    async def _explain(self, what: str) -> None:
        try:
            answer = await self.link.explain(what)
        except QmError as error:
            self.say(f"{error.problem} {error.remedy}", "warn")
            return
        self.push_screen(TextScreen(answer.title, [((line, ""),) for line in answer.lines]))
        self.draw()


def run(socket_path: str, theme: str | None, hz: float) -> int:
    """Attach to the daemon at `socket_path` and return the exit code once the user detaches.

    Raises `UnavailableError` when no daemon answers and `ProtocolError` when it speaks another version, both before
    the screen is taken.
    """
    choice = pick(os.environ, theme)
    # Textual would turn our themes into greys; the plain theme has no colours to begin with.
    os.environ.pop("NO_COLOR", None)
    asyncio.run(_greet(socket_path))
    app = Workstation(SocketLink(Client(socket_path)), theme=choice.theme, hz=hz)
    app.run(mouse=choice.mouse)
    return app.return_code or 0


async def _greet(socket_path: str) -> None:
    async with Client(socket_path) as client:
        await client.hello()
