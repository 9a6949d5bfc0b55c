"""`qm backtest repro`, `compare` and `montecarlo`: what kept runs tell."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson
from cli.output import Progress

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Kept = Annotated[str, typer.Argument(metavar="RUN", help="A kept run, see qm journal list --run all.")]


@app.command("repro")
def make_again(run: Kept, as_json: AsJson = False) -> None:
    """Make a kept run again, and compare.

    It says what of the inputs is no longer the same (code, data, settings), and whether the decisions and the trades
    are. Exit code 8 when they are not.
    """
    from cli.output import emit_json
    from cli.repro import repeat, show

    with Progress() as progress:
        found = repeat(run, progress)
    if as_json:
        emit_json(found)
    else:
        show(found)
    raise typer.Exit(0 if found.same_trades else 8)


@app.command("compare")
def compare_runs(
    first: Kept,
    second: Annotated[str, typer.Argument(metavar="RUN", help="The run to hold against it.")],
    as_json: AsJson = False,
) -> None:
    """Compare two kept runs, session by session.

    Sessions are taken in pairs and resampled whole, so that a difference which is only luck shows as such.

    \b
    qm backtest compare orb_robust-20250102-20250117-1a2b3c4d orb_robust-20250102-20250117-5e6f7a8b
    """
    from backtest.compare import compare
    from cli.kept import read, show_comparison
    from cli.output import emit_json

    found = compare(read(first), read(second))
    if as_json:
        emit_json(found)
    else:
        show_comparison(found)


@app.command("montecarlo")
def draw_again(
    run: Kept,
    paths: Annotated[int, typer.Option(min=100, max=100_000, metavar="N", help="How many times to draw.")] = 5_000,
    ruin: Annotated[
        float, typer.Option(min=0.01, max=0.99, metavar="SHARE", help="The fall that counts as ruin.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random numbers.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Draw the sessions of a kept run again and again.

    It tells which returns and drawdowns as many sessions of the same kind may bring. It knows no session that is not in
    the run: what never happened there does not happen here.
    """
    from backtest.montecarlo import futures
    from cli.kept import read, show_futures
    from cli.output import emit_json

    found = futures(read(run), paths, ruin, seed)
    if as_json:
        emit_json(found)
    else:
        show_futures(found)
