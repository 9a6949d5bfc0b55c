"""The daily path of the synthetic market: gaps, closes, volumes and events of any session, without the ones before.

A symbol's log price is a sum of its past days, each forgotten a little more with every session that follows. So a
close needs only the draws of some hundred days, each a function of (seed, date); prices stay near where they belong
however long the market runs, and yesterday's close is the same number whoever asks. What is forgotten is forgotten
overnight: between the bells a price has no direction that its past could tell.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from brokers.sim.market.events import FIVE, EventTable, bend, draw_events, drift, large_gaps, normal
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.universe import Array, Universe
from qm.rules.calendar import FIRST_SESSION, Session, sessions

T = TypeVar("T")

KEPT_DAYS, KEPT_MOVES = 40, 500
"""Days kept in memory whole, and in short."""
MEMORY: Final = 100
"""Sessions that still weigh on a price."""
KEEP: Final = (0.885, 0.89, 0.93, 0.95, 0.96, 0.97, 0.97, 0.97)
"""What is left of a day's move one session later, by price: what moves most must come back soonest to stay in place."""
BODY: Final = (3.3, 3.55, 3.3, 2.4, 1.579, 1.728, 1.551, 1.422)
"""Sd of an ordinary day from open to close, by price, percent; with the events it comes to `DAILY_SD`."""
GAP_BODY: Final = (1.332, 0.485, 1.488, 1.306, 0.7, 0.999, 0.9, 0.9)
"""Sd of an ordinary gap, by price, percent; with the large gaps it comes to `GAP_SD`."""
DAY_WILD: Final = (0.28, 0.18)
"""Sd of the log of a day's volatility: the symbol's own part, and the market's."""
LEAST_LOG: Final = float(np.log(0.05))
"""No synthetic stock falls below five cents."""
UP, DOWN = 0.74, 1.24
"""Log volume above and below its usual day, in its sd: a quiet day is farther away than a busy one without news."""
VOLUME_OF_WILD: Final = 0.3
MOST_SHARES: Final = 5e8
"""That an event makes trade in a day: nearly twice the busiest symbol's usual day."""
HALF_DAY: Final = 0.5
"""Of a usual day's volume."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What one date brings to every symbol, before anything is known of its price."""

    gap: Array
    """Log move from the close before to the open, the pull towards the usual price left out."""
    move: Array
    """Log move from the open to the close."""
    sigma: Array
    """Sd from which `move` was drawn."""
    load: Array
    """Share of that variance which follows the market."""
    volume: Array
    """Shares of regular hours, as a multiple of a usual day."""
    events: EventTable


class Days:
    """Random access to the days of a universe."""

    def __init__(self, universe: Universe, seed: int) -> None:
        self.universe = universe
        self.seed = seed
        self._drawn: dict[dt.date, Day] = {}
        self._moves: dict[dt.date, npt.NDArray[np.float32]] = {}
        self._base = np.log(universe.price)
        self._keep = np.array(KEEP)[universe.bucket]

    def day(self, of: Session) -> Day:
        """Return what the session brings; drawn once, kept while near ones are asked for."""
        found = self._drawn.get(of.date)
        if found is None:
            found = self._draw(of)
            _keep(self._drawn, of.date, found, KEPT_DAYS)
            _keep(self._moves, of.date, (found.gap + found.move).astype(np.float32), KEPT_MOVES)
        return found

    def closes(self, of: list[Session]) -> Array:
        """Return the log closes of consecutive sessions, one row for each."""
        moves = self._tail(of)
        weights = self._keep ** np.arange(MEMORY, -1, -1.0)[1:, None]
        out = np.empty((len(of), len(self.universe)))
        for row in range(len(of)):
            # einsum adds in a fixed order; a BLAS product may not.
            out[row] = self._base + np.einsum("ts,ts->s", weights, moves[row + 1 : row + 1 + MEMORY])
        found: Array = np.maximum(out, LEAST_LOG)
        return found

    def highest_close(self, of: list[Session]) -> Array:
        """Return the highest log close of consecutive sessions; the first of them are good to what they remember."""
        if not of:
            return np.full(len(self.universe), np.nan)
        away, most = np.zeros(len(self.universe)), np.full(len(self.universe), -np.inf)
        for each in of:
            away = self._keep * away + self._move(each)
            np.maximum(most, away, out=most)
        found: Array = np.maximum(self._base + most, LEAST_LOG)
        return found

    def _tail(self, of: list[Session]) -> Array:
        since = max(FIRST_SESSION, of[0].date - dt.timedelta(days=MEMORY * 3 // 2 + 10))
        path = sessions(since, of[-1].date)
        moves = np.zeros((MEMORY + len(of), len(self.universe)))
        for row, each in enumerate(reversed(path[-len(moves) :])):
            moves[-1 - row] = self._move(each)
        return moves

    def _move(self, of: Session) -> npt.NDArray[np.float32]:
        """Log move of a session from close to close, the pull towards the usual price left out."""
        if of.date not in self._moves:
            self.day(of)
        return self._moves[of.date]

    def opens(self, prior: Array, day: Day) -> Array:
        """Return the log opens after the log closes `prior`."""
        found: Array = np.maximum(self._base + self._keep * (prior - self._base) + day.gap, LEAST_LOG)
        return found

    def _draw(self, of: Session) -> Day:
        rng = stream(self.seed, of.date, Stream.DAY)
        u, n = self.universe, len(self.universe)
        market = rng.standard_normal(3)
        z = rng.standard_normal((4, n))
        own, shared = np.sqrt(1.0 - u.load), np.sqrt(u.load)
        wild = u.wild * np.exp(DAY_WILD[0] * z[2] + DAY_WILD[1] * market[2])
        gap = 0.01 * np.array(GAP_BODY)[u.bucket] * wild * (shared * market[0] + own * z[0])
        large = large_gaps(u, rng.random(n))
        gap = np.where(large != 0.0, large, np.clip(gap, -0.999 * FIVE, 0.999 * FIVE))
        body = 0.01 * np.array(BODY)[u.bucket] * wild
        events = draw_events(u, gap, of.minutes, rng)
        sigma, load, at = body.copy(), u.load.copy(), events.rows
        sigma[at] = np.maximum(body[at], events.sigma)
        load[at] *= np.square(body[at] / sigma[at])
        walk = sigma * (np.sqrt(load) * market[1] + np.sqrt(1.0 - load) * z[1])
        move = walk - 0.5 * sigma * sigma
        move[at] = bend(walk[at] + drift(events), np.square(sigma[at]), events.skew)
        volume = _volumes(z[3], u.volume_sd) * (wild / u.wild) ** VOLUME_OF_WILD
        volume[at] = np.minimum(events.rvol, MOST_SHARES / u.adv[at])
        if of.half:
            volume *= HALF_DAY
        return Day(gap, move, sigma, load, volume, events)


def _volumes(z: Array, sd: Array) -> Array:
    """Volumes of a day as multiples of their mean: log sd `sd`, wider below than above."""
    up, down = UP * sd, DOWN * sd
    mean = np.exp(0.5 * up**2) * normal(up) + np.exp(0.5 * down**2) * normal(-down)
    found: Array = np.exp(np.where(z > 0.0, up, down) * z) / mean
    return found


def _keep(kept: dict[dt.date, T], date: dt.date, value: T, most: int) -> None:
    """Keep a value for a date; beyond `most` the dates farthest from it are dropped."""
    if len(kept) >= most:
        for each in sorted(kept, key=lambda other: abs((other - date).days))[most // 2 :]:
            del kept[each]
    kept[date] = value
