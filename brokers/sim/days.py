"""The daily path of the synthetic market: gaps, closes, volumes and events of any session, without the ones before.

A symbol's log price is a sum of its past days, each forgotten a little more with every session that follows. So a
close needs only the draws of some hundred days, each a function of (seed, date); prices stay near where they belong
however long the market runs, and yesterday's close is the same number whoever asks.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

from brokers.sim.events import Event, draw_events
from brokers.sim.streams import Stream, stream
from brokers.sim.universe import Array, Universe
from qm.rules.calendar import FIRST_SESSION, Session, sessions

MEMORY: Final = 120
"""Sessions that still weigh on a price."""
KEEP: Final = 0.97
"""What is left of a day's move one session later."""
GAP_SHARE: Final = 0.45
"""Share of a day's variance that happens overnight (measured)."""
TAIL_DEGREES: Final = 4.0
"""Degrees of freedom of daily moves: tails without events."""
QUIET_GAP: Final = 0.65
"""Sd of a gap without an event, as a share of what `GAP_SHARE` says: most of the variance is in few large gaps."""
FLOOR: Final = 1.0
"""No synthetic stock falls below a dollar."""
LOOKBACK: Final = 14
"""Sessions behind averages."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What one date brings to every symbol, before anything is known of its price."""

    gap: Array
    """Log move from the close before to the open."""
    move: Array
    """Log move from the open to the close."""
    volume: Array
    """Shares of regular hours, as a multiple of a usual day."""
    wild: Array
    """Volatility of regular hours, as a multiple of a usual day: busy days are wild days."""
    events: tuple[Event, ...]


class Days:
    """Random access to the days of a universe."""

    def __init__(self, universe: Universe, seed: int) -> None:
        self.universe = universe
        self.seed = seed
        self._drawn: dict[dt.date, Day] = {}

    def day(self, of: Session) -> Day:
        """Return what the session brings; drawn once, kept while near ones are asked for."""
        found = self._drawn.get(of.date)
        if found is None:
            if len(self._drawn) > 2 * MEMORY:
                for date in sorted(self._drawn)[:MEMORY]:
                    del self._drawn[date]
            found = self._drawn[of.date] = self._draw(of)
        return found

    def closes(self, of: list[Session]) -> Array:
        """Return the log closes of consecutive sessions, one row for each."""
        first, last = of[0], of[-1]
        since = max(FIRST_SESSION, first.date - dt.timedelta(days=MEMORY * 3 // 2))
        path = sessions(since, last.date)
        moves = np.zeros((MEMORY + len(of), len(self.universe)))
        tail = path[-len(moves) :]
        for row, each in enumerate(reversed(tail)):
            day = self.day(each)
            moves[-1 - row] = day.gap + day.move
        weights = KEEP ** np.arange(MEMORY, -1, -1.0)[1:]
        base = np.log(self.universe.price)
        out = np.empty((len(of), len(self.universe)))
        for row in range(len(of)):
            # einsum adds in a fixed order; a BLAS product may not.
            out[row] = base + np.einsum("t,ts->s", weights, moves[row + 1 : row + 1 + MEMORY])
        return np.maximum(out, np.log(FLOOR))

    def _draw(self, of: Session) -> Day:
        rng = stream(self.seed, of.date, Stream.DAY)
        u, n = self.universe, len(self.universe)
        market = rng.standard_t(TAIL_DEGREES, 2) / np.sqrt(2.0)
        own = np.clip(rng.standard_t(TAIL_DEGREES, (2, n)) / np.sqrt(2.0), -7.0, 7.0)
        shock = np.sqrt(u.load) * market[:, None] + np.sqrt(1.0 - u.load) * own
        gap = u.sigma * QUIET_GAP * np.sqrt(GAP_SHARE) * shock[0]
        move = u.sigma * np.sqrt(1.0 - GAP_SHARE) * shock[1]
        volume = np.exp(u.volume_sd * rng.standard_normal(n) - 0.5 * u.volume_sd**2)
        volume *= 0.8 + 0.2 * np.abs(shock).max(axis=0)
        wild = np.clip(volume, 0.2, 8.0) ** 0.25 * np.exp(0.15 * rng.standard_normal(n))
        events = draw_events(u, of, rng)
        for event in events:
            gap[event.row], move[event.row] = event.gap, event.close
            volume[event.row] = event.rvol
        if of.half:
            volume *= 0.5
        return Day(gap, move, volume, wild, events)
