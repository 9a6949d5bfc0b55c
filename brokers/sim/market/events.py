"""The symbols that make a momentum day: those that gap, and those that run; drawn for a whole session at once.

Nothing here has a direction that a trader could learn from its beginning: an event is news of some size at some time,
and then volatility that grows with the price. That alone gives the far highs, the near lows, the fades and the
give-backs that were measured: most days of a fair but skewed game end below where they began. Two exceptions were
measured too: what gaps up by 20 % closes below its open more often than even that, and every second runner makes its
high before the open, so that there are spikes, which are back when the bell rings.
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
    (0.40, 1.061, 0.69, 0.889, 1.028, 0.912, 1.028, 1.122),
    (0.93, 0.681, 0.995, 0.922, 0.944, 0.85, 0.925, 1.177),
    (1.0, 0.138, 1.055, 0.94, 0.98, 0.8, 1.15, 1.15),
)
"""Corrections to `GAP_OVER_5`, `_10` and `_20` by price: ordinary gaps add some, and symbols change their price."""
MOST_GAP: Final = (0.50, 0.32, 0.65, 0.75, 0.60, 0.9, 0.8, 0.8)
"""Largest log gap by price."""
HOT_RATE: Final = (0.1300, 0.0158, 0.0270, 0.01300, 0.0024, 0.0015, 0.0018, 0.00160)
"""Symbols a day, by price, that become several times as volatile without a gap; fitted to `RUN_OVER_30`."""
HOT_LEAST, HOT_TAIL, HOT_MOST = 0.10, 2.25, 1.2
"""Sd of such a day, log: its least, the index of its tail, its most. Runs above 20, 30, 50 and 100 % have that tail."""
SPIKES: Final = 0.6
"""Symbols that run before the open and come back, for each of those."""
SPIKE_LEAST: Final = 0.20
"""Least sd of such a premarket, log; its tail and its most are those of the runs."""
SPIKE_SIGMA: Final = (0.10, 0.6)
SPIKE_RVOL: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.3, 0.8, 2.5, 15.0, 100.0))
SPIKE_SHARE: Final[measured.Quantiles] = ((0.0, 0.5, 1.0), (0.15, 0.6, 5.0))
"""Premarket volume as a share of the regular one."""
GAPPER_SKEW, RUNNER_SKEW = (1.7, 2.1, 3.6), (2.3, 2.0, 4.0)
"""How much wilder a price gets with its height: 1 is a lognormal price, whose moves are as wide in percent anywhere.
Where hardly anything happens, what each unit of the day's sd adds, and the most."""
GAPPER_SIGMA: Final = (0.150, 0.64)
"""Sd of the day after a gap of `USUAL_GAP`: median, and sd of its log."""
USUAL_GAP, GAP_TO_SIGMA = 0.16, 0.9
"""A large gap, log, and the power by which the day after it is wilder with its size."""
SMALL_GAP_SIGMA: Final = (0.065, 0.6)
FADE_20, HOLD_10 = -0.08, 0.04
"""Drift of the day after a gap up of 20 % and more, and of 10 to 20 %, in its sd: how often it closes below its open.
Of all 57.8 % do, of the larger ones 70.5 %, so that of the others hardly half is left."""
HOT_RVOL: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.3, 1.0, 5.0, 60.0, 400.0))
GAP_RVOL: Final[measured.Quantiles] = (
    (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0),
    (2.6, 3.3, 4.0, 5.7, 11.0, 42.0, 130.0, 400.0),
)
GAP20_TURNED: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.03, 0.18, 1.7, 20.0, 50.0))
"""Of the float: what comes to trade after a gap of 20 % is not a multiple of who traded before. With the least volume
of those that were measured, a million dollars, it comes to `GAP20_TURNOVER`."""
SMALL_GAP_RVOL: Final[measured.Quantiles] = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.1, 0.3, 0.9, 3.0, 30.0))
PRE_SIGMA: Final = (0.125, 0.93)
"""Sd of the premarket after the news, log: median, and sd of its log."""
LEAST_GROWN: Final = 1e-6
CROWD_OF_FLOAT: Final = 0.70
"""Power of the float in that: who traded before counts for something."""
LEAST_RVOL, MOST_RVOL = 1.2, 3_000.0
THIN_USD, THIN_IDLE, IDLE_RVOL = 0.7e6, 0.8, 0.35
"""What trades fewer dollars a day often gaps without news, and hardly anybody comes to trade it."""
NEWS_SHARE: Final = 0.96
"""Of the large gaps: the news is out before the open."""
RUNNER_NEWS: Final = 0.85


