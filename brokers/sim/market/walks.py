"""Minutes of some symbols of one session: the variance of each, the walk through them, the trades that come along.

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
from brokers.sim.market.events import EventTable, bend, straighten, wilder
from brokers.sim.market.grid import Single
from brokers.sim.market.universe import TRADE_SHARES, Array
from qm.rules.calendar import SESSION_MINUTES

SLOW_VOL, FAST_VOL = (0.999, 1.05), (0.85, 0.09)
"""Memory per minute and stationary sd of the two parts of log volatility."""
SIGMA_TILT: Final = -0.25
"""Log by which the shape of the day is turned: the slow part, of which each day is but a piece, wanders off late."""
EVENT_SLOW, EVENT_FAST = (0.97, 0.35), (0.60, 0.40)
"""The same on the day of an event: it has its own slow part, which is the event itself."""
WIDEST: Final = 0.013
"""Sd of a minute which only days exceed whose usual minute comes near it."""
EVENT_WIDEST: Final = 0.013
"""The same on the day of an event."""
WIDER_THAN_EVEN: Final = 1.05
"""Sd of the widest minute of a wild day, in those of a day whose minutes are all alike."""
JUMP_CHANCE, JUMP_SIZE = 0.0037, 4.7
EVENT_JUMP_CHANCE, EVENT_JUMP_SIZE = 0.010, 3.0
MOST_SD: Final = 14.0
"""Largest move of a minute, in its sd."""
NOISE: Final = 0.74
"""Sd of the part of a minute's log volume that remembers the minute before."""
NOISE_MEMORY: Final = 0.24
VOLUME_OF_MOVE: Final = 0.45
"""How much of a minute's volume goes with the size of its move."""
EVENT_NOISE: Final = (1.9, 1.5)
EVENT_HEAT: Final = (1.9, 1.9)
"""Sd of an event's log volume, and how it follows the volatility, with few trades a day and with many: a crowd is
steadier than a handful."""
LEAST_CROWD: Final = 2.0
"""Least multiple of a usual day that counts as one: below, half of the volume is the event's."""
CROWDS: Final = tuple(float(np.log(trades)) for trades, _ in measured.COUNT_SHAPE)
CALM_SHAPE: Final = (measured.COUNT_SHAPE[0], (6_000.0, 1.6))
"""Trades a day, and the shape of trades a minute without an event: so the noise of volume is what was seen."""
UPDATES: Final = 10.0
"""Most trades a minute of a busy symbol: each stands for many."""
MOST_SHARES: Final = 10_000.0
"""That each stands for at the mean of the day: beyond, there are more of them."""
EVENT_UPDATES: Final = 3_000.0
EVENT_TRADES: Final = 35_000.0
"""Most trades of the day of an event: beyond, each stands for several."""
BEFORE, AFTERWARDS = 0.006, 0.018
"""Variance of the minutes before an event begins, and long after it, as a share of its height."""
MOST_TRADES: Final = 6_000


@dataclass(frozen=True, slots=True, eq=False)
class Walks:
    """Some symbols' minutes: a row per minute, a column per symbol."""

    log: Array
    """Log price at the boundaries: one row more than there are minutes."""
    sd: Array
    count: npt.NDArray[np.int16]
    size: Single


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


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """What the day has in store for some symbols: one element each."""

    opened: Array
    """Log price."""
    closed: Array
    sigma: Array
    """Sd of the log move between them."""
    load: Array
    """Share of that variance which follows the market."""
    volume: Array
    """Shares."""
    late: npt.NDArray[np.bool_]
    """What all have in common reaches it a minute later."""


def calm_walks(ends: Ends, market: Array, rng: np.random.Generator) -> Walks:
    """Draw the minutes of symbols without an event.

    `market` are the shocks that all have in common, from the minute before the open on.
    """
    minutes, k = len(market) - 1, len(ends.opened)
    shape = sigma_curve(minutes) * np.exp(SIGMA_TILT * np.linspace(0.0, 1.0, minutes))
    wide = np.exp(_clusters(minutes, k, (SLOW_VOL, FAST_VOL), rng)) * shape[:, None]
    wide = _scaled(wide, ends.sigma, WIDEST)
    shock = _shocks(market, ends, JUMP_CHANCE, JUMP_SIZE, rng)
    log = ends.opened + _tie(shock * wide, wide, ends.closed - ends.opened)[0]
    trades = np.maximum(ends.volume / TRADE_SHARES, 1.0)
    weight = np.exp(NOISE * _noise(minutes, k, rng)) * (1.0 + VOLUME_OF_MOVE * (np.abs(shock) - 0.8))
    weight *= volume_curve(minutes)[:, None]
    rough = _rest_of_shape(trades)
    patchy = np.flatnonzero(rough < 6.0)
    if len(patchy):
        weight[:, patchy] *= rng.standard_gamma(rough[patchy], (minutes, len(patchy)), dtype=np.float32) / rough[patchy]
    most = np.maximum(UPDATES, ends.volume / (MOST_SHARES * minutes))
    return Walks(log, wide, *_trades(weight, ends.volume, most, rng))


