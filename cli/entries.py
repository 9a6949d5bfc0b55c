"""`qm entries`: stop and resume the opening of positions."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import emit_json, say

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="Stop and resume the opening of positions.")

Mode = Annotated[str | None, typer.Option(metavar="MODE", help="sim, paper, live or demo; the running one by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


@app.command("stop")
def stop(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; it is journaled.")],
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Open no new positions until resumed.

    Entries that still work are canceled. Exits and stops go on. To close what is open, use `qm flat`.
    """
    _send("stop_entries", reason, mode, "Entries are stopped", as_json=as_json)


@app.command("resume")
def resume(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; it is journaled.")],
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Allow new positions again, after a stop, a lock or `qm flat`."""
    _send("resume_entries", reason, mode, "Entries are allowed again", as_json=as_json)


def _send(command: str, reason: str, mode: str | None, done: str, *, as_json: bool) -> None:
    import os

    from cli.link import tell
    from cli.places import the_running
    from qm.clock import now_ns
    from qm.errors import UsageError

    name, of = the_running(mode)
    identity = f"{command}-{os.getpid()}-{now_ns()}"
    reply = tell(of, "/v1/commands", {"id": identity, "do": command, "reason": reason})
    if not reply["accepted"]:
        raise UsageError(f"The engine did not obey: {reply['outcome']}.", "See qm status.")
    if as_json:
        emit_json({"mode": name, "command": command, "outcome": reply["outcome"]})
    else:
        say(f"{done} in {name}: {reason}.")
