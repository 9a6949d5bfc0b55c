"""`qm flat`: close positions now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Progress, emit_json, interactive, say, usd

if TYPE_CHECKING:
    from qm.config import Paths

app = typer.Typer(rich_markup_mode=None, add_completion=False)

POLL_S = 0.1


@app.command("flat")
def flat(
    symbol: Annotated[
        str | None, typer.Argument(metavar="SYMBOL", help="Only this one; everything by default.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; the running one by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to follow it.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Cancel and close everything, or one symbol.

    It follows until the engine says flat. On a terminal it asks first; a script is taken at its word. After closing
    everything, entries stay stopped until they are resumed. Ctrl-C stops following, not closing.

    Exit codes: 0 flat, 3 still open when the wait was over, 7 no engine runs.
    """
    from cli.link import tell
    from cli.places import the_running
    from qm.errors import UsageError

    name, of = the_running(mode)
    wanted = symbol.upper() if symbol else None
    before = _open_now(of, wanted)
    if not yes and interactive() and not typer.confirm(_question(name, wanted, before)):
        say("Nothing was sent.")
        raise typer.Exit(1)
    command = {"id": _new_id(), "do": "flatten", "symbol": wanted, "reason": "qm flat"}
    reply = tell(of, "/v1/commands", command)
    if not reply["accepted"]:
        raise UsageError(f"The engine did not flatten: {reply['outcome']}.", "See qm status.")
    try:
        left = _follow(of, wanted, wait)
    except KeyboardInterrupt:
        say("No longer following; the engine goes on closing. `qm status` shows how far it is.")
        raise
    _tell(of, wanted, before, left, as_json=as_json)
    raise typer.Exit(3 if left else 0)


def _new_id() -> str:
    import os

    from qm.clock import now_ns

    return f"flat-{os.getpid()}-{now_ns()}"


def _question(name: str, symbol: str | None, before: list[dict[str, Any]]) -> str:
    what = symbol or "everything"
    return f"Close {what} in {name} ({len(before)} positions and working orders)?"


def _open_now(of: Paths, symbol: str | None) -> list[dict[str, Any]]:
    """The positions, and the orders that may still become one."""
    from cli.link import ask

    ended = {"filled", "canceled", "rejected", "expired"}
    rows = ask(of, "/v1/positions") + [row for row in ask(of, "/v1/orders") if row["status"] not in ended]
    return [row for row in rows if symbol in (None, row["symbol"])]


def _follow(of: Paths, symbol: str | None, wait_s: float) -> list[dict[str, Any]]:
    from time import sleep

    from qm.clock import SECOND, monotonic_ns

    until = monotonic_ns() + int(wait_s * SECOND)
    with Progress() as progress:
        while left := _open_now(of, symbol):
            if monotonic_ns() > until:
                break
            progress.show(f"closing: {len(left)} positions and working orders left")
            sleep(POLL_S)
    return left


def _tell(
    of: Paths, symbol: str | None, before: list[dict[str, Any]], left: list[dict[str, Any]], *, as_json: bool
) -> None:
    from cli.link import ask

    pnl = ask(of, "/v1/pnl")
    if as_json:
        emit_json({"symbol": symbol, "flat": not left, "left": left, "day_usd": pnl["day_usd"]})
        return
    what = symbol or "Everything"
    if left:
        say(f"{what} is not flat yet; the engine goes on. Left: {', '.join(sorted({row['symbol'] for row in left}))}.")
    else:
        say(f"{what} is flat{'' if before else ', and was before'}. The day so far: {usd(pnl['day_usd'])} $.")
