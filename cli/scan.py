"""`qm scan`: what scans look for, and what they would have found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit, emit_json, say

if TYPE_CHECKING:
    from backtest.scans import Result
    from cli.markets import Chosen

app = typer.Typer(
    name="scan",
    help="Look for opportunities in past sessions.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def scan() -> None:
    """Look for opportunities in past sessions."""


What = Annotated[
    str,
    typer.Argument(
        metavar="NAME|TEXT", help="A scan of `qm scan list`, or a condition, e.g. 'gap >= 4 & rvol >= 3 & ~halted'."
    ),
]
Dataset = Annotated[
    str,
    typer.Option("--dataset", "-d", metavar="NAME", help="A dataset of `qm data ls`, or a made-up one: synthetic:500."),
]
OneOf = Annotated[str | None, typer.Option("--dataset", "-d", metavar="NAME", help="Look at this dataset; needs --at.")]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session.")]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session.")]
Symbols = Annotated[str | None, typer.Option(metavar="A,B|@FILE", help="Look at exactly these; ranks are among them.")]
Kind = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="Which data of the dataset, where it has several: bars_1m, trades+quotes."),
]
Window = Annotated[
    str | None, typer.Option(metavar="HH:MM-HH:MM", help="When it is asked, New York [09:30-16:00 for a condition].")
]
RankBy = Annotated[
    str | None, typer.Option(metavar="FEATURE", help="What puts one find before another [score for a condition].")
]
Top = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many finds at a beat.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="A setting, e.g. radar.min_price=2."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list")
def list_scans(as_json: AsJson = False) -> None:
    """List the scans that come with the program, and those of your settings.

    A section [scans.NAME] in qm.toml makes one of your own; a name of a shipped scan replaces that one.
    """
    from cli.compose import settings
    from cli.hits import scan_data, show_scans
    from qm.scanner.presets import PRESETS

    engine = settings().engine
    names = (*PRESETS, *(name for name in engine.own_scans if name not in PRESETS))
    found = [(engine.scan(name), name in engine.own_scans) for name in names]
    if as_json:
        emit_json([scan_data(each, own=own) for each, own in found])
    else:
        show_scans(found)


@app.command("features")
def list_features(as_json: AsJson = False) -> None:
    """List what a scan can ask for, with units and shorter names."""
    from cli.hits import feature_data, show_features

    if as_json:
        emit_json(feature_data())
    else:
        show_features()


@app.command("test")
def try_scan(
    what: What,
    dataset: OneOf = None,
    when: Annotated[
        str | None, typer.Option("--at", metavar="'DATE HH:MM'", help="Moment in the dataset, New York.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Say why this one passes or does not.")] = None,
    kind: Kind = None,
    override: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say what a scan means, and who passes it at a moment.

    Features are compared by >=, <=, > and <, or lie `in` a range; `and`, `or`, `not` or & | ~ and parentheses compose.
    Without a unit a number is in the feature's own. What is unknown passes no comparison, nor its opposite.

    \b
    qm scan test 'gap >= 4 & rvol >= 3 & price in 2..20 & float < 20M & ~halted'
    qm scan test momentum -d synthetic:500 --at '2025-03-10 10:30' --symbol SPY
    """
    from cli.compose import settings
    from cli.hits import SCHEMA, moment_data, scan_data, show_meaning, show_moment
    from cli.search import for_data, look, never_told, the_scan
    from qm.errors import UsageError

    engine = settings(override or ()).engine
    found = the_scan(what, engine)
    if (dataset is None) != (when is None) or (symbol is not None and dataset is None):
        raise UsageError("A look at data needs a dataset and a moment.", "Give both --dataset and --at.")
    if dataset is None or when is None:
        if as_json:
            emit_json({"schema": SCHEMA, "scan": scan_data(found), "features": found.condition.names()})
        else:
            emit(str(found.condition))
            emit()
            show_meaning(found.condition)
        return
    chosen, seen = look(dataset, kind, when, engine)
    found = for_data(found, engine, chosen)
    data = moment_data(found, seen, symbol.upper() if symbol else None)
    if as_json:
        emit_json({"schema": SCHEMA, "scan": scan_data(found), "dataset": chosen.name, **data})
        return
    emit(str(found.condition))
    show_moment(found, seen, data)
    if missing := never_told(data["never_known"]):
        say(missing)


@app.command("run")
def run_scan(
    what: What,
    dataset: Dataset,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    window: Window = None,
    rank_by: RankBy = None,
    top: Top = None,
    override: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """List everything that a scan would have found.

    It is asked as the engine asks it: at each beat, by the same radar and scanner, with what was known then.

    \b
    qm scan run hod_momo --dataset synthetic:500
    qm scan run 'gap >= 4 & rvol >= 3' -d us99_1m --from 2025-01-03 --window 09:35-11:30 --json
    """
    from cli.hits import show_hits

    result, chosen, interrupted = _over(
        what, dataset, (since, until), symbols, kind, (window, rank_by, top), override or [], after=False
    )
    if as_json:
        _emit_result(result, chosen, interrupted=interrupted, after=False)
    else:
        show_hits(result, chosen)
    _end(result, chosen, interrupted=interrupted)


@app.command("backtest")
def backtest_scan(
    what: What,
    dataset: Dataset,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    window: Window = None,
    rank_by: RankBy = None,
    top: Top = None,
    override: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say what came after the finds of a scan: 5, 15 and 60 minutes later, to the close, at best and at worst.

    Moves are measured from the last price at the find, without costs, so that they are not what trading it would earn:
    `qm backtest run` tells that. A symbol that stops trading counts with its last price.

    \b
    qm scan backtest momentum --dataset synthetic:500
    qm scan backtest 'rvol5 >= 5 & chg >= 10' -d us99_1m --json
    """
    from cli.hits import show_after

    result, chosen, interrupted = _over(
        what, dataset, (since, until), symbols, kind, (window, rank_by, top), override or [], after=True
    )
    if as_json:
        _emit_result(result, chosen, interrupted=interrupted, after=True)
    else:
        show_after(result, chosen)
    _end(result, chosen, interrupted=interrupted)


def _over(
    what: str,
    dataset: str,
    dates: tuple[str | None, str | None],
    symbols: str | None,
    kind: str | None,
    changed: tuple[str | None, str | None, int | None],
    overrides: list[str],
    *,
    after: bool,
) -> tuple[Result, Chosen, bool]:
    from cli.compose import settings
    from cli.feeds import parse_date
    from cli.markets import choose, read_symbols
    from cli.search import for_data, over, the_scan

    engine = settings(overrides).engine
    window, rank_by, top = changed
    found = the_scan(what, engine, window=window, rank_by=rank_by, top=top)
    since, until = (
        parse_date(text, name) if text else None for text, name in zip(dates, ("--from", "--to"), strict=True)
    )
    chosen = choose(dataset, since, until, kind, read_symbols(symbols) if symbols else ())
    result, interrupted = over(for_data(found, engine, chosen), chosen, engine, after=after)
    return result, chosen, interrupted


def _emit_result(result: Result, chosen: Chosen, *, interrupted: bool, after: bool) -> None:
    from cli.hits import result_data

    emit_json(result_data(result, chosen, interrupted=interrupted, after=after))


def _end(result: Result, chosen: Chosen, *, interrupted: bool) -> None:
    from cli.search import never_told

    if missing := never_told(result.never_known):
        say(missing)
    if interrupted:
        say(f"Interrupted: {len(result.sessions)} of {len(chosen.dates)} sessions were run.")
        raise typer.Exit(130)
