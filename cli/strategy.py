"""`qm strategy`: the strategies that there are, and the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit, emit_json, say

if TYPE_CHECKING:
    from cli.strategy_check import Tried
    from qm.runtime.strategy_files import Source
    from qm.strategies.api import Strategy

SCHEMA = 1

app = typer.Typer(
    name="strategy",
    help="See which strategies there are, and write your own.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def strategy() -> None:
    """See which strategies there are, and write your own."""


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Params = Annotated[list[str] | None, typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter.")]


@app.command("list")
def list_strategies(as_json: AsJson = False) -> None:
    """List the strategies that come with the program, and your own.

    A file of yours that cannot be used is listed with what is wrong with it.
    """
    from cli.strategy_list import listed, show_list

    found = listed()
    if as_json:
        emit_json({"schema": SCHEMA, "strategies": found})
    else:
        show_list(found)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A strategy of `qm strategy list`.")],
    param: Params = None,
    as_json: AsJson = False,
) -> None:
    """Show what a strategy does, what it needs, and its parameters with their bounds."""
    from cli.compose import parse_params
    from cli.strategy_list import as_data, show_one
    from qm.config import paths
    from qm.runtime.strategy_files import find

    found = find(name, paths("sim").strategies, parse_params(param or ()))
    if as_json:
        emit_json({"schema": SCHEMA, **as_data(found)})
    else:
        show_one(found)


@app.command("check")
def check(
    what: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A strategy of yours by name, or any file.")],
    param: Params = None,
    as_json: AsJson = False,
) -> None:
    """Load a strategy, and try it on a small made-up session.

    It runs twice, to see whether it decides the same again. Exit code 2 when it cannot be loaded, 8 when it fails or
    does not repeat. No signals is no failure: the session is small. Its result says nothing about money.
    """
    from cli.compose import parse_params
    from cli.strategy_check import doubts, tried, unknown_scans

    found, source = _loaded(what, parse_params(param or ()))
    warnings = [f"No scan is called {scan}, so it would get no hits of it." for scan in unknown_scans(found)]
    warnings += doubts(source.text) if source else []
    result = tried(found)
    good = result.repeats and not result.failed
    if as_json:
        emit_json(
            {
                "schema": SCHEMA,
                "strategy": found.name,
                "source": found.source,
                "good": good,
                "tried": result,
                "warnings": warnings,
            }
        )
    else:
        _report(found, result, warnings)
    raise typer.Exit(0 if good else 8)


@app.command("new")
def new(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, and that of its file.")]) -> None:
    """Write a small strategy with comments into your folder of strategies, to start from."""
    from cli.strategy_template import TEMPLATE
    from qm.config import paths
    from qm.runtime.strategy_files import write_new

    path = write_new(paths("sim").strategies, name, TEMPLATE)
    emit(str(path))
    say(f"Change it, then: qm strategy check {name}; qm backtest run {name} -d synthetic:200")


def _loaded(what: str, params: dict[str, str]) -> tuple[Strategy, Source | None]:
    from qm.config import paths
    from qm.runtime.strategy_files import find, load, read, read_anywhere
    from qm.strategies.presets import PRESETS

    folder = paths("sim").strategies
    if what.endswith(".py") or "/" in what:
        source = read_anywhere(Path(what))
        return load(source, params), source
    found = find(what, folder, params)
    return found, None if what in PRESETS else read(folder, what)


def _report(found: Strategy, result: Tried, warnings: list[str]) -> None:
    from cli.output import facts
    from qm.log import clean

    facts(
        [
            ("strategy", f"{found.name} {found.version}, {found.status}: {found.about}"),
            ("sha256", found.source),
            (
                "tried on",
                f"{result.symbols} made-up symbols; {result.how}: {result.hits:,}"
                if found.scans
                else f"{result.symbols} made-up symbols; {result.how}",
            ),
            ("it made", f"{result.plans:,} plans, {result.signals:,} signals to enter"),
            ("of these", f"{result.refused:,} refused, {result.entries:,} sent, {result.trades:,} trades closed"),
            ("again", "decided the same" if result.repeats else "DECIDED OTHERWISE: it depends on more than it sees"),
        ]
    )
    for warning in warnings:
        say(clean(warning))
    emit(f"FAILED: {clean(result.failed)}" if result.failed else "It can be used." if result.repeats else "FAILED.")
