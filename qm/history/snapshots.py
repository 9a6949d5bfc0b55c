"""The radar's snapshot store: the list of every beat, and now and then the whole market, as Parquet by session date.

`2026-11-20.parquet` holds the strongest symbols and those on the list at every beat, `2026-11-20.market.parquet` every
symbol with a price, so many seconds apart. Both are written by a thread of their own: the engine copies a hundred
lines, and of the whole market nothing, because a ranking does not change any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from queue import Full, Queue
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from qm.clock import SECOND, monotonic_ns
from qm.errors import DataError, QmError
from qm.history.parted import PartedFile, read
from qm.model.instrument import SymbolTable
from qm.radar.fitness import Lack
from qm.radar.marks import ranks_of
from qm.radar.parts import Indices
from qm.radar.ranking import Ranking
from qm.rules.calendar import Session

__all__ = ["FIXED", "FLAGS", "MARKET", "POINTS", "SnapshotWriter", "market_path", "read"]

EVERY: Final = 300
"""Beats in a part."""
MARKET_ROWS: Final = 100_000
"""Rows of the whole market in a part, about: each part costs a wait for the disk."""
QUEUED: Final = 600
"""Beats that wait for the thread at most."""
WRITTEN_S: Final = 60
"""What waits longer is written, even when it fills no part: slow beats would else be seen hours later."""
HELD: Final = 4
"""Parts that are held back while they cannot be written; what is older is lost."""

SHOWN: Final = ("chg_pct", "rvol", "dollar_volume", "pre_dollar_volume", "mom_5_pct")
"""Features that are kept of the symbols of every beat."""
FIXED: Final = ("ts", "rank", "symbol", "score", "last", "flags", *SHOWN)
"""The columns of every beat before the points: beat (ns UTC), place (0: not ranked), symbol, score (0 to 100; what it
would be where it is not ranked), last price ($), the sum of `FLAGS`, features; null where something is not known."""
POINTS: Final = "_points"
"""What the name of a column ends in that holds the points of a part of the score."""
FLAGS: Final = {"halt": 1, "high": 2, "list": 4}
"""Halted; a new high within the last minute; on the radar's list."""
MARKET: Final = (
    "ts",
    "rank",
    "symbol",
    "score",
    "last",
    "lack",
    *SHOWN,
    "gap_pct",
    "vwap_dist_pct",
    "range_pos",
    "spread_bps",
    "halts_today",
)
"""The columns of the whole market; `lack` is the `Lack` that keeps a symbol from being ranked."""

DIGITS: Final = {"dollar_volume": -3, "pre_dollar_volume": -3, "spread_bps": 0}
"""Digits that are kept of a feature, 2 where it is not named: noise beyond would take most of the room."""

_OF_MARKET: Final = MARKET[MARKET.index("lack") + 1 :]
_ALL_SCORES: Final = "scores of all rows"
_AS_THEY_ARE: Final = {"row", "rank", "last", "flags", "lack"}

_Column = npt.NDArray[Any]
_Columns = dict[str, _Column]


