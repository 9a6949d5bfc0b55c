"""The only reader of time: wall and steady clocks in int ns UTC, and New York dates of them.

The core never calls the readers; it is told the time by its inputs. The conversions are pure and
may be used anywhere. Offsets from UTC are looked up once per UTC hour, because New York changes
its offset only on a whole UTC hour and the zone database costs microseconds per question.
"""

import datetime as dt
import time
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")

US: Final = 1_000
"""Nanoseconds in a microsecond."""
MS: Final = 1_000_000
"""Nanoseconds in a millisecond."""
SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""
MINUTE: Final = 60 * SECOND
"""Nanoseconds in a minute."""
HOUR: Final = 60 * MINUTE
"""Nanoseconds in an hour."""
DAY: Final = 24 * HOUR
"""Nanoseconds in a day of 24 hours; a New York day may be an hour longer or shorter."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DATE_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()


def now_ns() -> int:
    """Return the wall time in ns since 1970 UTC; it can jump when the machine's clock is set."""
    return time.time_ns()


def monotonic_ns() -> int:
    """Return a steady time in ns that never runs backwards, for ages and deadlines."""
    return time.monotonic_ns()


def perf_ns() -> int:
    """Return the finest steady time in ns, for measuring how long something took."""
    return time.perf_counter_ns()


def utc(ns: int) -> dt.datetime:
    """Return `ns` as an aware datetime in UTC, cut to microseconds."""
    return _EPOCH + dt.timedelta(microseconds=ns // US)


def ny(ns: int) -> dt.datetime:
    """Return `ns` as an aware datetime in New York, cut to microseconds."""
    return utc(ns).astimezone(NEW_YORK)


def ny_offset_ns(ns: int) -> int:
    """Return what must be added to the UTC time `ns` for the wall time in New York, in ns."""
    return _offset_of_hour_ns(ns // HOUR)


def session_date(ns: int) -> dt.date:
    """Return the calendar date in New York at `ns`, which is the date of the session."""
    return _date_of_day((ns + _offset_of_hour_ns(ns // HOUR)) // DAY)


def ny_time_of_day_ns(ns: int) -> int:
    """Return the wall time in New York at `ns` as ns since its midnight, 0 to 24 hours."""
    return (ns + _offset_of_hour_ns(ns // HOUR)) % DAY


@lru_cache(maxsize=4096)
def at_ny(date: dt.date, wall: str) -> int:
    """Return the ns UTC of the New York wall time `wall` ("HH:MM" or "HH:MM:SS") on `date`.

    Of a wall time that comes twice (the clocks go back), the first is meant.
    Raises ValueError when `wall` is no time of day.
    """
    try:
        time_of_day = dt.time.fromisoformat(wall)
    except ValueError as error:
        raise ValueError(f"{wall!r} is no time of day: {error}") from error
    moment = dt.datetime.combine(date, time_of_day, tzinfo=NEW_YORK)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * US


@lru_cache(maxsize=65_536)
def _offset_of_hour_ns(utc_hour: int) -> int:
    offset = (_EPOCH + dt.timedelta(hours=utc_hour)).astimezone(NEW_YORK).utcoffset()
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * SECOND


@lru_cache(maxsize=8192)
def _date_of_day(day: int) -> dt.date:
    return dt.date.fromordinal(_EPOCH_DATE_ORDINAL + day)
