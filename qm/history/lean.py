"""Zip files in the layouts of LEAN's data folder, as columns.

`equity/usa/<resolution>/<ticker>/<YYYYMMDD>_<trade|quote>.zip` for minutes, seconds and ticks, and
`equity/usa/<hour|daily>/<ticker>.zip`; each holds CSV without a header. Prices are in deci-cents (10,000 to the
dollar). Times are milliseconds since midnight in New York, with fractions for ticks, or `YYYYMMDD HH:MM` there; bars
are labelled by their start. Sale conditions are flags in hexadecimal, and a tick may be called suspicious.
Source: the description of the format in LEAN's repository (Data/equity/readme.md) and its TradeConditionFlags.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qm.clock import NEW_YORK, at_ny
from qm.errors import DataError
from qm.history.tables import CSV_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX: Final = ".zip"
FACTORS: Final = "factor_files"
_NEXT_DAY: Final = dt.timedelta(days=1)
_DECI_CENTS: Final = 10_000.0
_MS: Final = 1e6
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "daily": 86_400}
_OF_A_DAY: Final = re.compile(r"(?P<date>\d{8})_(?P<ticker>.+)_(?P<one>[a-z]+)_(?P<other>[a-z]+)\.csv\Z", re.IGNORECASE)
_OF_A_LIFE: Final = re.compile(r"(?P<ticker>[a-z0-9.]+)\.csv\Z", re.IGNORECASE)
_BARS: Final = ("time", "open", "high", "low", "close", "volume")
_QUOTE_BARS: Final = (
    "time",
    *(f"bid_{name}" for name in (*_BARS[1:5], "size")),
    *(f"ask_{name}" for name in (*_BARS[1:5], "size")),
)
_TICKS: Final = ("time", "price", "size", "exchange", "conditions", "suspicious")
_QUOTE_TICKS: Final = ("time", "bid", "bid_size", "ask", "ask_size", "exchange", "conditions", "suspicious")
_TEXTS: Final = ("exchange", "conditions")
_LETTERS: Final = (
    *("@", "C", "N", "R", "Y", "F", "O", "6", "5", "4", "T", "L", "1", "T", "Z", "S"),
    *("A", "B", "V", "D", "W", "X", "H", "K", "M", "P", "Q", "", "E", "X", "?", "I"),
)
"""Letters of the tapes that say what each flag does, from the lowest bit on; election sweeps (27) had none that matters
here, and what 30 means nobody tells."""


class Inside(NamedTuple):
    """A file of a zip, as its name describes it."""

    columns: tuple[str, ...]
    symbol: str
    seconds: int | None
    """Length of bars; None for ticks, and where the name does not tell."""
    midnight: int | None
    """Start of the day that its times count from, ns UTC; None where they are dates."""


def tables(path: Path) -> Iterator[tuple[pa.Table, int | None]]:
    """Yield what is in a zip, a stretch of rows at a time, each with the length of its bars in seconds.

    Columns have our names, prices are in $ and times in ns UTC. Raises DataError for a zip that is damaged or of
    another layout; ValueError and ArrowException as they come.
    """
    try:
        with zipfile.ZipFile(path) as files:
            names = [name for name in files.namelist() if name.lower().endswith(".csv")]
            if not names:
                raise _stranger(path, "no CSV file in it")
            for name in names:
                inside = _inside(path, name)
                with files.open(name) as file:
                    for table in _stretches(file, inside):
                        yield _in_dollars(table, inside), inside.seconds
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read ({error}).", "Check that it is whole, and not encrypted.") from error


def is_factors(path: Path) -> bool:
    """Say whether a file is one of LEAN's price and split factors of a ticker."""
    return path.parent.name == FACTORS


