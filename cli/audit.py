"""`qm data audit`: what is wrong with, and what should be known about, a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.output import Progress, emit, emit_json, table

if TYPE_CHECKING:
    import datetime as dt

    from qm.history.audit.report import Audit, Audited, Concern, Example

_NEVER: Final = "never"
_GAPS: Final = 4
"""Exit code of market data that has gaps or is corrupt."""
_MOST_DAYS: Final = 6


def audit(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of `qm data ls`.")],
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session; its first.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session; its last.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Which data; all that it has.")] = None,
    tolerance: Annotated[int, typer.Option(metavar="MIN", min=0, help="Minutes in a row that may be missing.")] = 5,
    fail_on: Annotated[str, typer.Option(metavar="LEVEL", help="note, warn, bad or never: what ends with 4.")] = "bad",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what is missing from a dataset, what is wrong with it, and what it does not cover.

    It compares sessions and minutes with the calendar and with peers, and looks for duplicates, prices that cannot be,
    missing volume, outliers, splits that no file tells, labels at the end of bars, feeds of some venues only, and
    symbols that stop.

    Exit codes: 0, or 4 when something is at least as bad as --fail-on: gaps beyond the tolerance are bad.

    \b
    qm data audit us99_1m
    qm data audit runners --kind trades --json
    qm data audit us99_1m --from 2025-01-01 --to 2025-01-31 --fail-on warn
    """
    from cli.feeds import parse_date

    first, last = parse_date(since, "--from") if since else None, parse_date(until, "--to") if until else None
    raise typer.Exit(_audit(dataset, first, last, kind, tolerance, fail_on, as_json=as_json))


def _audit(
    dataset: str,
    since: dt.date | None,
    until: dt.date | None,
    kind: str | None,
    tolerance: int,
    fail_on: str,
    *,
    as_json: bool,
) -> int:
    from cli.markets import catalogue
    from qm.errors import NotFoundError, UsageError
    from qm.history.audit.audit import audit as look
    from qm.history.audit.report import Level

    if since and until and until < since:
        raise UsageError(f"The last session ({until}) lies before the first ({since}).", "Exchange --from and --to.")
    levels = [str(level) for level in Level]
    if fail_on not in (*levels, _NEVER):
        raise NotFoundError.of("level", fail_on, [*levels, _NEVER])
    with Progress() as progress:
        found = look(catalogue(), dataset, since, until, kind, tolerance, progress.show)
    if as_json:
        emit_json(found)
    else:
        _show(found)
    if fail_on == _NEVER or found.worst is None:
        return 0
    return _GAPS if found.worst.weight >= Level(fail_on).weight else 0


def _show(found: Audit) -> None:
    for each in found.kinds:
        emit(_summary(found.dataset, each))
    if not found.concerns:
        emit("nothing to say: no concern")
        return
    heads = ("level", "kind", "count", "what", "example")
    table(heads, [_row(each) for each in found.concerns], left=("level", "kind", "what", "example"))
    remedies = dict.fromkeys((each.code, each.remedy) for each in found.concerns if each.remedy)
    for code, remedy in remedies:
        emit(f"{code.partition(':')[0]}: {remedy}")


def _summary(dataset: str, of: Audited) -> str:
    text = (
        f"{dataset}/{of.kind}: {of.sessions:,} of {of.expected_sessions:,} sessions from {of.first} to {of.last}, "
        f"{of.rows:,} rows of {of.symbols:,} symbols"
    )
    if of.filled is not None:
        text += f", {of.filled:.1%} of their regular minutes"
    for name, days in (("closed", of.closed), ("half days", of.half_days)):
        if days:
            more = f" and {len(days) - _MOST_DAYS} more" if len(days) > _MOST_DAYS else ""
            text += f"; {name} {', '.join(days[:_MOST_DAYS])}{more}"
    return text


def _row(of: Concern) -> tuple[str, str, str, str, str]:
    code = of.code.partition(":")[0]
    return str(of.level), of.kind, f"{of.count:,}", f"{code}: {of.unit} {of.what}", _place(of.example)


def _place(example: Example | None) -> str:
    if example is None:
        return ""
    from qm.clock import ny

    time = "" if example.ts is None else f"{ny(example.ts):%H:%M:%S}"
    return " ".join(part for part in (example.session, example.symbol, time) if part)
