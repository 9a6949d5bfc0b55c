"""`qm replay`: a day once more, on paper, or as a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit, emit_json, interactive, say

if TYPE_CHECKING:
    from qm.runtime.verify import Verification

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("replay")
def replay(
    what: Annotated[
        str | None, typer.Argument(metavar="WHAT", help="DATASET[/DATE], RECORDING or RUN, with @SPEED.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Run recorded inputs again, and compare every decision.")
    ] = False,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="With --verify, the mode whose run is meant.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --verify, print the result as JSON.")] = False,
) -> None:
    """Trade a past day again on paper, or prove a recorded run.

    Without --verify it is short for `qm up --mode paper --feed replay:...` and `qm attach`. With --verify it takes a
    recording or the name of a run, by default the run that started last; exit code 8 when a decision differs.

    \b
    qm replay us99_1m/2025-01-03@10x
    qm replay --verify sim-1
    """
    from qm.errors import UsageError

    if verify:
        found = _verified(what, mode)
        if as_json:
            emit_json(found)
        else:
            _show(found)
        raise typer.Exit(0 if found.identical else 8)
    if what is None:
        raise UsageError("Replay what?", "E.g. qm replay us99_1m/2025-01-03@10x. `qm data ls` lists the datasets.")
    from cli import starting
    from cli.screen import attach_to

    starting.start(starting.request("paper", f"replay:{what}", None, [], fresh=False))
    if interactive():
        raise typer.Exit(attach_to("paper"))
    say("The replay runs in paper mode: `qm status`, `qm down`.")


def _verified(what: str | None, mode: str | None) -> Verification:
    from cli import compose, recordings
    from qm.runtime.strategy_files import kept_sources, refuse_changed
    from qm.runtime.verify import verify

    recording = recordings.find(what, mode)
    say(f"running {recording.path} again ...")
    with recordings.journal_of(recording) as journal:
        run = recording.header.run
        head = journal.head(run)[1]
        strategies = compose.strategies(recording.settings().engine)
        refuse_changed(journal.read(run), strategies, run, kept_sources(recording.path.parent))
        return verify(recording.path, journal.read(run), head, strategies, compose.make_venue)


def _show(found: Verification) -> None:
    if found.identical:
        emit(f"{found.run}: identical. {found.entries:,} entries out of {found.records:,} records, decided alike.")
        emit(f"journal {found.journal_hash}")
        return
    emit(f"{found.run}: DIVERGED at entry {found.at} of {found.entries:,}.")
    emit(f"the journal has  {found.journal_entry or 'no such entry'}")
    emit(f"run again        {found.again_entry or 'no such entry'}")