class SnapshotWriter:
    """Keeps what the radar showed in one session; a context manager.

    Continues a session that was cut off: parts that are already there stay, and beats at or before the last one stored
    are left out. `wait` says what to do when the thread cannot keep up: wait for it, or leave a beat out and count it
    as lost. `on_problem` is called from the thread, once until it works again; it works again when `problem` is None.
    """

    def __init__(
        self,
        folder: Path,
        table: SymbolTable,
        session: Session,
        every: int = EVERY,
        market_s: int = 60,
        *,
        wait: bool = True,
        on_problem: Callable[[QmError], None] | None = None,
    ) -> None:
        self.path = folder / f"{session.date}.parquet"
        names = pa.array(table.names, pa.string())
        self._top = _Series(PartedFile(self.path), names, every)
        self._market = _Series(PartedFile(market_path(self.path)), names, max(1, MARKET_ROWS // len(table)))
        self._market_ns, self._wait, self._on_problem = market_s * SECOND, wait, on_problem
        self._last_ts, self._last_market = self._top.file.last_ts, self._market.file.last_ts
        self._queue: Queue[tuple[_Series, int, _Columns] | None] = Queue(QUEUED)
        self._thread: threading.Thread | None = None
        self.problem: QmError | None = None
        """Why nothing can be written at the moment."""
        self.lost = 0
        """Beats that were left out, because the thread or the disk could not keep up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, ranking: Ranking) -> None:
        """Keep one beat; nothing is written here, and nothing raised."""
        if ranking.ts <= self._last_ts or not (len(ranking.order) or len(ranking.listed)):
            return
        self._last_ts = ranking.ts
        self._put(self._top, ranking.ts, _strongest(ranking))
        if self._market_ns and ranking.ts // self._market_ns > self._last_market // self._market_ns:
            self._last_market = ranking.ts
            self._put(self._market, ranking.ts, _whole(ranking))

    def settle(self) -> None:
        """Wait until all beats so far have passed the thread; part of them may still be in memory."""
        self._queue.join()

    def flush(self) -> None:
        """Write all beats so far; raises DiskFullError and DataError, and keeps what could not be written."""
        self.settle()
        for series in (self._top, self._market):
            series.write()
        self.problem = None

    def close(self) -> None:
        """Write what is left and join all parts into one file; harmless when repeated, raises as `flush` does."""
        try:
            self.flush()
        finally:
            if self._thread is not None:
                self._queue.put(None)
                self._thread.join()
                self._thread = None
        for series in (self._top, self._market):
            series.file.close()

    def _put(self, series: _Series, ts: int, columns: _Columns) -> None:
        if self._thread is None:
            # As a daemon it keeps no process alive that ended without closing it.
            self._thread = threading.Thread(target=self._work, name="radar snapshots", daemon=True)
            self._thread.start()
        try:
            self._queue.put((series, ts, columns), block=self._wait)
        except Full:
            self.lost += 1

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            series, ts, columns = job
            try:
                self.lost += series.add(ts, columns)
                if series.full:
                    series.write()
                    self.problem = None
            except QmError as error:
                self._tell(error)
            except Exception as error:  # noqa: BLE001 - a thread that ended would leave the engine waiting for it
                self._tell(DataError(f"The radar's snapshots in {series.file.path} cannot be written: {error}."))
            finally:
                self._queue.task_done()

    def _tell(self, error: QmError) -> None:
        told, self.problem = self.problem is not None, error
        if self._on_problem is not None and not told:
            self._on_problem(error)


class _Series:
    """The beats of one table that are not written yet."""

    def __init__(self, file: PartedFile, names: pa.Array, every: int) -> None:
        self.file, self._names, self._every = file, names, every
        self._beats: list[tuple[int, _Columns]] = []
        self._due = monotonic_ns() + WRITTEN_S * SECOND

    @property
    def full(self) -> bool:
        return bool(self._beats) and (len(self._beats) % self._every == 0 or monotonic_ns() >= self._due)

    def add(self, ts: int, columns: _Columns) -> int:
        """Keep a beat; returns how many were given up for it."""
        self._beats.append((ts, _picked(columns)))
        lost = max(0, len(self._beats) - HELD * self._every)
        del self._beats[:lost]
        return lost

    def write(self) -> None:
        self._due = monotonic_ns() + WRITTEN_S * SECOND
        if self._beats:
            self.file.add(self._table())
            self._beats.clear()

    def _table(self) -> pa.Table:
        sizes = [len(columns["row"]) for _, columns in self._beats]
        # The parts of the score are others before the open than after it.
        names = dict.fromkeys(name for _, columns in self._beats for name in columns)
        beats = [columns for _, columns in self._beats]
        joined = {
            name: np.concatenate([each.get(name, _unknown(n)) for each, n in zip(beats, sizes, strict=True)])
            for name in names
        }
        table = {
            "ts": pa.array(np.repeat([ts for ts, _ in self._beats], sizes), pa.int64()),
            "rank": pa.array(joined.pop("rank"), pa.int32()),
            "symbol": self._names.take(pa.array(joined.pop("row"))),
        }
        for name, column in joined.items():
            # What is not known, and points that a beat does not have, become null.
            table[name] = pa.array(_rounded(name, column), from_pandas=True)
        return pa.table(table)


def market_path(path: Path) -> Path:
    """Return where the whole market is kept beside the beats of `path`."""
    return path.with_suffix(".market.parquet")


def _strongest(ranking: Ranking) -> _Columns:
    rows = ranking.shown()
    ranking.features.also(SHOWN)
    found = _common(ranking, rows)
    found["rank"] = ranking.ranks_at(rows)
    # Rows beyond the list have no place on it.
    listed = np.array([row in ranking.members for row in rows.tolist()], np.uint8)
    high = ranking.features["new_high"][rows] > 0
    halt = ranking.features["halted"][rows] > 0
    found["flags"] = (halt * FLAGS["halt"] + high * FLAGS["high"] + listed * FLAGS["list"]).astype(np.uint8)
    found |= {name: ranking.features[name][rows] for name in SHOWN}
    return found | {name + POINTS: points for name, (_, points) in ranking.contributions(rows).items()}


def _whole(ranking: Ranking) -> _Columns:
    seen = ranking.features
    seen.also(_OF_MARKET)
    found: _Columns = {"score": ranking.strength_of, "last": seen["last"], "lack": ranking.lacks}
    return found | {_ALL_SCORES: ranking.scores} | {name: seen[name] for name in _OF_MARKET}


def _common(ranking: Ranking, rows: Indices) -> _Columns:
    return {"row": rows, "score": ranking.strength_of[rows], "last": ranking.features["last"][rows]}


def _picked(columns: _Columns) -> _Columns:
    # What can be left to the thread: to sort the market for its ranks, and to pick who has a price.
    if _ALL_SCORES not in columns:
        return columns
    ranks = ranks_of(columns.pop(_ALL_SCORES))
    rows = np.flatnonzero(columns["lack"] != Lack.NO_PRICE)
    columns["rank"] = ranks
    return {"row": rows, **{name: column[rows] for name, column in columns.items()}}


def _rounded(name: str, column: _Column) -> _Column:
    if name in _AS_THEY_ARE:
        return column
    digits = 3 if name.endswith(POINTS) or name == "score" else DIGITS.get(name, 2)
    return np.round(column, digits).astype(np.float32)


def _unknown(size: int) -> _Column:
    return np.full(size, np.nan)
