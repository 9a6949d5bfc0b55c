"""The symbols that make a momentum day: those that gap, and those that run; drawn for a whole session at once.

Nothing here has a direction that a trader could learn from its beginning: an event is news of some size at some time,
and then volatility. That alone gives the highs, the lows, the fades and the give-backs that were measured. The one
exception was measured too: what gaps up closes below its open more often than not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.universe import INDEX_FUNDS, Array, Universe

FIVE, TEN, TWENTY = (float(np.log1p(share)) for share in (0.05, 0.10, 0.20))
GAP_DOWN: Final = 0.8
"""Large gaps down for one up."""
GAP_FIT: Final = (
    (0.60, 0.75, 0.78, 0.87, 0.92, 0.9, 0.92, 1.0),
    (0.90, 0.68, 0.85, 0.92, 0.97, 0.95, 0.95, 1.15),
    (1.00, 0.40, 0.95, 1.00, 1.10, 1.0, 1.1, 1.2),
)
"""Corrections to `GAP_OVER_5`, `_10` and `_20` by price: ordinary gaps add some, and symbols change their price."""
MOST_GAP: Final = (0.5, 0.45, 0.65, 0.75, 0.85, 1.0, 0.8, 0.8)
"""Largest log gap by price."""
HOT_RATE: Final = (0.115, 0.020, 0.034, 0.0200, 0.0088, 0.0036, 0.0036, 0.0034)
"""Symbols a day, by price, that become several times as volatile without a gap; fitted to `RUN_OVER_30`."""
HOT_LEAST, HOT_TAIL, HOT_MOST = 0.10, 2.25, 0.75
"""Sd of such a day, log: its least, the index of its tail, its most. Runs above 20, 30, 50 and 100 % have that tail."""
GAPPER_SIGMA: Final = (0.132, 0.50)
"""Sd of the day after a gap of 10 % and more: median, and sd of its log."""
SMALL_GAP_SIGMA: Final = (0.045, 0.5)
FADE, FADE_20 = 0.0, -0.44
"""Drift of the day after a gap up of 10 and of 20 % and more, in its sd: how often it closes below its open."""
HOT_RVOL: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.3, 1.0, 5.0, 60.0, 400.0))
GAP_RVOL: Final[measured.Quantiles] = (
    (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0),
    (0.3, 0.8, 1.5, 3.3, 9.0, 70.0, 300.0, 900.0),
)
SMALL_GAP_RVOL: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.1, 0.3, 0.9, 3.0, 30.0))
PRE_SIGMA: Final = (0.135, 0.6)
"""Sd of the premarket after the news, log: median, and sd of its log."""
NEWS_SHARE: Final = 0.96
"""Of the large gaps: the news is out before the open."""
RUNNER_NEWS: Final = 0.45


class EventKind(StrEnum):
    """What kind of day a symbol has."""

    GAPPER = "gapper"
    RUNNER = "runner"


@dataclass(frozen=True, slots=True)
class Event:
    """One symbol's day out of the ordinary; minutes since the open."""

    kind: EventKind
    row: int
    gap: float
    """Log move from the close before to the open."""
    sigma: float
    """Sd of the log move from the open to the close."""
    start: int
    """Minute at which it wakes up."""
    news: int
    """Minutes before the open at which it wakes up in the premarket; 0 when it is quiet there."""
    rvol: float
    """Regular volume as a multiple of a usual day."""


@dataclass(frozen=True, slots=True, eq=False)
class EventTable:
    """The events of a session, one element each, in the order of their rows."""

    rows: npt.NDArray[np.int64]
    gapper: npt.NDArray[np.bool_]
    gap: Array
    sigma: Array
    start: npt.NDArray[np.int64]
    half_life: Array
    """Minutes in which its volatility halves."""
    news: npt.NDArray[np.int64]
    pre_sigma: Array
    """Sd of the premarket after the news."""
    pre_share: Array
    """Premarket volume as a share of the regular volume."""
    rvol: Array

    def __len__(self) -> int:
        return len(self.rows)

    def each(self) -> tuple[Event, ...]:
        """Return the events one by one."""
        kinds = np.where(self.gapper, EventKind.GAPPER, EventKind.RUNNER).tolist()
        columns = (self.rows, self.gap, self.sigma, self.start, self.news, self.rvol)
        return tuple(
            Event(EventKind(kind), *values)
            for kind, *values in zip(kinds, *(column.tolist() for column in columns), strict=True)
        )


