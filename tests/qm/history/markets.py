"""Small made-up markets, as arrays and as files."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qm.clock import MINUTE
from qm.history.catalogue import Catalogue
from qm.history.importer import ImportOptions, ImportReport, import_files
from qm.history.layout import SessionData
from qm.model.instrument import SymbolTable
from qm.model.market import Events, bar, events
from qm.rules.calendar import session

DAY = dt.date(2025, 1, 2)
NEXT = dt.date(2025, 1, 3)
OPEN = session(DAY).open_ns
NOW = 1_736_500_000_000_000_000

# Read before the tests forget the settings of the environment.
REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def real(name: str) -> Path:
    """The path of a real data set, or a skip that says where it was looked for."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"no real market data at {path}: set QM_TEST_DATA")
    return path


def minute_bars(minutes: int = 390, symbols: tuple[str, ...] = ("AAPL", "CYPH"), day: dt.date = DAY) -> dict[str, Any]:
    """Regular one-minute bars, by column; prices differ in every bar and symbol."""
    n = minutes * len(symbols)
    base = 10.0 + np.arange(n) * 0.01
    return {
        "ts": session(day).open_ns + np.repeat(np.arange(minutes), len(symbols)) * MINUTE,
        "symbol": list(symbols) * minutes,
        "open": base,
        "high": base + 0.05,
        "low": base - 0.05,
        "close": base + 0.01,
        "volume": np.arange(1, n + 1) * 10,
    }


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def day_of(rows: list[tuple[Any, ...]], symbols: tuple[str, ...] = ("A", "B"), day: dt.date = DAY) -> SessionData:
    return SessionData(SymbolTable(symbols), events(rows), day, "made up")


def full_day(price: float, volume: float, symbols: tuple[str, ...] = ("A", "B"), day: dt.date = DAY) -> SessionData:
    """A bar of every regular minute for every symbol, all alike, and one at the close that opens a dollar higher."""
    of = session(day)
    rows = []
    for minute in range(of.minutes + 1):
        end = of.open_ns + (minute + 1) * MINUTE
        o = price + (minute == of.minutes)
        rows += [bar(end, i, o, o + 0.5, o - 0.5, o, volume) for i in range(len(symbols))]
    return day_of(rows, symbols, day)


def imported(folder: Path, path: Path, name: str = "made_up", **options: Any) -> tuple[Catalogue, ImportReport]:
    catalogue = Catalogue(folder / "history", folder / "cache")
    return catalogue, import_files(catalogue, path, name, NOW, ImportOptions(**options))


def in_order(found: Events) -> bool:
    """Whether events are ordered by time, then row."""
    later = np.diff(found["ts"]) > 0
    same = np.diff(found["ts"]) == 0
    return bool((later | (same & (np.diff(found["sym"]) >= 0))).all())
