"""One session of market data, summed up in one row per symbol: what later sessions want to know of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE, at_ny
from qm.errors import DataError
from qm.history.corrections import settled
from qm.history.layout import SessionData
from qm.market.reference import COURSE, NOISE_TIMES, PRE_COURSE, Column, Single
from qm.model.market import Events, Kind, Print
from qm.rules.calendar import SESSION_MINUTES, is_session, session

OPENING_MINUTES: Final = 5
HALF_HOUR: Final = 30
FIVE: Final = 5
QUARTER: Final = 15

_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Summary:
    """One session in one row per symbol, regular hours unless said otherwise; NaN where a symbol did not trade."""

    open: Column
    """First price, $."""
    close: Column
    """Official close, $: the opening print of the bar or minute that begins at the close, else the last price."""
    high: Column
    low: Column
    volume: Column
    pre_volume: Column
    """Volume from 04:00 to 09:30; NaN where the data begin with the open."""
    opening: Column
    """Volume of the first five minutes; NaN when the bars are longer than that."""
    moved: Column
    """|price / open - 1| at 10:00, 10:30 to 16:00, float64[13, symbol]; NaN on half days and for longer bars."""
    curve: Column
    """Mean share of the volume done by the end of each minute, length 390; NaN on half days and for longer bars."""
    course: Single
    """Volume since the open by 09:30, 09:35 to 16:00, float32[79, symbol]; NaN on half days and for bars over 5 min."""
    pre_course: Single
    """Volume since 04:00 by 04:00, 04:15 to 09:30, float32[23, symbol]; NaN like `pre_volume`, and for longer bars."""

    def columns(self) -> dict[str, Column]:
        """Return all columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def summarise(data: SessionData) -> Summary:
    """Return one session as a summary.

    Bars count where there are any, else prints as they stood in the end; the two are never added up. A bar counts where
    it begins.
    """
    opens, closes = hours(data.session)
    return _Summing(len(data.symbols), opens, closes).of(settled(data.events))


def hours(date: dt.date) -> tuple[int, int]:
    """Return the open and the close of a session, ns UTC; a made-up market may trade on any date."""
    try:
        if is_session(date):
            found = session(date)
            return found.open_ns, found.close_ns
    except DataError:
        pass
    return at_ny(date, "09:30"), at_ny(date, "16:00")


