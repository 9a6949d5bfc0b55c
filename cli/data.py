"""`qm data`: market data in and out of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Progress, emit, emit_json, say, table

if TYPE_CHECKING:
    from qm.history.importer import ImportReport

app = typer.Typer(
    name="data",
    help="Import market data, and list it.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def data() -> None:
    """Import market data, and list it."""


@app.command("import")
def import_path(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Parquet or CSV file, or a folder of them.")],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", metavar="NAME", help="Name to keep it under, e.g. us99_1m.")
    ],
    seconds: Annotated[
        int | None, typer.Option(metavar="N", help="Length of the bars; inferred when not given.")
    ] = None,
    end_labels: Annotated[bool, typer.Option("--end-labels", help="The bars are labelled by their end.")] = False,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Zone of times that carry none.")] = "UTC",
    column: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A column of the files that has an unusual name."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of other data.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import bars, trades or quotes.

    Files are checked and kept by session. Rows that make no sense are refused and named. A session that is there with
    other data stays, unless --replace is given. The same files again change nothing.

    Exit codes: 0 all kept, 3 some files or sessions were not, 4 rows were refused.

    \b
    qm data import bars.parquet --dataset us99_1m
    qm data import ./downloads --dataset smallcaps --end-labels --timezone America/New_York
    qm data import odd.csv --dataset odd --map stamp=ts --map last=close
    """
    from cli.markets import catalogue
    from qm.clock import now_ns
    from qm.history.importer import ImportOptions, import_files

    options = ImportOptions(
        seconds=seconds,
        end_labels=end_labels,
        timezone=timezone,
        called=_called(column or []),
        replace=replace,
        dry_run=dry_run,
    )
    with Progress() as progress:
        progress.show(f"reading {path} ...")
        report = import_files(catalogue(), path, dataset, now_ns(), options)
    if as_json:
        emit_json(report)
    else:
        _show(report)
    raise typer.Exit(_exit_code(report))


@app.command("ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False) -> None:
    """List the datasets that are there."""
    from cli.markets import catalogue

    found = catalogue().ls()
    if as_json:
        emit_json(found)
        return
    if not found:
        say("There is no dataset yet. Import one: qm data import PATH --dataset NAME")
        return
    heads = ("dataset", "kind", "sessions", "first", "last", "symbols", "rows", "MB", "source")
    rows = [
        (
            each.name,
            each.kind,
            f"{each.sessions:,}",
            each.first,
            each.last,
            f"{each.symbols:,}",
            f"{each.rows:,}",
            f"{each.bytes / 1e6:,.1f}",
            each.source,
        )
        for each in found
    ]
    table(heads, rows, left=("dataset", "kind", "first", "last", "source"))


def _called(given: list[str]) -> dict[str, str]:
    from qm.errors import UsageError

    found: dict[str, str] = {}
    for text in given:
        theirs, equals, ours = (part.strip() for part in text.partition("="))
        if not (theirs and equals and ours):
            raise UsageError(f"{text!r} names no column.", "Write it as --map their_name=our_name, e.g. stamp=ts.")
        found[ours] = theirs
    return found


def _show(report: ImportReport) -> None:
    would = "would be " if report.dry_run else ""
    for part in report.parts:
        files = f"{len(part.files)} files" if len(part.files) > 1 else Path(part.files[0]).name
        emit(
            f"{report.dataset}/{part.kind}: {part.rows_kept:,} of {part.rows_read:,} rows of {part.symbols:,} symbols "
            f"{would}kept, from {files}"
        )
        for finding in part.findings:
            examples = f": {', '.join(finding.examples)}" if finding.examples else ""
            emit(f"  {finding.rows:,} rows {finding.action}: {finding.what}{examples}")
    for file, why in report.refused_files.items():
        emit(f"not read: {file}: {why}")
    heads = ("session", "kind", "rows", "symbols", "KB", "state")
    rows = [
        (s.session, s.kind, f"{s.rows:,}", f"{s.symbols:,}", f"{s.bytes / 1e3:,.0f}", str(s.state))
        for s in report.sessions
    ]
    table(heads, rows, left=("session", "kind", "state"))


def _exit_code(report: ImportReport) -> int:
    if report.refused_files or any(each.state == "conflict" for each in report.sessions):
        say("Not everything was kept: see above. --replace puts new data in the place of other data.")
        return 3
    return 4 if report.rows_refused else 0
