"""The market as the core sees it: rows, what is armed on them, and the clock that the records carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from qm.market import kernel
from qm.market.bars import Bar, Bars
from qm.market.levels import Levels
from qm.market.reference import Reference
from qm.market.rows import BARS, Rows, new_rows
from qm.market.timers import Timers
from qm.model.inputs import Wake
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind
from qm.rules.calendar import Session

MINUTE_NS = kernel.MINUTE
KEPT_MINUTES = 64
"""Closes kept per symbol for moves over minutes; a power of two above an hour."""

OPENING_MINUTES = 5
"""Length of the opening range whose volume the radar compares with earlier days."""

Record = tuple[int, int, int, int, int, int, float, float, float, float, float]
"""One market record in the order of `EVENT`."""

Run = Callable[[Rows, Events, int, int, int, int], tuple[int, int]]


class Market:
    """All symbols of one session; `run` advances it to the next wake."""

    def __init__(
        self,
        table: SymbolTable,
        session: Session,
        reference: Reference,
        consumed: int = 0,
        prints: bool = True,
        run: Run = kernel.run,
    ) -> None:
        symbols = len(table)
        self.table, self.session, self.reference = table, session, reference
        self.rows = new_rows(symbols)
        self.col: dict[str, npt.NDArray[Any]] = {name: self.rows[name] for name in self.rows.dtype.names or ()}
        """Views of the rows' fields, by name: reading one number through them is cheaper than through a row."""
        self.levels = Levels(self.rows)
        self.timers = Timers()
        self.bars = Bars()
        self.prints = prints
        """The feed tells single trades, so that bars are built here; False when it tells bars only."""
        self.consumed = consumed
        """Records consumed in this run, earlier sessions included."""
        self.now = session.pre_ns
        self.record: Record | None = None
        """The record that woke, as plain Python numbers; None when a timer or nothing did."""
        self.closes = np.full((KEPT_MINUTES, symbols), np.nan)
        self.volumes = np.zeros((KEPT_MINUTES, symbols))
        self.below_vwap = np.zeros((KEPT_MINUTES, symbols), np.bool_)
        """The last price lay below the VWAP at the minute boundary; not where either is unknown."""
        self.opening_volume = np.full(symbols, np.nan)
        """Shares of the first five minutes, from 09:35 on."""
        self.marked = 0
        """The last minute boundary that was marked, ns UTC."""
        self._run = run
        self._ended = np.empty(symbols, np.int64)
        self._whys = np.empty(symbols, np.int64)

    def run(self, events: Events, start: int) -> tuple[int, Wake | None]:
        """Consume records until a wake or the end of the batch; returns the index to go on from, and the wake."""
        index, why = self._run(self.rows, events, start, self.timers.due, self.session.open_ns, self.session.close_ns)
        self.consumed += index - start
        self.record = None
        if not why:
            if index > start:
                self.now = max(self.now, int(events["ts"][index - 1]))
            return index, None
        if why == kernel.TIMER:
            self.now = max(self.now, self.timers.due)
            return index, Wake(self.now, -1, why)
        # The whole record in one call costs less than two of its fields one by one.
        record: Record = events[index - 1].item()
        self.record = record
        ts, _, row, kind = record[:4]
        self.now = max(self.now, ts)
        if why & kernel.BAR and kind == Kind.BAR:
            self.bars.add(row, self._bar(row))
        return index, Wake(self.now, row, why)

    def reached(self, row: int, up: float, down: float) -> bool:
        """Tell whether the latest record of a symbol reached a level, by print, bar or far side of the quote."""
        col = self.col
        if col["source"][row] == BARS:
            high, low = float(col["bar_high"][row]), float(col["bar_low"][row])
        else:
            high = low = float(col["last"][row])
        return high >= up or low <= down or float(col["bid"][row]) >= up or 0 < float(col["ask"][row]) <= down

    def replay(self, events: Events) -> None:
        """Consume records without waking anybody, to rebuild the rows after a restart."""
        index = 0
        while index < len(events):
            index, why = self._run(self.rows, events, index, (1 << 63) - 1, self.session.open_ns, self.session.close_ns)
            if why & kernel.BAR and events["kind"][index - 1] == Kind.BAR:
                row = int(events["sym"][index - 1])
                self.bars.add(row, self._bar(row))
        self.consumed += len(events)
        if len(events):
            self.now = max(self.now, int(events["ts"][-1]))

    def end_minute(self, boundary: int) -> list[Wake]:
        """Close the bars that prints built in the minute before `boundary`; returns the wakes, in row order."""
        n = kernel.ended_minutes(self.rows, boundary, self._ended, self._whys)
        wakes = []
        for row, why in zip(self._ended[:n].tolist(), self._whys[:n].tolist(), strict=True):
            if why & kernel.BAR:
                self.bars.add(row, self._bar(row))
            wakes.append(Wake(self.now, row, why))
        return wakes

    def mark_minute(self, boundary: int) -> None:
        """Remember every symbol's price and volume at a minute boundary, for moves over minutes."""
        self.marked = boundary
        slot = boundary // MINUTE_NS % KEPT_MINUTES
        self.closes[slot] = self.rows["last"]
        self.volumes[slot] = self.rows["volume"]
        self.below_vwap[slot] = self.rows["last"] * self.rows["volume"] < self.rows["pv"]
        if boundary == self.session.open_ns + OPENING_MINUTES * MINUTE_NS:
            self.opening_volume[:] = self.rows["volume"]

    def _bar(self, row: int) -> Bar:
        r = self.rows[row]
        return Bar(
            int(r["bar_start"]),
            float(r["bar_open"]),
            float(r["bar_high"]),
            float(r["bar_low"]),
            float(r["bar_close"]),
            float(r["bar_volume"]),
        )
