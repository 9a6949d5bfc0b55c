"""One lookup for everything that a regulator or an exchange changes from one day to the next."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from qm.errors import DataError

T = TypeVar("T")

UNREAD: Final = "not read in the original"
"""Stands in the source of a row of which something was taken from elsewhere; what it was follows after a colon."""


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """A value of a rule, the session dates on which it holds (both included), and where it was read."""

    valid_from: dt.date
    valid_to: dt.date | None
    """The last date on which it holds; None while nobody has announced its end."""
    value: T
    source: str

    @property
    def verified(self) -> bool:
        """Whether all of it was read where it says."""
        return UNREAD not in self.source


class Schedule(Generic[T]):
    """The values of one rule through time; they follow one another without gap or overlap."""

    def __init__(self, name: str, rows: Iterable[Dated[T]]) -> None:
        self.name = name
        self.rows: tuple[Dated[T], ...] = tuple(rows)
        if not self.rows:
            raise ValueError(f"the schedule of {name} is empty")
        for row, following in zip(self.rows, self.rows[1:], strict=False):
            if row.valid_to is None or (following.valid_from - row.valid_to).days != 1:
                raise ValueError(f"the schedule of {name} has a gap or an overlap after {row.valid_from}")
        self._from = [row.valid_from for row in self.rows]
        self._cache: dict[dt.date, Dated[T]] = {}

    def __iter__(self) -> Iterator[Dated[T]]:
        return iter(self.rows)

    def at(self, day: dt.date) -> T:
        """Return the value that holds on `day`; DataError when the schedule does not reach it."""
        row = self._cache.get(day)
        return row.value if row is not None else self.row(day).value

    def row(self, day: dt.date) -> Dated[T]:
        """Return the value that holds on `day` with its validity and source, for explanations."""
        index = bisect_right(self._from, day) - 1
        row = self.rows[max(index, 0)]
        if index < 0 or (row.valid_to is not None and day > row.valid_to):
            until = self.rows[-1].valid_to or "today"
            raise DataError(
                f"The {self.name} of {day} is not known.",
                f"The schedule covers {self.rows[0].valid_from} to {until}.",
            )
        self._cache[day] = row
        return row


def schedule(name: str, *rows: tuple[str, T, str], until: str | None = None) -> Schedule[T]:
    """Build a schedule from (valid_from, value, source) in order; each row ends the day before the next begins."""
    starts = [dt.date.fromisoformat(row[0]) for row in rows]
    ends: list[dt.date | None] = [start - dt.timedelta(days=1) for start in starts[1:]]
    ends.append(dt.date.fromisoformat(until) if until else None)
    return Schedule(
        name,
        (Dated(start, end, row[1], row[2]) for start, end, row in zip(starts, ends, rows, strict=True)),
    )
