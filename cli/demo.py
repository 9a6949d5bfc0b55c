"""`qm demo`: the workstation on a made-up market, with nothing to set up."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import interactive

app = typer.Typer(name="demo", rich_markup_mode=None, add_completion=False)


@app.command("demo")
def demo(
    symbols: Annotated[int, typer.Option(min=2, max=20_000, metavar="N", help="Symbols of the market.")] = 500,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same number gives the same market.")] = 1,
    speed: Annotated[float, typer.Option(min=0.1, metavar="N", help="Times faster than the clock.")] = 30.0,
    headless: Annotated[
        bool, typer.Option("--headless", help="Run one session as fast as possible, and print what came of it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON; only headless.")] = False,
) -> None:
    """Open the workstation on a made-up market.

    It is a momentum day, traded with simulated money. The engine runs as a daemon of its own, in a folder that is fresh
    each time, and ends with `qm down`. Without a terminal, one session is run headless instead.

    \b
    qm demo
    qm demo --symbols 2000 --seed 7 --speed 60
    qm demo --headless --json
    """
    if headless or as_json or not interactive():
        from cli.headless import run

        raise typer.Exit(run(symbols, seed, as_json=as_json))
    from cli.screen import demo_screen

    raise typer.Exit(demo_screen(symbols, seed, speed))
