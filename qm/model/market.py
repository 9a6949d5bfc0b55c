"""The one stream in which the market, and the passing of time, reaches the engine."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from qm.clock import SECOND

EVENT = np.dtype(
    [
        ("ts", "<i8"),
        ("event_ts", "<i8"),
        ("sym", "<i4"),
        ("kind", "u1"),
        ("flag", "u1"),
        ("code", "<i2"),
        ("a", "<f8"),
        ("b", "<f8"),
        ("c", "<f8"),
        ("d", "<f8"),
        ("e", "<f8"),
    ]
)
"""One market record: 64 bytes, one cache line.

`ts` is when it was known (ns UTC; a bar is known at its end), `event_ts` when it happened (a bar: its start), `sym` the
row of its symbol. The meaning of the rest depends on `kind`:

| kind   | flag            | code             | a     | b    | c        | d        | e      |
|--------|-----------------|------------------|-------|------|----------|----------|--------|
| BAR    | -               | length, seconds  | open  | high | low      | close    | volume |
| TRADE  | `Print` bits    | -                | price | size | -        | -        | id     |
| QUOTE  | -               | -                | bid   | ask  | bid size | ask size | -      |
| STATUS | reason          | `Status`         | threshold | to quotes | to trades | -    | -      |
| CLOCK  | -               | -                | -     | -    | -        | -        | -      |
| BANDS  | -               | -                | lower | upper| reference| -        | -      |
| CANCEL | its `Print` bits | -               | price | size | -        | -        | id     |
| CORRECTION | `Print` bits now | `Print` bits before | price | size | price now | size now | id |

Bands are the prices outside which the limit-up limit-down plan lets nothing trade; NaN takes them away. A price of 0 or
NaN means "no such side"; it is never a price. Cancels and corrections repeat the print that they concern as it was
told, `event_ts` and id included; 0 is a print without an id. A bar that is told again, with the same start, replaces
the one told before. A halt may say its reason, the number of a `qm.rules.halts.HaltCode`, the price at which it was
due, and how many ns after `ts` quotes and trades go on at the earliest; 0 is not told. It may say so later as well.
"""

Events = npt.NDArray[np.void]
"""A one-dimensional array of dtype `EVENT`, ordered by `ts`."""


class Kind(IntEnum):
    """What a market record is."""

    BAR = 1
    TRADE = 2
    QUOTE = 3
    STATUS = 4
    CLOCK = 5
    BANDS = 6
    CANCEL = 7
    CORRECTION = 8


class Print(IntFlag):
    """What a trade print may change, by its sale conditions; and whether it is that of an auction."""

    LAST = 1
    HIGH_LOW = 2
    VOLUME = 4
    ALL = 7
    OPENING = 8
    """The print of an opening auction."""
    CLOSING = 16


class Status(IntEnum):
    """Trading status of a symbol; UNKNOWN until the feed says otherwise or a print shows that it trades."""

    UNKNOWN = 0
    TRADING = 1
    HALTED = 2
    PAUSED = 3
    """A limit-up limit-down volatility pause."""


def events(rows: list[tuple[Any, ...]]) -> Events:
    """Build an event array from tuples in `EVENT` order, for tests and small feeds."""
    return np.array(rows, dtype=EVENT)


def bar(ts: int, sym: int, o: float, h: float, low: float, c: float, v: float, seconds: int = 60) -> tuple[Any, ...]:
    """Return the record of a bar that became known at `ts`, its end."""
    return (ts, ts - seconds * SECOND, sym, Kind.BAR, 0, seconds, o, h, low, c, v)


def trade(ts: int, sym: int, price: float, size: float, flag: int = Print.ALL, known_by: int = 0) -> tuple[Any, ...]:
    """Return the record of a trade print; `known_by` is its id, below 2**53, 0 for none."""
    return (ts, ts, sym, Kind.TRADE, flag, 0, price, size, 0.0, 0.0, float(known_by))


def quote(ts: int, sym: int, bid: float, ask: float, bid_size: float = 100, ask_size: float = 100) -> tuple[Any, ...]:
    """Return the record of a best bid and offer; sizes in shares."""
    return (ts, ts, sym, Kind.QUOTE, 0, 0, bid, ask, bid_size, ask_size, 0.0)


def status(
    ts: int, sym: int, code: Status, reason: int = 0, threshold: float = 0.0, quotes_ns: int = 0, trades_ns: int = 0
) -> tuple[Any, ...]:
    """Return the record of a change of trading status; `quotes_ns` and `trades_ns` are times in ns UTC, 0 unknown."""
    quotes, trades = (float(at - ts) if at else 0.0 for at in (quotes_ns, trades_ns))
    return (ts, ts, sym, Kind.STATUS, int(reason), int(code), threshold, quotes, trades, 0.0, 0.0)


def bands(ts: int, sym: int, lower: float, upper: float, reference: float) -> tuple[Any, ...]:
    """Return the record of new volatility bands around a reference price, $; NaN takes them away."""
    return (ts, ts, sym, Kind.BANDS, 0, 0, lower, upper, reference, 0.0, 0.0)


def cancel(ts: int, of: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the record that takes back a trade print, given as the record that told it."""
    return (ts, of[1], of[2], Kind.CANCEL, of[4], 0, of[6], of[7], 0.0, 0.0, of[10])


def correction(ts: int, of: tuple[Any, ...], price: float, size: float, flag: int = Print.ALL) -> tuple[Any, ...]:
    """Return the record that corrects a trade print, given as the record that told it, to what it should have been."""
    return (ts, of[1], of[2], Kind.CORRECTION, flag, int(of[4]), of[6], of[7], price, size, of[10])


def clock(ts: int) -> tuple[Any, ...]:
    """Return the record that says only that time has passed."""
    return (ts, ts, -1, Kind.CLOCK, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
