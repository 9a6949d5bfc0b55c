"""The minutes around each trade, read from the market a second time: a run keeps no bars of what it did not trade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.engine.day import Day
from qm.model.events import TradeClosed
from qm.model.market import Events, Kind, Print

BEFORE, AFTER = 30, 30
"""Minutes shown before the entry and after the exit."""

Array = npt.NDArray[np.float64]


class Minutes(NamedTuple):
    """A symbol's regular minutes of a session that had a price, in order; equally long arrays."""

    start: npt.NDArray[np.int64]
    """ns UTC."""
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    """Shares."""
    vwap: Array
    """Volume-weighted average price of the session so far, $; NaN before any volume."""


def around(trades: Iterable[TradeClosed], days: Iterable[Day]) -> Iterator[tuple[TradeClosed, Minutes]]:
    """Yield each trade with the minutes around it, session by session; one session is in memory at a time."""
    by_day: dict[int, list[TradeClosed]] = {}
    for trade in trades:
        by_day.setdefault(_midnight(trade.opened), []).append(trade)
    for day in days:
        of = by_day.pop(_midnight(day.session.open_ns), [])
        if not of:
            continue
        rows = {day.table.row(trade.symbol): trade.symbol for trade in of if trade.symbol in day.table}
        whole = {rows[row]: minutes for row, minutes in _minutes(day, list(rows)).items()}
        for trade in of:
            if trade.symbol in whole:
                yield trade, _cut(whole[trade.symbol], trade)


def _midnight(ns: int) -> int:
    # Regular hours never cross midnight UTC.
    return ns - ns % 86_400_000_000_000


def _minutes(day: Day, rows: list[int]) -> dict[int, Minutes]:
    kept: dict[int, list[Events]] = {row: [] for row in rows}
    for batch in day.batches:
        mine = batch[np.isin(batch["sym"], rows) & np.isin(batch["kind"], (Kind.BAR, Kind.TRADE))]
        regular = mine[(mine["event_ts"] >= day.session.open_ns) & (mine["event_ts"] < day.session.close_ns)]
        for row in np.unique(regular["sym"]).tolist():
            kept[row].append(regular[regular["sym"] == row])
    return {row: _of(np.concatenate(parts), day.prints) for row, parts in kept.items() if parts}


def _of(events: Events, prints: bool) -> Minutes:
    if not prints:
        events = events[events["kind"] == Kind.BAR]
        o, h, low, c, v = (events[name] for name in "abcde")
        return Minutes(events["event_ts"].copy(), o, h, low, c, v, _vwap((h + low + c) / 3.0, v))
    events = events[(events["kind"] == Kind.TRADE) & (events["flag"] & Print.HIGH_LOW > 0)]
    # A print that was told late belongs to the minute in which it happened.
    events = events[np.argsort(events["event_ts"], kind="stable")]
    start = events["event_ts"] - events["event_ts"] % MINUTE
    price = events["a"]
    counted = np.where(events["flag"] & Print.VOLUME > 0, events["b"], 0.0)
    names, first = np.unique(start, return_index=True)
    last = np.append(first[1:], len(price)) - 1
    whole = _vwap(price, counted)
    return Minutes(
        names,
        price[first],
        np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first),
        price[last],
        np.add.reduceat(counted, first),
        whole[last],
    )


def _vwap(price: Array, volume: Array) -> Array:
    shares = np.cumsum(volume)
    out: Array = np.divide(np.cumsum(price * volume), shares, out=np.full(len(shares), np.nan), where=shares > 0)
    return out


def _cut(of: Minutes, trade: TradeClosed) -> Minutes:
    first, last = trade.opened - BEFORE * MINUTE, trade.closed + AFTER * MINUTE
    kept = (of.start >= first) & (of.start <= last)
    return Minutes(of.start[kept], *(column[kept] for column in of[1:]))
