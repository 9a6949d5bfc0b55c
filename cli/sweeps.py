"""`qm backtest sweep`, `sweeps` and `walkforward`: many trials of one strategy."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import (
    AsJson,
    Costs,
    Dataset,
    Equity,
    Fills,
    Kind,
    Name,
    Overrides,
    Params,
    Report,
    Since,
    Stress,
    Symbols,
    Until,
)
from cli.output import say

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Vary = Annotated[
    list[str],
    typer.Option(
        "--vary", "-v", metavar="KEY=VALUES", help="What to vary: key=1,2,3 or key=0.5..2 or key=0.5..2:0.25."
    ),
]
Method = Annotated[str, typer.Option(metavar="METHOD", help="grid, random, or optuna, which learns as it goes.")]
Workers = Annotated[int | None, typer.Option(min=1, max=256, metavar="N", help="Processes; all cores by default.")]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler instead, e.g. tcp://host:8786.")]


@app.command("sweep")
def sweep_parameters(
    name: Name,
    dataset: Dataset,
    vary: Vary,
    method: Method = "grid",
    trials: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Trials, unless it is a grid.")] = 100,
    objective: Annotated[str, typer.Option(metavar="FIGURE", help="What makes a trial the best.")] = "sharpe",
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    equity: Equity = None,
    override: Overrides = None,
    costs: Costs = "house",
    fills: Fills = None,
    stress: Stress = "1",
    workers: Workers = None,
    dask: Dask = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of random and optuna.")] = 0,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Try many parameters, and say what the best of them proves.

    Every trial goes into a ledger from which nothing is ever removed: the more were tried, the less the best one means.
    The same command goes on where it was interrupted: Ctrl-C ends it after the trials that run, with exit code 130.

    \b
    qm backtest sweep orb_robust -d us99_1m -v stop_atr=0.5,1,1.5 -v cutoff_min=30..90:15
    qm backtest sweep thrust -d us99_1m -v bars=2..6 -v min_stop_atr=0..1 --method optuna --trials 200
    qm backtest sweep orb_robust -d us99_1m -v stop_atr=0.5..1.5:0.25 --stress 2 --report sweep.html
    """
    from cli.output import emit_json
    from cli.sweep import define, make
    from cli.sweep_tables import show
    from cli.trial import Order, read_one_stress

    order = Order(
        strategy=name,
        dataset=dataset,
        since=since,
        until=until,
        symbols=symbols,
        kind=kind,
        params=tuple(param or ()),
        equity=equity,
        overrides=tuple(override or ()),
        costs=costs,
        fills=fills,
        stress=read_one_stress(stress),
    )
    found = make(order, define(order, vary, method, trials, seed, objective), objective, workers, dask, report)
    if as_json:
        emit_json(found)
    else:
        show(found)
    if found["interrupted"]:
        say(f"Interrupted: {found['made']} of {found['planned']} trials were made. The same command goes on.")
        raise typer.Exit(130)


@app.command("sweeps")
def list_sweeps(as_json: AsJson = False) -> None:
    """List the sweeps of the ledger, and check that no trial was changed or removed."""
    import msgspec

    from cli.ledger import ledger
    from cli.output import emit_json
    from cli.sweep_tables import show_all

    with ledger() as book:
        book.verify()
        rows = [{"sweep": of.id, "made": made, **msgspec.to_builtins(of)} for of, made in book.sweeps()]
    if as_json:
        emit_json(rows)
    elif rows:
        show_all(rows)
    else:
        say("There is no sweep yet: qm backtest sweep.")


@app.command("walkforward")
def walk(
    name: Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep of the ledger, see qm backtest sweeps.")],
    train: Annotated[int, typer.Option(min=2, metavar="N", help="Sessions to choose on.")] = 60,
    test: Annotated[int, typer.Option(min=1, metavar="N", help="Sessions to trade the choice on.")] = 20,
    purge: Annotated[int, typer.Option(min=0, metavar="N", help="Sessions between the two that neither uses.")] = 1,
    rolling: Annotated[bool, typer.Option("--rolling", help="Forget the oldest; all of the past otherwise.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the best trial of a sweep on past sessions and trade it on those that follow, again and again.

    Nothing is run again: a choice sees the returns of its training sessions alone.

    \b
    qm backtest walkforward orb_robust-grid-1a2b3c4d --train 120 --test 20
    """
    from backtest.walkforward import walk_forward
    from cli.ledger import ledger
    from cli.output import emit_json
    from cli.sweep_tables import show_walk

    with ledger() as book:
        found = walk_forward(name, book.trials(name), train, test, purge, rolling=rolling)
    if as_json:
        emit_json(found)
    else:
        show_walk(found)
