"""`qm data verify` and `qm data gc`: whether the data is what it was, and the removal of what nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Progress, emit, emit_json, say

if TYPE_CHECKING:
    from qm.history.garbage import Garbage
    from qm.history.verify import Verified


def verify(
    dataset: Annotated[str | None, typer.Argument(metavar="DATASET", help="A dataset of `qm data ls`; all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Compare every file with its manifest (hash, rows, columns), and the day cache with the files.

    Nothing is changed. Exit codes: 0 all is what it was, 4 some files are not; they are named.

    \b
    qm data verify
    qm data verify us99_1m --json
    """
    from cli.markets import catalogue
    from qm.history.verify import verify as compare

    with Progress() as progress:
        found = compare(catalogue(), dataset, progress.show)
    if as_json:
        emit_json(found)
    else:
        _show_verified(found)
    raise typer.Exit(4 if found.faults else 0)


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Remove half files of killed programs, and caches of sessions that were replaced or are gone; never data.

    Exit codes: 0, or 3 when something could not be removed.

    \b
    qm data gc --dry-run
    """
    from cli.markets import catalogue
    from qm.clock import now_ns
    from qm.history.garbage import collect

    found = collect(catalogue(), now_ns(), dry_run=dry_run)
    if as_json:
        emit_json(found)
    else:
        _show_garbage(found)
    raise typer.Exit(3 if found.kept else 0)


def _show_verified(found: Verified) -> None:
    for fault in found.faults:
        emit(f"{fault.path}: {fault.why}")
    for remedy in dict.fromkeys(fault.remedy for fault in found.faults):
        say(remedy)
    emit(
        f"{found.files:,} files, {found.rows:,} rows, {found.bytes / 1e6:,.1f} MB and {found.cached:,} cached days: "
        f"{f'{len(found.faults):,} faults' if found.faults else 'all as they were written'}"
    )
    if found.stale:
        say(f"{found.stale:,} files of the cache are of data that is no longer there: qm data gc removes them.")


def _show_garbage(found: Garbage) -> None:
    for piece in found.pieces:
        emit(f"{piece.path}: {piece.why}")
    would = "would be removed" if found.dry_run else "removed"
    emit(f"{len(found.pieces):,} pieces of {found.bytes / 1e6:,.1f} MB {would}")
    for path in found.kept:
        say(f"{path} cannot be removed.")
