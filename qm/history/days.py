"""Rows of market data, cut into the sessions of the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from qm.clock import DAY, HOUR, ny_offset_ns
from qm.errors import DataError
from qm.history.checks import Finding, refuse
from qm.history.layout import Array
from qm.history.source import Columns
from qm.rules.calendar import Session, is_session, session

_EPOCH: Final = dt.date(1970, 1, 1)
_EVENING: Final = 4 * HOUR
"""From 20:00 in New York on, prints belong to the next trading date."""


def at_open(columns: Columns, findings: list[Finding]) -> Columns:
    """Label daily bars by the open of their session, because that is where what they tell begins."""
    # A day that is labelled by midnight UTC means the date of that label; another label, the date in New York.
    days = np.where(columns.ts % DAY == 0, columns.ts, columns.ts + _offsets(columns.ts)) // DAY
    values, place = np.unique(days, return_inverse=True)
    found = [_session(int(day)) for day in values]
    opens = np.array([0 if each is None else each.open_ns for each in found], np.int64)
    closed = np.array([each is None for each in found], bool)
    columns = refuse(columns, closed[place], "not on a session of the calendar", findings)
    return replace(columns, ts=opens[place[~closed[place]]])


def by_session(columns: Columns, findings: list[Finding]) -> Iterator[tuple[Session, Columns]]:
    """Yield the rows of each session, by date, each in the order in which they came."""
    days = (columns.ts + _offsets(columns.ts) + _EVENING) // DAY
    values, place = np.unique(days, return_inverse=True)
    found = [_session(int(day)) for day in values]
    closed = np.array([each is None for each in found], bool)
    refuse(columns, closed[place], "outside every session of the calendar", findings)
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(len(values) + 1))
    for each, start, stop in zip(found, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if each is not None:
            yield each, columns.take(order[start:stop])


def _session(day: int) -> Session | None:
    try:
        date = _EPOCH + dt.timedelta(days=day)
        return session(date) if is_session(date) else None
    except (DataError, OverflowError):
        return None


def _offsets(ts: Array) -> Array:
    hours, place = np.unique(ts // HOUR, return_inverse=True)
    return np.array([_offset(int(hour)) for hour in hours], np.int64)[place]


def _offset(hour: int) -> int:
    try:
        return ny_offset_ns(hour * HOUR)
    except OverflowError:
        return 0
