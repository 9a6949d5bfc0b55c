"""What earlier sessions tell about the next one, carried forward session by session."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE, at_ny
from qm.errors import DataError
from qm.history.layout import SessionData
from qm.market.reference import Column, Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind, Print
from qm.rules.calendar import SESSION_MINUTES, is_session, session

DAYS: Final = 14
"""Sessions behind each average."""

_OPENING_MINUTES: Final = 5
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Day:
    """One session in one row per symbol, regular hours only; NaN where a symbol did not trade."""

    close: Column
    """Official close, $: the opening print of the bar or minute that begins at the close, else the last price."""
    high: Column
    low: Column
    volume: Column
    opening: Column
    """Volume of the first five minutes; NaN when the bars are longer than that."""
    curve: Column
    """Mean share of the volume done by the end of each minute, length 390; NaN on half days and for longer bars."""


def summarise(data: SessionData) -> Day:
    """Return one session as a day.

    Bars count where there are any, else prints; the two are never added up. A bar counts where it begins.
    """
    opens, closes = _hours(data.session)
    return _Summary(len(data.symbols), opens, closes).of(data.events)


class _Summary:
    """Sums over blocks of events that fit the processor's cache: a record is read from memory once, not per column."""

    def __init__(self, symbols: int, opens: int, closes: int) -> None:
        self.opens = opens
        self.minutes = (closes - opens) // MINUTE
        self.high = np.full(symbols, -np.inf)
        self.low = np.full(symbols, np.inf)
        self.last = np.full(symbols, np.nan)
        self.official = np.full(symbols, np.nan)
        self.volume = np.zeros(symbols)
        self.opening = np.zeros(symbols)
        self.done: list[tuple[npt.NDArray[Any], ...]] = []
        self.longest = 0

    def of(self, events: Events) -> Day:
        blocks = [events[start : start + _BLOCK] for start in range(0, len(events), _BLOCK)]
        kind = Kind.BAR if any((block["kind"] == Kind.BAR).any() for block in blocks) else Kind.TRADE
        for block in blocks:
            picked = block["kind"] == kind
            self._add(block if picked.all() else block[picked], kind)
        nothing = ~(np.isfinite(self.high) | (self.volume > 0))
        for column in (self.high, self.low, self.volume, self.opening):
            column[nothing] = np.nan
        if self.longest > _OPENING_MINUTES * 60:
            self.opening[:] = np.nan
        # Prints that may set no high and low leave them unknown.
        self.high[np.isinf(self.high)] = np.nan
        self.low[np.isinf(self.low)] = np.nan
        close = np.where(np.isnan(self.official), self.last, self.official)
        return Day(close, self.high, self.low, self.volume, self.opening, self._curve())

    def _add(self, block: Events, kind: Kind) -> None:
        if not len(block):
            return
        minute = (block["event_ts"] - self.opens) // MINUTE
        if minute.min() < 0 or minute.max() >= self.minutes:
            self._official(block, minute, kind)
            regular = (minute >= 0) & (minute < self.minutes)
            block, minute = block[regular], minute[regular]
            if not len(block):
                return
        sym = block["sym"].astype(np.int64)
        if kind is Kind.BAR:
            high, low, last, volume = block["b"], block["c"], block["d"], block["e"]
            self.longest = max(self.longest, int(block["code"].max()))
        else:
            high = low = last = block["a"]
            volume = block["b"]
        self._range(block, kind, sym, high, low, last)
        if kind is Kind.TRADE:
            volume = np.where(block["flag"] & Print.VOLUME, volume, 0.0)
        count = len(self.volume)
        self.volume += np.bincount(sym, volume, count)
        if minute.min() < _OPENING_MINUTES:
            opening = minute < _OPENING_MINUTES
            self.opening += np.bincount(sym[opening], volume[opening], count)
        self.done.append((sym, minute, np.ascontiguousarray(volume)))

    def _range(self, block: Events, kind: Kind, sym: Any, high: Any, low: Any, last: Any) -> None:
        if kind is Kind.BAR:
            np.maximum.at(self.high, sym, high)
            np.minimum.at(self.low, sym, low)
            self.last[sym] = last
            return
        ranged = (block["flag"] & Print.HIGH_LOW) != 0
        np.maximum.at(self.high, sym[ranged], high[ranged])
        np.minimum.at(self.low, sym[ranged], low[ranged])
        told = (block["flag"] & Print.LAST) != 0
        self.last[sym[told]] = last[told]

    def _official(self, block: Events, minute: Any, kind: Kind) -> None:
        # The closing auction prints at 16:00:00, which opens the bar that begins then; the last bar before it misses.
        auction = minute == self.minutes
        if kind is Kind.TRADE:
            auction &= (block["flag"] & Print.LAST) != 0
        if not auction.any():
            return
        # Backwards, so that the first print of the minute is the one that stays.
        sym, price = block["sym"][auction][::-1], block["a"][auction][::-1]
        fresh = np.isnan(self.official[sym])
        self.official[sym[fresh]] = price[fresh]

    def _curve(self) -> Column:
        curve = np.full(SESSION_MINUTES, np.nan)
        traders = self.volume > 0
        if self.minutes != SESSION_MINUTES or self.longest > 60 or not traders.any():
            return curve
        share = np.divide(1.0, self.volume, out=np.zeros(len(self.volume)), where=traders)
        done = np.zeros(SESSION_MINUTES)
        for sym, minute, volume in self.done:
            done += np.bincount(minute, volume * share[sym], SESSION_MINUTES)
        # The mean over symbols, so that a few busy ones do not speak for all.
        curve[:] = np.cumsum(done)
        curve /= curve[-1]
        return curve


