"""Minute paths of a synthetic session: what every symbol's price, volume and activity do between open and close.

A path is a random walk in its own time: each minute's variance is drawn first (the shape of the day, clusters of
volatility, the excitement of an event), and the walk is tied to the close that the day has in store by the variance
that has passed. Its law is that of a free walk, so no part of it tells another's direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.days import LEAST_LOG, Day
from brokers.sim.market.events import TEN
from brokers.sim.market.grid import Grid, Pause, Single
from brokers.sim.market.pauses import cut, find_pauses
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.universe import TRADE_SHARES, Array, Universe
from qm.rules.calendar import SESSION_MINUTES, Session

BLOCK: Final = 1024
"""Symbols drawn at a time, which bounds the memory of a session's drafts."""
SLOW_VOL, FAST_VOL = (0.996, 0.70), (0.80, 0.42)
"""Memory per minute and stationary sd of the two parts of log volatility."""
EVENT_CLUSTERS: Final = 0.6
"""Clusters of volatility on the day of an event, as a share of usual: the event itself is the cluster."""
WIDEST: Final = 0.013
"""Sd of a minute which only days exceed whose usual minute comes near it."""
JUMP_CHANCE, JUMP_SIZE = 0.004, 4.0
MOST_SD: Final = 9.0
"""Largest move of a minute, in its sd."""
NOISE: Final = 0.72
"""Sd of the part of a minute's log volume that remembers the minute before."""
NOISE_MEMORY: Final = 0.32
VOLUME_OF_MOVE: Final = 0.45
"""How much of a minute's volume goes with the size of its move."""
EVENT_NOISE: Final = 1.5
UPDATES: Final = 6.0
"""Most trades a minute of a busy symbol: each stands for many in the largest."""
EVENT_UPDATES: Final = 120.0
BEFORE, AFTERWARDS = 0.008, 0.035
"""Variance of the minutes before an event begins, and long after it, as a share of its height."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The regular hours of one session."""

    grid: Grid
    pauses: tuple[Pause, ...]
    volume: Array
    """Shares of the regular hours by row."""


def volume_curve(minutes: int) -> Array:
    """Return the share of the regular volume in each minute of a session of `minutes`; sums to one."""
    shares = np.array(measured.VOLUME_SHARE)
    shape = np.repeat(shares / 15.0, 15)
    smooth = np.convolve(np.concatenate((shape[:1].repeat(2), shape, shape[-1:].repeat(2))), np.ones(5) / 5, "valid")
    # The first and the last minute are busier than their quarters of an hour.
    first, last = 100.0 * measured.FIRST_MINUTE_SHARE, 100.0 * measured.LAST_MINUTE_SHARE
    smooth[:15] *= (shares[0] - first) / smooth[1:15].sum()
    smooth[-15:] *= (shares[-1] - last) / smooth[-15:-1].sum()
    smooth[0], smooth[-1] = first, last
    curve = np.interp(np.linspace(0, SESSION_MINUTES - 1, minutes), np.arange(SESSION_MINUTES), smooth)
    found: Array = curve / curve.sum()
    return found


def sigma_curve(minutes: int) -> Array:
    """Return the share of each minute in the sd of the session; the squares sum to one."""
    centres = np.arange(7.5, SESSION_MINUTES, 15.0)
    at = (np.arange(minutes) + 0.5) * (SESSION_MINUTES / minutes)
    curve = np.interp(at, centres, measured.SIGMA_SHAPE) * (1.0 + 0.35 * np.exp(-at / 5.0))
    shares: Array = curve / np.sqrt(np.square(curve).sum())
    return shares


def regular_paths(
    universe: Universe, day: Day, of: Session, seed: int, prior: Array, opened: Array, closed: Array
) -> Paths:
    """Draw the regular hours that lead from the log prices `opened` to `closed`; `prior` are the closes before."""
    minutes, n = of.minutes, len(universe)
    log = np.empty((minutes + 1, n))
    sd, size = np.empty((minutes, n), np.float32), np.empty((minutes, n), np.float32)
    count = np.empty((minutes, n), np.int16)
    market = stream(seed, of.date, Stream.PATHS).standard_normal(minutes)
    shape = _shapes(universe, day, minutes)
    events = np.zeros(n, np.bool_)
    events[day.events.rows[~day.events.gapper | (np.abs(day.events.gap) >= TEN)]] = True
    volume = universe.adv * day.volume
    for block, first in enumerate(range(0, n, BLOCK)):
        rng = stream(seed, of.date, Stream.PATHS, block + 1)
        at = slice(first, min(first + BLOCK, n))
        shock, wide = _walk(day, at, shape[:, at], market, rng)
        log[:, at] = _tie(shock * wide, wide, opened[at], closed[at])
        sd[:, at] = wide
        _trade(volume[at], events[at], wide, shock, rng, count[:, at], size[:, at])
    np.maximum(log, LEAST_LOG, out=log)
    spread = universe.spread.copy()
    rows = day.events.rows
    # Where many come to trade, the spread follows their number.
    crowd = np.clip(day.volume[rows], 0.2, None) ** np.where(universe.thin[rows], measured.SPREAD_FIT[1], -0.25)
    spread[rows] *= crowd
    grid = Grid(
        begin_ns=of.open_ns,
        rows=np.arange(n, dtype=np.int32),
        log=log,
        sd=sd,
        count=count,
        size=size,
        spread=spread,
        wider=1.0 + 1.3 * np.exp(-np.arange(minutes) / 5.0),
        busy=events,
        cuts={},
    )
    pauses = find_pauses(universe, of, seed, grid, np.exp(prior))
    grid.cuts.update(cut(pauses, of, grid))
    return Paths(grid, tuple(pause for symbol in pauses for pause in symbol.pauses), volume)


