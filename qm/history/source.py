"""Files of other people's market data, read into columns of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

import numpy as np

from qm.errors import DataError, NotFoundError, UsageError
from qm.history import lean
from qm.history.layout import BAR_COLUMNS, QUOTE_COLUMNS, QUOTES, TRADE_COLUMNS, TRADES, Array
from qm.history.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

BARS: Final = "bars"
VENUE_QUOTES: Final = "venue quotes"
"""Best bid and offer of single venues; they become quotes once they are consolidated."""
QUOTE_BARS: Final = "quote bars"
"""Bid and ask as bars, as LEAN has them; what they close at are quotes, known at the end of the bar."""

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "ts": ("ts", "timestamp", "datetime", "date", "time", "t"),
    "symbol": ("symbol", "ticker", "sym", "s"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "trades": ("trades", "trade_count", "n"),
    "vwap": ("vwap", "vw"),
    "price": ("price", "p"),
    "size": ("size", "qty", "quantity"),
    "bid": ("bid", "bid_price"),
    "ask": ("ask", "ask_price"),
    "bid_close": ("bid_close",),
    "ask_close": ("ask_close",),
    "bid_size": ("bid_size",),
    "ask_size": ("ask_size",),
    "exchange": ("exchange", "venue", "exchange_code", "participant"),
    "conditions": ("conditions", "condition", "sale_conditions", "sale_condition", "tr_scond"),
    "tape": ("tape",),
    "id": ("id", "trade_id", "tr_id"),
    "suspicious": ("suspicious",),
    "correction": ("correction", "tr_corr", "action"),
    "event_ts": ("event_ts", "participant_timestamp", "participant_ts"),
}
_QUOTE_BAR_COLUMNS: Final = ("bid_close", "ask_close", "bid_size", "ask_size")
_LAYOUTS: Final = (
    (BARS, BAR_COLUMNS),
    (TRADES, TRADE_COLUMNS),
    (QUOTES, QUOTE_COLUMNS),
    (QUOTE_BARS, _QUOTE_BAR_COLUMNS),
)
_EXTRAS: Final = ("trades", "vwap")
_TEXTS: Final = {TRADES: ("exchange", "conditions", "tape", "correction"), VENUE_QUOTES: ("exchange",)}
NO_ID: Final = 0
"""Of a print that has none."""
NO_TIME: Final = -(1 << 62)
"""Of a row that has none, ns UTC."""
_ZONE: Final = r":[0-9.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_WHOLE: Final = r"^(0|-?[1-9][0-9]{0,17})$"
_SUFFIXES: Final = (".parquet", ".csv", ".csv.gz", lean.SUFFIX)
_NOT_MARKET: Final = (lean.FACTORS, "map_files")
"""Folders beside LEAN's market data, whose files are no market data."""