class _Summing:
    """Sums over blocks of events that fit the processor's cache: a record is read from memory once, not per column."""

    def __init__(self, symbols: int, opens: int, closes: int) -> None:
        self.opens = opens
        self.minutes = (closes - opens) // MINUTE
        self.open = np.full(symbols, np.nan)
        self.high = np.full(symbols, -np.inf)
        self.low = np.full(symbols, np.inf)
        self.last = np.full(symbols, np.nan)
        self.official = np.full(symbols, np.nan)
        self.volume = np.zeros(symbols)
        self.pre_volume = np.zeros(symbols)
        self.opening = np.zeros(symbols)
        self.fives = np.zeros((COURSE, symbols))
        self.quarters = np.zeros((PRE_COURSE, symbols))
        self.prices = np.full((NOISE_TIMES, symbols), np.nan)
        self.done: list[tuple[npt.NDArray[Any], ...]] = []
        self.longest = 0
        self.longest_early = 0
        self.before_open = False

    def of(self, events: Events) -> Summary:
        blocks = [events[start : start + _BLOCK] for start in range(0, len(events), _BLOCK)]
        kind = Kind.BAR if any((block["kind"] == Kind.BAR).any() for block in blocks) else Kind.TRADE
        for block in blocks:
            picked = block["kind"] == kind
            self._add(block if picked.all() else block[picked], kind)
        nothing = ~(np.isfinite(self.high) | (self.volume > 0))
        for column in (self.high, self.low, self.volume, self.opening):
            column[nothing] = np.nan
        if self.longest > OPENING_MINUTES * 60:
            self.opening[:] = np.nan
        if not self.before_open:
            self.pre_volume[:] = np.nan
        # Prints that may set no high and low leave them unknown.
        self.high[np.isinf(self.high)] = np.nan
        self.low[np.isinf(self.low)] = np.nan
        close = np.where(np.isnan(self.official), self.last, self.official)
        known = (self.open, close, self.high, self.low, self.volume, self.pre_volume, self.opening)
        return Summary(*known, self._moved(), self._curve(), self._course(nothing), self._pre_course())

    def _add(self, block: Events, kind: Kind) -> None:
        if not len(block):
            return
        minute = (block["event_ts"] - self.opens) // MINUTE
        if minute.min() < 0 or minute.max() >= self.minutes:
            self._official(block, minute, kind)
            self._before_open(block, minute, kind)
            regular = (minute >= 0) & (minute < self.minutes)
            block, minute = block[regular], minute[regular]
            if not len(block):
                return
        sym = block["sym"].astype(np.int64)
        if kind is Kind.BAR:
            self.longest = max(self.longest, int(block["code"].max()))
        self._range(block, kind, sym, minute)
        volume = _volume(block, kind)
        count = len(self.volume)
        self.volume += np.bincount(sym, volume, count)
        if minute.min() < OPENING_MINUTES:
            opening = minute < OPENING_MINUTES
            self.opening += np.bincount(sym[opening], volume[opening], count)
        _count(self.fives, np.minimum(minute // FIVE + 1, COURSE - 1), sym, volume)
        self.done.append((sym, minute, np.ascontiguousarray(volume)))

    def _before_open(self, block: Events, minute: Any, kind: Kind) -> None:
        early = minute < 0
        if early.any():
            self.before_open = True
            sym = block["sym"][early].astype(np.int64)
            volume = _volume(block, kind)[early]
            self.pre_volume += np.bincount(sym, volume, len(self.pre_volume))
            if kind is Kind.BAR:
                self.longest_early = max(self.longest_early, int(block["code"][early].max()))
            # What comes before 04:00 is there when it begins.
            _count(self.quarters, np.maximum(minute[early] // QUARTER + PRE_COURSE, 0), sym, volume)

    def _range(self, block: Events, kind: Kind, sym: Any, minute: Any) -> None:
        if kind is Kind.BAR:
            first, high, low, last = block["a"], block["b"], block["c"], block["d"]
            ranged = told = slice(None)
        else:
            first = high = low = last = block["a"]
            ranged, told = (block["flag"] & Print.HIGH_LOW) != 0, (block["flag"] & Print.LAST) != 0
        np.maximum.at(self.high, sym[ranged], high[ranged])
        np.minimum.at(self.low, sym[ranged], low[ranged])
        self.last[sym[told]] = last[told]
        self.prices[np.minimum(minute[told] // HALF_HOUR, NOISE_TIMES - 1), sym[told]] = last[told]
        # Backwards, so that the first print is the one that stays.
        opened, price = sym[ranged][::-1], first[ranged][::-1]
        fresh = np.isnan(self.open[opened])
        self.open[opened[fresh]] = price[fresh]

    def _official(self, block: Events, minute: Any, kind: Kind) -> None:
        # The closing auction prints at 16:00:00, which opens the bar that begins then; the last bar before it misses.
        auction = minute == self.minutes
        if kind is Kind.TRADE:
            auction &= (block["flag"] & Print.LAST) != 0
        if not auction.any():
            return
        sym, price = block["sym"][auction][::-1], block["a"][auction][::-1]
        fresh = np.isnan(self.official[sym])
        self.official[sym[fresh]] = price[fresh]

    def _moved(self) -> Column:
        if self.minutes != SESSION_MINUTES or self.longest > HALF_HOUR * 60:
            return np.full_like(self.prices, np.nan)
        prices = self.prices
        for slot in range(1, NOISE_TIMES):
            quiet = np.isnan(prices[slot])
            prices[slot, quiet] = prices[slot - 1, quiet]
        moved: Column = np.abs(prices / self.open - 1.0)
        return moved

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

    def _course(self, nothing: npt.NDArray[np.bool_]) -> Single:
        course = np.cumsum(self.fives, axis=0).astype(np.float32)
        unknown = self.minutes != SESSION_MINUTES or self.longest > FIVE * 60
        course[:, slice(None) if unknown else nothing] = np.nan
        return course

    def _pre_course(self) -> Single:
        course = np.cumsum(self.quarters, axis=0).astype(np.float32)
        if not self.before_open or self.longest_early > QUARTER * 60:
            course[:] = np.nan
        return course


def _count(into: Column, place: Any, sym: Any, volume: Any) -> None:
    """Add volume to the rows of `into`, float64[place, symbol]; records in order touch few of them."""
    first, last = int(place.min()), int(place.max()) + 1
    symbols = into.shape[1]
    found = np.bincount((place - first) * symbols + sym, volume, (last - first) * symbols)
    into[first:last] += found.reshape(last - first, symbols)


def _volume(block: Events, kind: Kind) -> npt.NDArray[Any]:
    if kind is Kind.BAR:
        volume: npt.NDArray[Any] = block["e"]
        return volume
    return np.where(block["flag"] & Print.VOLUME, block["b"], 0.0)
