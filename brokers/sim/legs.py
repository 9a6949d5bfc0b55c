"""The way of a runner or a gapper through the session: legs, pullbacks, a high, and what comes after it."""

from __future__ import annotations

import numpy as np

from brokers.sim.events import Event, EventKind
from brokers.sim.universe import Array

NOISE_MEMORY = 0.75
"""Share of the deviation from the leg that is left a minute later."""


def event_path(
    event: Event, minutes: int, opened: float, closed: float, quiet: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the log prices at the boundaries, and the local sd, of a symbol with an event.

    `quiet` is the sd that its minutes would have had without one.
    """
    at, level = _runner_knots(event, minutes, rng) if event.kind is EventKind.RUNNER else _gapper_knots(event, rng)
    done = float(closed - opened)
    at, level = [*at, minutes], [*level, done]
    path = np.interp(np.arange(minutes + 1), at, level)
    awake = _awake(event, minutes)
    wild = float(np.exp(rng.normal(-0.05, 0.3)))
    sd = np.maximum(quiet * (1.0 - awake), (0.0025 + 0.0035 * awake) * wild * np.where(awake > 0, 1.0, 0.0))
    deviation, state = np.zeros(minutes + 1), 0.0
    shock = rng.standard_normal(minutes)
    for minute in range(minutes):
        state = NOISE_MEMORY * state + sd[minute] * shock[minute]
        deviation[minute + 1] = state
    # The close is drawn already: the noise has to be gone by then.
    deviation *= np.minimum(1.0, (minutes - np.arange(minutes + 1)) / 10.0)
    return opened + path + deviation, np.maximum(sd, 1e-4)


def leg_activity(event: Event, minutes: int, log: Array) -> Array:
    """Return the multiple of its usual volume in each minute, before the day's total is imposed."""
    awake = _awake(event, minutes)
    step = np.abs(np.diff(log))
    rising = np.maximum(np.diff(log), 0.0)
    smooth = np.convolve(step + 2.0 * rising, np.full(5, 0.2), "same")
    drive: Array = 1.0 + awake * (3.0 + 12.0 * smooth / max(float(smooth.mean()), 1e-9))
    return drive if event.start > 0 else np.maximum(drive, 1.0)


def _awake(event: Event, minutes: int) -> Array:
    """How much of the excitement is there: none before the start, all until the high, then less and less."""
    at = np.arange(minutes)
    awake: Array = np.where(at < event.start, 0.0, np.exp(-np.maximum(at - event.peak, 0) / 75.0))
    return awake


def _runner_knots(event: Event, minutes: int, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Two to six legs up, each followed by a pullback, then a first break, a bounce that fails, and a drift."""
    legs = int(rng.integers(2, 7))
    rise, keep = rng.dirichlet(np.full(legs, 3.0)), rng.uniform(0.5, 0.85, legs)
    keep[-1] = 1.0
    rise *= event.high / float((rise * keep).sum())
    # A long leg takes longer: what climbs 10 % in five minutes is paused.
    up = rng.uniform(0.3, 0.9, legs) + legs * rise / float(rise.sum())
    rest = rng.uniform(0.4, 1.2, legs)
    rest[-1] = 0.0
    pace = max(event.peak - event.start, 4) / float(up.sum() + rest.sum())
    now, level = float(event.start), 0.0
    at, height = [0.0] if event.start > 0 else [], [0.0] if event.start > 0 else []
    at.append(now)
    height.append(level)
    for leg in range(legs):
        for lasts, to in ((up[leg], rise[leg]), (rest[leg], -(1.0 - keep[leg]) * rise[leg])):
            if lasts > 0:
                now, level = now + float(lasts) * pace, level + float(to)
                at.append(now)
                height.append(level)
    fall = event.high - event.close
    left = minutes - now
    if left > 20:
        breaks, bounces = rng.uniform(0.45, 0.9), rng.uniform(0.15, 0.4)
        at += [now + 0.12 * left, now + 0.3 * left]
        height += [level - fall * breaks, level - fall * (breaks - bounces)]
    return at, height


def _gapper_knots(event: Event, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """A dip or not, the high, and the way to the close with one try at the high that fails."""
    at, height = [0.0], [0.0]
    peak = float(event.peak)
    if peak >= 6:
        at.append(peak * float(rng.uniform(0.15, 0.35)))
        height.append(-float(rng.exponential(0.035)))
    if peak >= 1:
        at.append(peak)
        height.append(event.high)
    fall = event.high - event.close
    left = 380.0 - peak
    if left > 60 and rng.random() < 0.6:
        low = float(rng.uniform(0.5, 1.05))
        at += [peak + left * 0.15, peak + left * 0.3]
        height += [event.high - fall * low, event.high - fall * (low - float(rng.uniform(0.1, 0.35)))]
    return at, height