def _shapes(universe: Universe, day: Day, minutes: int) -> Array:
    """Sd of each minute before clusters, minutes by symbols, in any unit."""
    shape = np.repeat(sigma_curve(minutes)[:, None], len(universe), axis=1)
    events = day.events
    age = np.arange(minutes)[:, None] - events.start
    awake = np.exp2(-2.0 * np.maximum(age, 0) / events.half_life) + AFTERWARDS
    shape[:, events.rows] = np.sqrt(np.where(age >= 0, awake, BEFORE))
    return shape


def _walk(day: Day, at: slice, shape: Array, market: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Shocks of unit variance, and the sd of each minute: their squares sum to the variance of the day."""
    minutes, k = shape.shape
    state = [sd * rng.standard_normal(k) for _, sd in (SLOW_VOL, FAST_VOL)]
    fresh = rng.standard_normal((2, minutes, k), dtype=np.float32)
    wide = np.empty((minutes, k))
    for minute in range(minutes):
        for part, (memory, sd) in enumerate((SLOW_VOL, FAST_VOL)):
            state[part] = memory * state[part] + sd * np.sqrt(1.0 - memory * memory) * fresh[part, minute]
        wide[minute] = state[0] + state[1]
    steady = np.ones(k)
    rows = day.events.rows
    steady[rows[(rows >= at.start) & (rows < at.stop)] - at.start] = EVENT_CLUSTERS
    wide = np.exp(wide * steady) * shape
    wide *= day.sigma[at] / np.sqrt(np.square(wide).sum(axis=0))
    # What is wilder than the widest minutes that were seen takes longer instead.
    most = np.maximum(WIDEST, 1.5 * day.sigma[at] / np.sqrt(minutes))
    for _ in range(2):
        np.minimum(wide, most, out=wide)
        wide *= day.sigma[at] / np.sqrt(np.square(wide).sum(axis=0))
    own = rng.standard_normal((minutes, k), dtype=np.float32).astype(np.float64)
    jumps = rng.random((minutes, k), dtype=np.float32) < JUMP_CHANCE
    jumps[:, steady < 1.0] = False
    own[jumps] *= JUMP_SIZE
    own *= np.where(steady < 1.0, 1.0, 1.0 / np.sqrt(1.0 + JUMP_CHANCE * (JUMP_SIZE**2 - 1.0)))
    load = day.load[at]
    shock = np.sqrt(load) * market[:, None] + np.sqrt(1.0 - load) * own
    return np.clip(shock, -MOST_SD, MOST_SD), wide


def _tie(step: Array, wide: Array, opened: Array, closed: Array) -> Array:
    """Log prices at the boundaries: the walk, bent to end at the close in the measure of the variance passed."""
    walk = np.zeros((len(step) + 1, step.shape[1]))
    np.cumsum(step, axis=0, out=walk[1:])
    passed = np.zeros_like(walk)
    np.cumsum(np.square(wide), axis=0, out=passed[1:])
    passed /= passed[-1]
    tied: Array = opened + walk + passed * (closed - opened - walk[-1])
    return tied


def _trade(
    volume: Array,
    events: npt.NDArray[np.bool_],
    wide: Array,
    shock: Array,
    rng: np.random.Generator,
    count: npt.NDArray[np.int16],
    size: Single,
) -> None:
    """Fill in the trades of each minute and the shares of each, so that they come to `volume`."""
    minutes, k = wide.shape
    noise = rng.standard_normal((minutes, k), dtype=np.float32)
    fresh = np.sqrt(1.0 - NOISE_MEMORY**2)
    for minute in range(1, minutes):
        noise[minute] = NOISE_MEMORY * noise[minute - 1] + fresh * noise[minute]
    trades = np.maximum(volume / TRADE_SHARES, 1.0)
    heat = wide / np.sqrt(np.square(wide).mean(axis=0))
    weight = np.exp(np.where(events, EVENT_NOISE, NOISE) * noise) * (1.0 + VOLUME_OF_MOVE * (np.abs(shock) - 0.8))
    curve = volume_curve(minutes)[:, None]
    weight *= np.where(events, curve**0.35 * heat**2.0, curve)
    rough = _rest_of_shape(trades)
    patchy = np.flatnonzero((rough < 6.0) & ~events)
    if len(patchy):
        weight[:, patchy] *= rng.standard_gamma(rough[patchy], (minutes, len(patchy)), dtype=np.float32) / rough[patchy]
    weight = np.maximum(weight, 1e-12)
    shares = weight * (volume / weight.sum(axis=0))
    most = np.where(events, EVENT_UPDATES, UPDATES)
    expected = np.minimum(shares / TRADE_SHARES, most)
    count[:] = np.minimum(rng.poisson(expected), 400)
    # Where a trade stands for many, the minute's volume does not depend on how many stand for it.
    dense = (expected > 0.5 * most) & (count > 0)
    size[:] = shares / np.where(dense, count, np.maximum(expected, 1e-9))


def _rest_of_shape(trades: Array) -> Array:
    """Shape of the gamma that makes trades a minute as patchy as measured, beyond what the volume's noise does."""
    (few, low), (many, high) = measured.COUNT_SHAPE
    shape = low + (high - low) * np.log(np.maximum(trades, 20.0) / few) / np.log(many / few)
    noise = np.exp(NOISE**2)
    rest = (1.0 + 1.0 / np.clip(shape, 0.08, None)) / noise - 1.0
    found: Array = 1.0 / np.maximum(rest, 0.02)
    return found
