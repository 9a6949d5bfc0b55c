"""`qm watch`: the symbols that strategies follow; pins and bans of the trader."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.output import emit, emit_json, say, table

app = typer.Typer(
    name="watch",
    help="See the watchlist; keep symbols on it, and ban others.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def watch() -> None:
    """See the watchlist; keep symbols on it, and ban others."""


Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="As the exchange writes it.")]
Mode = Annotated[str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; the running one by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


@app.command("list")
def list_watched(mode: Mode = None, as_json: AsJson = False) -> None:
    """List who is watched and who is banned.

    Pins come first, then what is held, then the strongest: from the end of the list symbols make room for others.
    """
    from cli.link import ask
    from cli.places import the_running

    name, of = the_running(mode)
    rows, bans = ask(of, "/v1/watchlist", by="priority"), ask(of, "/v1/bans")
    if as_json:
        emit_json({"mode": name, "watched": rows, "banned": bans})
        return
    _show(rows, bans)


@app.command("hits")
def list_hits(
    scan: Annotated[str | None, typer.Argument(metavar="SCAN", help="Only of this one.")] = None,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """List what scans found and what is alive, the latest first, and what became of it."""
    from cli.link import ask
    from cli.places import the_running

    name, of = the_running(mode)
    found = ask(of, "/v1/hits", **({} if scan is None else {"scan": scan}))
    if as_json:
        emit_json({"mode": name, "hits": found})
        return
    _show_hits(found)


@app.command("pin")
def pin(symbol: Symbol, mode: Mode = None, as_json: AsJson = False) -> None:
    """Put a symbol on the watchlist and keep it there until unpinned."""
    _send("pin", symbol, {}, mode, "is pinned", as_json=as_json)


@app.command("unpin")
def unpin(symbol: Symbol, mode: Mode = None, as_json: AsJson = False) -> None:
    """Take a symbol off the watchlist; one that is held stays until it is not."""
    _send("unpin", symbol, {}, mode, "is unpinned", as_json=as_json)


@app.command("ban")
def ban(
    symbol: Symbol,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; it is journaled.")],
    for_good: Annotated[bool, typer.Option("--for-good", help="Until unbanned, not only for this session.")] = False,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Open no position in a symbol, and take it off the watchlist.

    Entries that still work are canceled. What is held is left as ever, by its own rules.

    \b
    qm watch ban XYZ 'offering announced'
    qm watch ban XYZ 'never again' --for-good
    """
    how_long = "for good" if for_good else "for today"
    _send("ban", symbol, {"reason": reason, "today": not for_good}, mode, f"is banned {how_long}", as_json=as_json)


@app.command("unban")
def unban(
    symbol: Symbol,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; it is journaled.")],
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Allow new positions in a symbol again."""
    _send("unban", symbol, {"reason": reason}, mode, "is no longer banned", as_json=as_json)


def _send(command: str, symbol: str, fields: dict[str, Any], mode: str | None, done: str, *, as_json: bool) -> None:
    import os

    from cli.link import tell
    from cli.places import the_running
    from qm.clock import now_ns
    from qm.errors import UsageError

    name, of = the_running(mode)
    body = {"id": f"{command}-{os.getpid()}-{now_ns()}", "do": command, "symbol": symbol.upper(), **fields}
    reply = tell(of, "/v1/commands", body)
    if not reply["accepted"]:
        raise UsageError(f"The engine did not obey: {reply['outcome']}.", "See qm watch list.")
    if as_json:
        emit_json({"mode": name, "command": command, "symbol": symbol.upper(), "outcome": reply["outcome"]})
    else:
        say(f"{symbol.upper()} {done} in {name}.")


def _show_hits(found: list[dict[str, Any]]) -> None:
    from qm.clock import ny

    if not found:
        emit("No find is alive.")
        return
    lines = [
        (
            hit["symbol"],
            hit["scan"],
            f"{ny(hit['since']):%H:%M:%S}",
            f"{hit['told']:,.2f}",
            hit["stage"],
            hit["strategy"] or hit["rejected"],
        )
        for hit in found
    ]
    left = ("symbol", "scan", "since", "stage", "by, or because")
    table(("symbol", "scan", "since", "told at", "stage", "by, or because"), lines, left=left)


def _show(rows: list[dict[str, Any]], bans: list[dict[str, Any]]) -> None:
    from qm.clock import ny
    from qm.log import clean

    if rows:
        lines = [
            (
                row["symbol"],
                row["state"],
                row["strategy"],
                "" if row["last"] is None else f"{row['last']:,.2f}",
                "" if row["chg_pct"] is None else f"{row['chg_pct']:+.2f}",
                "" if row["minutes_left"] is None else f"{row['minutes_left']} min",
                clean(row["reason"], 60),
            )
            for row in rows
        ]
        heads = ("symbol", "state", "strategy", "last", "chg %", "leaves in", "because")
        table(heads, lines, left=("symbol", "state", "strategy", "because"), spare=("chg %", "leaves in"))
    else:
        emit("Nothing is watched.")
    if bans:
        emit()
        banned = [
            (
                ban["symbol"],
                "today" if ban["today"] else "for good",
                f"{ny(ban['since']):%H:%M}",
                clean(ban["reason"], 80),
            )
            for ban in bans
        ]
        table(("banned", "how long", "since", "because"), banned, left=("banned", "how long", "because"))