def event_walks(ends: Ends, events: EventTable, market: Array, rng: np.random.Generator) -> Walks:
    """Draw the minutes of the events of a session, all of them."""
    minutes, k = len(market) - 1, len(events)
    age = np.arange(minutes)[:, None] - events.start
    awake = np.exp2(-2.0 * np.maximum(age, 0) / events.half_life) + AFTERWARDS
    shape = np.sqrt(np.where(age >= 0, awake, BEFORE))
    wide = _scaled(np.exp(_clusters(minutes, k, (EVENT_SLOW, EVENT_FAST), rng)) * shape, ends.sigma, EVENT_WIDEST)
    shock = _shocks(market, ends, EVENT_JUMP_CHANCE, EVENT_JUMP_SIZE, rng)
    variance, skew = np.square(ends.sigma), events.skew
    walk, passed = _tie(shock * wide, wide, straighten(ends.closed - ends.opened, variance, skew))
    log = ends.opened + bend(walk, passed * variance, skew)
    heat = wide / np.sqrt(np.square(wide).mean(axis=0))
    crowd = np.interp(np.log(np.maximum(ends.volume / TRADE_SHARES, 1.0)), CROWDS, (0.0, 1.0))
    noise, follows = (few + crowd * (many - few) for few, many in (EVENT_NOISE, EVENT_HEAT))
    weight = np.exp(noise * _noise(minutes, k, rng)) * (1.0 + VOLUME_OF_MOVE * (np.abs(shock) - 0.8))
    weight *= volume_curve(minutes)[:, None] ** 0.35 * heat**follows
    # Who trades it on any day does so on this one as well.
    usual = 1.0 / np.maximum(events.rvol, LEAST_CROWD)
    weight = (1.0 - usual) * weight / weight.sum(axis=0) + usual * volume_curve(minutes)[:, None]
    wide *= wilder(walk[:-1], passed[:-1] * variance, skew)
    return Walks(log, wide, *_trades(weight, ends.volume, EVENT_UPDATES, rng, shares_of_a_trade(ends.volume)))


def _clusters(
    minutes: int, k: int, parts: tuple[tuple[float, float], tuple[float, float]], rng: np.random.Generator
) -> Array:
    """Log volatility in excess of its mean: two Ornstein-Uhlenbeck parts of different memory."""
    state = [sd * rng.standard_normal(k) for _, sd in parts]
    fresh = rng.standard_normal((2, minutes, k), dtype=np.float32)
    wide = np.empty((minutes, k))
    for minute in range(minutes):
        for part, (memory, sd) in enumerate(parts):
            state[part] = memory * state[part] + sd * np.sqrt(1.0 - memory * memory) * fresh[part, minute]
        wide[minute] = state[0] + state[1]
    return wide


def _scaled(wide: Array, sigma: Array, widest: float) -> Array:
    """Scale the sd of minutes so that the squares sum to the variance of the day."""
    wide *= sigma / np.sqrt(np.square(wide).sum(axis=0))
    # What is wilder than the widest minutes that were seen takes longer instead.
    most = np.maximum(widest, WIDER_THAN_EVEN * sigma / np.sqrt(len(wide)))
    for _ in range(2):
        np.minimum(wide, most, out=wide)
        wide *= sigma / np.sqrt(np.square(wide).sum(axis=0))
    return wide


def _shocks(market: Array, ends: Ends, chance: float, size: float, rng: np.random.Generator) -> Array:
    """Shocks of unit variance."""
    shape = (len(market) - 1, len(ends.load))
    own = rng.standard_normal(shape, dtype=np.float32).astype(np.float64)
    own[rng.random(shape, dtype=np.float32) < chance] *= size
    own /= np.sqrt(1.0 + chance * (size**2 - 1.0))
    common = np.where(ends.late, market[:-1, None], market[1:, None])
    shock: Array = np.clip(np.sqrt(ends.load) * common + np.sqrt(1.0 - ends.load) * own, -MOST_SD, MOST_SD)
    return shock


def _tie(step: Array, wide: Array, end: Array) -> tuple[Array, Array]:
    """The walk at the boundaries, led to its end in the measure of the variance passed; and that measure."""
    walk = np.zeros((len(step) + 1, step.shape[1]))
    np.cumsum(step, axis=0, out=walk[1:])
    passed = np.zeros_like(walk)
    np.cumsum(np.square(wide), axis=0, out=passed[1:])
    passed /= passed[-1]
    return walk + passed * (end - walk[-1]), passed


def _noise(minutes: int, k: int, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal((minutes, k), dtype=np.float32)
    fresh = np.sqrt(1.0 - NOISE_MEMORY**2)
    for minute in range(1, minutes):
        noise[minute] = NOISE_MEMORY * noise[minute - 1] + fresh * noise[minute]
    # Exponentials of single precision are not the same on every processor.
    found: Array = noise.astype(np.float64)
    return found


def shares_of_a_trade(volume: Array) -> Array:
    """Return how many shares a trade of an event stands for, given those of its day."""
    found: Array = np.maximum(TRADE_SHARES, volume / EVENT_TRADES)
    return found


def _trades(
    weight: Array, volume: Array, most: Array | float, rng: np.random.Generator, unit: Array | float = TRADE_SHARES
) -> tuple[npt.NDArray[np.int16], Single]:
    """Trades of each minute and shares of each, so that they come to `volume`."""
    weight = np.maximum(weight, 1e-12)
    shares = weight * (volume / weight.sum(axis=0))
    expected = np.minimum(shares / unit, most)
    count = np.minimum(rng.poisson(expected), MOST_TRADES).astype(np.int16)
    # Where a trade stands for many, the minute's volume does not depend on how many stand for it.
    dense = (expected > 0.5 * most) & (count > 0)
    return count, (shares / np.where(dense, count, np.maximum(expected, 1e-9))).astype(np.float32)


def _rest_of_shape(trades: Array) -> Array:
    """Shape of the gamma that makes trades a minute as patchy as measured, beyond what the volume's noise does."""
    (few, low), (many, high) = CALM_SHAPE
    shape = low + (high - low) * np.log(np.maximum(trades, 20.0) / few) / np.log(many / few)
    noise = np.exp(NOISE**2)
    rest = (1.0 + 1.0 / np.clip(shape, 0.08, None)) / noise - 1.0
    found: Array = 1.0 / np.maximum(rest, 0.02)
    return found
