"""The market as the core sees it: rows, what is armed on them, and the clock that the records carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market import kernel
from qm.market.bars import Bar, Bars
from qm.market.levels import Levels
from qm.market.marking import run_marking
from qm.market.minutes import KEPT_MINUTES, Minutes
from qm.market.outliers import set_limits
from qm.market.reference import Reference
from qm.market.revision import Record, revise
from qm.market.rows import BARS, Rows, new_rows
from qm.market.timers import NEVER, Timers
from qm.model.inputs import Wake
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind
from qm.rules.calendar import Session

__all__ = ["KEPT_MINUTES", "Market", "Record"]

_BAR = int(Kind.BAR)

Run = Callable[[Rows, Events, int, int, int, int, int], tuple[int, int]]


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
        self._begun = consumed
        self.now = session.pre_ns
        self.record: Record | None = None
        """The record that woke, as plain Python numbers; None when a timer or nothing did."""
        self.minutes = Minutes(symbols, session)
        self.closes = self.minutes.close
        """Last prices at the last minute boundaries, float64[boundary % KEPT_MINUTES, row]."""
        self.opening_volume = self.minutes.opening_volume
        """Shares of the first five minutes, from 09:35 on."""
        set_limits(self.rows, reference.prior_close, reference.leverage, session)
        self.leveraged = bool((reference.leverage > 1.0).any())
        """Some fund of this session is known to be leveraged."""
        self.decided: set[int] = set()
        """Rows whose cancelled and corrected prints wake, because somebody decided by their prices today."""
        self.blank: dict[tuple[str, ...], npt.NDArray[np.float64]] = {}
        """Features by name as they are before the first record, so that an empty market is not looked at every beat."""
        self.halted_ns = 0
        """Since when the whole market is halted, ns UTC; 0 while it is not."""
        self.reopened_ns = 0
        """When a halt of the whole market ended last, ns UTC."""
        self.halted_level = 0
        """Highest level of the circuit breakers whose halt is over."""
        self._status_before: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self._run = run
        self._first_mark = 0
        self._ended = np.empty(symbols, np.int64)
        self._whys = np.empty(symbols, np.int64)
        self._hours = (session.pre_ns, session.open_ns, session.close_ns)

    @property
    def marked(self) -> int:
        """The last minute boundary that was marked, ns UTC; 0 before the first."""
        return self.minutes.marked

    @property
    def untouched(self) -> bool:
        """No record of this session was consumed yet."""
        return self.consumed == self._begun

    def mark_by_itself(self, since: int) -> None:
        """Mark each minute after `since`, a boundary in ns UTC, up to the close: nobody will do so at every one."""
        self._first_mark = since // MINUTE * MINUTE + MINUTE
        self._of_minutes = (self.minutes.rings, self.minutes.five_arrays, self.minutes.ticks)
        self._run = self._marking

    def _marking(
        self, rows: Rows, events: Events, start: int, due: int, pre_ns: int, open_ns: int, close_ns: int
    ) -> tuple[int, int]:
        minutes, first = self.minutes, self._first_mark
        before = max(minutes.marked, first - MINUTE)
        index, why, marked = run_marking(
            rows,
            events,
            start,
            due,
            (pre_ns, open_ns, close_ns),
            before,
            *self._of_minutes,
        )
        minutes.marked_up_to(marked, first)
        return index, why

    def run(self, events: Events, start: int) -> tuple[int, Wake | None]:
        """Consume records until a wake or the end of the batch; returns the index to go on from, and the wake."""
        index, why = self._run(self.rows, events, start, self.timers.due, *self._hours)
        while why == kernel.REVISED:
            record = events[index - 1].item()
            self._revise(record)
            if record[3] != _BAR and record[2] in self.decided:
                break
            index, why = self._run(self.rows, events, index, self.timers.due, *self._hours)
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
        record = events[index - 1].item()
        self.record = record
        ts, _, row, kind = record[:4]
        self.now = max(self.now, ts)
        if why & kernel.BAR and kind == _BAR:
            self.bars.add(row, self._bar(row))
        return index, Wake(self.now, row, why)

    def reached(self, row: int, up: float, down: float) -> bool:
        """Tell whether the latest record of a symbol reached a level, by print, bar or far side of the quote."""
        col = self.col
        if col["source"][row] == BARS:
            high, low = float(col["bar_high"][row]), float(col["bar_low"][row])
        else:
            high = low = float(col["last"][row])
        bid, ask = float(col["bid"][row]), float(col["ask"][row])
        return high >= up or low <= down or (0 < bid <= ask and (bid >= up or ask <= down))

    def halt_all(self, ns: int) -> None:
        """Halt every symbol that is not halted by itself; it counts as no halt of the symbol."""
        status = self.col["status"]
        self._status_before = status.copy()
        status[status < kernel.HALTED] = kernel.HALTED
        self.halted_ns = ns

    def resume_all(self, ns: int) -> None:
        """Let those go on that `halt_all` halted, and that nothing halted since."""
        status, before = self.col["status"], self._status_before
        ours = (before < kernel.HALTED) & (status == kernel.HALTED)
        status[ours] = before[ours]
        self.halted_ns, self.reopened_ns = 0, ns

    def replay(self, events: Events) -> None:
        """Consume records without waking anybody, to rebuild the rows after a restart."""
        index = 0
        while index < len(events):
            index, why = self._run(self.rows, events, index, NEVER, *self._hours)
            if why == kernel.REVISED:
                self._revise(events[index - 1].item())
            elif why & kernel.BAR and events["kind"][index - 1] == _BAR:
                row = int(events["sym"][index - 1])
                self.bars.add(row, self._bar(row))
        self.consumed += len(events)
        if len(events):
            self.now = max(self.now, int(events["ts"][-1]))

    def end_minute(self, boundary: int) -> list[Wake]:
        """Close the bars that prints built in the minute before `boundary`; returns the wakes, in row order."""
        if not self.prints:
            return []
        n = kernel.ended_minutes(self.rows, boundary, self._ended, self._whys)
        wakes = []
        for row, why in zip(self._ended[:n].tolist(), self._whys[:n].tolist(), strict=True):
            if why & kernel.BAR:
                self.bars.add(row, self._bar(row))
            wakes.append(Wake(self.now, row, why))
        return wakes

    def mark_minute(self, boundary: int) -> None:
        """Remember every symbol's price and volume at a minute boundary, for moves over minutes."""
        if self._first_mark:
            # A fold comes here before the records after the boundary: those in between are due, too.
            for each in range(max(self.marked + MINUTE, self._first_mark), boundary, MINUTE):
                self.minutes.mark(self.rows, each)
        self.minutes.mark(self.rows, boundary, blank=self.untouched)

    def catch_up(self, row: int) -> None:
        """Give a symbol that is followed from now on the last minute bars, which are kept of every symbol."""
        for bar in self.minutes.bars_of(row):
            self.bars.add(row, bar)

    def backfill(self, events: Events) -> None:
        """Consume the records of the session so far as if they had been lived through, minute by minute.

        Afterwards all features are those of a program that ran since the first record.
        """
        if not len(events):
            return
        start, times = self.now // MINUTE * MINUTE, events["ts"]
        index, last = 0, int(times[-1])
        for boundary in range(start + MINUTE, last + 1, MINUTE):
            end = index + before(events[index:], boundary)
            self.replay(events[index:end])
            self.now, index = boundary, end
            self.mark_minute(boundary)
            self.end_minute(boundary)
        self.replay(events[index:])

    def _revise(self, record: Record) -> None:
        self.now = max(self.now, record[0])
        revised = revise(self.rows, self.minutes, self._hours, record)
        if revised is not None:
            self.bars.replace(record[2], revised)

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


def before(events: Events, due: int) -> int:
    """Return how many of the records, in order, come before a timer: see `kernel.run`."""
    whole = int(np.searchsorted(events["ts"], due, "right"))
    first = int(np.searchsorted(events["ts"], due, "left"))
    prints = np.flatnonzero(events["kind"][first:whole] == Kind.TRADE)
    return first + int(prints[0]) if len(prints) else whole
