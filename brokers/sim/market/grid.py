"""Minutes of a synthetic session, before they become records: price marks, activity, volume, pauses."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.universe import Array
from qm.rules.ticks import TICKS

_TICKS: Final = TICKS.rows[-1].value
EDGE: Final = float(_TICKS.edge)
"""$ from which prices are whole cents."""
CENTS: Final = float(1 / _TICKS.coarse)
PENNIES: Final = float(1 / _TICKS.fine)
"""Ticks in a dollar, from the edge on and below it."""
ROUND_UP: Final = EDGE - 0.5 / PENNIES
"""$ from which a price rounds to the edge."""
PAUSED: Final = -1
Single = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pause:
    """A volatility pause of one symbol; times in ns UTC, prices in $."""

    row: int
    begin_ns: int
    end_ns: int
    """When trading resumes; the close when it does not that day."""
    band: float
    """The band on which the market leaned when it paused."""
    reopens: float
    """Price of the reopening auction; NaN when there is none."""
    due_ns: int
    """When trading was to go on, as it was known when the pause began; the close where it was not that day."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a minute of one symbol is instead of a free walk from mark to mark.

    It trades from `since` to `until` (shares of the minute), goes from `start` to `end` (log prices) by `arrives`,
    stays there, and leaves neither `low` nor `high`.
    """

    column: int
    since: float
    until: float
    arrives: float
    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Consecutive minutes by symbols; every array has a row per minute and a column per symbol in `rows`."""

    begin_ns: int
    """Start of the first minute."""
    rows: npt.NDArray[np.int32]
    """Row in the symbol table of each column."""
    log: Array
    """Log price at the boundaries: one row more than there are minutes."""
    sd: Single
    """Local sd of one-minute log returns."""
    count: npt.NDArray[np.int16]
    """Trades; `PAUSED` where there can be none."""
    size: Single
    """Expected shares of one trade."""
    spread: Array
    """Usual spread of each column as a fraction of the price."""
    wider: Array
    """Multiple of the usual spread in each minute."""
    busy: npt.NDArray[np.bool_]
    """Columns whose quotes flicker between trades."""
    cuts: dict[int, tuple[Cut, ...]]
    """By minute, the symbols that do not trade freely all of it."""

    @property
    def minutes(self) -> int:
        return len(self.sd)

    def width(self, minute: int, columns: npt.NDArray[np.int64] | EllipsisType) -> Array:
        """Return the spreads of `columns` in a minute as fractions of the price."""
        wide: Array = self.spread[columns] * self.wider[minute] + SPREAD_OF_SD * self.sd[minute, columns]
        return wide


SPREAD_OF_SD: Final = 0.10
"""What a moving price adds to a spread."""