def factors(path: Path) -> dict[str, list[tuple[dt.date, float]]]:
    """Return the splits (`splits`, factors of earlier prices) and cash dividends (`dividends`, $) of a file of factors.

    A row tells the factors up to and including its day, and what a share cost then; both hold from the next session
    on. A dividend without that price cannot be told. Raises OSError and ValueError.
    """
    rows = []
    for line in path.read_text().split():
        date, *words = line.split(",")
        if len(words) not in (2, 3):
            raise ValueError(f"{line!r} is no row of factors")
        price, split, cost = (*map(float, words), math.nan)[:3]
        if not (price > 0 and split > 0):
            raise ValueError(f"{line!r} has a factor that is not positive")
        rows.append((dt.date.fromisoformat(date), price, split, cost))
    found: dict[str, list[tuple[dt.date, float]]] = {"splits": [], "dividends": []}
    for (day, price, split, cost), (_, price_after, split_after, _) in itertools.pairwise(sorted(rows)):
        if split != split_after:
            found["splits"].append((day + _NEXT_DAY, split / split_after))
        if price != price_after and cost > 0:
            found["dividends"].append((day + _NEXT_DAY, cost * (1 - price / price_after)))
    return found


def letters(flags: str) -> str:
    """Return the letters of the tapes for flags in hexadecimal; ValueError for what is none."""
    bits = int(flags or "0", 16)
    if not 0 <= bits < 1 << len(_LETTERS):
        raise ValueError(f"{flags!r} are no sale conditions of LEAN")
    return "".join(letter for i, letter in enumerate(_LETTERS) if bits >> i & 1)


def _inside(path: Path, name: str) -> Inside:
    entry = Path(name).name
    if match := _OF_A_DAY.match(entry):
        words = {match["one"].lower(), match["other"].lower()}
        quotes = "quote" in words
        ticks = "tick" in words
        seconds = next((_SECONDS[word] for word in words if word in ("second", "minute")), None)
        if not (quotes or "trade" in words) or not (ticks or seconds):
            raise _stranger(path, f"{entry} in it is of no kind that is known")
        midnight = at_ny(dt.date.fromisoformat(match["date"]), "00:00")
        columns = (_QUOTE_TICKS if quotes else _TICKS) if ticks else (_QUOTE_BARS if quotes else _BARS)
        return Inside(columns, match["ticker"].upper(), seconds, midnight)
    if match := _OF_A_LIFE.match(entry):
        return Inside(_BARS, match["ticker"].upper(), _SECONDS.get(path.parent.name.lower()), None)
    raise _stranger(path, f"{entry} in it has no name that is known")


def _stretches(file: Any, inside: Inside) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.string() if name in _TEXTS else pa.float64() for name in inside.columns}
    if inside.midnight is None:
        types["time"] = pa.string()
    blocks = csv.ReadOptions(column_names=list(inside.columns), block_size=CSV_BYTES)
    with csv.open_csv(file, read_options=blocks, convert_options=csv.ConvertOptions(column_types=types)) as stream:
        for batch in stream:
            yield pa.Table.from_batches([batch])


def _in_dollars(table: pa.Table, inside: Inside) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, Any] = {"ts": _moments(table.column("time"), inside.midnight)}
    columns["symbol"] = pa.array([inside.symbol]).take(pa.array(np.zeros(len(table), np.int32)))
    for name in inside.columns[1:]:
        column = table.column(name)
        if name in _TEXTS:
            columns[name] = column
        elif name in ("volume", "size", "suspicious"):
            columns[name] = column.to_numpy()
        elif name.endswith("_size"):
            # A side that is not told has no shares.
            columns[name] = np.nan_to_num(column.to_numpy())
        else:
            columns[name] = column.to_numpy() / _DECI_CENTS
    return pa.table(columns)


def _moments(column: pa.ChunkedArray, midnight: int | None) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if midnight is None:
        local = pc.strptime(column, format="%Y%m%d %H:%M", unit="s")
        return pc.assume_timezone(local, NEW_YORK.key, ambiguous="earliest", nonexistent="latest")
    since = column.to_numpy()
    if not (np.isfinite(since) & (np.abs(since) < 1e9)).all():
        raise ValueError("a time is no number of milliseconds of a day")
    # Wall time: on the two days a year on which the clock is changed there is no session.
    return pa.array(midnight + np.rint(since * _MS).astype(np.int64), pa.timestamp("ns", "UTC"))


def _stranger(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is no zip of LEAN's layout: {why}.",
        "Unpack it and import the CSV files; LEAN's are <date>_<ticker>_minute_trade.csv and the like.",
    )
