"""`qm up`, `qm status` and `qm down`: the engine as a daemon of its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.output import emit, emit_json, facts, say, usd

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Feed = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="Where the market comes from: synthetic:... or replay:..., with @SPEED."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="A setting, e.g. risk.risk_per_trade=0.003."),
]
Equity = Annotated[float | None, typer.Option(metavar="USD", help="Equity at the start [100000].")]


@app.command("up")
def up(
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="sim or paper; live needs a broker, which this version has not.")
    ] = "sim",
    feed: Feed = None,
    equity: Equity = None,
    override: Overrides = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin a new run instead of going on with one cut off.")
    ] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here, and log to the terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the status as `qm status --json` does.")] = False,
) -> None:
    """Start the engine as a daemon.

    It goes on when the terminal closes. A run that was cut off is taken up again when the feed is the same one.

    \b
    qm up                                              the synthetic market, 30 times as fast as the clock
    qm up --feed synthetic:2000:seed=7:date=2025-03-12@60x
    qm up --mode paper --feed replay:us99_1m/2025-01-03@10x
    qm up --mode paper --feed replay:sim-1.parquet@max
    """
    from cli import starting

    request = starting.request(mode, feed, equity, override or [], fresh=fresh)
    if foreground:
        raise typer.Exit(starting.serve_here(request, foreground=True))
    starting.start(request)
    if as_json:
        emit_json([_asked(mode)])
    else:
        _show(_asked(mode))


@app.command("serve", hidden=True)
def serve(
    mode: Annotated[str, typer.Option()],
    feed: Annotated[str, typer.Option()],
    equity: Equity = None,
    override: Overrides = None,
    fresh: Annotated[bool, typer.Option("--fresh")] = False,
) -> None:
    """Be the daemon, in this process."""
    from cli import starting

    request = starting.request(mode, feed, equity, override or [], fresh=fresh)
    raise typer.Exit(starting.serve_here(request, foreground=False))


@app.command("status")
def status(
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; all that run by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of the engines as JSON.")] = False,
) -> None:
    """Tell how the running engines are doing.

    Exit code 7 when there is none.
    """
    from cli.places import running, the_running

    there = [the_running(mode)[0]] if mode or not running() else running()
    found = [_asked(name) for name in there]
    if as_json:
        emit_json(found)
        return
    for i, each in enumerate(found):
        if i:
            emit()
        _show(each)


@app.command("down")
def down(
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; the running one by default.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for its end.")] = 30.0,
) -> None:
    """Stop the engine in good order.

    What is open stays open, and the next `qm up` with the same feed takes it up. Close positions first with `qm flat`,
    if that is what you want.
    """
    from cli.places import the_running
    from cli.starting import stop

    name, of = the_running(mode)
    stop(of, wait)
    say(f"The engine of mode {name} has stopped.")


def _asked(name: str) -> dict[str, Any]:
    from cli.link import ask
    from cli.places import place

    of = place(name)
    parts = {part: ask(of, f"/v1/{part}") for part in ("status", "health", "pnl", "positions")}
    return {"place": name, **parts, "socket": str(of.socket), "log": str(of.log_file)}


def _show(found: dict[str, Any]) -> None:
    from qm.clock import ny

    status, health, pnl = found["status"], found["health"], found["pnl"]
    speed = f"{status['speed']:g}x" if status["speed"] else "as fast as possible"
    age = "nothing yet" if health["feed_age_ms"] is None else f"{health['feed_age_ms']:,} ms old"
    result = f"{usd(pnl['day_usd'])} $, {usd(pnl['day_r'])} R, {pnl['trades']} trades, {pnl['wins']} won"
    late = f"loop {health['loop_lag_ms']:.1f} ms late, commit {health['store_ms']:.1f} ms"
    facts(
        [
            ("engine", f"{found['place']}, run {status['run']}, process {status['pid']}, version {status['version']}"),
            ("feed", f"{status['feed']} at {speed}; {health['records']:,} records, the last {age}"),
            ("session", f"{status['session']}, {ny(status['ts']):%H:%M:%S} New York, {status['phase']}"),
            ("entries", "flattening" if status["flattening"] else status["entries"]),
            ("radar", f"{status['radar_count']:,} ranked, {status['hits']:,} hits"),
            ("P&L", f"{result}; equity {pnl['equity_usd']:,.2f} $"),
            ("positions", f"{len(found['positions'])}, open risk {pnl['open_risk_usd']:,.2f} $"),
            ("health", f"{late}, {health['clients']} screens, {health['rss_mb']:,.0f} MB"),
            *([("problem", health["problem"])] if health["problem"] else []),
            ("state", status["state_hash"]),
            ("log", found["log"]),
        ]
    )
