"""`qm data`: market data in and out of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.audit import audit
from cli.download import download
from cli.output import Progress, emit, emit_json, say, table
from cli.profile import profile
from cli.sql import sql
from cli.upkeep import gc, verify

if TYPE_CHECKING:
    import datetime as dt

    from qm.history.fact_columns import FactOptions
    from qm.history.importer import ImportOptions, ImportReport

_LONGEST_SOURCE: Final = 36
_FEW: Final = 20
"""Sessions at each end of a long table."""

app = typer.Typer(
    name="data",
    help="Import and download market data, look after it, and ask it.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def data() -> None:
    """Import and download market data, look after it, and ask it."""


Files = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Parquet or CSV files, zips of LEAN's layouts, or folders of them."),
]
Name = Annotated[str, typer.Option("--dataset", "-d", metavar="NAME", help="Name to keep it under, e.g. us99_1m.")]
Seconds = Annotated[int | None, typer.Option(metavar="N", help="Length of the bars; inferred when not given.")]
EndLabels = Annotated[
    bool, typer.Option("--end-labels/--start-labels", help="By what moment the bars are labelled: their end, or start.")
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Zone of times that carry none, e.g. America/New_York.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="THEIRS=OURS", help="What a column of the files is, where its name is unusual."),
]
Updates = Annotated[bool, typer.Option("--updates", help="A bar that is told again corrects the one before it.")]
Facts = Annotated[
    str | None,
    typer.Option(
        metavar="KIND", help="reference (closes of a session), splits or dividends; market data when not given."
    ),
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Session whose closes a reference file has.")]
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of other data.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show the first rows as they would be stored, and what looks wrong.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@app.command("import")
def import_path(
    path: Files,
    dataset: Name,
    seconds: Seconds = None,
    end_labels: EndLabels = False,
    timezone: Zone = "UTC",
    column: Columns = None,
    updates: Updates = False,
    kind: Facts = None,
    as_of: AsOf = None,
    replace: Replace = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import bars, trades or quotes, or what is known beside them.

    Files are checked and kept by session. Rows that make no sense are refused and named. A session that is there with
    other data stays, unless --replace is given. The same files again change nothing. Quotes of several venues (a column
    exchange) become one best bid and offer that never crosses. Sale conditions, where there are any, decide what a
    print may change. Zips of LEAN's layouts (equity/usa/minute/aapl/20140605_trade.zip) say all of that themselves; of
    its factor_files come --kind splits and dividends.

    Exit codes: 0 all kept, 3 some files or sessions were not, 4 rows were refused.

    \b
    qm data import bars.parquet --dataset us99_1m
    qm data import closes.csv --dataset us99_1m --kind reference --as-of 2025-01-16
    qm data import splits.csv --dataset us99_1m --kind splits
    qm data import ./downloads --dataset smallcaps --end-labels --timezone America/New_York
    qm data import odd.csv --dataset odd --map stamp=ts --map last=close --dry-run
    qm data import lean/equity/usa/minute/aapl lean/equity/usa/minute/spy --dataset lean
    qm data import lean/equity/usa/factor_files --dataset lean --kind splits
    """
    from qm.history.fact_columns import FactOptions
    from qm.history.importer import ImportOptions

    every: dict[str, Any] = {
        "timezone": timezone,
        "called": _called(column or []),
        "replace": replace,
        "dry_run": dry_run,
    }
    from cli.interrupts import told_what_stays

    stays = "Sessions that were stored whole stay; the same command goes on with the others."
    with told_what_stays(stays), Progress() as progress:
        progress.show(f"reading {', '.join(map(str, path))} ...")
        if kind is None:
            given = ImportOptions(seconds=seconds, end_labels=end_labels, updates=updates, **every)
            report = _import_market(path, dataset, given, as_of)
        else:
            report = _import_facts(path, dataset, kind, FactOptions(as_of=_day(as_of), **every))
    if as_json:
        emit_json(report)
    else:
        _show(report)
    raise typer.Exit(_exit_code(report))


app.command("download")(download)


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
            _end_of(each.source),
        )
        for each in found
    ]
    table(heads, rows, left=("dataset", "kind", "first", "last", "source"))