@dataclass(frozen=True, slots=True)
class Text:
    """A column of few different texts."""

    code: Array
    """int32, an index into `words`."""
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one layout: bars, trades, quotes, or quotes by venue."""

    layout: str
    ts: Array
    """int64 ns UTC, as labelled by the source."""
    symbol: Array
    """int32, an index into `names`."""
    names: tuple[str, ...]
    values: dict[str, Array]
    """Numbers by column, float64 where the source tells them; optional columns only when the source has them."""
    texts: dict[str, Text] = field(default_factory=dict)
    """Texts by column, only as long as they are needed to read the rows."""
    seconds: int | None = None
    """Length of bars, where the source says it."""

    def take(self, rows: Array | slice) -> Columns:
        """Return some of the rows, by mask or by index; a slice copies nothing."""
        values = {name: column[rows] for name, column in self.values.items()}
        texts = {name: Text(told.code[rows], told.words) for name, told in self.texts.items()}
        return replace(self, ts=self.ts[rows], symbol=self.symbol[rows], values=values, texts=texts)

    def without(self, *columns: str) -> Columns:
        """Return the rows without some columns of numbers, and without texts."""
        return replace(self, values={k: v for k, v in self.values.items() if k not in columns}, texts={})


def check_called(called: Mapping[str, str]) -> None:
    """Raise NotFoundError with the nearest names when a column that is to be renamed is none of ours."""
    for ours in called:
        if ours not in _NAMES:
            raise NotFoundError.of("column of market data", ours, _NAMES)


def check_zone(name: str) -> None:
    """Raise NotFoundError with the nearest names when no time zone is called so."""
    zones = available_timezones()
    if name not in zones:
        raise NotFoundError.of("time zone", name, zones)


def files_of(path: Path) -> list[Path]:
    """Return the file at `path`, or the files of market data below it; NotFoundError, UsageError."""
    if path.is_file():
        if not path.name.endswith(_SUFFIXES):
            raise UsageError(f"{path} is neither Parquet nor CSV nor a zip.", f"Give it one of {', '.join(_SUFFIXES)}.")
        return [path]
    if not path.exists():
        raise NotFoundError(f"There is nothing at {path}.")
    below = (each for each in path.rglob("*") if each.name.endswith(_SUFFIXES) and each.is_file())
    found = sorted(each for each in below if each.parent == path or each.parent.name not in _NOT_MARKET)
    if not found:
        raise NotFoundError(f"There is no Parquet, no CSV file and no zip below {path}.")
    return found


def read_columns(path: Path, timezone: str = "UTC", called: Mapping[str, str] | None = None) -> Iterator[Columns]:
    """Read a file, a stretch of rows at a time.

    Times without a zone are taken to be in `timezone`, `called` says what the file calls our columns. Raises DataError
    when the file is damaged, or when its columns are those of no known layout.
    """
    import pyarrow as pa

    try:
        if path.name.endswith(lean.SUFFIX):
            for table, seconds in lean.tables(path):
                yield replace(_columns(path, table, "UTC", {}), seconds=seconds)
            return
        for table in tables(path, lambda schema: _types(path, schema, called or {})):
            yield _columns(path, table, timezone, called or {})
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read ({error}).", "Check that it is whole and what its name says."
        ) from error


def _types(path: Path, schema: pa.Schema, called: Mapping[str, str]) -> dict[str, pa.DataType]:
    """Return which columns of a CSV file are wanted, and of which types."""
    import pyarrow as pa

    named = _named(path, schema.names, called)
    layout, needed = _layout(path, named, schema.names)
    found: dict[str, pa.DataType] = {}
    for ours, theirs in named.items():
        if ours in (*needed, *_EXTRAS, "suspicious"):
            found[theirs] = pa.float64()
        elif ours in ("ts", "event_ts"):
            found[theirs] = _type_of_times(schema.field(theirs).type)
        elif ours in ("symbol", "id", *_TEXTS.get(layout, ())):
            # TRUE is a symbol, and a file may begin with ids that are numbers.
            found[theirs] = pa.string()
    return found


def _type_of_times(seen: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    # Later rows may be finer than the first ones.
    return pa.timestamp("ns", seen.tz) if pa.types.is_timestamp(seen) else seen


def _columns(path: Path, table: pa.Table, timezone: str, called: Mapping[str, str]) -> Columns:
    named = _named(path, table.column_names, called)
    layout, needed = _layout(path, named, table.column_names)
    ts = moments(table.column(named["ts"]), timezone)
    wanted = (*needed, *(name for name in _EXTRAS if layout == BARS and name in named))
    values = {name: floats(table.column(named[name])) for name in wanted}
    if layout == TRADES and "id" in named:
        values["id"] = ids(table.column(named["id"]))
    if layout == TRADES and "event_ts" in named:
        # What happened cannot be known before: a clock that is ahead is wrong.
        values["event_ts"] = np.minimum(moments(table.column(named["event_ts"]), timezone), ts)
    if layout in (TRADES, VENUE_QUOTES) and "suspicious" in named:
        values["suspicious"] = floats(table.column(named["suspicious"]))
    texts = {name: text(table.column(named[name])) for name in _TEXTS.get(layout, ()) if name in named}
    if "suspicious" in values and "conditions" in texts:
        # Only LEAN's ticks say so; its conditions are flags.
        told = texts["conditions"]
        texts["conditions"] = Text(told.code, tuple(lean.letters(word) for word in told.words))
    if "symbol" in named:
        symbol = text(table.column(named["symbol"]))
        return Columns(layout, ts, symbol.code, symbol.words, values, texts)
    return Columns(layout, ts, np.zeros(len(ts), np.int32), (path.name.split(".")[0].upper(),), values, texts)


def _named(path: Path, there: list[str], called: Mapping[str, str]) -> dict[str, str]:
    """Return what the file calls each of our columns that it has; DataError when it lacks one that was named."""
    folded = {name.lower().strip(): name for name in there}
    named = {ours: folded[each] for ours, names in _NAMES.items() for each in reversed(names) if each in folded}
    lost = [theirs for theirs in called.values() if theirs.lower() not in folded]
    if lost:
        raise DataError(f"{path} has no column {' and no '.join(lost)}.", f"It has {', '.join(there)}.")
    named |= {ours: folded[theirs.lower()] for ours, theirs in called.items()}
    twice = [theirs for theirs in named.values() if there.count(theirs) > 1]
    if twice:
        raise DataError(f"{path} has the column {twice[0]} more than once.", "Rename one of them.")
    return named


def together(parts: list[Columns]) -> Columns:
    """Join the rows of several files of one layout; optional numbers of bars stay only where all have them."""
    names = tuple(sorted({name for part in parts for name in part.names}))
    place = {name: i for i, name in enumerate(names)}
    symbol = [np.array([place[name] for name in part.names], np.int32)[part.symbol] for part in parts]
    shared = [name for name in parts[0].values if all(name in part.values for part in parts)]
    if parts[0].layout != BARS:
        # What says which row is which must not be lost because one file does not tell it.
        shared = list(dict.fromkeys(name for part in parts for name in part.values))
        parts = [replace(part, values=_filled(part, shared)) for part in parts]
    return Columns(
        parts[0].layout,
        np.concatenate([part.ts for part in parts]),
        np.concatenate(symbol),
        names,
        {name: np.concatenate([part.values[name] for part in parts]) for name in shared},
    )


def _filled(part: Columns, shared: list[str]) -> dict[str, Array]:
    nothing = np.full(len(part.ts), NO_ID, np.int64)
    return {name: part.values.get(name, part.ts if name == "event_ts" else nothing) for name in shared}


def _layout(path: Path, named: dict[str, str], there: list[str]) -> tuple[str, tuple[str, ...]]:
    for layout, needed in _LAYOUTS:
        if "ts" in named and all(column in named for column in needed):
            if layout == QUOTES and "exchange" in named:
                return VENUE_QUOTES, needed
            return layout, needed
    raise DataError(
        f"{path} has the columns {', '.join(there)}, which are neither bars nor trades nor quotes.",
        "Bars need ts, symbol, open, high, low, close, volume; trades ts, symbol, price, size; quotes ts, symbol, bid, "
        "ask, bid_size, ask_size. Say what the file calls them: --map theirs=ours.",
    )


def moments(column: pa.ChunkedArray, timezone: str) -> Array:
    """Return times as int64 ns UTC; ValueError and ArrowException for what is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        zoned = pc.any(pc.match_substring_regex(column, _ZONE)).as_py()
        column = pc.cast(column, pa.timestamp("ns", "UTC" if zoned else None))
    elif pa.types.is_date(kind):
        column = pc.cast(column, pa.timestamp("ns"))
        timezone = "UTC"
    elif not pa.types.is_timestamp(kind):
        return _scaled(column)
    if column.type.tz is None:
        column = pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent="latest")
    # Filled before numpy sees it, which would make floats of whole numbers with gaps, and lose the nanoseconds.
    whole = pc.fill_null(pc.cast(column, pa.timestamp("ns", "UTC")).cast(pa.int64()), NO_TIME)
    return np.asarray(whole.to_numpy(), np.int64)


