"""Scans as they are asked for on the command line: which one is meant, on which sessions, and the run over them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from backtest.scans import Result, Seen, at, search
from cli.compose import WITHOUT_QUOTES
from cli.feeds import parse_date
from cli.interrupts import Interrupts
from cli.markets import Chosen, choose
from cli.output import Progress, say
from qm.clock import at_ny, ny
from qm.engine.settings import EngineSettings
from qm.errors import NotFoundError, UsageError
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.text import ScanTextError, known, parse

AD_HOC: Final = "text"
"""Name of a scan that was typed."""
_NAME: Final = re.compile(r"[A-Za-z0-9_]+\Z")
_WINDOW: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)\Z", re.ASCII)


@contextmanager
def pointing() -> Iterator[None]:
    """Show where the text of a scan goes wrong, before the error says how."""
    try:
        yield
    except ScanTextError as error:
        say(error.pointer())
        raise


def the_scan(
    text: str,
    engine: EngineSettings,
    *,
    window: str | None = None,
    rank_by: str | None = None,
    top: int | None = None,
) -> Scan:
    """Return the scan of a name, or the one that a text describes; the options change either.

    Raises ScanTextError, NotFoundError with the nearest names, and UsageError.
    """
    name = text.strip()
    if name in engine.own_scans or name in PRESETS:
        scan = engine.scan(name)
    elif _NAME.match(name) and not known(name):
        raise NotFoundError.of("scan", name, (*engine.own_scans, *PRESETS))
    else:
        with pointing():
            scan = Scan(AD_HOC, parse(text), ("09:30", "16:00"))
    if window is not None:
        found = _WINDOW.match(window)
        if not found:
            raise UsageError(f"The window {window!r} cannot be read.", "Write it as --window 09:35-15:30.")
        scan = replace(scan, window=(found[1], found[2]))
    if rank_by is not None:
        scan = replace(scan, rank_by=rank_by)
    return scan if top is None else replace(scan, top=top)


def for_data(scan: Scan, engine: EngineSettings, chosen: Chosen) -> Scan:
    """Return the scan that stands in for one that asks for spreads, where the data tell none."""
    other = WITHOUT_QUOTES.get(scan.name)
    if chosen.quotes or other is None or scan.name in engine.own_scans:
        return scan
    say(f"These data tell no spreads: {other} is asked instead of {scan.name}.")
    return replace(PRESETS[other], window=scan.window, rank_by=scan.rank_by, top=scan.top)


def over(scan: Scan, chosen: Chosen, engine: EngineSettings, *, after: bool) -> tuple[Result, bool]:
    """Run a scan over sessions; also says whether Ctrl-C ended it before the last one."""
    total = len(chosen.dates)
    with Interrupts("finishing this session; Ctrl-C again stops at once") as interrupts, Progress() as progress:

        def tell(session: str, result: Result) -> None:
            progress.show(f"{len(result.sessions)}/{total} sessions, {len(result.found):,} finds, {session}")

        days = interrupts.until_asked(chosen.days())
        result = search(scan, days, engine, after=after, progress=tell)
        return result, interrupts.asked and len(result.sessions) < total


def moment(text: str) -> tuple[dt.date, int]:
    """Read "YYYY-MM-DD HH:MM[:SS]", New York; returns the date and the ns UTC. UsageError."""
    date, _, wall = text.strip().replace("T", " ").partition(" ")
    day = parse_date(date, "--at")
    try:
        return day, at_ny(day, wall.strip())
    except ValueError:
        raise UsageError(f"--at is {text!r}, which is no moment.", "Write it as --at '2025-03-10 10:30'.") from None


def look(dataset: str, kind: str | None, when: str, engine: EngineSettings) -> tuple[Chosen, Seen]:
    """Return the market of a dataset as every scan would see it at a moment; UsageError outside the session."""
    date, ts = moment(when)
    chosen = choose(dataset, date, date, kind)
    (day,) = chosen.days()
    start, end = day.session.pre_ns, day.session.close_ns
    if not start <= ts <= end:
        raise UsageError(
            f"At {ny(ts):%H:%M} no scan is asked.", f"Give a time from {ny(start):%H:%M} to {ny(end):%H:%M}."
        )
    return chosen, at(day, ts, engine)


def never_told(names: Iterable[str]) -> str:
    """Say that a scan asks for what the data never tell; empty when it asks for nothing of the kind."""
    listed = ", ".join(names)
    return f"These data never tell {listed}: what is unknown passes no comparison." if listed else ""
