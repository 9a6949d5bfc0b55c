"""Does a strategy look into the future? Sessions run again with the future cut off, and with it shuffled, tell.

Whatever was decided before the cut must be decided again, byte for byte. What this cannot see is a peek past the
engine: a strategy that reads the answers from a file of its own reads them in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Final

import msgspec
import numpy as np

from backtest.runner import Plan, run
from qm.engine.day import Day
from qm.errors import UsageError
from qm.model.events import Entry
from qm.model.market import Events

SCHEMA: Final = 1
CUT, SHUFFLED = "cut off", "shuffled"

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
    differences: tuple[Difference, ...]
    """At most one a trial."""

    @property
    def clean(self) -> bool:
        """No decision depended on its future."""
        return not self.differences


def check(plan: Plan, days: Days, cuts: int = 10, seed: int = 0, progress: Progress | None = None) -> Report:
    """Run a plan, then again with the future changed at random moments, twice each; UsageError without records.

    A trial runs the sessions up to the one that is cut. Moments are drawn evenly over all records.
    """
    plan = replace(plan, snapshots=None)
    whole = run(plan, days())
    known = list(whole.journal.read(whole.header.id))
    sizes = [sum(len(batch) for batch in day.batches) for day in days()]
    total = sum(sizes)
    if total < 2:
        raise UsageError("There are no records whose future could be changed.", "Choose other sessions.")
    drawn = np.random.default_rng(seed).integers(1, total, cuts).tolist()
    trials = [(place, how) for place in sorted(drawn) for how in (CUT, SHUFFLED)]
    found: list[Difference] = []
    compared = 0
    for n, (place, how) in enumerate(trials, 1):
        session, index = _where(sizes, place)
        moment = _Moment()
        changed = run(plan, _changed(days(), session, index, how, seed + n, moment))
        entries, difference = _compare(known, changed.journal.read(changed.header.id), moment, how)
        compared += entries
        found += [difference] if difference is not None else []
        if progress is not None:
            progress(n, len(trials))
    return Report(sessions=len(sizes), trials=len(trials), entries=compared, differences=tuple(found))


class _Moment:
    """Where the future begins; known once the session was read."""

    def __init__(self) -> None:
        self.session = ""
        self.ts = 0


def _where(sizes: list[int], place: int) -> tuple[int, int]:
    for session, size in enumerate(sizes):
        if place < size:
            return session, place
        place -= size
    raise AssertionError("the place lies within the records")


def _changed(days: Iterable[Day], session: int, index: int, how: str, seed: int, moment: _Moment) -> Iterator[Day]:
    for n, day in enumerate(days):
        if n < session:
            yield day
            continue
        batches = [batch.copy() for batch in day.batches]
        whole = np.concatenate(batches)
        moment.session, moment.ts = day.session.date.isoformat(), int(whole["ts"][index])
        # Records of the same moment were known together: the future begins after all of them.
        first = int(np.searchsorted(whole["ts"], moment.ts, side="right"))
        past, future = whole[:first], whole[first:]
        yield Day(
            day.table, day.session, day.reference, day.prints, [past if how == CUT else _shuffled(past, future, seed)]
        )
        return


def _shuffled(past: Events, future: Events, seed: int) -> Events:
    """Give the times that are to come to other records than happened then."""
    order = np.random.default_rng(seed).permutation(len(future))
    mixed = future[order]
    ages = mixed["ts"] - mixed["event_ts"]
    mixed["ts"] = future["ts"]
    mixed["event_ts"] = mixed["ts"] - ages
    return np.concatenate([past, mixed])


def _compare(known: list[Entry], again: Iterator[Entry], moment: _Moment, how: str) -> tuple[int, Difference | None]:
    encode = msgspec.json.Encoder().encode
    before = (entry for entry in known if entry.ts <= moment.ts)
    after = (entry for entry in again if entry.ts <= moment.ts)
    n = 0
    for n, (one, other) in enumerate(zip_longest(before, after), 1):
        left = b"" if one is None else encode(one)
        right = b"" if other is None else encode(other)
        if left != right:
            seq = one.seq if one is not None else other.seq if other is not None else 0
            return n, Difference(
                session=moment.session,
                at=moment.ts,
                future=how,
                seq=seq,
                before=left.decode(),
                after=right.decode(),
            )
    return n, None
