"""Files of closes and of splits, read into columns of one shape."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from qm.clock import session_date, utc
from qm.errors import DataError, UsageError
from qm.history.checks import Action, Finding, refuse
from qm.history.layout import DIVIDENDS, REFERENCE, SPLITS, Array
from qm.history.source import Columns, Text, floats, ids, moments, text
from qm.rules.calendar import Session, is_session, next_session, previous_session, session
from qm.rules.symbology import named

if TYPE_CHECKING:
    import pyarrow as pa

_REFERENCE: Final[dict[str, tuple[str, ...]]] = {
    "symbol": ("symbol", "ticker"),
    "close": ("close", "last", "price", "prior_close"),
    "ts": ("ts", "known_at", "timestamp"),
    "date": ("date", "as_of", "session"),
    "shares": ("shares", "shares_outstanding", "total shares outstanding"),
    "market_cap": ("market_cap", "market capitalization"),
    "float_shares": ("float_shares", "float", "shares float"),
    "id": ("id", "figi", "composite_figi", "cik"),
}
_SPLITS: Final[dict[str, tuple[str, ...]]] = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "ex_date", "execution_date", "effective"),
    "factor": ("factor",),
    "ratio": ("ratio",),
    "from": ("from", "split_from", "old"),
    "to": ("to", "split_to", "new"),
    "ts": ("known_at", "ts"),
}
_DIVIDENDS: Final[dict[str, tuple[str, ...]]] = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "ex_date", "ex_dividend_date"),
    "amount": ("amount", "cash_amount", "dividend", "cash"),
    "ts": ("known_at", "ts"),
}
COLUMNS: Final = {REFERENCE: _REFERENCE, SPLITS: _SPLITS, DIVIDENDS: _DIVIDENDS}
"""Names of the columns of each kind of facts: ours, and those that files use for it."""

_RATIO: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?::|-?for-?|/)\s*([0-9]+(?:\.[0-9]+)?)\s*\Z", re.IGNORECASE)


class FactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read files of facts."""

    as_of: dt.date | None = None
    """Session whose closes these are; None to see it in their stamps."""
    timezone: str = "UTC"
    """Of stamps that carry no zone."""
    called: dict[str, str] = {}
    """What the files call a column of ours, where they do not use a usual name."""
    replace: bool = False
    dry_run: bool = False


def closes(file: Path, table: pa.Table, now: int, options: FactOptions, findings: list[Finding]) -> Columns:
    """Return closes with the ordinal of the session that they are of (`day`); UsageError, DataError, ValueError."""
    named = _named(file, table, REFERENCE, options.called, ("symbol", "close"))
    symbol = _spelled(text(table.column(named["symbol"])), findings)
    values = {"close": floats(table.column(named["close"]))}
    for name in ("shares", "float_shares"):
        values[name] = floats(table.column(named[name])) if name in named else np.full(len(table), np.nan)
    if "market_cap" in named and "shares" not in named:
        # A screener tells the value of the company at its price: the quotient is the shares it counts with.
        cap = floats(table.column(named["market_cap"]))
        values["shares"] = np.divide(cap, values["close"], out=np.full(len(cap), np.nan), where=values["close"] > 0)
    for name in ("shares", "float_shares"):
        values[name] = np.where(values[name] > 0, values[name], np.nan)
    values["id"] = ids(table.column(named["id"])) if "id" in named else np.zeros(len(table), np.int64)
    ts = moments(table.column(named["ts"]), options.timezone) if "ts" in named else None
    days, known = _as_of(file, table, named, ts, options, now)
    rows = Columns(REFERENCE, known, symbol.code, symbol.words, values | {"day": days})
    if ts is None:
        return rows
    in_hours = _in_hours(ts)
    return refuse(rows, in_hours, "taken during regular hours: its price is no close", findings)


def _as_of(
    file: Path, table: pa.Table, named: dict[str, str], ts: Array | None, options: FactOptions, now: int
) -> tuple[Array, Array]:
    """Return the ordinal of the session that each row is of, and when it was known."""
    if ts is not None:
        moments_, place = np.unique(ts, return_inverse=True)
        ordinals = np.array([_closed_before(int(moment)).date.toordinal() for moment in moments_], np.int64)[place]
        known = ts
    elif "date" in named or options.as_of is not None:
        ordinals = (
            _ordinals(table.column(named["date"]))
            if "date" in named
            else np.full(len(table), options.as_of.toordinal() if options.as_of else 0, np.int64)
        )
        known = _ends(file, ordinals)
    else:
        raise UsageError(f"{file} does not say of which session its closes are.", "Say it with --as-of DATE.")
    if options.as_of is not None and (ordinals != options.as_of.toordinal()).any():
        wrong = int(np.flatnonzero(ordinals != options.as_of.toordinal())[0])
        raise DataError(
            f"{file} has the closes of {dt.date.fromordinal(int(ordinals[wrong]))} "
            f"(taken {utc(int(known[wrong])):%Y-%m-%d %H:%M} UTC), not those of {options.as_of}.",
            "Import it without --as-of, or fetch the right file.",
        )
    if len(known) and known.max() > now:
        raise DataError(
            f"{file} is of the future: taken {utc(int(known.max())):%Y-%m-%d %H:%M} UTC.",
            "Check the zone of its stamps (--timezone) and the clock of this machine.",
        )
    return ordinals, known


