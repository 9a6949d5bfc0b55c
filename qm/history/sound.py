"""A session out of the spool, made sound and put in order: whole where it fits in memory, else merged from runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np

from qm.history.checks import Finding, checked, strange_bars, two_sided
from qm.history.labels import Clock, Labels
from qm.history.layout import TRADES, length_of
from qm.history.prints import told_once
from qm.history.runs import Runs
from qm.history.source import VENUE_QUOTES, Columns
from qm.history.spool import Key, Spool
from qm.rules.calendar import Session

CORRECTED: Final = "corrected"
TWO_SIDED: Final = "two-sided"
_DAY_SECONDS: Final = 86_400

Check = Callable[[Columns], Columns]
"""Makes rows of a group of symbols sound and sorts them."""
Judge = Callable[[list[Finding]], None]
"""Adds what only all groups together show."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound rows of a session, sorted by (ts, symbol)."""

    whole: Columns | None
    """All of them, where they fit in memory."""
    runs: Runs | None
    folder: Path
    """Where files of this session may lie as long as it is at hand; there only when it is not whole."""

    @property
    def empty(self) -> bool:
        """Say whether there is none."""
        return not (len(self.whole.ts) if self.whole is not None else self.runs)

    def blocks(self) -> Iterator[Columns]:
        """Yield them in order, all with the same names, at most `BLOCK` at a time where they are not whole."""
        if self.whole is not None:
            yield self.whole
        elif self.runs is not None:
            yield from self.runs.merged()


def marks(rows: Columns) -> list[str]:
    """Return what a session must know of all its rows before those of one symbol can be judged."""
    found = []
    if rows.layout == TRADES and rows.values.get("what", np.zeros(1)).any():
        found.append(CORRECTED)
    if rows.layout == VENUE_QUOTES and two_sided(rows):
        found.append(TWO_SIDED)
    return found


class SoundRows:
    """A session being made sound; a context, because its rows may lie in files."""

    def __init__(self, spool: Spool, key: Key, of: Session, *, updates: bool) -> None:
        self._spool, self._key, self._of, self._updates = spool, key, of, updates
        self._files: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._files is not None:
            self._files.cleanup()

    def take(self, findings: list[Finding]) -> Sound:
        """Return the sound rows and add what was wrong; the spool lets go of the session. DiskFullError, DataError."""
        groups = self._spool.groups(self._key)
        check, judge = self._checks(findings)
        if len(groups) == 1:
            whole = check(self._spool.rows(self._key, groups[0]))
            self._spool.forget(self._key)
            judge(findings)
            return Sound(whole, None, Path())
        self._files = TemporaryDirectory(dir=self._spool.folder())
        folder = Path(self._files.name)
        runs = Runs(folder)
        for group in groups:
            runs.add(check(self._spool.rows(self._key, group)))
        self._spool.forget(self._key)
        judge(findings)
        return Sound(None, runs, folder)

    def _checks(self, findings: list[Finding]) -> tuple[Check, Judge]:
        name = self._key[0]
        seconds = length_of(name)
        if name == TRADES:
            later = self._spool.marked(self._key, CORRECTED)
            clock = Clock(self._of)

            def prints(rows: Columns) -> Columns:
                found = checked(told_once(rows, findings, later=later), findings)
                clock.add(found)
                return found

            return prints, clock.judge
        if name == VENUE_QUOTES:
            # Only who has quotes of single venues pays for compiling what joins them.
            from qm.history.consolidate import Book

            book = Book(by_side=not self._spool.marked(self._key, TWO_SIDED))
            return lambda rows: book.best_of(checked(rows.without("file"), findings)), book.judge
        if seconds is None or seconds == _DAY_SECONDS:
            return lambda rows: checked(rows.without("file"), findings, updates=self._updates), _nothing
        labels, clock = Labels(seconds, self._of), Clock(self._of)

        def bars(rows: Columns) -> Columns:
            found = checked(rows.without("file"), findings, updates=self._updates)
            strange_bars(found, seconds, findings)
            labels.add(found)
            clock.add(found)
            return found

        def judge(findings: list[Finding]) -> None:
            labels.judge(findings)
            clock.judge(findings)

        return bars, judge


def _nothing(_: list[Finding]) -> None:
    pass
