"""Days on which the market trades for reasons of its own: expiries, rebalancing of indices, ends of periods."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from qm.rules.calendar import is_session

FRIDAY: Final = 4
QUARTERS: Final = (3, 6, 9, 12)
"""Months in which futures and options of indices expire, and a quarter ends."""
RECONSTITUTION: Final = 6
"""Month at whose fourth Friday the Russell indices are put together again."""


@lru_cache(maxsize=1024)
def occasions(date: dt.date) -> tuple[str, ...]:
    """Return what a session is besides; nothing on most days. DataError outside 1998-2027.

    | name | session |
    |---|---|
    | opex | monthly options expire: the third Friday, the session before where that is none |
    | triple_witching | of March, June, September, December: options and futures of indices expire, too |
    | index_rebalance | that day (S&P), and the fourth Friday of June (Russell) |
    | month_end, quarter_end | the last session of the month, of the quarter |

    Sources: OCC expiration calendar; S&P U.S. Indices Methodology; FTSE Russell reconstitution schedule. Dates of macro
    releases, of the Federal Reserve and of earnings follow from no rule: nothing is said of them.
    """
    quarterly = date.month in QUARTERS
    found = []
    if date == _session_by(_friday(date, 3)):
        found += ["opex", "triple_witching", "index_rebalance"] if quarterly else ["opex"]
    if date.month == RECONSTITUTION and date == _session_by(_friday(date, 4)):
        found.append("index_rebalance")
    first_of_next = (date.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    if date == _session_by(first_of_next - dt.timedelta(days=1)):
        found += ["month_end", "quarter_end"] if quarterly else ["month_end"]
    return tuple(found)


def _friday(date: dt.date, n: int) -> dt.date:
    first = date.replace(day=1)
    return first + dt.timedelta(days=(FRIDAY - first.weekday()) % 7 + 7 * (n - 1))


def _session_by(date: dt.date) -> dt.date:
    while not is_session(date):
        date -= dt.timedelta(days=1)
    return date