def large_gaps(universe: Universe, chance: Array) -> Array:
    """Return the gaps of 5 % and more by the quantiles `chance`, one per symbol; 0 for the others."""
    over = np.array((measured.GAP_OVER_5, measured.GAP_OVER_10, measured.GAP_OVER_20))[:, universe.bucket] / 100.0
    over *= rates(universe) * np.array(GAP_FIT)[:, universe.bucket]
    share = np.where(chance < 0.5, chance, (1.0 - chance) / GAP_DOWN)
    gaps = np.zeros(len(universe))
    at = np.flatnonzero(share < over[0])
    five, ten, twenty = over[:, at]
    share = np.maximum(share[at], 1e-9)
    first = FIVE * (share / five) ** (-np.log(TEN / FIVE) / np.log(five / ten))
    second = np.log(TWENTY / TEN) / np.log(ten / twenty)
    size = np.where(share > ten, first, TEN * (share / ten) ** -second)
    gaps[at] = np.where(chance[at] < 0.5, 1.0, -1.0) * np.minimum(size, np.array(MOST_GAP)[universe.bucket[at]])
    return gaps


def rates(universe: Universe) -> Array:
    """Return how much more often than at random symbols of this universe have events; none for the index funds."""
    often = np.where(universe.bucket == 0, 1.0, universe.eventful)
    often[: len(INDEX_FUNDS)] = 0.0
    return often


def draw_events(universe: Universe, gap: Array, minutes: int, rng: np.random.Generator) -> EventTable:
    """Draw the events of a session of `minutes`, given its log gaps: the large gaps, and days that run without one."""
    n = len(universe)
    chance = rng.random(n)
    hot = chance < np.array(HOT_RATE)[universe.bucket] * rates(universe)
    large = np.abs(gap) >= FIVE
    rows = np.flatnonzero(hot | large)
    gapper, k = large[rows], len(rows)
    gaps = np.where(gapper, gap[rows], 0.0)
    big = np.abs(gaps) >= TEN
    z, u = rng.standard_normal((4, k)), rng.random((6, k))
    median, spread = (np.where(big, a, b) for a, b in zip(GAPPER_SIGMA, SMALL_GAP_SIGMA, strict=True))
    # Dearer stocks are calmer after a gap as well.
    sigma = (
        median * np.exp(spread * z[0]) * np.array((1.0, 1.0, 1.0, 0.9, 0.75, 0.55, 0.5, 0.45))[universe.bucket[rows]]
    )
    sigma = np.where(gapper, sigma, HOT_LEAST * u[0] ** (-1.0 / HOT_TAIL))
    news = gapper & (u[1] < NEWS_SHARE) | ~gapper & (u[1] < RUNNER_NEWS)
    late = ~gapper & ~news
    start = np.where(late, (0.85 * minutes * u[2] ** 1.6), 0.0).astype(np.int64)
    before = (20.0 + 300.0 * u[3] ** 1.2).astype(np.int64)
    # Wilder days are busier ones.
    rank = np.clip(_normal(0.6 * z[1] + 0.8 * np.where(gapper, z[0], 1.73 * (1.0 - 2.0 * u[0]))), 0.001, 0.999)
    rvol = np.where(big, _at(rank, GAP_RVOL), np.where(gapper, _at(rank, SMALL_GAP_RVOL), _at(rank, HOT_RVOL)))
    pre = np.interp(u[4], (0.0, *measured.PRE_VOLUME_SHARE[0], 1.0), (0.02, *measured.PRE_VOLUME_SHARE[1], 0.4))
    scale = np.where(big, np.clip(np.abs(gaps) / TWENTY, 0.5, 1.3), np.where(gapper, 0.25, 1.1))
    return EventTable(
        rows=rows,
        gapper=gapper,
        gap=gaps,
        sigma=np.minimum(sigma, HOT_MOST),
        start=start,
        # What goes far takes longer.
        half_life=np.where(late, 80.0, 65.0) * np.exp(0.4 * z[2]) * np.clip(sigma / 0.12, 0.7, 3.0) * minutes / 390.0,
        news=np.where(news, before, 0),
        pre_sigma=np.minimum(PRE_SIGMA[0] * scale * np.exp(PRE_SIGMA[1] * z[3]), HOT_MOST),
        pre_share=pre,
        rvol=rvol,
    )


def drift(table: EventTable) -> Array:
    """Return the expected log move of each event from its open to its close: that of a fair price, or a fade."""
    fade = np.where(table.gap >= TWENTY, FADE_20, np.where(table.gap >= TEN, FADE, 0.0))
    expected: Array = table.sigma * (fade - 0.5 * table.sigma)
    return expected


def _at(share: Array, of: measured.Quantiles) -> Array:
    found: Array = np.exp(np.interp(share, of[0], np.log(of[1])))
    return found


def _normal(z: Array) -> Array:
    """The normal distribution function, by a logistic approximation good to 0.0002."""
    found: Array = 1.0 / (1.0 + np.exp(-(1.5976 * z + 0.07056 * z**3)))
    return found
