"""What earlier sessions tell about the next one, carried forward session by session."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice, repeat
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qm.errors import DataError
from qm.history.climate import ClimateBuilder
from qm.history.courses import Courses
from qm.history.layout import SessionData
from qm.history.summary import Summary, hours, summarise
from qm.market.betas import BETA_DAYS, betas
from qm.market.day_facts import COMPARED
from qm.market.reference import COURSE, NOISE_TIMES, PRE_COURSE, Column, Reference, Single
from qm.model.instrument import SymbolTable
from qm.rules.calendar import SESSION_MINUTES, is_session
from qm.rules.ssr import SSR_DROP, ssr_trigger_usd

DAYS: Final = 14
"""Full sessions behind each average."""
SHORT: Final = 10
LONG: Final = 20
"""Full sessions behind the other two averages of volume."""
LEAST_DAYS: Final = 8
"""Of those, in how many a symbol must have traded for its average volume to be one."""
YEAR: Final = 252
"""Sessions behind the high of 52 weeks."""
GONE: Final = 10
"""A symbol that misses more sessions than this is another series when it comes back."""
NOON: Final = 30
"""Boundary of the courses at which the morning is over."""
BUSY_MORNING: Final = 10_000.0
"""Shares; who usually trades as many by noon and one day none was kept from trading."""
RANGES: Final = 7
"""Sessions of the narrowest range."""

Rows = npt.NDArray[np.int64]


class Split(NamedTuple):
    """Shares of a symbol become more or fewer from a session on."""

    symbol: str
    date: dt.date
    """First session in the new shares."""
    factor: float
    """What earlier prices are multiplied with: 0.5 for 2:1, 100 for 1:100."""
    known_at: int
    """When it was known, ns UTC."""


class ReferenceBuilder:
    """Takes in sessions in the order of their dates and says, at any time, what is known before the next one.

    Volumes are averaged over the last fourteen full sessions, half days left out, and of the courses by the time of day
    the days on which the symbol was halted all morning; prices and volumes are kept in the
    shares of the latest session, splits in between applied once they are known.
    """

    def __init__(self, splits: Iterable[Split] = ()) -> None:
        self._splits = sorted(splits, key=lambda split: (split.date, split.symbol))
        """Those that were not applied yet."""
        self._row: dict[str, int] = {}
        self._volume: deque[Column] = deque(maxlen=LONG)
        self._opening: deque[Column] = deque(maxlen=DAYS)
        self._pre: deque[Column] = deque(maxlen=DAYS)
        self._moved: deque[Column] = deque(maxlen=DAYS)
        self._curve: deque[Column] = deque(maxlen=DAYS)
        self._course, self._pre_course = Courses(DAYS), Courses(DAYS)
        self._highs: deque[tuple[dt.date, Column]] = deque(maxlen=YEAR)
        self._daily: deque[Column] = deque(maxlen=BETA_DAYS)
        """Moves from close to close of sessions that follow each other; no split changes them."""
        self._spans: deque[tuple[Column, Column]] = deque(maxlen=RANGES)
        self._climate = ClimateBuilder()
        self._open = np.empty(0)
        self._close = np.empty(0)
        self._atr = np.empty(0)
        self._ssr = np.empty(0)
        self._ranges = np.empty(0, np.int64)
        self._seen = np.empty(0, "datetime64[D]")
        self._known = np.empty(0, np.int64)
        self._last: dt.date | None = None

    @property
    def last(self) -> dt.date | None:
        """The latest session taken in, None before the first."""
        return self._last

    def add(self, data: SessionData) -> None:
        """Take in a session; DataError when it is not after those taken in before."""
        self.add_summary(data.session, data.symbols, summarise(data))

    def add_summary(self, date: dt.date, symbols: SymbolTable, day: Summary) -> None:
        """Take in a session that was summed up; DataError like `add`."""
        if self._last is not None and date <= self._last:
            raise DataError(f"Session {date} comes after {self._last}.", "Take sessions in by their date.")
        factors, late = self._due(date)
        for name, factor in factors.items():
            self._split(name, factor)
        self.forget(late)
        self._splits = [split for split in self._splits if not (split.date <= date and split.known_at < hours(date)[0])]
        rows = self._rows(symbols)
        gone = self._gone(date)
        self.forget(symbols.names[place] for place in np.flatnonzero(gone[rows]).tolist())
        before, self._last = self._last, date
        full = hours(date)[1] - hours(date)[0] == SESSION_MINUTES * 60 * 10**9
        if full:
            self._volume.append(self._wide(rows, day.volume))
            opening, course = self._without_idle(rows, day)
            self._opening.append(self._wide(rows, opening))
            self._pre.append(self._wide(rows, day.pre_volume))
            self._moved.append(self._wide(rows, day.moved))
            self._curve.append(day.curve)
            self._course.add(rows, course, len(self._close))
            self._pre_course.add(rows, day.pre_course, len(self._close))
        self._highs.append((date, self._wide(rows, day.high)))
        self._daily.append(self._wide(rows, self._moves(rows, day, before)))
        self._climate.add(
            day,
            rows,
            self._prior(rows, before, date),
            len(self._close),
            symbols.row(COMPARED) if COMPARED in symbols else None,
        )
        self._true_range(rows, day)
        self._short_sales(rows, day, date)
        known = ~np.isnan(day.close)
        rows = rows[known]
        self._spans.append((self._wide(rows, day.high[known]), self._wide(rows, day.low[known])))
        self._close[rows], self._open[rows] = day.close[known], day.open[known]
        self._seen[rows] = np.datetime64(date)
        self._known[rows] = hours(date)[1]

    def forget(self, names: Iterable[str]) -> None:
        """Let go of the past of some symbols: their name means another series from now on."""
        rows = [self._row[name] for name in names if name in self._row]
        if not rows:
            return
        for column in (self._open, self._close, self._atr, self._ssr):
            column[rows] = np.nan
        self._ranges[rows] = 0
        self._known[rows] = 0
        self._seen[rows] = np.datetime64("NaT")
        columns = [
            *self._volume,
            *self._opening,
            *self._pre,
            *self._moved,
            *self._daily,
            *(high for _, high in self._highs),
        ]
        for column in (*columns, *(side for span in self._spans for side in span)):
            column[..., [row for row in rows if row < column.shape[-1]]] = np.nan
        self._course.forget(rows)
        self._pre_course.forget(rows)
        self._climate.forget(rows)
        if self._row.get(COMPARED) in rows:
            self._climate.forget_market()

    def rename(self, names: Mapping[str, str]) -> None:
        """Carry the past of symbols on under other names, all at once; what a new name meant before is forgotten.

        A symbol that becomes "" ends: its name means another series from now on.
        """
        carried = {new: old for old, new in names.items() if new and old in self._row}
        self.forget(old for old, new in names.items() if not new)
        self.forget(new for new in names.values() if new not in names)
        if COMPARED in names or COMPARED in names.values():
            self._climate.forget_market()
        rows = {new: self._row.pop(old) for new, old in carried.items()}
        for new in rows:
            if new in self._row:
                # Each row keeps a name, because rows are counted by their names; nobody asks for this one.
                row = self._row.pop(new)
                self._row[f" {row}"] = row
        self._row |= rows

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
        (0.5 for 2:1), beside the splits that the builder knows. Raises DataError when that session, or a later one,
        was taken in already: nobody knew it then.
        """
        if self._last is not None and on <= self._last:
            raise DataError(f"Session {self._last} was not known before {on}.", "Ask for a later session.")
        made = Reference.empty(len(symbols))
        at = self._places(symbols)
        found, late = self._due(on)
        unsure = [self._row[name] for name in late if name in self._row]
        worthless = self._gone(on)
        worthless[unsure] = True
        known = at >= 0
        known[known] = ~worthless[at[known]]
        if known.any():
            self._fill(made, np.flatnonzero(known), at[known], on)
        curves = [curve for curve in self._curve if not np.isnan(curve[0])]
        if curves:
            made.curve[:] = np.mean(curves, axis=0)
        if self._last is not None and not _missed(self._last, on):
            made.climate[:] = self._climate.before(unsure, market=COMPARED not in late)
        for name, factor in (found | dict(factors or {})).items():
            if name in symbols:
                apply_split(made, symbols.row(name), factor)
        for name, shares in (float_shares or {}).items():
            if name in symbols:
                made.float_shares[symbols.row(name)] = shares
        return made

    def _fill(self, made: Reference, to: Rows, at: Rows, on: dt.date) -> None:
        made.prior_close[to], made.prev_open[to], made.atr[to] = self._close[at], self._open[at], self._atr[at]
        made.known_at[to] = self._known[at]
        made.split_factor[to] = 1.0
        volumes = list(self._volume)
        made.adv[to], made.days[to] = _mean(volumes[-DAYS:], at)
        made.adv10[to], made.adv20[to] = _mean(volumes[-SHORT:], at)[0], _mean(volumes, at)[0]
        made.usual[:, to] = self._course.mean(at, COURSE, LEAST_DAYS)
        made.pre_usual[:, to] = self._pre_course.mean(at, PRE_COURSE, LEAST_DAYS)
        made.or_volume[to] = _mean(self._opening, at)[0]
        made.pre_volume[to] = _mean(self._pre, at)[0]
        made.noise[:, to] = _mean(self._moved, at, NOISE_TIMES)[0]
        made.high_52w[to] = self._year_high(at, on)
        # A restriction holds on the next session only, and a symbol that was not there yesterday is not known.
        yesterday = self._seen[at] == np.datetime64(self._last)
        made.ssr_carried[to[yesterday]] = self._ssr[at[yesterday]]
        if COMPARED in self._row and self._daily:
            moves = np.array([_at(column, np.append(at, self._row[COMPARED])) for column in self._daily])
            made.beta[to] = betas(moves[:, :-1], moves[:, -1])
        self._shapes(made, to, at)

    def _shapes(self, made: Reference, to: Rows, at: Rows) -> None:
        highs = np.array([_at(high, at) for high, _ in reversed(self._spans)])
        lows = np.array([_at(low, at) for _, low in reversed(self._spans)])
        if not len(highs):
            return
        # The sessions in which a symbol traded, the latest first.
        newest = np.argsort(np.isnan(highs), axis=0, kind="stable")
        highs, lows = np.take_along_axis(highs, newest, 0), np.take_along_axis(lows, newest, 0)
        count = (~np.isnan(highs)).sum(axis=0)
        made.prev_high[to], made.prev_low[to] = highs[0], lows[0]
        if len(highs) > 1:
            two = count > 1
            inside = (highs[0] < highs[1]) & (lows[0] > lows[1])
            made.inside_day[to[two]] = inside[two]
        if len(highs) == RANGES:
            whole = count == RANGES
            spans = highs[:, whole] - lows[:, whole]
            made.nr7[to[whole]] = spans[0] < spans[1:].min(axis=0)

    def _year_high(self, at: Rows, on: dt.date) -> Column:
        """The high of a year is known where the data reach back that far, or the symbol came later than they begin."""
        high = np.full(len(at), np.nan)
        since = on - dt.timedelta(weeks=52)
        if not self._highs or self._highs[0][0] > since + dt.timedelta(days=7):
            return high
        for date, column in self._highs:
            if date >= since:
                high = np.fmax(high, _at(column, at))
        return high

    def _due(self, on: dt.date) -> tuple[dict[str, float], list[str]]:
        """Return what splits since the latest session multiply earlier prices with, and whose split came out late.

        Sessions in old and new shares lie mixed in the past of those: it is worth nothing.
        """
        found: dict[str, float] = {}
        late: list[str] = []
        opens = hours(on)[0]
        for split in self._splits:
            if split.date > on or split.known_at >= opens or self._last is None:
                continue
            if split.date <= self._last:
                late.append(split.symbol)
            else:
                found[split.symbol] = found.get(split.symbol, 1.0) * split.factor
        return found, late

    def _split(self, name: str, factor: float) -> None:
        row = self._row.get(name)
        if row is None:
            return
        for prices in (self._open, self._close, self._atr):
            prices[row] *= factor
        spans = [side for span in self._spans for side in span]
        for column in (*spans, *(high for _, high in self._highs)):
            if row < len(column):
                column[row] *= factor
        for column in (*self._volume, *self._opening, *self._pre):
            if row < len(column):
                column[row] /= factor
        self._course.split(row, factor)
        self._pre_course.split(row, factor)
        self._climate.split(row, factor, market=name == COMPARED)

    def _gone(self, on: dt.date) -> npt.NDArray[np.bool_]:
        """Tell of each row whether its symbol missed too many sessions before that of `on`."""
        dates, place = np.unique(self._seen, return_inverse=True)
        # What was never seen is NaT, which is no date and misses nothing.
        return np.array([isinstance(seen, dt.date) and _missed(seen, on) > GONE for seen in dates.tolist()], bool)[
            place
        ]

    def _places(self, symbols: SymbolTable) -> Rows:
        """Return the rows of symbols, -1 where one has none."""
        return np.fromiter(map(self._row.get, symbols, repeat(-1)), np.int64, len(symbols))

    def _rows(self, symbols: SymbolTable) -> Rows:
        rows = self._places(symbols)
        for place in np.flatnonzero(rows < 0).tolist():
            rows[place] = self._row[symbols.names[place]] = len(self._row)
        more = len(self._row) - len(self._close)
        if more:
            unknown = np.full(more, np.nan)
            self._open = np.concatenate([self._open, unknown])
            self._close = np.concatenate([self._close, unknown])
            self._atr = np.concatenate([self._atr, unknown])
            self._ssr = np.concatenate([self._ssr, unknown])
            self._ranges = np.concatenate([self._ranges, np.zeros(more, np.int64)])
            self._known = np.concatenate([self._known, np.zeros(more, np.int64)])
            self._seen = np.concatenate([self._seen, np.full(more, np.datetime64("NaT"), "datetime64[D]")])
        return rows

    def _wide(self, rows: Rows, column: Column) -> Column:
        wide = np.full((*column.shape[:-1], len(self._close)), np.nan)
        wide[..., rows] = column
        return wide

    def _without_idle(self, rows: Rows, day: Summary) -> tuple[Column, Single]:
        """Return the opening volumes and the courses of a day, unknown for who was halted all morning.

        Bars tell no halts: a morning without a share counts as halted where many are usual by noon.
        """
        still = np.flatnonzero(day.course[NOON] == 0.0) if len(day.course) else np.empty(0, np.int64)
        still = still[self._course.mean_by(NOON, rows[still], LEAST_DAYS) >= BUSY_MORNING]
        if not len(still):
            return day.opening, day.course
        opening, course = day.opening.copy(), day.course.copy()
        opening[still], course[:, still] = np.nan, np.nan
        return opening, course

    def _prior(self, rows: Rows, before: dt.date | None, date: dt.date) -> Column:
        """Return the closes of the session before; NaN for who did not trade in it, and when it is not there."""
        if before is None or _missed(before, date):
            return np.full(len(rows), np.nan)
        return np.where(self._seen[rows] == np.datetime64(before), self._close[rows], np.nan)

    def _moves(self, rows: Rows, day: Summary, before: dt.date | None) -> Column:
        """Return the moves since the close of the session before; NaN for who did not trade in that one."""
        moves = np.full(len(rows), np.nan)
        there = self._seen[rows] == np.datetime64(before)
        moves[there] = day.close[there] / self._close[rows[there]] - 1.0
        return moves

    def _true_range(self, rows: Rows, day: Summary) -> None:
        before = self._close[rows]
        spread = day.high - day.low
        # fmax: without an earlier close the day's own range is all there is.
        ranges = np.fmax(np.fmax(spread, np.abs(day.high - before)), np.abs(day.low - before))
        ranges[np.isnan(spread)] = np.nan
        known = ~np.isnan(ranges)
        rows, ranges = rows[known], ranges[known]
        # Wilder, J. W. (1978): the mean of the first n, then n - 1 parts of what was and one of what came.
        count = np.minimum(self._ranges[rows] + 1, DAYS)
        before = np.where(count == 1, 0.0, self._atr[rows])
        self._atr[rows] = (before * (count - 1) + ranges) / count
        self._ranges[rows] += 1

    def _short_sales(self, rows: Rows, day: Summary, date: dt.date) -> None:
        if SSR_DROP.at(date) is None:
            self._ssr[rows] = 0.0
            return
        before = self._close[rows]
        fell = np.where(day.low <= ssr_trigger_usd(before, date), 1.0, 0.0)
        self._ssr[rows] = np.where(np.isnan(before) | np.isnan(day.low), np.nan, fell)


