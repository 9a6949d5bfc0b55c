"""The premarket of a synthetic session: thin, and only where there is news or a crowd."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.days import LEAST_LOG, Day
from brokers.sim.market.grid import Grid
from brokers.sim.market.universe import TRADE_SHARES, Array, Universe
from brokers.sim.market.walks import EVENT_UPDATES, MOST_TRADES, shares_of_a_trade
from qm.clock import MINUTE
from qm.rules.calendar import Session

Counts = npt.NDArray[np.int64]

CROWD_USD: Final = 250e6
"""Dollar volume of a usual day from which a symbol trades before the open without news."""
WIDER: Final = 4.0
"""Spread before the open, in units of the regular one."""
CROWD_UPDATES: Final = 3.0
CROWD_SIGMA: Final = 0.3
"""Wandering before the open without news, as a share of the sd of the session."""
NOISE: Final = 1.2
NEWS_MINUTES: Final = 12.0
QUIET_LOG: Final = 1e-5


def premarket(universe: Universe, day: Day, of: Session, prior: Array, opened: Array, rng: np.random.Generator) -> Grid:
    """Draw the minutes from 04:00 to the open of the symbols that trade in them; log prices `prior` to `opened`.

    After the news the price walks, and the walk is laid so that it ends at the open: its high may lie far above.
    """
    minutes = (of.open_ns - of.pre_ns) // MINUTE
    events = day.events
    news = np.zeros(len(universe), np.int64)
    news[events.rows] = events.news
    crowd = universe.adv * universe.price > CROWD_USD
    rows = np.flatnonzero((news > 0) | crowd)
    k, place = len(rows), np.full(len(universe), -1)
    place[rows] = np.arange(k)
    here = events.news > 0
    at = place[events.rows[here]]
    sigma = CROWD_SIGMA * day.sigma[rows]
    sigma[at] = events.pre_sigma[here]
    share = np.exp(np.interp(rng.random(k), (0.0, *measured.PRE_SHARE_LIQUID[0], 1.0), LIQUID_LOG))
    share[at] = events.pre_share[here]
    spike = np.zeros(k, np.bool_)
    spike[at] = events.spike[here]
    busy = np.zeros(k, np.bool_)
    busy[at] = True
    age, weight = _weights(np.where(busy, news[rows], 0), minutes)
    wide = np.sqrt(np.where(age < 0, 0.0, np.exp(-np.maximum(age, 0) / 90.0) + 0.1))
    wide *= sigma / np.sqrt(np.square(wide).sum(axis=0))
    walk = np.zeros((minutes + 1, k))
    np.cumsum(wide * rng.standard_normal((minutes, k)), axis=0, out=walk[1:])
    away, ages = walk - walk[-1], np.vstack((age, age[-1] + 1))
    # What spikes does so upwards.
    after = np.where(ages >= 0, away, 0.0)
    down = spike & (after.max(axis=0) < -after.min(axis=0))
    path = opened[rows] + np.where(down, -away, away)
    # Without news the walk starts where the market closed; news is a jump from there.
    part = np.linspace(0.0, 1.0, minutes + 1)[:, None]
    calm = prior[rows] + walk + part * (opened[rows] - prior[rows] - walk[-1])
    # News takes some minutes to get around.
    heard = np.clip(ages / np.clip(news[rows] / 2, 1.0, NEWS_MINUTES), 0.0, 1.0)
    path = np.where(busy, prior[rows] + heard * (path - prior[rows]), calm)
    weight *= np.exp(NOISE * rng.standard_normal((minutes, k)) - 0.5 * NOISE**2)
    weight = np.maximum(weight / np.maximum(weight.sum(axis=0), QUIET_LOG), 0.0)
    traded = universe.adv[rows] * day.volume[rows]
    volume = weight * (traded * share)
    most = np.where(busy, EVENT_UPDATES / 2.0, CROWD_UPDATES)
    unit = np.where(busy, shares_of_a_trade(traded * np.maximum(share, 1.0)), TRADE_SHARES)
    expected = np.minimum(volume / unit, most)
    return Grid(
        begin_ns=of.pre_ns,
        rows=rows.astype(np.int32),
        log=np.maximum(path, LEAST_LOG),
        sd=wide.astype(np.float32),
        count=np.minimum(rng.poisson(expected), MOST_TRADES).astype(np.int16),
        size=(volume / np.maximum(expected, 1e-9)).astype(np.float32),
        spread=WIDER * universe.spread[rows],
        wider=np.ones(minutes),
        busy=busy,
        cuts={},
    )


def course(news: Counts, minutes: int) -> Array:
    """Return what part of its premarket volume a symbol has usually done by each minute, float64[minutes + 1, symbol].

    `news` is how many minutes before the open it came, 0 where there is none.
    """
    _, weight = _weights(news, minutes)
    done = np.zeros((minutes + 1, len(news)))
    np.cumsum(weight, axis=0, out=done[1:])
    done /= done[-1]
    return done


def _weights(news: Counts, minutes: int) -> tuple[Counts, Array]:
    """Minutes since the news (without any, since the market woke up), and how busy each minute usually is."""
    busy, at = news > 0, np.arange(minutes)[:, None]
    age = at - (minutes - np.where(busy, np.minimum(news, minutes), minutes))
    to_open = np.exp((at - minutes) / np.where(busy, 30.0, 70.0))
    return age, np.where(age < 0, 0.0, np.where(busy, 0.25 + np.exp(-np.maximum(age, 0) / 40.0), 0.0) + to_open)


LIQUID_LOG: Final = tuple(float(np.log(share)) for share in (1e-4, *measured.PRE_SHARE_LIQUID[1], 0.08))