class ReferenceBuilder:
    """Takes in sessions in the order of their dates and says, at any time, what is known before the next one."""

    def __init__(self, days: int = DAYS) -> None:
        self._row: dict[str, int] = {}
        self._days = days
        self._volume: deque[Column] = deque(maxlen=days)
        self._opening: deque[Column] = deque(maxlen=days)
        self._curve: deque[Column] = deque(maxlen=days)
        self._close = np.empty(0)
        self._atr = np.empty(0)
        self._ranges = np.empty(0, np.int64)
        self._last: dt.date | None = None

    @property
    def last(self) -> dt.date | None:
        """The latest session taken in, None before the first."""
        return self._last

    def add(self, data: SessionData) -> None:
        """Take in a session; DataError when it is not after those taken in before."""
        if self._last is not None and data.session <= self._last:
            raise DataError(f"Session {data.session} comes after {self._last}.", "Take sessions in by their date.")
        rows = self._rows(data.symbols)
        day = summarise(data)
        self._last = data.session
        volume, opening = np.full(len(self._close), np.nan), np.full(len(self._close), np.nan)
        volume[rows], opening[rows] = day.volume, day.opening
        self._volume.append(volume)
        self._opening.append(opening)
        self._curve.append(day.curve)
        self._true_range(rows, day)
        known = ~np.isnan(day.close)
        self._close[rows[known]] = day.close[known]

    def reference(
        self,
        symbols: SymbolTable,
        on: dt.date,
        *,
        factors: Mapping[str, float] | None = None,
        float_shares: Mapping[str, float] | None = None,
    ) -> Reference:
        """Return what is known before the session of the date `on`, by the rows of `symbols`.

        `factors` has, by symbol, what to multiply earlier prices with because of splits that take effect on that date
        (0.5 for 2:1). Raises DataError when that session, or a later one, was taken in already: nobody knew it then.
        """
        if self._last is not None and on <= self._last:
            raise DataError(f"Session {self._last} was not known before {on}.", "Ask for a later session.")
        made = Reference.empty(len(symbols))
        pairs = [(i, self._row[name]) for i, name in enumerate(symbols) if name in self._row]
        if pairs:
            to, at = np.array(pairs, np.int64).T
            made.prior_close[to], made.atr[to] = self._close[at], self._atr[at]
            made.adv[to], made.days[to] = _mean(self._volume, at)
            made.or_volume[to] = _mean(self._opening, at)[0]
        curves = [curve for curve in self._curve if not np.isnan(curve[0])]
        if curves:
            made.curve[:] = np.mean(curves, axis=0)
        for name, factor in (factors or {}).items():
            if name in symbols:
                row = symbols.row(name)
                for prices in (made.prior_close, made.atr):
                    prices[row] *= factor
                for volumes in (made.adv, made.or_volume):
                    volumes[row] /= factor
        for name, shares in (float_shares or {}).items():
            if name in symbols:
                made.float_shares[symbols.row(name)] = shares
        return made

    def _rows(self, symbols: SymbolTable) -> npt.NDArray[np.int64]:
        for name in symbols:
            self._row.setdefault(name, len(self._row))
        more = len(self._row) - len(self._close)
        if more:
            unknown = np.full(more, np.nan)
            self._close = np.concatenate([self._close, unknown])
            self._atr = np.concatenate([self._atr, unknown])
            self._ranges = np.concatenate([self._ranges, np.zeros(more, np.int64)])
        return np.array([self._row[name] for name in symbols], np.int64)

    def _true_range(self, rows: npt.NDArray[np.int64], day: Day) -> None:
        before = self._close[rows]
        spread = day.high - day.low
        # fmax: without an earlier close the day's own range is all there is.
        ranges = np.fmax(np.fmax(spread, np.abs(day.high - before)), np.abs(day.low - before))
        ranges[np.isnan(spread)] = np.nan
        known = ~np.isnan(ranges)
        rows, ranges = rows[known], ranges[known]
        # Wilder, J. W. (1978): the mean of the first n, then n - 1 parts of what was and one of what came.
        count = np.minimum(self._ranges[rows] + 1, self._days)
        before = np.where(count == 1, 0.0, self._atr[rows])
        self._atr[rows] = (before * (count - 1) + ranges) / count
        self._ranges[rows] += 1


def _mean(columns: deque[Column], at: npt.NDArray[np.int64]) -> tuple[Column, npt.NDArray[np.int64]]:
    total, count = np.zeros(len(at)), np.zeros(len(at), np.int64)
    for column in columns:
        # Earlier columns are shorter: they do not know the symbols that came later.
        inside = at < len(column)
        values = np.full(len(at), np.nan)
        values[inside] = column[at[inside]]
        known = ~np.isnan(values)
        total[known] += values[known]
        count += known
    return np.divide(total, count, out=np.full(len(at), np.nan), where=count > 0), count


def _hours(date: dt.date) -> tuple[int, int]:
    try:
        if is_session(date):
            found = session(date)
            return found.open_ns, found.close_ns
    except DataError:
        pass
    # A made-up market may trade on any date.
    return at_ny(date, "09:30"), at_ny(date, "16:00")
