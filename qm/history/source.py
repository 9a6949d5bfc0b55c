"""Files of other people's market data, read into columns of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qm.errors import DataError, NotFoundError, UsageError
from qm.history.layout import BAR_COLUMNS, QUOTE_COLUMNS, QUOTES, TRADE_COLUMNS, TRADES, Array

if TYPE_CHECKING:
    import pyarrow as pa

BARS: Final = "bars"

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
    "bid_size": ("bid_size",),
    "ask_size": ("ask_size",),
}
_LAYOUTS: Final = ((BARS, BAR_COLUMNS), (TRADES, TRADE_COLUMNS), (QUOTES, QUOTE_COLUMNS))
_EXTRAS: Final = ("trades", "vwap")
_ZONE: Final = r":[0-9.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one layout: bars, trades or quotes."""

    layout: str
    ts: Array
    """int64 ns UTC, as labelled by the source."""
    symbol: Array
    """int32, an index into `names`."""
    names: tuple[str, ...]
    values: dict[str, Array]
    """float64 by column; optional columns only when the source has them."""

    def take(self, rows: Array) -> Columns:
        """Return some of the rows, by mask or by index."""
        values = {name: column[rows] for name, column in self.values.items()}
        return Columns(self.layout, self.ts[rows], self.symbol[rows], self.names, values)


def check_called(called: Mapping[str, str]) -> None:
    """Raise NotFoundError with the nearest names when a column that is to be renamed is none of ours."""
    for ours in called:
        if ours not in _NAMES:
            raise NotFoundError.of("column of market data", ours, _NAMES)


def files_of(path: Path) -> list[Path]:
    """Return the file at `path`, or the Parquet and CSV files below it; NotFoundError, UsageError."""
    if path.is_file():
        if not path.name.endswith(_SUFFIXES):
            raise UsageError(f"{path} is neither Parquet nor CSV.", f"Give it one of {', '.join(_SUFFIXES)}.")
        return [path]
    if not path.exists():
        raise NotFoundError(f"There is nothing at {path}.")
    found = sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(_SUFFIXES))
    if not found:
        raise NotFoundError(f"There is no Parquet and no CSV file below {path}.")
    return found


def read_columns(path: Path, timezone: str = "UTC", called: Mapping[str, str] | None = None) -> Columns:
    """Read a file; times without a zone are taken to be in `timezone`, `called` says what the file calls our columns.

    Raises DataError when the file is damaged, or when its columns are those of no known layout.
    """
    import pyarrow as pa

    try:
        table = _read(path)
        there = {name.lower().strip(): name for name in table.column_names}
        named = {ours: there[each] for ours, names in _NAMES.items() for each in reversed(names) if each in there}
        named |= {ours: there[theirs.lower()] for ours, theirs in (called or {}).items() if theirs.lower() in there}
        layout, needed = _layout(path, named, table.column_names)
        ts = _ns(table.column(named["ts"]), timezone)
        wanted = (*needed, *(name for name in _EXTRAS if layout == BARS and name in named))
        values = {name: _floats(table.column(named[name])) for name in wanted}
        symbol, names = _symbols(table.column(named["symbol"])) if "symbol" in named else _one(path, len(ts))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read ({error}).", "Check that it is whole and what its name says."
        ) from error
    return Columns(layout, ts, symbol, names, values)


def together(parts: list[Columns]) -> Columns:
    """Join the rows of several files of one layout; optional columns stay only where all have them."""
    names = tuple(sorted({name for part in parts for name in part.names}))
    place = {name: i for i, name in enumerate(names)}
    symbol = [np.array([place[name] for name in part.names], np.int32)[part.symbol] for part in parts]
    shared = [name for name in parts[0].values if all(name in part.values for part in parts)]
    return Columns(
        parts[0].layout,
        np.concatenate([part.ts for part in parts]),
        np.concatenate(symbol),
        names,
        {name: np.concatenate([part.values[name] for part in parts]) for name in shared},
    )


def encoded(columns: Columns) -> bytes:
    """Return sorted rows as a Parquet file, zstd."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "ts": columns.ts,
            "symbol": pa.DictionaryArray.from_arrays(columns.symbol, pa.array(columns.names, pa.string())),
            **columns.values,
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _read(path: Path) -> pa.Table:
    if path.name.endswith(".parquet"):
        import pyarrow.parquet as pq

        return pq.read_table(path, partitioning=None)
    from pyarrow import csv

    return csv.read_csv(path)


def _layout(path: Path, named: dict[str, str], there: list[str]) -> tuple[str, tuple[str, ...]]:
    for layout, needed in _LAYOUTS:
        if "ts" in named and all(column in named for column in needed):
            # Files of the best bid and offer by venue are not one book: merging them is the consolidator's work.
            if layout == QUOTES and "exchange" in there:
                break
            return layout, needed
    raise DataError(
        f"{path} has the columns {', '.join(there)}, which are neither bars nor trades nor quotes.",
        "Bars need ts, symbol, open, high, low, close, volume; trades ts, symbol, price, size.",
    )


def _ns(column: pa.ChunkedArray, timezone: str) -> Array:
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
        return _scaled(column.to_numpy())
    if column.type.tz is None:
        column = pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent="latest")
    return np.asarray(pc.cast(column, pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy(), np.int64)


def _scaled(numbers: Array) -> Array:
    whole = np.asarray(numbers, np.int64)
    if not len(whole):
        return whole
    # Seconds, ms, µs and ns of any date since 1973 differ by a thousand, so the size of the number tells the unit.
    middle = int(np.median(np.abs(whole)))
    for limit, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if middle < limit:
            return whole * factor
    return whole


def _floats(column: pa.ChunkedArray) -> Array:
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _symbols(column: pa.ChunkedArray) -> tuple[Array, tuple[str, ...]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.cast(column, pa.string()).combine_chunks().dictionary_encode()
    place = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy(zero_copy_only=False)
    return place.astype(np.int32), (*coded.dictionary.to_pylist(), *([""] if coded.null_count else []))


def _one(path: Path, rows: int) -> tuple[Array, tuple[str, ...]]:
    return np.zeros(rows, np.int32), (path.name.split(".")[0].upper(),)
