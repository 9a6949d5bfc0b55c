"""What is known of a synthetic session beforehand: the sessions before it, as a data vendor would have kept them.

The session before is taken from its own minute bars. Of older ones only open and close are certain without drawing
their paths; their highs and lows are drawn from the law that those paths have.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.days import Day, Days
from brokers.sim.market.paths import Marks, Paths
from brokers.sim.market.premarket import CROWD_USD, course
from brokers.sim.market.prints import minute_bars, ticks
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.universe import Array
from brokers.sim.market.walks import sigma_curve, volume_curve
from qm.clock import MINUTE
from qm.market.betas import BETA_DAYS, betas
from qm.market.day_facts import COMPARED
from qm.market.reference import COURSE, NOISE_TIMES, PRE_COURSE, Reference
from qm.model.market import Kind
from qm.rules.calendar import FIRST_SESSION, SESSION_MINUTES, Session, previous_session
from qm.rules.ssr import ssr_trigger_usd

LOOKBACK: Final = 14
"""Sessions behind averages; also behind the one that would go back further."""
SHORT: Final = 10
"""Sessions behind the shortest average."""
YEAR: Final = 252
NARROW: Final = 7
OPENING_MINUTES: Final = 5
PRE_MEAN: Final = 0.0095
"""Mean premarket volume of a busy symbol as a share of its regular volume."""


@dataclass(frozen=True, slots=True, eq=False)
class DayBars:
    """Regular hours of one session, $; NaN where a symbol did not trade."""

    open: Array
    high: Array
    low: Array


class History:
    """The past of each session; `paths` draws the regular hours of one."""

    def __init__(self, days: Days, paths: Callable[[Session], Paths]) -> None:
        self._days, self._paths = days, paths
        self._marks: dict[dt.date, Marks] = {}
        self._bars: dict[dt.date, DayBars] = {}

    def marks(self, session: Session) -> Marks:
        """Return the log prices that frame a session."""
        found = self._marks.get(session.date)
        if found is None:
            path = [*before(session, 1), session]
            closes = self._days.closes(path)
            prior = closes[-2] if len(path) == 2 else np.log(self._days.universe.price)
            found = Marks(prior, self._days.opens(prior, self._days.day(session)), closes[-1])
            self._marks = {date: self._marks[date] for date in sorted(self._marks)[-3:]} | {session.date: found}
        return found

    def bars(self, session: Session) -> DayBars:
        """Return the session's daily bars, made of its minute bars."""
        found = self._bars.get(session.date)
        if found is None:
            found = self._summed(session)
            self._bars = {date: self._bars[date] for date in sorted(self._bars)[-2:]} | {session.date: found}
        return found

    def reference(self, session: Session) -> Reference:
        """Return what is known before the session begins."""
        past = before(session, LOOKBACK + 1)
        u = self._days.universe
        if len(past) < 2:
            return Reference.empty(len(u))
        closes = self._days.closes(past)
        days = [self._days.day(each) for each in past[1:]]
        opens = [self._days.opens(closes[at], day) for at, day in enumerate(days)]
        ranges = [
            self._drawn(each, day, opens[at], closes[at + 1])
            for at, (each, day) in enumerate(zip(past[1:], days, strict=True))
        ]
        last = self.bars(past[-1])
        prices = np.exp(closes)
        highs, lows = np.exp([high for high, _ in ranges]), np.exp([low for _, low in ranges])
        highs[-1] = np.where(np.isnan(last.high), highs[-1], last.high)
        lows[-1] = np.where(np.isnan(last.low), lows[-1], last.low)
        true_range = np.maximum(highs, prices[:-1]) - np.minimum(lows, prices[:-1])
        volume = u.adv * np.array([day.volume for day in days])
        curve = volume_curve(SESSION_MINUTES)
        done = np.minimum(np.cumsum(curve), 1.0)
        prior_close = ticks(prices[-1])
        pre_course = self._pre_course(past[1:], days, volume)
        known = np.full(len(u), past[-1].close_ns + MINUTE, np.int64)
        return Reference(
            prior_close=prior_close,
            adv=np.rint(volume.mean(axis=0)),
            atr=_exact(true_range.mean(axis=0)),
            or_volume=np.rint(volume.mean(axis=0) * float(curve[:OPENING_MINUTES].sum())),
            float_shares=u.float_shares.copy(),
            days=np.full(len(u), len(days), np.int64),
            curve=done,
            pre_volume=pre_course[-1],
            prev_open=last.open,
            prev_high=last.high,
            prev_low=last.low,
            high_52w=_exact(np.fmax(self._year_high(past[-1]), np.fmax(last.high, highs.max(axis=0)))),
            nr7=_narrowest(highs, lows),
            inside_day=_inside(highs, lows),
            noise=_exact(_noise(past[1:], days, opens, closes)),
            ssr_carried=(last.low <= ssr_trigger_usd(ticks(prices[-2]), past[-1].date)).astype(np.float64),
            dividend=np.zeros(len(u)),
            split_factor=np.ones(len(u)),
            adv10=np.rint(volume[-SHORT:].mean(axis=0)),
            adv20=np.rint(volume.mean(axis=0)),
            usual=_usual(volume.mean(axis=0), done),
            pre_usual=pre_course.astype(np.float32),
            known_at=known,
            beta=self._betas(session),
        )

    def _summed(self, session: Session) -> DayBars:
        n = len(self._days.universe)
        found = DayBars(np.full(n, np.nan), np.full(n, -np.inf), np.full(n, np.inf))
        paths = self._paths(session)
        opens = (session.open_ns - session.pre_ns) // MINUTE
        for minute in range(session.minutes):
            rng = stream(self._days.seed, session.date, Stream.MINUTE, opens + minute)
            bars = minute_bars(paths.grid, minute, rng, opens=minute == 0)
            assert len(bars) == 0 or bars["kind"][0] == Kind.BAR
            rows = bars["sym"]
            found.open[rows] = np.where(np.isnan(found.open[rows]), bars["a"], found.open[rows])
            found.high[rows] = np.maximum(found.high[rows], bars["b"])
            found.low[rows] = np.minimum(found.low[rows], bars["c"])
        found.high[np.isinf(found.high)] = np.nan
        found.low[np.isinf(found.low)] = np.nan
        return found

    def _drawn(self, of: Session, day: Day, opened: Array, closed: Array) -> tuple[Array, Array]:
        """Log high and low of a session, by the reflection principle."""
        chance = stream(self._days.seed, of.date, Stream.HISTORY).random((2, len(opened)))
        move = closed - opened
        reach = np.sqrt(move * move - 2.0 * np.square(day.sigma) * np.log1p(-chance))
        return opened + 0.5 * (move + reach[0]), opened + 0.5 * (move - reach[1])

    def _pre_course(self, past: list[Session], days: list[Day], volume: Array) -> Array:
        """Mean volume by each quarter of an hour before the open, float64[PRE_COURSE, symbol]."""
        u = self._days.universe
        minutes = (past[0].open_ns - past[0].pre_ns) // MINUTE
        every = minutes // (PRE_COURSE - 1)
        crowd = np.where(u.adv * u.price > CROWD_USD, PRE_MEAN, 0.0) * course(np.zeros(1, np.int64), minutes)[::every]
        total = np.zeros_like(crowd)
        for day, shares in zip(days, volume, strict=True):
            here = day.events.news > 0
            done = crowd.copy()
            done[:, day.events.rows[here]] = (
                day.events.pre_share[here] * course(day.events.news[here], minutes)[::every]
            )
            total += shares * done
        found: Array = np.rint(total / len(days))
        return found

    def _betas(self, session: Session) -> Array:
        past = before(session, BETA_DAYS + 1)
        # Rounded to what was printed: no processor's last bit is left in it.
        closes = ticks(np.exp(self._days.closes(past)))
        moves = closes[1:] / closes[:-1] - 1.0
        return betas(moves, moves[:, self._days.universe.table.row(COMPARED)])

    def _year_high(self, last: Session) -> Array:
        """Highest closes of a year; the highs around them are missing from older days."""
        found: Array = np.exp(self._days.highest_close(before(last, YEAR - LOOKBACK)))
        return found