class EventKind(StrEnum):
    """What kind of day a symbol has."""

    GAPPER = "gapper"
    RUNNER = "runner"
    SPIKE = "spike"
    """It runs before the open, and is back when the bell rings."""


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
    spike: npt.NDArray[np.bool_]
    gap: Array
    sigma: Array
    skew: Array
    """How much wilder the price gets with its height."""
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
        runs = np.where(self.spike, EventKind.SPIKE, EventKind.RUNNER)
        kinds = np.where(self.gapper, EventKind.GAPPER, runs).tolist()
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
    often = np.array(HOT_RATE)[universe.bucket] * rates(universe)
    large = np.abs(gap) >= FIVE
    rows = np.flatnonzero((chance < (1.0 + SPIKES) * often) | large)
    gapper, k = large[rows], len(rows)
    spike = ~gapper & (chance >= often)[rows]
    gaps = np.where(gapper, gap[rows], 0.0)
    thin = (universe.adv * universe.price)[rows] < THIN_USD
    idle = gapper & thin & (rng.random(k) < np.where(gaps >= TWENTY, 0.2, 1.0) * THIN_IDLE)
    big = (np.abs(gaps) >= TEN) & ~idle
    z, u = rng.standard_normal((4, k)), rng.random((6, k))
    median, spread = (np.where(big, a, b) for a, b in zip(GAPPER_SIGMA, SMALL_GAP_SIGMA, strict=True))
    # Dearer stocks are calmer after a gap as well.
    calmer = np.array((1.0, 1.0, 1.0, 0.9, 0.71, 0.55, 0.5, 0.43))[universe.bucket[rows]]
    sigma = median * np.exp(spread * z[0]) * calmer
    sigma *= np.where(big, (np.abs(gaps) / USUAL_GAP) ** GAP_TO_SIGMA, 1.0)
    tail = u[0] ** (-1.0 / HOT_TAIL)
    hot = np.where(spike, SPIKE_SIGMA[0] * np.exp(SPIKE_SIGMA[1] * z[0]), HOT_LEAST * tail)
    sigma = np.where(gapper, sigma, hot)
    news = gapper & ~idle & (u[1] < NEWS_SHARE) | ~gapper & (u[1] < RUNNER_NEWS) | spike
    late = ~gapper & ~news
    start = np.where(late, (0.85 * minutes * u[2] ** 1.8), 0.0).astype(np.int64)
    before = (15.0 + 260.0 * u[3] ** 1.4).astype(np.int64)
    # Wilder days are busier ones.
    rank = np.clip(normal(0.6 * z[1] + 0.8 * np.where(gapper, z[0], 1.73 * (1.0 - 2.0 * u[0]))), 0.001, 0.999)
    rvol = np.where(big, _at(rank, GAP_RVOL), np.where(gapper, _at(rank, SMALL_GAP_RVOL), _at(rank, HOT_RVOL)))
    rvol = np.where(idle, IDLE_RVOL * rvol, np.where(spike, _at(rank, SPIKE_RVOL), rvol))
    turned = _at(rank, GAP20_TURNED) * (universe.float_shares[rows] / universe.adv[rows]) ** CROWD_OF_FLOAT
    rvol = np.where((gaps >= TWENTY) & ~idle, np.clip(turned, LEAST_RVOL, MOST_RVOL), rvol)
    # What is wild after the open was wild before it; the size of the gap counts by itself.
    own = np.where(big, z[0], np.log(sigma / GAPPER_SIGMA[0]) / GAPPER_SIGMA[1])
    restless = 0.6 * z[3] + 0.8 * np.clip(own, -2.0, 2.0)
    pre = np.interp(
        u[4], (0.0, *measured.PRE_VOLUME_SHARE[0], 1.0), (0.03, 0.063, *measured.PRE_VOLUME_SHARE[1][1:], 0.4)
    )
    pre = np.where(spike, _at(u[4], SPIKE_SHARE), pre)
    scale = np.where(big, np.clip(np.abs(gaps) / TWENTY, 0.5, 1.3), np.where(gapper, 0.25, 1.1))
    before_open = np.where(spike, SPIKE_LEAST * tail, PRE_SIGMA[0] * scale * np.exp(PRE_SIGMA[1] * restless))
    sigma = np.minimum(sigma, HOT_MOST * calmer)
    least, more, most = (np.where(gapper, *each) for each in zip(GAPPER_SKEW, RUNNER_SKEW, strict=True))
    return EventTable(
        rows=rows,
        gapper=gapper,
        spike=spike,
        gap=gaps,
        sigma=sigma,
        skew=np.minimum(least + more * sigma, most),
        start=start,
        # What goes far takes longer.
        half_life=np.where(late, 52.0, 36.0) * np.exp(0.4 * z[2]) * np.clip(sigma / 0.14, 0.6, 2.2) * minutes / 390.0,
        news=np.where(news, before, 0),
        pre_sigma=np.minimum(before_open, HOT_MOST),
        pre_share=pre,
        rvol=rvol,
    )


def drift(table: EventTable) -> Array:
    """Return the drift of each event from its open to its close: none, or what was measured after a gap up."""
    lean: Array = table.sigma * np.where(table.gap >= TWENTY, FADE_20, np.where(table.gap >= TEN, HOLD_10, 0.0))
    return lean


def bend(walk: Array, variance: Array, skew: Array) -> Array:
    """Return the log moves that a plain random walk of some variance stands for: a fair price that has its skew.

    A displaced lognormal: the walk without a drift gives a price without a drift, now and at the close.
    """
    found: Array = np.log1p(np.expm1(skew * walk - 0.5 * skew**2 * variance) / skew)
    return found


def straighten(move: Array, variance: Array, skew: Array) -> Array:
    """Return the walk that stands for log moves: the inverse of `bend`."""
    grown = np.maximum(1.0 + skew * np.expm1(move), LEAST_GROWN)
    found: Array = (np.log(grown) + 0.5 * skew**2 * variance) / skew
    return found


def wilder(walk: Array, variance: Array, skew: Array) -> Array:
    """Return how much wilder than at its start a price is: the slope of `bend`."""
    grown = np.exp(skew * walk - 0.5 * skew**2 * variance)
    found: Array = skew * grown / (skew - 1.0 + grown)
    return found


def _at(share: Array, of: measured.Quantiles) -> Array:
    found: Array = np.exp(np.interp(share, of[0], np.log(of[1])))
    return found


def normal(z: Array) -> Array:
    """Return the normal distribution function, by a logistic approximation good to 0.0002."""
    found: Array = 1.0 / (1.0 + np.exp(-(1.5976 * z + 0.07056 * z**3)))
    return found
