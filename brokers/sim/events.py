"""The symbols that make a momentum day: those that gap, and those that run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from brokers.sim.universe import Universe
from qm.rules.calendar import SESSION_MINUTES, Session

# Quantiles measured over gappers and runners of 2008-2025; moves are fractions of the price.
GAPPER_CLOSE: Final = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (-0.42, -0.283, -0.115, -0.025, 0.057, 0.293, 0.7))
GAPPER_HIGH: Final = ((0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 1), (0.0, 0.007, 0.034, 0.094, 0.211, 0.421, 0.981, 1.4))
RUNNER_OFF_HIGH: Final = ((0, 0.1, 0.25, 0.5, 0.75, 0.9, 1), (-0.48, -0.362, -0.25, -0.15, -0.074, -0.031, -0.004))

RUNNERS: Final = 4.5
"""Runners a session among 500 symbols: more than 500 random ones would have, because a watched universe is chosen."""
STEEPEST: Final = 90.0
"""Fewest minutes in which a gapper doubles; quicker ones would be paused at every turn."""
GAPPERS: Final = 6.0
"""Gaps of 10 % or more a session among 500 symbols, runners not counted."""


class EventKind(StrEnum):
    """What kind of day a symbol has."""

    GAPPER = "gapper"
    RUNNER = "runner"


@dataclass(frozen=True, slots=True)
class Event:
    """One symbol's day out of the ordinary; log moves, minutes since the open (negative: before it)."""

    kind: EventKind
    row: int
    gap: float
    """From the close before to the open."""
    high: float
    """From the open to the high of regular hours."""
    close: float
    """From the open to the close."""
    start: int
    """Minute at which it wakes up."""
    peak: int
    """Minute of its high in regular hours."""
    pre_high: float
    """From the open to the high of the premarket."""
    news: int
    """Minute before the open at which it wakes up in the premarket; 0 when it is quiet there."""
    rvol: float
    """Regular volume as a multiple of a usual day."""


def draw_events(universe: Universe, of: Session, rng: np.random.Generator) -> tuple[Event, ...]:
    """Draw the events of a session, no symbol twice; their number grows with the universe, slower than it does."""
    scale = len(universe) / 500.0
    counts = (
        int(np.clip(rng.poisson(RUNNERS * scale**0.6), 3.0 * scale**0.6, np.ceil(6.0 * scale**0.6))),
        int(rng.poisson(GAPPERS * scale**0.46)),
    )
    able = int(np.count_nonzero(universe.appeal))
    runners = min(counts[0], able)
    if not able:
        return ()
    chosen = rng.choice(len(universe), min(sum(counts), able), replace=False, p=universe.appeal)
    span = of.minutes / SESSION_MINUTES
    return tuple(
        _runner(row, span, rng) if place < runners else _gapper(row, span, rng)
        for place, row in enumerate(chosen.tolist())
    )


def _runner(row: int, span: float, rng: np.random.Generator) -> Event:
    """One that climbs 20-300 % above the close before, in legs, and gives a part of it back."""
    run = np.log1p(np.clip(np.exp(rng.normal(np.log(0.45), 0.7)), 0.18, 3.0))
    gap = run * rng.beta(1.2, 4.0)
    high = run - gap
    early = rng.random() < 0.45
    start = 0.0 if early else 5.0 + 220.0 * rng.beta(1.0, 2.2)
    lasts = np.clip(max(30.0 + 40.0 * high / 0.3 * rng.gamma(2.0, 0.5), 120.0 * high), 30.0, 220.0)
    peak = min(start + lasts, 375.0)
    # A small run gives back no more than it was worth, and a little.
    off = max(float(np.log1p(_from(RUNNER_OFF_HIGH, rng))), -1.2 * float(run))
    return Event(
        kind=EventKind.RUNNER,
        row=row,
        gap=float(gap),
        high=float(high),
        close=float(high + off),
        start=int(start * span),
        peak=max(int(peak * span), int(start * span) + 8),
        pre_high=float(rng.uniform(0.0, 0.4) * gap) if early else 0.0,
        news=int(rng.integers(30, 290)) if early else 0,
        rvol=float(np.clip(np.exp(rng.normal(np.log(18.0), 0.8)), 5.0, 150.0)),
    )


def _gapper(row: int, span: float, rng: np.random.Generator) -> Event:
    """One that opens 10 % or more away from the close before, and fades more often than not."""
    size = 0.10 * min(rng.random() ** -0.5, 8.0)
    gap = float(np.log1p(size)) if rng.random() < 0.85 else float(-np.log1p(0.7 * size))
    close = _from(GAPPER_CLOSE, rng)
    high = max(_from(GAPPER_HIGH, rng), close + 0.004, 0.002)
    morning = rng.random() < 0.8
    peak = 2.0 + 118.0 * rng.beta(0.7, 2.0) if morning else rng.uniform(120.0, 385.0)
    low, above = (1.5, rng.exponential(0.09)) if rng.random() < 0.5 else (1.0, rng.uniform(0.0, 0.02))
    return Event(
        kind=EventKind.GAPPER,
        row=row,
        gap=gap,
        high=float(np.log1p(high)),
        close=float(np.log1p(close)),
        start=0,
        peak=int(min(max(peak, STEEPEST * high), 375.0) * span),
        pre_high=float(min(low * above, 0.4)),
        news=int(rng.integers(20, 325)),
        rvol=float(np.clip(8.0 * np.exp(rng.normal() * (1.2 if rng.random() < 0.5 else 1.7)), 1.2, 120.0)),
    )


def _from(quantiles: tuple[tuple[float, ...], tuple[float, ...]], rng: np.random.Generator) -> float:
    return float(np.interp(rng.random(), quantiles[0], quantiles[1]))