def before(session: Session, count: int) -> list[Session]:
    """Return at most `count` sessions before this one, the oldest first."""
    found: list[Session] = []
    date = session.date
    while len(found) < count and date > FIRST_SESSION:
        found.append(previous_session(date))
        date = found[-1].date
    return found[::-1]


def _usual(volume: Array, done: Array) -> npt.NDArray[np.float32]:
    """Volume by the end of every five minutes: on most days every symbol goes the market's way."""
    shares = np.concatenate(([0.0], done))[:: SESSION_MINUTES // (COURSE - 1)]
    return (shares[:, None] * volume).astype(np.float32)


def _exact(values: Array) -> Array:
    """Round to millionths, so that the last bit of a library's exponential does not matter."""
    found: Array = np.rint(values * 1e6) / 1e6
    return found


def _narrowest(highs: Array, lows: Array) -> Array:
    if len(highs) < NARROW:
        return np.full(highs.shape[1], np.nan)
    span = (highs - lows)[-NARROW:]
    found: Array = (span[-1] <= span[:-1].min(axis=0)).astype(np.float64)
    return found


def _inside(highs: Array, lows: Array) -> Array:
    if len(highs) < 2:
        return np.full(highs.shape[1], np.nan)
    found: Array = ((highs[-1] < highs[-2]) & (lows[-1] > lows[-2])).astype(np.float64)
    return found


def _noise(past: list[Session], days: list[Day], opens: list[Array], closes: Array) -> Array:
    """Expected distance from the open at each half hour of the full days, given how they closed."""
    passed = np.cumsum(np.square(sigma_curve(SESSION_MINUTES)))[29::30]
    assert len(passed) == NOISE_TIMES
    total, count = np.zeros((NOISE_TIMES, closes.shape[1])), 0
    for at, (each, day) in enumerate(zip(past, days, strict=True)):
        if each.half:
            continue
        move = passed[:, None] * (closes[at + 1] - opens[at])
        free = np.maximum(passed * (1.0 - passed), 0.0)[:, None] * np.square(day.sigma)
        # The mean distance of a normal variable, to 3 %.
        total += np.sqrt(np.square(move) + (2.0 / np.pi) * free)
        count += 1
    return total / count if count else np.full_like(total, np.nan)
