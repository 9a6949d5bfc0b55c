"""Does a strategy look into the future? Sessions run again with the future cut off, and with it shuffled, tell.

Whatever was decided before the cut must be decided again, byte for byte. Each session is run for itself, for the engine
holds no more than one. What this cannot see is a peek past the engine: a strategy that reads the answers from a file of
its own reads them in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import zip_longest
from typing import Final

import msgspec
import numpy as np

from backtest.runner import Plan, run
from qm.engine.day import Day
from qm.errors import UsageError
from qm.model.events import Entry, Signal
from qm.model.market import EVENT, Events

SCHEMA: Final = 1
CUT, SHUFFLED = "cut off", "shuffled"
AT_SIGNAL: Final = 0.7
"""Share of the moments that are those of a signal, where there is one."""

Days = Callable[[], Iterable[Day]]
"""Yields the sessions anew each time it is called."""
Progress = Callable[[int, int], None]
"""Called after each trial with how many are done, and how many there are."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first decision that changed when the future did."""

    session: str
    at: int
    """Where the future was changed, ns UTC."""
    future: str
    """What was done to it: cut off, or shuffled."""
    seq: int
    """Number of the entry."""
    before: str
    """The entry as it was, JSON; empty when there was none."""
    after: str
    """The entry as it became."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check."""

    schema: int = SCHEMA
    sessions: int
    trials: int
    entries: int
    """Decisions compared, over all trials."""
    signals: int = 0
    """Those among them by which a strategy wanted to be in or out: without any its rules were hardly asked."""
    differences: tuple[Difference, ...]
    """At most one a trial."""

    @property
    def clean(self) -> bool:
        """No decision depended on its future."""
        return not self.differences


def check(plan: Plan, days: Days, cuts: int = 10, seed: int = 0, progress: Progress | None = None) -> Report:
    """Run sessions of a plan, then again with the future changed at random moments, twice each.

    Moments lie in the last sessions, one in each before one has two: the more is known before a session, the more rules
    have what they ask for. Most are those of a signal, for a peek reaches no further than what it looks at; the others
    are drawn evenly over the records. UsageError without records.
    """
    plan = replace(plan, snapshots=None)
    sessions = sum(1 for _ in days())
    rng = np.random.default_rng(seed)
    found: list[Difference] = []
    counts = {"sessions": 0, "trials": 0, "entries": 0, "signals": 0}
    for n, day in enumerate(days()):
        mine = len(range(sessions - 1 - n, cuts, sessions))
        if not mine or len(whole := _whole(day)) < 2:
            continue
        counts["sessions"] += 1
        known = _run(plan, day, whole)
        for ts, how in ((ts, how) for ts in _moments(known, whole, mine, rng) for how in (CUT, SHUFFLED)):
            moment = _Moment(day, whole, ts)
            changed = _run(plan, day, moment.changed(how, seed + counts["trials"]))
            compared, signals, difference = _compare(known, changed, moment, how)
            found += [difference] if difference is not None else []
            counts["trials"] += 1
            counts["entries"] += compared
            counts["signals"] += signals
            if progress is not None:
                progress(counts["trials"], 2 * cuts)
    if not counts["trials"]:
        raise UsageError("There are no records whose future could be changed.", "Choose other sessions.")
    return Report(**counts, differences=tuple(found))


def _moments(known: list[Entry], whole: Events, count: int, rng: np.random.Generator) -> list[int]:
    """Return so many moments of a session, ns UTC; the last one leaves no future and is never drawn."""
    signals = [entry.ts for entry in known if isinstance(entry.body, Signal) and entry.ts < whole["ts"][-1]]
    drawn = []
    for _ in range(count):
        at_signal, part = rng.random(2)
        if signals and at_signal < AT_SIGNAL:
            drawn.append(signals[int(part * len(signals))])
        else:
            drawn.append(int(whole["ts"][int(part * (len(whole) - 1))]))
    return drawn


def _whole(day: Day) -> Events:
    batches = [batch.copy() for batch in day.batches]
    return np.concatenate(batches) if batches else np.empty(0, EVENT)


def _run(plan: Plan, day: Day, records: Events) -> list[Entry]:
    done = run(plan, [replace(day, batches=[records])])
    return list(done.journal.read(done.header.id))


class _Moment:
    """Where the future of a session begins."""

    def __init__(self, day: Day, whole: Events, ts: int) -> None:
        self.session = day.session.date.isoformat()
        self.ts = ts
        # Records of the same moment were known together: the future begins after all of them.
        first = int(np.searchsorted(whole["ts"], self.ts, side="right"))
        self._past, self._future = whole[:first], whole[first:]

    def changed(self, how: str, seed: int) -> Events:
        """Return the records with another future: none, or times that are given to other records than happened then."""
        if how == CUT:
            return self._past.copy()
        order = np.random.default_rng(seed).permutation(len(self._future))
        mixed = self._future[order]
        ages = mixed["ts"] - mixed["event_ts"]
        mixed["ts"] = self._future["ts"]
        mixed["event_ts"] = mixed["ts"] - ages
        return np.concatenate([self._past, mixed])


def _compare(known: list[Entry], again: list[Entry], moment: _Moment, how: str) -> tuple[int, int, Difference | None]:
    """Return how many entries were compared, how many of them were signals, and the first that differs."""
    encode = msgspec.json.Encoder().encode
    before = [entry for entry in known if entry.ts <= moment.ts]
    after = [entry for entry in again if entry.ts <= moment.ts]
    signals = sum(isinstance(entry.body, Signal) for entry in before)
    n = 0
    for n, (one, other) in enumerate(zip_longest(before, after), 1):
        left = b"" if one is None else encode(one)
        right = b"" if other is None else encode(other)
        if left != right:
            seq = one.seq if one is not None else other.seq if other is not None else 0
            return (
                n,
                signals,
                Difference(
                    session=moment.session,
                    at=moment.ts,
                    future=how,
                    seq=seq,
                    before=left.decode(),
                    after=right.decode(),
                ),
            )
    return n, signals, None
