"""Minutes of a synthetic session, before they become records: price marks, activity, volume, pauses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.universe import Array

PAUSED: Final = -1


@dataclass(frozen=True, slots=True)
class Pause:
    """A volatility pause of one symbol; times in ns UTC."""

    row: int
    begin_ns: int
    end_ns: int
    """When trading resumes; past the close when it does not that day."""
    band: float
    """Log price at which the symbol stood when it paused."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a minute in which a paused symbol trades, as fractions of the minute, and its log prices there."""

    column: int
    since: float
    until: float
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Consecutive minutes by symbols; every array has a row per minute and a column per symbol in `rows`."""

    begin_ns: int
    """Start of the first minute."""
    rows: npt.NDArray[np.int32]
    """Row in the symbol table of each column."""
    log: Array
    """Log price at the boundaries: one row more than there are minutes."""
    sd: Array
    """Local sd of one-minute log returns."""
    count: npt.NDArray[np.int64]
    """Price updates; `PAUSED` where there can be none."""
    size: Array
    """Expected shares of one update."""
    spread: Array
    """Spread as a fraction of the price."""
    cuts: dict[int, tuple[Cut, ...]]
    """By minute, the symbols that do not trade all of it."""

    @property
    def minutes(self) -> int:
        return len(self.sd)
