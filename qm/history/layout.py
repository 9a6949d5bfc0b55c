"""How market data lies at rest, by kind, and how it becomes the stream of events."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.clock import SECOND
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events, Kind, Print

BAR_COLUMNS: Final = ("open", "high", "low", "close", "volume")
TRADE_COLUMNS: Final = ("price", "size")
QUOTE_COLUMNS: Final = ("bid", "ask", "bid_size", "ask_size")
CANCEL_ROW: Final = 3
CORRECTION_ROW: Final = 4
"""In the column `what` of prints at rest: a row that takes back, or puts right, the print of `of_ts`, `of_price` and
`of_size`; everything else is a print."""
TRADES: Final = "trades"
QUOTES: Final = "quotes"
REFERENCE: Final = "reference"
"""Closes of a session and what else a file tells of its symbols; by the session that they are of."""
SPLITS: Final = "splits"
"""Splits, by their first session."""
DIVIDENDS: Final = "dividends"
"""Cash dividends, by the session on which they go ex."""
AUCTIONS: Final = "auctions"
"""Prints of opening and closing auctions and of official prices, by the session that they are of."""
ACTIONS: Final = "actions"
"""Corporate actions, by the first session in their light."""
ASSETS: Final = "assets"
"""The universe as a vendor told it, by the session in which it was asked."""
FACTS: Final = (REFERENCE, SPLITS, DIVIDENDS, AUCTIONS, ACTIONS, ASSETS)
"""Kinds of what is known beside the market; they are not fed."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_BARS: Final = re.compile(r"bars_([1-9][0-9]*)([dhms])\Z")

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class SessionData:
    """The market of one session."""

    symbols: SymbolTable
    events: Events
    """Ordered by `ts`, then by row of the symbol."""
    session: dt.date
    digest: str
    """sha256 of where it came from, hex: equal for equal data."""


def bars(seconds: int) -> str:
    """Return the kind of bars of a length: `bars_1m`, `bars_5s`."""
    for unit, letter in _UNITS:
        if seconds % unit == 0:
            return f"bars_{seconds // unit}{letter}"
    raise AssertionError


def length_of(kind: str) -> int | None:
    """Return the length in seconds of a kind of bars, None for what is no bars."""
    match = _BARS.match(kind)
    return int(match[1]) * {letter: unit for unit, letter in _UNITS}[match[2]] if match else None


def is_kind(name: str) -> bool:
    """Say whether a folder of this name holds a kind of market data."""
    return name in (TRADES, QUOTES) or length_of(name) is not None


def columns_of(kind: str) -> tuple[str, ...]:
    """Return the numeric columns that a kind must have, beside `ts` and `symbol`."""
    facts = {
        REFERENCE: ("close", "shares", "float_shares", "id"),
        SPLITS: ("factor",),
        DIVIDENDS: ("amount",),
        AUCTIONS: ("price", "size"),
        ACTIONS: ("factor", "amount", "ends"),
        ASSETS: ("active", "tradable", "marginable", "shortable", "easy_to_borrow", "fractionable"),
    }
    return {TRADES: TRADE_COLUMNS, QUOTES: QUOTE_COLUMNS, **facts}.get(kind, BAR_COLUMNS)


_ID_BITS: Final = (1 << 52) - 1
"""Of an id, as many as a float tells apart; no two prints of one moment and price share them."""
_STRETCH: Final = 4096
"""Events that are laid out together: as many as fit the processor's second cache, field after field."""


def events_of(kind: str, columns: dict[str, Array], rows: Array, seconds: int) -> Events:
    """Turn columns, sorted by (ts, symbol), into events; `rows` are the symbols' rows, `seconds` a bar's length."""
    made = np.zeros(len(rows), EVENT)
    told = {name: column for name, column in columns.items() if len(column) == len(rows)}
    for start in range(0, len(rows), _STRETCH):
        part = slice(start, start + _STRETCH)
        _fill(kind, {name: column[part] for name, column in told.items()}, rows[part], seconds, made[part])
    return made


def _fill(kind: str, columns: dict[str, Array], rows: Array, seconds: int, made: Events) -> None:
    made["event_ts"] = columns["ts"]
    made["sym"] = rows
    for field, column in zip("abcde", columns_of(kind), strict=False):
        made[field] = columns[column]
    if kind == TRADES:
        made["kind"], made["flag"] = Kind.TRADE, columns.get("flag", Print.ALL)
        made["ts"] = columns["ts"]
        if "event_ts" in columns:
            made["event_ts"] = columns["event_ts"]
        if "id" in columns:
            made["e"] = columns["id"] & _ID_BITS
        _later(columns, made)
    elif kind == QUOTES:
        made["kind"] = Kind.QUOTE
        made["ts"] = made["event_ts"]
    else:
        # A bar is known at its end.
        made["kind"], made["code"] = Kind.BAR, seconds
        made["ts"] = columns["ts"] + seconds * SECOND


def _later(columns: dict[str, Array], made: Events) -> None:
    """Make cancels and corrections of the rows of prints that are some."""
    if "what" not in columns:
        return
    what = columns["what"]
    gone, fixes = what == CANCEL_ROW, what == CORRECTION_ROW
    later = gone | fixes
    made["event_ts"][later] = columns["of_ts"][later]
    made["kind"][gone], made["kind"][fixes] = Kind.CANCEL, Kind.CORRECTION
    made["flag"][gone], made["code"][fixes] = columns["before"][gone], columns["before"][fixes]
    made["c"][fixes], made["d"][fixes] = made["a"][fixes], made["b"][fixes]
    made["a"][later], made["b"][later] = columns["of_price"][later], columns["of_size"][later]


def merged(parts: list[Events]) -> Events:
    """Bring several streams over the same symbols into one order: `ts`, then row; quotes before what follows them."""
    whole = np.concatenate(parts)
    first_quotes = whole["kind"] != Kind.QUOTE
    return whole[np.lexsort((first_quotes, whole["sym"], whole["ts"]))]
