"""Minute paths of a synthetic session: what every symbol's price, volume and activity do between open and close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.days import FLOOR, GAP_SHARE, Day
from brokers.sim.events import EventKind
from brokers.sim.grid import Grid, Pause
from brokers.sim.legs import event_path, leg_activity
from brokers.sim.pauses import cut, find_pauses
from brokers.sim.universe import TRADES_PER_SHARE, Array, Universe
from qm.rules.calendar import SESSION_MINUTES, Session

# Measured per 15 minutes on liquid stocks: share of the volume in per cent, and the multiple of the day's usual sigma.
VOLUME_SHARE: Final = (
    8.88, 5.28, 5.05, 4.2, 3.78, 3.32, 3.18, 2.92, 2.72, 2.48, 2.3, 2.26, 2.1,
    2.06, 2.04, 2.07, 2.12, 2.04, 2.26, 2.21, 2.29, 2.4, 2.73, 3.28, 4.34, 13.95,
)  # fmt: skip
SIGMA_SHAPE: Final = (
    2.53, 1.56, 1.46, 1.22, 1.09, 1.03, 0.98, 0.88, 0.84, 0.79, 0.76, 0.74, 0.68,
    0.68, 0.7, 0.68, 0.7, 0.65, 0.68, 0.62, 0.66, 0.64, 0.66, 0.63, 0.69, 0.9,
)  # fmt: skip
FIRST_MINUTE_SHARE: Final = 0.0236
LAST_MINUTE_SHARE: Final = 0.030
VOLUME_NOISE_SD: Final = 0.70
VOLUME_NOISE_MEMORY: Final = 0.25
SLOW_VOL, FAST_VOL = (0.99, 0.55), (0.85, 0.40)
"""Memory per minute and stationary sd of the two parts of log volatility."""
JUMP_CHANCE, JUMP_SIZE = 0.006, 4.6
MOST_A_MINUTE: Final = 0.035
"""Largest log move in a minute without an event."""

UPDATES_A_MINUTE: Final = 9.0
"""Price updates a minute of a busy symbol; a runner in a leg has up to five times as many."""
EVENT_UPDATES: Final = 45.0


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The regular hours of one session."""

    grid: Grid
    pauses: tuple[Pause, ...]


def volume_curve(minutes: int) -> Array:
    """Return the share of the regular volume in each minute of a session of `minutes`; sums to one."""
    shape = np.repeat(np.array(VOLUME_SHARE) / 15.0, 15)
    smooth = np.convolve(np.concatenate((shape[:1].repeat(7), shape, shape[-1:].repeat(7))), np.ones(15) / 15, "valid")
    smooth /= smooth.sum()
    smooth[0], smooth[-1] = FIRST_MINUTE_SHARE, LAST_MINUTE_SHARE
    curve = np.interp(np.linspace(0, SESSION_MINUTES - 1, minutes), np.arange(SESSION_MINUTES), smooth)
    shares: Array = curve / curve.sum()
    return shares


def sigma_curve(minutes: int) -> Array:
    """Return the share of each minute in the sd of the session; the squares sum to one."""
    centres = np.arange(7.5, SESSION_MINUTES, 15.0)
    at = (np.arange(minutes) + 0.5) * (SESSION_MINUTES / minutes)
    curve = np.interp(at, centres, SIGMA_SHAPE) * (1.0 + 0.5 * np.exp(-at / 5.0))
    shares: Array = curve / np.sqrt(np.square(curve).sum())
    return shares


