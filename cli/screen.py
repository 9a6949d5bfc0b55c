"""`qm attach`: the workstation on this terminal, a client of the engine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cli.output import interactive, say

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("attach")
def attach(
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; the running one by default.")
    ] = None,
    theme: Annotated[
        str | None, typer.Option(metavar="NAME", help="dark, cvd, ansi or mono; what fits the terminal by default.")
    ] = None,
    hz: Annotated[
        float | None, typer.Option(min=0.2, max=30, metavar="N", help="Frames a second, at most [5].")
    ] = None,
) -> None:
    """Open the workstation on a running engine.

    Leaving it does not stop the engine. Exit code 7 when none runs.
    """
    from cli.places import the_running

    _need_terminal()
    raise typer.Exit(attach_to(the_running(mode)[0], theme, hz))


def attach_or_start() -> int:
    """Attach to the engine that runs, or start one on the synthetic market; returns the exit code."""
    from cli import starting
    from cli.places import running

    _need_terminal()
    there = running()
    if not there:
        starting.start(starting.request("sim", None, None, [], fresh=False))
        there = ["sim"]
    # The mode with the most at stake comes first: real money before paper before a simulation.
    return attach_to(min(there, key=("live", "paper", "sim", "demo").index))


def demo_screen(symbols: int, seed: int, speed: float) -> int:
    """Open the workstation on the demo, which is started anew unless it runs; returns the exit code."""
    from shutil import rmtree

    from cli import starting
    from cli.link import ask
    from cli.places import DEMO, answers, held, place

    of = place(DEMO)
    if answers(of) and ask(of, "/v1/status")["phase"] not in ("pre", "open"):
        say("The session of the demo is over: starting it anew.")
        starting.stop(of)
    if answers(of):
        say("The demo is running already: attaching to it. `qm down --mode demo` ends it.")
    else:
        if not held(of):
            rmtree(of.data, ignore_errors=True)
        feed = f"synthetic:{symbols}:seed={seed}@{speed:g}x"
        starting.start(starting.request(DEMO, feed, None, [], fresh=True))
    code = attach_to(DEMO)
    say("The demo's engine goes on: `qm attach` shows it again, `qm down` ends it.")
    return code


def _need_terminal() -> None:
    from qm.errors import UsageError

    if not interactive():
        raise UsageError(
            "The workstation needs a terminal.", "For scripts there are `qm status --json` and the socket."
        )


def attach_to(name: str, theme: str | None = None, hz: float | None = None) -> int:
    """Open the workstation on the engine of a place; returns the exit code. NotFoundError for an unknown theme."""
    from cli.places import place

    of = place(name)
    if of.settings_file.exists() or any(key.startswith("QM_") and "__" in key for key in os.environ):
        from cli.compose import settings

        screen = settings().screen
        theme, hz = theme or screen.theme, hz or screen.hz
    from qm.errors import NotFoundError
    from tui.app import DEFAULT_HZ, run
    from tui.theme import THEMES

    if theme is not None and theme.removeprefix("qm-") not in (known := [each.removeprefix("qm-") for each in THEMES]):
        raise NotFoundError.of("theme", theme, known)
    return run(str(of.socket), theme, hz or DEFAULT_HZ)
