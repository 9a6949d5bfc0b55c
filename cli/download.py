"""`qm data download`: market history from a vendor into the catalogue, for a person and for cron."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.output import complain, emit, emit_json, say

if TYPE_CHECKING:
    import asyncio

    from qm.history.download.driver import Stopper, Wish
    from qm.history.download.report import Report
    from qm.history.download.settings import DownloadSettings
    from qm.rules.calendar import Session

DAYS: Final = 5
"""Sessions that are looked at when no range is given."""
_LENGTH: Final = re.compile(r"([0-9]{1,6})([smh]?)\Z")
_SHOWN: Final = 5

Vendor = Annotated[str, typer.Argument(metavar="VENDOR", help="massive (flat files) or alpaca.")]
Name = Annotated[str, typer.Option("--dataset", "-d", metavar="NAME", help="Name to keep it under, e.g. us.")]
Kinds = Annotated[
    str,
    typer.Option(
        "--kind", metavar="A,B", help="bars_1m, bars_1d, trades, quotes; Alpaca also auctions, actions, assets."
    ),
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="First session.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Last session; today when not given.")]
Days = Annotated[int | None, typer.Option(min=1, metavar="N", help="The last N sessions; 5 without --since.")]
Symbols = Annotated[str | None, typer.Option(metavar="A,B|@FILE", help="Only these; @FILE has one a line.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be fetched.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Check all of the range: damaged here, or published again there, is replaced.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another download is at work.")]
MaxRuntime = Annotated[str | None, typer.Option(metavar="TIME", help="End after e.g. 90s, 30m or 2h; go on next time.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON that sums up.")]


def download(
    vendor: Vendor,
    dataset: Name,
    kind: Kinds = "bars_1m",
    since: Since = None,
    until: Until = None,
    days: Days = None,
    symbols: Symbols = None,
    dry_run: DryRun = False,
    repair: Repair = False,
    wait: Wait = False,
    max_runtime: MaxRuntime = None,
    as_json: AsJson = False,
) -> None:
    """Download what the catalogue lacks of a range of sessions.

    Each session is stored whole or not at all; a download that was ended in any way goes on where it stopped. Of what
    is there, the newest five sessions are compared with the vendor's, because files are published again. Keys come from
    the environment (QM_MASSIVE_KEY_ID and QM_MASSIVE_SECRET, APCA_API_KEY_ID and APCA_API_SECRET_KEY) or the keyring.
    Alpaca is asked for symbols by name; flat files hold the whole market, of which --symbols keeps some. Without
    --symbols Alpaca tells all corporate actions (splits, dividends, new names, mergers) and all assets, as they are
    today: a universe for the sessions that follow. Auctions make prior closes official.

    Exit codes: 0 all there, 3 some sessions wait for the next time, 4 the vendor lacks some, 5 another download is at
    work, 6 the key does not suffice, 7 the vendor is not available.

    \b
    qm data download massive -d us --kind bars_1m,bars_1d --days 10
    qm data download alpaca -d mine --kind bars_1m,trades --symbols @mine.txt --days 5
    qm data download alpaca -d mine --kind auctions,actions --symbols @mine.txt --days 20
    qm data download alpaca -d mine --kind assets,actions --days 1
    qm data download massive -d us --since 2024-01-01 --max-runtime 2h --json
    """
    from qm.errors import QmError
    from qm.history.download.driver import Wish

    try:
        wish = Wish(
            dataset=dataset,
            kinds=tuple(dict.fromkeys(each.strip() for each in kind.split(",") if each.strip())),
            sessions=_sessions(since, until, days),
            symbols=_symbols(symbols),
            dry_run=dry_run,
            repair=repair,
        )
        report = _run(vendor, wish, wait=wait, longest_s=_seconds(max_runtime))
    except QmError as error:
        if as_json:
            emit_json({"schema": 1, "dataset": dataset, "error": error.problem, "exit_code": error.exit_code})
        raise
    if as_json:
        emit_json(report)
    else:
        _show(report)
    if report.error:
        complain(QmError(report.error))
    raise typer.Exit(report.exit_code)


def _run(name: str, wish: Wish, *, wait: bool, longest_s: float | None) -> Report:
    import asyncio

    from cli.compose import settings
    from cli.output import log_file
    from qm.log import configure

    configure(log_file(), stderr_level="error")
    return asyncio.run(_download(name, wish, settings().download, wait=wait, longest_s=longest_s))


async def _download(name: str, wish: Wish, given: DownloadSettings, *, wait: bool, longest_s: float | None) -> Report:
    import asyncio

    from cli.download_bar import Bar
    from cli.markets import catalogue
    from cli.vendors import vendor
    from qm.history.download.driver import Download, Stopper
    from qm.history.download.lock import only_one
    from qm.history.download.report import Stop

    stopper = Stopper()
    loop = asyncio.get_running_loop()
    if longest_s is not None:
        loop.call_later(longest_s, stopper.ask, Stop.TIME)
    _on_signals(loop, stopper)
    store = catalogue()
    folder = store.folder / ".downloads"
    async with vendor(name, given) as provider:
        if wish.dry_run:
            return await Download(store, provider, folder, given).run(wish, stopper)
        async with only_one(folder / "lock", lambda: wait and stopper.reason is None):
            with Bar(len(wish.sessions) * len(wish.kinds)) as bar:
                return await Download(store, provider, folder, given, bar).run(wish, stopper)


def _on_signals(loop: asyncio.AbstractEventLoop, stopper: Stopper) -> None:
    import signal

    from qm.history.download.report import Stop

    def asked(reason: Stop) -> None:
        say("\nqm: ending; what is fetched stays, and the next download goes on from there.")
        stopper.ask(reason)

    loop.add_signal_handler(signal.SIGTERM, asked, Stop.SIGNAL)
    loop.add_signal_handler(signal.SIGINT, asked, Stop.INTERRUPT)


def _sessions(since: str | None, until: str | None, days: int | None) -> tuple[Session, ...]:
    import datetime as dt

    from cli.feeds import parse_date
    from qm.clock import now_ns, session_date
    from qm.errors import UsageError
    from qm.rules.calendar import sessions

    if since and days:
        raise UsageError("--since and --days both say where to begin.", "Leave one of them away.")
    last = parse_date(until, "--until") if until else session_date(now_ns())
    wanted = days or DAYS
    # No ten sessions in a row take more than three weeks.
    first = parse_date(since, "--since") if since else last - dt.timedelta(days=2 * wanted + 14)
    if last < first:
        raise UsageError(f"The last session ({last}) lies before the first ({first}).", "Exchange --since and --until.")
    found = sessions(first, last)
    if not found:
        raise UsageError(f"There is no session from {first} to {last}.", "The market is closed on those days.")
    return tuple(found if since else found[-wanted:])


def _symbols(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    from cli.markets import read_symbols

    return tuple(sorted(read_symbols(text)))


def _seconds(text: str | None) -> float | None:
    from qm.errors import UsageError

    if text is None:
        return None
    match = _LENGTH.match(text.strip())
    if match is None:
        raise UsageError(f"--max-runtime is {text!r}, which is no time.", "Write it as 90s, 30m or 2h.")
    return int(match[1]) * {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2]]


def _show(report: Report) -> None:
    would = "would be " if report.dry_run else ""
    counts = [
        f"{report.there:,} there",
        f"{len(report.fetched):,} {would}fetched",
        *([f"{len(report.replaced):,} {would}replaced"] if report.replaced else []),
    ]
    emit(
        f"{report.dataset}: {report.since} to {report.until}, {report.expected:,} expected: {', '.join(counts)} "
        f"({report.rows:,} rows, {report.bytes / 1e6:,.1f} MB, {report.seconds:,.0f} s)"
    )
    for what, names in (
        (f"{report.provider} has none of", report.missing),
        ("not there yet", report.later),
        ("left for the next time", report.left),
    ):
        if names:
            more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            emit(f"  {what}: {', '.join(names[:_SHOWN])}{more}")
    for name, why in report.failed.items():
        emit(f"  failed: {name}: {why}")
    if report.rows_refused:
        emit(f"  {report.rows_refused:,} rows made no sense and were refused")
