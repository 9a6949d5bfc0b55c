"""Sessions of the US stock market, 1998 to 2027, and the phases of one."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from qm.clock import HOUR, MINUTE, at_ny
from qm.errors import DataError, NotFoundError
from qm.rules.closures import CLOSURES, FIRST_YEAR, LAST_YEAR

SESSION_MINUTES: Final = 390
"""Minutes of regular trading on a full day."""
HALF_SESSION_MINUTES: Final = 210
"""Minutes of regular trading on a half day."""
FIRST_SESSION: Final = dt.date(1998, 1, 2)
"""The first session of the calendar."""


class Phase(StrEnum):
    """Where in its trading date a moment lies; what may be sent depends on it."""

    OVERNIGHT = "overnight"
    """From 20:00 of the evening before."""
    PRE = "pre"
    OPEN = "open"
    """Regular hours."""
    POST = "post"
    CLOSED = "closed"


class Stretch(StrEnum):
    """The finer parts of a trading date, as traders speak of them; what a market does depends on it."""

    OVERNIGHT = "overnight"
    EARLY_PRE = "early_pre"
    PRE = "pre"
    OPENING_CROSS = "opening_cross"
    OPEN_DRIVE = "open_drive"
    MORNING = "morning"
    MIDDAY = "midday"
    AFTERNOON = "afternoon"
    POWER_HOUR = "power_hour"
    CLOSING_CROSS = "closing_cross"
    """The last ten minutes, when orders for the closing auction can no longer be taken back."""
    POST = "post"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """One trading date; every time in it is ns UTC."""

    date: dt.date
    """The date in New York."""
    open_ns: int
    """09:30 in New York."""
    close_ns: int
    """16:00, or 13:00 on a half day."""
    pre_ns: int
    """04:00, the start of the extended hours."""
    post_ns: int
    """20:00, or 17:00 on a half day: the end of the extended hours."""
    half: bool

    @property
    def overnight_ns(self) -> int:
        """20:00 of the evening before: the start of this trading date for venues that trade at night."""
        return self.pre_ns - 8 * HOUR

    @property
    def minutes(self) -> int:
        """Minutes of regular trading: 390, or 210 on a half day."""
        return (self.close_ns - self.open_ns) // MINUTE


@lru_cache(maxsize=16_384)
def session(date: dt.date) -> Session:
    """Return the session of `date`.

    Raises NotFoundError, naming the next session, when the market is closed all day, and DataError outside 1998-2027.
    """
    if not is_session(date):
        why = "a weekend" if date.weekday() >= 5 else "a closure of the exchanges"
        following = _after(date)
        raise NotFoundError(
            f"{date} is not a session: it is {why}.", f"The next session is {following}." if following else ""
        )
    half = date in _half_days()
    # One question to the zone database per session: the clocks change on Sundays only.
    pre = at_ny(date, "04:00")
    opens = pre + 5 * HOUR + 30 * MINUTE
    return Session(
        date=date,
        open_ns=opens,
        close_ns=opens + (HALF_SESSION_MINUTES if half else SESSION_MINUTES) * MINUTE,
        pre_ns=pre,
        post_ns=pre + (13 if half else 16) * HOUR,
        half=half,
    )


def is_session(date: dt.date) -> bool:
    """Say whether the market trades on `date`; DataError outside 1998-2027."""
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise _beyond(date)
    return date.weekday() < 5 and date not in _closed_days()


def next_session(date: dt.date) -> Session:
    """Return the first session after `date`, which need not be a session itself; DataError past the end of 2027."""
    following = _after(date)
    if following is None:
        raise _beyond(date)
    return session(following)


def previous_session(date: dt.date) -> Session:
    """Return the last session before `date`, which need not be a session itself; DataError before 1998."""
    dates = _dates()
    index = bisect_left(dates, date) - 1
    if index < 0 or date.year > LAST_YEAR:
        raise _beyond(date)
    return session(dates[index])


def sessions(since: dt.date, until: dt.date) -> list[Session]:
    """Return the sessions from `since` to `until`, both included; DataError outside 1998-2027."""
    for date in (since, until):
        if not FIRST_YEAR <= date.year <= LAST_YEAR:
            raise _beyond(date)
    dates = _dates()
    return [session(date) for date in dates[bisect_left(dates, since) : bisect_right(dates, until)]]


def phase(of: Session, ns: int) -> Phase:
    """Return the phase of the trading date in which the moment `ns` lies; CLOSED before and after it."""
    if of.open_ns <= ns < of.close_ns:
        return Phase.OPEN
    if of.pre_ns <= ns < of.open_ns:
        return Phase.PRE
    if of.close_ns <= ns < of.post_ns:
        return Phase.POST
    if of.overnight_ns <= ns < of.pre_ns:
        return Phase.OVERNIGHT
    return Phase.CLOSED


def stretch(of: Session, ns: int) -> Stretch:
    """Return the part of the trading date in which the moment `ns` lies."""
    starts, names = _stretches(of)
    return names[bisect_right(starts, ns)]


@lru_cache(maxsize=64)
def _stretches(of: Session) -> tuple[list[int], list[Stretch]]:
    # The auctions fix both ends in minutes; what lies between shrinks with a half day.
    drive = of.open_ns + 30 * MINUTE
    power = of.close_ns - 60 * MINUTE
    middle = power - drive
    starts = [
        of.overnight_ns,
        of.pre_ns,
        of.pre_ns + 3 * HOUR,
        of.open_ns - 5 * MINUTE,
        of.open_ns,
        drive,
        drive + middle * 3 // 10,
        drive + middle * 7 // 10,
        power,
        of.close_ns - 10 * MINUTE,
        of.close_ns,
        of.post_ns,
    ]
    return starts, [Stretch.CLOSED, *Stretch]


@cache
def _closed_days() -> frozenset[dt.date]:
    return _named(0)


@cache
def _half_days() -> frozenset[dt.date]:
    return _named(1)


def _named(column: int) -> frozenset[dt.date]:
    return frozenset(
        dt.date(year, int(day[:2]), int(day[2:])) for year, days in CLOSURES.items() for day in days[column].split()
    )


@cache
def _dates() -> list[dt.date]:
    closed = _closed_days()
    first, last = dt.date(FIRST_YEAR, 1, 1).toordinal(), dt.date(LAST_YEAR, 12, 31).toordinal()
    # Ordinal 1 was a Monday.
    weekdays = (dt.date.fromordinal(day) for day in range(first, last + 1) if (day - 1) % 7 < 5)
    return [date for date in weekdays if date not in closed]


def _after(date: dt.date) -> dt.date | None:
    dates = _dates()
    index = bisect_right(dates, date)
    return dates[index] if index < len(dates) and date.year >= FIRST_YEAR else None


def _beyond(date: dt.date) -> DataError:
    return DataError(f"The calendar does not reach {date}.", f"It covers {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31.")