def _closed_before(moment: int) -> Session:
    """Return the last session whose regular hours are over at a moment."""
    date = session_date(moment)
    if is_session(date) and session(date).close_ns <= moment:
        return session(date)
    return previous_session(date)


def _in_hours(ts: Array) -> Array:
    moments_, place = np.unique(ts, return_inverse=True)
    dates = [session_date(int(moment)) for moment in moments_]
    inside = [
        is_session(date) and session(date).open_ns <= moment < session(date).close_ns
        for date, moment in zip(dates, moments_.tolist(), strict=True)
    ]
    return np.array(inside, bool)[place]


def _ends(file: Path, ordinals: Array) -> Array:
    values, place = np.unique(ordinals, return_inverse=True)
    dates = [dt.date.fromordinal(int(value)) for value in values]
    closed = [date for date in dates if not is_session(date)]
    if closed:
        raise DataError(f"{file} has closes of {closed[0]}, when the market was closed.", "Check its dates.")
    return np.array([session(date).post_ns for date in dates], np.int64)[place]


def splits(file: Path, table: pa.Table, options: FactOptions) -> Columns:
    """Return splits with the ordinal of their first session (`day`); DataError, ValueError."""
    named = _named(file, table, SPLITS, options.called, ("symbol", "date"))
    symbol = _spelled(text(table.column(named["symbol"])), [])
    if "factor" in named:
        factor = floats(table.column(named["factor"]))
    elif "from" in named and "to" in named:
        old, new = floats(table.column(named["from"])), floats(table.column(named["to"]))
        factor = np.divide(old, new, out=np.full(len(old), np.nan), where=new > 0)
    elif "ratio" in named:
        ratio = text(table.column(named["ratio"]))
        factor = np.array([_factor(word) for word in ratio.words])[ratio.code]
    else:
        raise DataError(
            f"{file} does not say how shares are split.",
            "It needs a ratio (new:old, 4:1 or 1:100), or from and to (old and new shares), or a price factor.",
        )
    return _effective(SPLITS, table, named, symbol, {"factor": factor}, options)


def dividends(file: Path, table: pa.Table, options: FactOptions) -> Columns:
    """Return cash dividends, $ per share, with the ordinal of their ex-date (`day`); DataError, ValueError."""
    named = _named(file, table, DIVIDENDS, options.called, ("symbol", "date", "amount"))
    symbol = _spelled(text(table.column(named["symbol"])), [])
    return _effective(DIVIDENDS, table, named, symbol, {"amount": floats(table.column(named["amount"]))}, options)


def _effective(
    kind: str, table: pa.Table, named: dict[str, str], symbol: Text, values_: dict[str, Array], options: FactOptions
) -> Columns:
    values, place = np.unique(_ordinals(table.column(named["date"])), return_inverse=True)
    days = [dt.date.fromordinal(int(value)) for value in values]
    of = [session(day) if is_session(day) else next_session(day) for day in days]
    # It is announced days ahead; without a stamp it counts as known when its first session begins.
    known = np.array([each.pre_ns for each in of], np.int64)[place]
    if "ts" in named:
        known = moments(table.column(named["ts"]), options.timezone)
    first = np.array([each.date.toordinal() for each in of], np.int64)[place]
    return Columns(kind, known, symbol.code, symbol.words, values_ | {"day": first})


def _factor(ratio: str) -> float:
    match = _RATIO.match(ratio)
    if not match or not float(match[1]) > 0:
        return float("nan")
    return float(match[2]) / float(match[1])


def _spelled(symbol: Text, findings: list[Finding]) -> Text:
    """Spell classes and preferred shares as the program does: BRK/B is BRK.B, ABR^D is ABR.PRD."""
    words = tuple(named(word.strip()).symbol for word in symbol.words)
    changed = [word for word, before in zip(words, symbol.words, strict=True) if word != before]
    if changed:
        findings.append(Finding("spelled as here", len(changed), Action.REPAIRED, tuple(changed[:3])))
    # Two spellings of one name in a file become one name.
    first = {word: place for place, word in reversed(list(enumerate(words)))}
    code = np.array([first[word] for word in words], np.int32)[symbol.code]
    return Text(code, words)


def _ordinals(column: pa.ChunkedArray) -> Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.date32(), safe=False)
    elif not pa.types.is_date(column.type):
        column = pc.cast(pc.cast(column, pa.string()), pa.date32())
    if column.null_count:
        raise ValueError("a date is missing")
    return np.asarray(column.to_numpy().astype("datetime64[D]").astype(np.int64) + dt.date(1970, 1, 1).toordinal())


def _named(
    file: Path, table: pa.Table, kind: str, called: Mapping[str, str], needed: tuple[str, ...]
) -> dict[str, str]:
    folded = {name.lower().strip(): name for name in table.column_names}
    named = {ours: folded[each] for ours, names in COLUMNS[kind].items() for each in reversed(names) if each in folded}
    named |= {ours: folded[theirs.lower()] for ours, theirs in called.items() if theirs.lower() in folded}
    missing = [name for name in needed if name not in named]
    if missing:
        raise DataError(
            f"{file} has the columns {', '.join(table.column_names)}; as {kind} it lacks {' and '.join(missing)}.",
            "Name them with --map theirs=ours.",
        )
    return named