def _scaled(column: pa.ChunkedArray) -> Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = np.asarray(pc.fill_null(pc.cast(column, pa.int64(), safe=False), NO_TIME).to_numpy(), np.int64)
    there = whole != NO_TIME
    if not there.any():
        return whole
    # Seconds, ms, µs and ns of any date since 1973 differ by a thousand, so the size of the number tells the unit.
    middle = int(np.median(np.abs(whole[there])))
    for limit, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if middle < limit:
            return np.where(there, whole * factor, NO_TIME)
    return whole


def floats(column: pa.ChunkedArray) -> Array:
    """Return numbers as float64, NaN where one is missing; ArrowException for what is none."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def text(column: pa.ChunkedArray) -> Text:
    """Return words, "" where one is missing; lists are joined by commas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), ",")
    coded = pc.cast(column, pa.string()).combine_chunks().dictionary_encode()
    place = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy(zero_copy_only=False)
    return Text(place.astype(np.int32), (*coded.dictionary.to_pylist(), *([""] if coded.null_count else [])))


def ids(column: pa.ChunkedArray) -> Array:
    """Return ids as int64: whole numbers as they are, of others a digest, `NO_ID` where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.int64()), NO_ID).to_numpy(), np.int64)
    words = pc.fill_null(pc.cast(column, pa.string()), "")
    whole = np.asarray(pc.match_substring_regex(words, _WHOLE).to_numpy(), bool)
    found = np.zeros(len(words), np.int64)
    found[whole] = words.filter(pa.array(whole)).cast(pa.int64()).to_numpy()
    told = text(words.filter(pa.array(~whole)))
    found[~whole] = np.array([_digest(word) for word in told.words], np.int64)[told.code]
    return found


def _digest(word: str) -> int:
    # 64 bits: two of a million ids fall together once in forty million files.
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big", signed=True) if word else NO_ID
