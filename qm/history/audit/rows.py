"""Audit of rows: order, twins, prices that cannot be, volume, labels, outliers."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.clock import MINUTE, SECOND
from qm.history.audit.day import AuditDay
from qm.history.audit.report import Level, Tally
from qm.history.layout import Array

_AGAIN: Final = "Import the session again with --replace."
_WICK: Final = 1.5
"""Times its neighbours from which on an extreme that comes straight back is an outlier."""
_JUMP: Final = 0.5
_NEAR: Final = 30 * MINUTE


def audit_bars(day: AuditDay, tally: Tally) -> None:
    """Look at the bars of one session."""
    _order(day, tally, twins=True)
    _prices(day, tally)
    _volume(day, tally)
    late = (day.ts < day.of.overnight_ns) | (day.ts >= day.of.post_ns)
    day.note(tally, late, "off_session", Level.WARN, "begin outside the hours of their session", remedy=_AGAIN)
    if 0 < day.seconds <= 3_600:
        off = day.ts % (day.seconds * SECOND) != 0
        day.note(tally, off, "off_grid", Level.WARN, f"labels that are no multiple of {day.seconds} s", remedy=_AGAIN)
        _straddle(day, tally)
        _outliers(day, tally)


def audit_order(day: AuditDay, tally: Tally) -> None:
    """Look at the order of rows that may share a moment: prints and quotes."""
    _order(day, tally, twins=False)


def neighbours(day: AuditDay, rows: Array) -> tuple[Array, Array]:
    """Return these rows by symbol and time, and where one has both neighbours of its symbol within half an hour."""
    order = rows[np.lexsort((day.ts[rows], day.symbol[rows]))]
    near = (np.diff(day.symbol[order]) == 0) & (np.diff(day.ts[order]) <= _NEAR)
    both = np.zeros(len(order), bool)
    both[1:-1] = near[:-1] & near[1:]
    return order, both


def _order(day: AuditDay, tally: Tally, *, twins: bool) -> None:
    step = np.diff(day.ts)
    back = np.zeros(len(day.ts), bool)
    back[1:] = step < 0
    if twins:
        back[1:] |= (step == 0) & (np.diff(day.symbol) < 0)
    day.note(tally, back, "unsorted", Level.BAD, "are earlier than the row before them", remedy=_AGAIN)
    if twins:
        order = np.lexsort((day.ts, day.symbol))
        again = np.zeros(len(order), bool)
        again[order[1:]] = (np.diff(day.symbol[order]) == 0) & (np.diff(day.ts[order]) == 0)
        day.note(tally, again, "duplicate", Level.BAD, "repeat the moment of another bar of the symbol", remedy=_AGAIN)


def _prices(day: AuditDay, tally: Tally) -> None:
    v = day.values
    opens, high, low, close = v["open"], v["high"], v["low"], v["close"]
    no_price = ~(np.isfinite(opens + high + low + close) & (np.minimum(np.minimum(opens, low), close) > 0))
    day.note(tally, no_price, "no_price", Level.BAD, "have a price that is no positive number", remedy=_AGAIN)
    outside = (high < np.maximum(opens, close)) | (low > np.minimum(opens, close)) | (high < low)
    day.note(tally, outside, "ohlc", Level.BAD, "have an open or close outside high and low", remedy=_AGAIN)
    if "vwap" in v:
        told = v["vwap"] > 0
        # Vendors round the average to fewer digits than prices have.
        off = told & ((v["vwap"] > high * 1.0005) | (v["vwap"] < low * 0.9995))
        day.note(tally, off, "vwap", Level.NOTE, "have an average price outside high and low: it counts other prints")


def _volume(day: AuditDay, tally: Tally) -> None:
    volume = day.values["volume"]
    unknown = ~(np.isfinite(volume) & (volume >= 0))
    day.note(tally, unknown, "no_volume", Level.BAD, "have no volume, or a negative one", remedy=_AGAIN)
    what = "have the volume 0: quotes or a filled gap, no trade"
    day.note(tally, volume == 0, "zero_volume", Level.NOTE, what, remedy="Leave such symbols out of volume scans.")


def _straddle(day: AuditDay, tally: Tally) -> None:
    over = (day.ts < day.of.open_ns) & (day.ts + day.seconds * SECOND > day.of.open_ns)
    what = "begin before the open and end after it: pre-market and regular volume are mixed in them"
    day.note(tally, over, "straddles_open", Level.WARN, what, remedy="Use bars of 30 minutes or less.")


def _outliers(day: AuditDay, tally: Tally) -> None:
    v = day.values
    order, both = neighbours(day, np.arange(len(day.ts)))
    if len(order) < 3:
        return
    opens, high, low, close = (v[name][order] for name in ("open", "high", "low", "close"))
    before, after = np.roll(close, 1), np.roll(opens, -1)
    highest = np.maximum(np.maximum(opens, close), np.maximum(before, after))
    lowest = np.minimum(np.minimum(opens, close), np.minimum(before, after))
    spike = both & ((high > _WICK * highest) | (low < lowest / _WICK))
    # A whole bar away from both its neighbours is as suspicious as one wick.
    whole_above = np.minimum(opens, close) > _WICK * np.maximum(before, after)
    whole_below = np.maximum(opens, close) < np.minimum(before, after) / _WICK
    spike |= both & (whole_above | whole_below)
    rows = np.zeros(len(order), bool)
    rows[order[spike]] = True
    what = f"reach {_WICK:g} times away from all around them and come straight back"
    day.note(tally, rows, "outlier", Level.WARN, what, remedy="Look at them; stops on such prices never filled.")
    near = np.zeros(len(order), bool)
    near[1:] = (np.diff(day.symbol[order]) == 0) & (np.diff(day.ts[order]) <= _NEAR)
    jump = near & ~(np.abs(opens / before - 1.0) <= _JUMP) & ~spike & ~np.roll(spike, 1)
    rows = np.zeros(len(order), bool)
    rows[order[jump]] = True
    what = f"open more than {_JUMP:.0%} away from the close before"
    day.note(tally, rows, "jump", Level.NOTE, what, remedy="A reopening after a halt, or a wrong price.")
