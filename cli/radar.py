"""`qm radar`: who was strongest, when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import emit_json

if TYPE_CHECKING:
    from cli.radar_places import Kept
    from qm.errors import NotFoundError

SCHEMA: Final = 1
"""Version of the JSON of `qm radar`; it goes up when a field changes its meaning."""

app = typer.Typer(name="radar", rich_markup_mode=None, add_completion=False, invoke_without_command=True)

Run = Annotated[str | None, typer.Option(metavar="ID", help="The run; by default the one written last.")]
Mode = Annotated[
    str | None, typer.Option(metavar="MODE", help="Of this mode only: sim, paper, live, demo or backtest.")
]
Session = Annotated[
    str | None, typer.Option(metavar="DATE", help="The session; by default the one that was written last.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="At most so many symbols.")]


@app.callback()
def radar(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="Follow the running engine, beat by beat.")] = False,
    mode: Mode = None,
    limit: Limit = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with --live one line per beat.")] = False,
) -> None:
    """Tell who is strongest, who was at any time, and why.

    Without a command it shows the radar of the running engine, or, when none runs, the last beat that was kept. Every
    beat's list is kept, and every minute the whole market, by engines and the demo; by backtests with --snapshots.

    \b
    qm radar
    qm radar --live --json
    qm radar at 10:31 --session 2025-11-14
    qm radar history DTI
    qm radar runners
    """
    if context.invoked_subcommand is not None:
        return
    from cli.places import running

    if live or running():
        from cli.radar_live import follow, show_now

        raise typer.Exit(follow(mode, limit, as_json=as_json) if live else show_now(mode, limit, as_json=as_json))
    _at(None, None, mode, None, limit, None, whole=False, as_json=as_json)


@app.command("at")
def at(
    time: Annotated[str, typer.Argument(metavar="TIME", help="In New York, 10:31 or 10:31:05; or ISO 8601.")],
    session: Session = None,
    run: Run = None,
    mode: Mode = None,
    limit: Limit = 20,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="The whole market, as of the last snapshot of it; says why one is not ranked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the radar as it was: the last beat at or before TIME.

    Only what was known then is in it.

    \b
    qm radar at 09:47
    qm radar at 10:31 --session 2025-11-14 --mode backtest --limit 5
    qm radar at 10:31 --all --symbol YDKG
    """
    _at(time, session, mode, run, limit, symbol, whole=whole, as_json=as_json)


@app.command("history")
def history(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    session: Session = None,
    run: Run = None,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Tell the story of one symbol through a session.

    When it was first seen, its best rank, how its rank went, what its score was made of where the story turns, its
    halts, and what was decided about it: hits, watches, signals, fills.

    \b
    qm radar history DTI
    qm radar history CMCT --session 2025-11-14 --json
    """
    from cli.radar_show import marks, show_story
    from qm.history.radar_days import story

    where = _kept(session, run, mode)
    found = story(where.path, symbol.upper())
    decided = marks(where, found.symbol)
    if as_json:
        emit_json({**_of(where), "story": found, "decided": decided})
    else:
        show_story(where, found, decided)


@app.command("runners")
def runners(
    session: Session = None,
    run: Run = None,
    mode: Mode = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="The top are the first N places.")] = 3,
    score: Annotated[
        float, typer.Option(min=0, max=100, metavar="POINTS", help="With a score of at least this.")
    ] = 50.0,
    as_json: AsJson = False,
) -> None:
    """List the symbols that reached the top, in the order in which they did."""
    from cli.radar_show import show_runners
    from qm.history.radar_days import runners as ran

    where = _kept(session, run, mode)
    found = ran(where.path, top, score)
    if as_json:
        emit_json({**_of(where), "top": top, "score": score, "runners": found})
    else:
        show_runners(where, found)


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run with radar snapshots.")],
    second: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Another; without it the first is run again."),
    ] = None,
    session: Session = None,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Compare the ranks of two runs, beat by beat, or of a recorded run and its repetition.

    Exit code 8 when a rank, a score or a beat differs.

    \b
    qm radar diff sim-1
    qm radar diff sim-1 sim-2
    """
    from cli.radar_show import show_difference
    from qm.history.radar_days import difference

    where = _kept(session, first, mode)
    if second is None:
        from cli.radar_again import again

        found, name = again(where), f"{first}, run again"
    else:
        other = _kept(f"{where.date}", second, mode)
        found, name = difference(where.path, other.path), second
    if as_json:
        emit_json({**_of(where), "second": name, "same": found.same, "difference": found})
    else:
        show_difference(where, name, found)
    raise typer.Exit(0 if found.same else 8)


def _at(
    time: str | None,
    session: str | None,
    mode: str | None,
    run: str | None,
    limit: int,
    symbol: str | None,
    *,
    whole: bool,
    as_json: bool,
) -> None:
    from cli.radar_places import moment
    from cli.radar_show import show_lines
    from qm.clock import ny
    from qm.errors import UsageError
    from qm.history import radar_days

    where = _kept(session, run, mode)
    first, last = radar_days.span(where.path)
    asked = last if time is None else moment(time, where.date)
    if ny(asked).date() != where.date:
        raise UsageError(f"{time} is not a time of {where.date}.", "Name its session: --session YYYY-MM-DD.")
    found = radar_days.at(where.path, asked, whole)
    if symbol is not None:
        found = [line for line in found if line.symbol == symbol.upper()]
    if not found:
        raise _nothing(where, symbol, asked, first, last)
    if as_json:
        emit_json({**_of(where), "ts": found[0].ts, "rows": found[:limit]})
    else:
        show_lines(where, found, limit)


def _nothing(where: Kept, symbol: str | None, asked: int, first: int, last: int) -> NotFoundError:
    from qm.clock import ny
    from qm.errors import NotFoundError

    if asked < first:
        beats = f"The beats of run {where.run} go from {ny(first):%H:%M:%S} to {ny(last):%H:%M:%S}."
        return NotFoundError(f"Nothing was kept before {ny(first):%H:%M:%S} on {where.date}.", beats)
    remedy = "Look at the whole market with --all, or at its story with `qm radar history`."
    return NotFoundError(f"{symbol} is not among the rows of {ny(asked):%H:%M:%S} on {where.date}.", remedy)


def _kept(session: str | None, run: str | None, mode: str | None) -> Kept:
    from cli.feeds import parse_date
    from cli.radar_places import kept

    return kept(run, mode, parse_date(session, "--session") if session else None)


def _of(where: Kept) -> dict[str, Any]:
    return {"schema": SCHEMA, "run": where.run, "mode": where.store, "session": where.date}
