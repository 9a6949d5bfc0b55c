"""The premarket of a synthetic session: thin, and only where there is news or a crowd."""

from __future__ import annotations

from typing import Final

import numpy as np

from brokers.sim.days import FLOOR, Day
from brokers.sim.events import Event
from brokers.sim.grid import Grid
from brokers.sim.paths import EVENT_UPDATES
from brokers.sim.universe import TRADES_PER_SHARE, Array, Universe
from qm.clock import MINUTE
from qm.rules.calendar import Session

CROWD_USD: Final = 400e6
"""Dollar volume of a usual day from which a symbol trades before the open without news."""
PRE_SHARE: Final = (0.05, 0.13, 0.23)
"""Premarket volume of an event as a share of its regular volume: measured quantiles 10, 50, 90 %."""
CROWD_SHARE: Final = 0.006
WIDER: Final = 4.0
"""Spread before the open, in units of the regular one."""
MEMORY: Final = 0.9


def premarket(universe: Universe, day: Day, of: Session, prior: Array, opened: Array, rng: np.random.Generator) -> Grid:
    """Draw the minutes from 04:00 to the open of the symbols that trade in them; log prices `prior` to `opened`."""
    minutes = (of.open_ns - of.pre_ns) // MINUTE
    news = {event.row: event for event in day.events if event.news > 0}
    crowd = np.flatnonzero(universe.adv * universe.price > CROWD_USD).tolist()
    rows = sorted({*news, *crowd})
    a = len(rows)
    log, sd = np.empty((minutes + 1, a)), np.empty((minutes, a))
    expected, size = np.zeros((minutes, a)), np.zeros((minutes, a))
    for column, row in enumerate(rows):
        event = news.get(row)
        at, level, weight = _calm(minutes) if event is None else _news(event, minutes, rng)
        rise = float(opened[row] - prior[row])
        spread = float(universe.sigma[row]) * 0.012 if event is None else 0.005
        sd[:, column] = np.maximum(spread * np.where(weight > 0, 1.0, 0.1), 1e-5)
        path = np.interp(np.arange(minutes + 1), at, [rise * share + more for share, more in level])
        log[:, column] = prior[row] + path + _noise(sd[:, column], rng)
        usual = float(universe.adv[row] * day.volume[row])
        share = CROWD_SHARE if event is None else float(np.interp(rng.random(), (0.0, 0.5, 1.0), PRE_SHARE))
        volume = usual * share * weight * np.exp(0.9 * rng.standard_normal(minutes))
        cap = 3.0 if event is None else EVENT_UPDATES / 3.0
        expected[:, column] = cap * -np.expm1(-volume * TRADES_PER_SHARE / cap)
        size[:, column] = volume / np.maximum(expected[:, column], 1e-9)
    index = np.array(rows, dtype=np.int32)
    return Grid(
        begin_ns=of.pre_ns,
        rows=index,
        log=np.maximum(log, np.log(FLOOR)),
        sd=sd,
        count=rng.poisson(expected),
        size=size,
        spread=WIDER * universe.spread[index] + 0.3 * sd,
        cuts={},
    )


def _calm(minutes: int) -> tuple[list[float], list[tuple[float, float]], Array]:
    at = np.arange(minutes)
    weight = np.exp((at - minutes) / 70.0)
    return [0.0, float(minutes)], [(0.0, 0.0), (1.0, 0.0)], weight / weight.sum()


def _news(event: Event, minutes: int, rng: np.random.Generator) -> tuple[list[float], list[tuple[float, float]], Array]:
    """Quiet until the news, a jump in a few minutes, the premarket's high, and a drift into the open.

    A level is a share of the gap, and log units on top of it.
    """
    start = float(minutes - event.news)
    jump = start + min(float(rng.integers(2, 9)), 0.3 * event.news)
    high = jump + (minutes - jump) * float(rng.uniform(0.1, 0.7))
    at = [0.0, start, jump, high, float(minutes)]
    level = [(0.0, 0.0), (0.0, 0.0), (float(rng.uniform(0.5, 0.9)), 0.0), (1.0, event.pre_high), (1.0, 0.0)]
    clock = np.arange(minutes)
    weight = np.where(clock < start, 0.0, 0.3 + np.exp(-np.maximum(clock - jump, 0.0) / 25.0))
    weight += 0.5 * np.where(clock < start, 0.0, np.exp((clock - minutes) / 20.0))
    return at, level, weight / weight.sum()


def _noise(sd: Array, rng: np.random.Generator) -> Array:
    """Deviations that revert, and are gone at both ends."""
    shock = rng.standard_normal(len(sd))
    out, state = np.zeros(len(sd) + 1), 0.0
    for minute in range(len(sd)):
        state = MEMORY * state + float(sd[minute]) * float(shock[minute])
        out[minute + 1] = state
    out *= np.minimum(1.0, (len(sd) - np.arange(len(sd) + 1)) / 10.0)
    return out