def apply_split(made: Reference, row: int, factor: float) -> None:
    """Put what is known of a symbol into the shares of today; `factor` is what earlier prices are multiplied with."""
    prices = (made.prior_close, made.atr, made.prev_open, made.prev_high, made.prev_low, made.high_52w)
    for column in prices:
        column[row] *= factor
    for column in (made.adv, made.adv10, made.adv20, made.or_volume, made.pre_volume):
        column[row] /= factor
    for course in (made.usual, made.pre_usual):
        course[:, row] /= np.float32(factor)
    before = made.split_factor[row]
    made.split_factor[row] = factor if np.isnan(before) else before * factor


def _missed(seen: dt.date, on: dt.date) -> int:
    """Return the sessions between two dates, at most one more than `GONE`; beyond the calendar every weekday is one."""
    days = (seen + dt.timedelta(days=day) for day in range(1, (on - seen).days))
    return sum(1 for _ in islice(filter(_open, days), GONE + 1))


def _open(day: dt.date) -> bool:
    try:
        return is_session(day)
    except DataError:
        return day.weekday() < 5


def _at(column: Column, at: Rows) -> Column:
    inside = at < column.shape[-1]
    if inside.all():
        return column.take(at, axis=-1)
    # Earlier columns are shorter: they do not know the symbols that came later.
    values = np.full((*column.shape[:-1], len(at)), np.nan)
    values[..., inside] = column[..., at[inside]]
    return values


def _mean(columns: Iterable[Column], at: Rows, *times: int) -> tuple[Column, Rows]:
    """Return the mean of what is known, NaN where too little is, and how much there is; by `times` first, if any."""
    total, count = np.zeros((*times, len(at))), np.zeros((*times, len(at)), np.int64)
    for column in columns:
        values = _at(column, at)
        known = ~np.isnan(values)
        np.add(total, values, out=total, where=known)
        count += known
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count >= LEAST_DAYS), count
