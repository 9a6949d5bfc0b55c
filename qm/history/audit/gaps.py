"""Audit of what is missing: sessions, minutes that peers have, symbols that stop."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np

from qm.clock import SECOND
from qm.history.audit.day import LEAST_SLOT_S, AuditDay
from qm.history.audit.report import Example, Level, Tally, at
from qm.history.layout import Array
from qm.rules.calendar import Session

_LIQUID: Final = 0.9
"""Share of the minutes in which a symbol has a bar, from which on a gap of it means something."""
_CHANCE: Final = 1e-6
"""Minutes without any bar that are less likely than this, were all as busy as usual, are no coincidence."""
_BLOCK: Final = 30
_LEAVES: Final = 5
"""A symbol that is not there in so many sessions at the end has left."""
_LONG: Final = 120
_MANY: Final = 50
"""In so many sessions of so many symbols somebody is delisted: about 6 % of listings a year are."""
_DOWNLOAD: Final = "Download or import what is missing."


def audit_minutes(day: AuditDay, tally: Tally, tolerance: int) -> tuple[int, int]:
    """Look for minutes that are missing against peers; returns how many are there, and how many there could be.

    Minutes in a row without any bar, where some are expected, are an outage: bad when there are more than `tolerance`.
    A symbol that trades in almost every minute and misses more than `tolerance` of them while its peers trade is lost
    or halted.
    """
    step = max(day.seconds, LEAST_SLOT_S) * SECOND
    first = day.of.open_ns // step
    slots = -(-day.of.close_ns // step) - first
    slot = day.ts // step - first
    inside = (slot >= 0) & (slot < slots)
    there = np.zeros((len(day.names), slots), bool)
    there[day.symbol[inside], slot[inside]] = True
    usual = _usual(there)
    liquid = usual >= _LIQUID
    nobody = float(np.log(np.maximum(1.0 - usual, _CHANCE)).sum())
    silent = there.sum(axis=0) == 0
    for start, length in _runs(silent):
        if length * nobody > np.log(_CHANCE):
            continue
        beyond = length * step > tolerance * 60 * SECOND
        code, level = ("outage", Level.BAD) if beyond else ("short_outage", Level.WARN)
        what = "of regular hours without any bar, although some are expected"
        count, place = length * step // (60 * SECOND), at(day.of, "", (first + start) * step)
        tally.add(code, level, count, "minutes", what, remedy=_DOWNLOAD, example=place)
    peers = there[liquid].mean(axis=0) if liquid.any() else np.zeros(slots)
    for row in np.flatnonzero(liquid).tolist():
        for start, length in _runs(~there[row] & (peers >= 0.5)):
            if length * step > tolerance * 60 * SECOND:
                what = f"of more than {tolerance} minutes in a symbol that usually trades, while its peers do"
                place = at(day.of, day.names[row], (first + start) * step)
                remedy = "A halt, or lost: compare with statuses or another source."
                tally.add("symbol_gap", Level.WARN, 1, "gaps", what, remedy=remedy, example=place)
    return int(there.sum()), there.size


def audit_sessions(expected: list[Session], there: list[dt.date], tally: Tally) -> None:
    """Compare the sessions that are there with the calendar."""
    known = {of.date for of in expected}
    missing = [of for of in expected if of.date not in there]
    if missing:
        what = "of the calendar are not there"
        tally.add(
            "missing_session", Level.BAD, len(missing), "sessions", what, remedy=_DOWNLOAD, example=at(missing[0])
        )
    strange = [date for date in there if date not in known]
    if strange:
        what = "are on days on which the market was closed"
        remedy = "Look at the time zone of the source, and import it again."
        tally.add(
            "closed_day", Level.BAD, len(strange), "sessions", what, remedy=remedy, example=Example(str(strange[0]))
        )


class Lives:
    """In which sessions each symbol is there."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._count: dict[str, int] = {}
        self._hole: dict[str, int] = {}
        self._dates: list[dt.date] = []

    def __len__(self) -> int:
        return len(self._first)

    def add(self, date: dt.date, names: Array) -> None:
        """Take in the symbols of a session."""
        now = len(self._dates)
        self._dates.append(date)
        for name in names.tolist():
            last = self._last.get(name)
            if last is None:
                self._first[name] = now
            elif last < now - 1:
                self._hole.setdefault(name, last + 1)
            self._last[name] = now
            self._count[name] = self._count.get(name, 0) + 1

    def audit(self, tally: Tally) -> None:
        """Say who leaves and who has holes."""
        end = len(self._dates)
        patience = min(_LEAVES, end - 1)
        if patience < 1:
            return
        gone = [name for name, last in self._last.items() if last < end - patience]
        if gone:
            last = self._dates[self._last[gone[0]]]
            what = f"stop trading: not there in the last {patience} sessions or more; delisted, renamed or lost"
            remedy = "Good if they were delisted: that keeps survivors from looking better than the market."
            place = Example(str(last), gone[0])
            tally.add("stops", Level.NOTE, len(gone), "symbols", what, remedy=remedy, example=place)
        elif end >= _LONG and len(self) >= _MANY:
            what = f"none of {len(self):,} symbols leaves in {end:,} sessions: only survivors are in it"
            remedy = "Backtests on it look too good: add the delisted symbols."
            tally.add("survivors_only", Level.WARN, len(self), "symbols", what, remedy=remedy)
        self._holes(tally)

    def _holes(self, tally: Tally) -> None:
        # Who trades in most sessions of its life was not just quiet when one is missing.
        steady = {
            name: span - self._count[name]
            for name in self._hole
            if self._count[name] >= 0.8 * (span := self._last[name] - self._first[name] + 1)
        }
        missing = sum(steady.values())
        if missing:
            name = next(iter(steady))
            share = missing / sum(self._count.values())
            level = Level.WARN if share > 0.01 else Level.NOTE
            what = f"are missing from symbols that trade before and after ({share:.2%} of all)"
            place = Example(str(self._dates[self._hole[name]]), name)
            remedy = "Quiet, halted or lost: compare with another source."
            tally.add("missing_symbol", level, missing, "symbol-days", what, remedy=remedy, example=place)


def _usual(there: Array) -> Array:
    """Return the share of minutes in which each symbol has a bar in a usual half hour: an outage does not change it."""
    slots = there.shape[1]
    edges = np.arange(0, slots, _BLOCK) if slots >= _BLOCK else np.array([0])
    sizes = np.diff(np.append(edges, slots))
    usual: Array = np.median(np.add.reduceat(there, edges, axis=1, dtype=np.int64) / sizes, axis=1)
    return usual


def _runs(mask: Array) -> list[tuple[int, int]]:
    """Return start and length of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(start), int(stop - start)) for start, stop in edges.reshape(-1, 2)]