@app.command("known")
def known(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of `qm data ls`.")],
    on: Annotated[str | None, typer.Option("--session", metavar="DATE", help="Before which session; its last.")] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A,B|@FILE", help="Only these.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Which data, where it has several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what was known about each symbol before a session, and which prior closes are not believed.

    Prior closes come from a file of that session's closes where one was imported, else from the dataset's own last
    prices; averages always from the dataset's own earlier sessions. What kind of days came before stands above them.

    \b
    qm data known runners
    qm data known us99_1m --session 2025-01-16 --symbols AAPL,TSLA
    """
    from cli.feeds import parse_date
    from cli.known import show_known

    show_known(dataset, parse_date(on, "--session") if on else None, symbols, kind, as_json=as_json)


app.command("audit")(audit)
app.command("verify")(verify)
app.command("gc")(gc)
app.command("sql")(sql)
app.command("profile")(profile)


def _import_market(paths: list[Path], dataset: str, options: ImportOptions, as_of: str | None) -> ImportReport:
    from cli.markets import catalogue
    from qm.clock import now_ns
    from qm.errors import UsageError
    from qm.history.importer import import_files

    if as_of is not None:
        raise UsageError("--as-of is for closes.", "Say --kind reference as well.")
    return import_files(catalogue(), paths, dataset, now_ns(), options)


def _import_facts(paths: list[Path], dataset: str, kind: str, options: FactOptions) -> ImportReport:
    from cli.markets import catalogue
    from qm.clock import now_ns
    from qm.errors import NotFoundError
    from qm.history.fact_columns import COLUMNS
    from qm.history.facts import import_facts

    if kind not in COLUMNS:
        raise NotFoundError.of("kind of facts", kind, COLUMNS)
    return import_facts(catalogue(), paths, dataset, kind, now_ns(), options)


def _day(as_of: str | None) -> dt.date | None:
    from cli.feeds import parse_date

    return parse_date(as_of, "--as-of") if as_of else None


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
    from qm.log import clean

    would = "would be " if report.dry_run else ""
    for part in report.parts:
        files = f"{len(part.files)} files" if len(part.files) > 1 else Path(part.files[0]).name
        emit(
            f"{report.dataset}/{part.kind}: {part.rows_kept:,} of {part.rows_read:,} rows of {part.symbols:,} symbols "
            f"{would}kept, from {files}"
        )
        for finding in part.findings:
            examples = f": {', '.join(finding.examples)}" if finding.examples else ""
            emit(clean(f"  {finding.rows:,} rows {finding.action}: {finding.what}{examples}"))
    for file, why in report.refused_files.items():
        emit(clean(f"not read: {file}: {why}"))
    for first in report.first_rows:
        emit(f"first rows of {report.dataset}/{first.kind}, as they would be stored:")
        numbers = [(row[1], row[2], *(_number(value) for value in row[3:])) for row in first.rows]
        table(("time", *first.columns[2:]), [[str(cell) for cell in row] for row in numbers], left=("time", "symbol"))
    heads = ("session", "kind", "rows", "symbols", "KB", "state")
    many = len(report.sessions) > 2 * _FEW
    sessions = (*report.sessions[:_FEW], *report.sessions[-_FEW:]) if many else report.sessions
    rows = [
        (s.session, s.kind, f"{s.rows:,}", f"{s.symbols:,}", f"{s.bytes / 1e3:,.0f}", str(s.state)) for s in sessions
    ]
    table(heads, rows, left=("session", "kind", "state"))
    if many:
        emit(f"the first and last {_FEW} of {len(report.sessions):,} sessions; --json has all")


def _end_of(source: str) -> str:
    return source if len(source) <= _LONGEST_SOURCE else f"...{source[-_LONGEST_SOURCE:]}"


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.10g}"


def _exit_code(report: ImportReport) -> int:
    if report.refused_files or any(each.state == "conflict" for each in report.sessions):
        say("Not everything was kept: see above. --replace puts new data in the place of other data.")
        return 3
    return 4 if report.rows_refused else 0
