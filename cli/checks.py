"""`qm backtest check`: do strategies look into the future?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.options import AsJson, Dataset, Kind, Overrides, Params, Since, Symbols, Until
from cli.output import Progress

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Names = Annotated[list[str] | None, typer.Argument(metavar="[STRATEGY]...", help="Strategies, each checked alone.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, the shipped ones and your own.")]
Cuts = Annotated[
    int | None,
    typer.Option(
        min=1, max=1000, metavar="N", help="Moments at which to change the future [10; for several strategies 4]."
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the moments.")]
Workers = Annotated[
    int | None, typer.Option(min=1, max=256, metavar="N", help="Processes for several; all cores by default.")
]


@app.command("check")
def check_for_peeking(
    dataset: Dataset,
    names: Names = None,
    every: Every = False,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    override: Overrides = None,
    cuts: Cuts = None,
    seed: Seed = 0,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find out whether strategies look into the future.

    Each runs again with the future cut off at random moments, and with it shuffled. Whatever was decided before must be
    decided again, byte for byte. A strategy that reads the answers from a file of its own is not found out. With --all,
    those that had no signal in the data are checked once more on a made-up market, under looser rules.

    Exit code 8 when a decision changed.

    \b
    qm backtest check orb_robust -d us99_1m
    qm backtest check --all -d us99_1m
    """
    from cli.output import emit_json
    from cli.peeking import ask, show_checks
    from cli.trial import Order

    shared = Order(
        strategy="",
        dataset=dataset,
        since=since,
        until=until,
        symbols=symbols,
        kind=kind,
        params=tuple(param or ()),
        overrides=tuple(override or ()),
    )
    with Progress(quiet=not sys.stderr.isatty()) as progress:
        found = ask(shared, names or (), cuts, seed, workers, progress, every=every)
    if not as_json:
        show_checks(found)
    else:
        emit_json(next(iter(found.strategies.values())) if len(names or ()) == 1 else found)
    raise typer.Exit(0 if found.clean else 8)
