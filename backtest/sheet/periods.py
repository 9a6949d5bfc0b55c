"""A run by month and by day: what each brought, and the falls from the highest equity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from backtest.summary import DayResult, Summary

EPISODES_MOST = 5
EXTREMES_MOST = 5


class Session(NamedTuple):
    """One session of a run."""

    date: dt.date
    trades: int
    net_usd: float
    """Change of equity."""
    part: float
    """The same as a share of the equity at its start."""
    equity_usd: float
    fall: float
    """From the highest equity at the end of a session so far, as a share of it."""


class Year(NamedTuple):
    """The returns of a calendar year, as far as it was run."""

    year: int
    months: tuple[float | None, ...]
    """Twelve; None without a session."""
    whole: float


class Fall(NamedTuple):
    """One time below an earlier peak."""

    peak: str
    """Session at whose end the peak stood, or start."""
    bottom: str
    over: str
    """Session that ended at or above the peak again; empty while it never did."""
    depth: float
    """As a share of the peak."""
    sessions: int
    """Below it."""


def sessions(summary: Summary, days: Sequence[DayResult]) -> list[Session]:
    """Return the sessions of a run with what each brought."""
    found: list[Session] = []
    before = peak = summary.start_equity_usd
    for day in days:
        after = float(day.equity_usd)
        peak = max(peak, after)
        part = after / before - 1 if before > 0 else 0.0
        fall = 1 - after / peak if peak > 0 else 0.0
        found.append(Session(dt.date.fromisoformat(day.session), day.trades, after - before, part, after, fall))
        before = after
    return found


def years(of: Sequence[Session]) -> list[Year]:
    """Return the returns of the months and years, compounded."""
    found = []
    for year, mine in groupby(of, lambda each: each.date.year):
        listed = list(mine)
        months = {month: _grown(list(part)) for month, part in groupby(listed, lambda each: each.date.month)}
        found.append(Year(year, tuple(months.get(month) for month in range(1, 13)), _grown(listed)))
    return found


def falls(of: Sequence[Session], start_usd: float) -> list[Fall]:
    """Return the deepest falls from a peak, the deepest first."""
    found: list[Fall] = []
    peak, at, below = start_usd, "start", list[Session]()
    for each in of:
        if each.equity_usd < peak:
            below.append(each)
            continue
        if below:
            found.append(_fall(at, peak, below, each.date.isoformat()))
        peak, at, below = each.equity_usd, each.date.isoformat(), []
    if below:
        found.append(_fall(at, peak, below, ""))
    return sorted(found, key=lambda fall: -fall.depth)[:EPISODES_MOST]


def extremes(of: Sequence[Session]) -> tuple[list[Session], list[Session]]:
    """Return the best and the worst sessions, the most extreme first; those that brought nothing are neither."""
    ordered = sorted(of, key=lambda each: each.net_usd)
    best = [each for each in reversed(ordered) if each.net_usd > 0][:EXTREMES_MOST]
    return best, [each for each in ordered if each.net_usd < 0][:EXTREMES_MOST]


def _grown(of: Sequence[Session]) -> float:
    grown = 1.0
    for each in of:
        grown *= 1 + each.part
    return grown - 1


def _fall(at: str, peak: float, below: Sequence[Session], over: str) -> Fall:
    lowest = min(below, key=lambda each: each.equity_usd)
    return Fall(at, lowest.date.isoformat(), over, 1 - lowest.equity_usd / peak, len(below))