def regular_paths(
    universe: Universe, day: Day, of: Session, opened: Array, closed: Array, rng: np.random.Generator
) -> Paths:
    """Draw the regular hours that lead from the log prices `opened` to `closed`."""
    minutes, n = of.minutes, len(universe)
    move = closed - opened
    usual = universe.sigma * np.sqrt(1.0 - GAP_SHARE)
    # A day that ends far away was a wild day on the way there.
    day_sd = usual * np.sqrt(np.maximum(1.0, np.abs(move) / (1.5 * usual))) * day.wild
    shape = sigma_curve(minutes)
    sd = day_sd * shape[:, None] * _volatility(minutes, n, rng)
    shock = rng.standard_normal((minutes, n))
    shock[rng.random((minutes, n)) < JUMP_CHANCE] *= JUMP_SIZE
    shock = np.sqrt(universe.load) * rng.standard_normal((minutes, 1)) + np.sqrt(1.0 - universe.load) * shock
    walk = np.zeros((minutes + 1, n))
    np.cumsum(np.clip(sd * shock, -MOST_A_MINUTE, MOST_A_MINUTE), axis=0, out=walk[1:])
    clock = np.concatenate(((0.0,), np.cumsum(np.square(shape))))[:, None]
    log = opened + walk + clock * (move - walk[-1])
    activity = _activity(minutes, n, shock, rng)
    for event in day.events:
        row = event.row
        log[:, row], sd[:, row] = event_path(event, minutes, opened[row], closed[row], sd[:, row], rng)
        activity[:, row] *= leg_activity(event, minutes, log[:, row])
    np.maximum(log, np.log(FLOOR), out=log)
    return _finish(universe, day, of, log, sd, activity, rng)


def _finish(
    universe: Universe, day: Day, of: Session, log: Array, sd: Array, activity: Array, rng: np.random.Generator
) -> Paths:
    weight = volume_curve(of.minutes)[:, None] * activity
    volume = weight * (universe.adv * day.volume / weight.sum(axis=0))
    busy = np.full(len(universe), UPDATES_A_MINUTE)
    busy[[event.row for event in day.events if event.kind is EventKind.RUNNER or event.rvol > 10.0]] = EVENT_UPDATES
    expected = busy * -np.expm1(-volume * TRADES_PER_SHARE / busy)
    count = rng.poisson(expected)
    pauses = find_pauses(universe, of, log, log[0] - day.gap)
    cuts = cut(pauses, of, log, count)
    at = np.arange(of.minutes)
    opening = 1.0 + 1.6 * np.exp(-at / 6.0)
    calmer = np.ones(len(universe))
    for event in day.events:
        calmer[event.row] = event.rvol**-0.25
    grid = Grid(
        begin_ns=of.open_ns,
        rows=np.arange(len(universe), dtype=np.int32),
        log=log,
        sd=sd,
        count=count,
        size=volume / np.maximum(expected, 1e-9),
        spread=universe.spread * calmer * opening[:, None] + 0.12 * sd,
        cuts=cuts,
    )
    return Paths(grid, pauses)


def _volatility(minutes: int, n: int, rng: np.random.Generator) -> Array:
    """Two mean-reverting parts of log volatility, minutes by symbols, with a mean square of one."""
    out = np.empty((minutes, n))
    state = [sd * rng.standard_normal(n) for _, sd in (SLOW_VOL, FAST_VOL)]
    noise = rng.standard_normal((minutes, 2, n))
    for minute in range(minutes):
        for part, (memory, sd) in enumerate((SLOW_VOL, FAST_VOL)):
            state[part] = memory * state[part] + sd * np.sqrt(1.0 - memory * memory) * noise[minute, part]
        out[minute] = state[0] + state[1]
    return np.exp(out - (SLOW_VOL[1] ** 2 + FAST_VOL[1] ** 2))


def _activity(minutes: int, n: int, shock: Array, rng: np.random.Generator) -> Array:
    """What makes a minute's volume differ from the curve: noise with a memory, and the size of its move."""
    noise = rng.standard_normal((minutes, n))
    fresh = np.sqrt(1.0 - VOLUME_NOISE_MEMORY**2)
    for minute in range(1, minutes):
        noise[minute] = VOLUME_NOISE_MEMORY * noise[minute - 1] + fresh * noise[minute]
    activity: npt.NDArray[np.float64] = np.exp(VOLUME_NOISE_SD * noise) * (0.7 + 0.38 * np.abs(shock))
    return activity
