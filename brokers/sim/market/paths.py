"""The regular hours of a synthetic session: every symbol's minutes, and the pauses that they bring about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.days import LEAST_LOG, Day
from brokers.sim.market.events import TEN
from brokers.sim.market.grid import Grid, Pause
from brokers.sim.market.pauses import cut, find_pauses
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.universe import Array, Universe
from brokers.sim.market.walks import Ends, Walks, calm_walks, event_walks
from qm.rules.calendar import Session

BLOCK: Final = 1024
"""Symbols drawn at a time, which bounds the memory of a session's drafts."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Log prices of a session, one element per symbol."""

    prior: Array
    opened: Array
    closed: Array


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The regular hours of one session."""

    grid: Grid
    pauses: tuple[Pause, ...]
    volume: Array
    """Shares of the regular hours by column."""


def regular_paths(universe: Universe, day: Day, of: Session, seed: int, marks: Marks, eventful: bool = False) -> Paths:
    """Draw the regular hours that lead from the opens to the closes.

    With `eventful` those of the symbols with an event alone, the same as among all others.
    """
    drawn = _events(universe, day, of, seed, marks)
    rows = drawn[0]
    grid = _grid(universe, day, of, rows if eventful else np.arange(len(universe)))
    blocks = [drawn] if eventful else [drawn, *_calm(universe, day, of, seed, marks)]
    for rows, walks in blocks:
        at = np.searchsorted(grid.rows, rows)
        grid.log[:, at] = walks.log
        grid.sd[:, at], grid.count[:, at], grid.size[:, at] = walks.sd, walks.count, walks.size
    np.maximum(grid.log, LEAST_LOG, out=grid.log)
    found = find_pauses(universe, of, seed, grid, np.exp(marks.prior))
    grid.cuts.update(cut(found, of, grid))
    volume = (universe.adv * day.volume)[grid.rows]
    return Paths(grid, tuple(pause for symbol in found for pause in symbol.pauses), volume)


def _market(of: Session, seed: int) -> Array:
    return stream(seed, of.date, Stream.PATHS).standard_normal(of.minutes + 1)


def _events(universe: Universe, day: Day, of: Session, seed: int, marks: Marks) -> tuple[npt.NDArray[np.int64], Walks]:
    rows = day.events.rows
    rng = stream(seed, of.date, Stream.EVENT_PATHS)
    return rows, event_walks(_ends(universe, day, marks, rows), day.events, _market(of, seed), rng)


def _calm(
    universe: Universe, day: Day, of: Session, seed: int, marks: Marks
) -> Iterator[tuple[npt.NDArray[np.int64], Walks]]:
    market = _market(of, seed)
    calm = np.setdiff1d(np.arange(len(universe)), day.events.rows, assume_unique=True)
    for block, first in enumerate(range(0, len(calm), BLOCK)):
        rows = calm[first : first + BLOCK]
        yield (
            rows,
            calm_walks(_ends(universe, day, marks, rows), market, stream(seed, of.date, Stream.PATHS, block + 1)),
        )


def _ends(universe: Universe, day: Day, marks: Marks, rows: npt.NDArray[np.int64]) -> Ends:
    volume = universe.adv[rows] * day.volume[rows]
    return Ends(marks.opened[rows], marks.closed[rows], day.sigma[rows], day.load[rows], volume, universe.late[rows])


def _grid(universe: Universe, day: Day, of: Session, rows: npt.NDArray[np.int64]) -> Grid:
    """Empty minutes of `rows`, and their spreads."""
    minutes, events = of.minutes, day.events
    spread, busy = universe.spread.copy(), np.zeros(len(universe), np.bool_)
    # Where many come to trade, the spread follows their number.
    slope = np.where(universe.thin[events.rows], measured.SPREAD_FIT[1], -0.25)
    spread[events.rows] *= np.clip(day.volume[events.rows], 0.2, None) ** slope
    busy[events.rows[~events.gapper | (np.abs(events.gap) >= TEN)]] = True
    return Grid(
        begin_ns=of.open_ns,
        rows=rows.astype(np.int32),
        log=np.empty((minutes + 1, len(rows))),
        sd=np.empty((minutes, len(rows)), np.float32),
        count=np.empty((minutes, len(rows)), np.int16),
        size=np.empty((minutes, len(rows)), np.float32),
        spread=spread[rows],
        wider=1.0 + 1.3 * np.exp(-np.arange(minutes) / 5.0),
        busy=busy[rows],
        cuts={},
    )
