"""What every symbol looked like at the last minute boundaries, for moves over minutes and minutes in a row."""

from __future__ import annotations

from math import nan
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.market.fives import Fives
from qm.market.openings import OpeningArrays, Openings
from qm.market.rows import Rows
from qm.rules.calendar import Session
from qm.rules.ticks import TICKS

Array = npt.NDArray[np.float64]
Five = tuple[Array, Array, Array, Array, Array]
Rings = tuple[Array, Array, Array, Array, Array, Array, Array, npt.NDArray[np.bool_], Array, Array]
"""Close, volume, prints, pv, high, low, bars, below, mins_below and opening volume of `Minutes`, for compiled code."""
FiveArrays = tuple[Array, Array, npt.NDArray[np.int64], npt.NDArray[np.int64], OpeningArrays]
"""The bars being built, the whole ones, how many, and which five minutes they are; and the opening ranges."""
Ticks = tuple[float, float, float]
"""Price from which the tick is the coarse one, the fine one, and the coarse one, $."""

KEPT_MINUTES: Final = 64
"""Boundaries kept per symbol; a power of two above an hour."""
KEPT_BARS: Final = 32
"""Minute bars kept per symbol, so that what is told otherwise later can be put right."""
KEPT_PRINTS: Final = 32
"""Boundaries whose prints are kept: the twenty minutes that the speed of the tape is held against, and some."""
KEPT_RANGES: Final = 16
"""Boundaries whose high and low are kept: who looks now and then must read every minute in between."""
EXACT: Final = 1e-12
"""What the order of a sum may put between two equal amounts, as a fraction."""
VWAP_MINUTES: Final = 20
"""Minutes that `mins_below_vwap` looks back on."""
OPENING_MINUTES: Final = 5
"""Length of the opening range whose volume the radar compares with earlier days."""


class Minutes:
    """Rings over minute boundaries, one column per boundary, and the five-minute bars.

    `mark` must be called at every boundary. Where one was left out, what looks back across it is not known.
    """

    def __init__(self, symbols: int, session: Session) -> None:
        self.session = session
        self.close = np.full((KEPT_MINUTES, symbols), np.nan)
        """Last price at the boundary, $."""
        self.volume = np.zeros((KEPT_MINUTES, symbols))
        """Shares of regular hours up to the boundary."""
        self.prints = np.zeros((KEPT_PRINTS, symbols))
        """Prints up to the boundary."""
        self.pv = np.zeros((KEPT_MINUTES, symbols))
        """Dollars of regular hours up to the boundary."""
        self.high = np.full((KEPT_RANGES, symbols), np.nan)
        self.low = np.full((KEPT_RANGES, symbols), np.nan)
        """Extremes of regular hours up to the boundary, $."""
        self.bars = np.full((KEPT_BARS, 5, symbols), np.nan)
        """Open, high, low, close and volume of the minute that ended at the boundary; NaN where there was no trade."""
        self.below = np.zeros((KEPT_MINUTES, symbols), np.bool_)
        """The last price lay below the VWAP at the boundary; not where either is unknown."""
        self.mins_below = np.zeros(symbols)
        """How many of the twenty boundaries before the last one were below."""
        self.opening_volume = np.full(symbols, np.nan)
        """Shares of the first five minutes, from 09:35 on."""
        self.fives = Fives(symbols)
        self.openings = Openings(symbols)
        rule = TICKS.at(session.date)
        self.ticks = (float(rule.edge), float(rule.fine), float(rule.coarse))
        self._behind: tuple[tuple[int, int], tuple[Five, Five]] | None = None
        self._unknown = np.full(symbols, np.nan)
        self._nothing = np.zeros(symbols)
        self.marked = 0
        """The boundary that was marked last, ns UTC; 0 before the first."""
        self.since = 0
        """From this boundary on none was left out, ns UTC; 0 before the first."""
        self.left_out = False
        """Some boundary between two marked ones was not marked."""

    def mark(self, rows: Rows, boundary: int, *, blank: bool = False) -> None:
        """Remember every symbol as it is now, at a minute boundary; while they are `blank` the rings say so already."""
        if boundary <= self.marked:
            return
        if self.marked and boundary != self.marked + MINUTE:
            self._leave_out()
        if not self.marked or boundary != self.marked + MINUTE:
            self.since = boundary
        slot = boundary // MINUTE
        bar, two = self.bars[slot % KEPT_BARS], slot % KEPT_RANGES
        day = (self.prints[slot % KEPT_PRINTS], self.pv[slot % KEPT_MINUTES], self.high[two], self.low[two])
        rings = (self.close, self.volume, day, bar, self.below, self.mins_below)
        if self.left_out or not blank:
            mark_rows(rows, boundary, *rings, self.ticks)
        first, self.marked = not self.marked, boundary
        since_open = boundary - self.session.open_ns
        if 0 < since_open <= self.session.close_ns - self.session.open_ns:
            if first and since_open != MINUTE:
                self.fives.leave_out()
            self.fives.add(bar, since_open // MINUTE)
            self.openings.add(rows, bar, since_open // MINUTE)
        if since_open == OPENING_MINUTES * MINUTE:
            self.opening_volume[:] = rows["volume"]

    @property
    def rings(self) -> Rings:
        """What `mark` writes, for compiled code that does the same."""
        day = (self.prints, self.pv, self.high, self.low)
        return (self.close, self.volume, *day, self.bars, self.below, self.mins_below, self.opening_volume)

    @property
    def five_arrays(self) -> FiveArrays:
        """What `Fives.add` writes, for compiled code that does the same."""
        fives = self.fives
        return fives.building, fives.bars, fives.count, fives.period, self.openings.arrays

    def marked_up_to(self, boundary: int, first: int) -> None:
        """Take note that compiled code marked every boundary up to this one, the first of all being `first`."""
        if boundary >= first:
            self.marked, self.since = boundary, self.since or first
            self.openings.added_up_to((min(boundary, self.session.close_ns) - self.session.open_ns) // MINUTE)

    def knows(self, boundary: int, kept: int = KEPT_MINUTES) -> bool:
        """Say whether the boundary was marked and still stands in rings of that many."""
        return self.since <= boundary <= self.marked and self.marked - boundary < kept * MINUTE

    def close_at(self, boundary: int) -> Array:
        """Return the last prices at a boundary, by row; NaN where it is not known."""
        return self.close[boundary // MINUTE % KEPT_MINUTES] if self.knows(boundary) else self._unknown

    def volume_at(self, boundary: int) -> Array:
        """Return the shares of regular hours up to a boundary, by row; NaN where it is not known."""
        return self._sum_at(self.volume[boundary // MINUTE % KEPT_MINUTES], boundary, KEPT_MINUTES)

    def prints_at(self, boundary: int) -> Array:
        """Return the prints of the session up to a boundary, by row; NaN where it is not known."""
        return self._sum_at(self.prints[boundary // MINUTE % KEPT_PRINTS], boundary, KEPT_PRINTS)

    def behind(self, boundary: int) -> tuple[Five, Five]:
        """Return what features look back on from the latest boundary, marked or not.

        The prices 1, 2, 5, 10 and 15 boundaries before it; and shares 5 and 10 before it, prints 1 before it, minutes
        below the VWAP, and the shares of the first five minutes. Who decides often decides in the same minute as
        others, so that the last answer is kept.
        """
        moment = boundary, self.marked
        if self._behind is not None and self._behind[0] == moment:
            return self._behind[1]
        one, two, five, ten, fifteen = [boundary - n * MINUTE for n in (1, 2, 5, 10, 15)]
        close_at, volume_at = self.close_at, self.volume_at
        closes = (close_at(one), close_at(two), close_at(five), close_at(ten), close_at(fifteen))
        sums = (volume_at(five), volume_at(ten), self.prints_at(one), self.below_at(boundary), self.opening_volume)
        self._behind = moment, (closes, sums)
        return closes, sums

    def day_at(self, boundary: int) -> tuple[Array, Array, Array, Array, Array] | None:
        """Return last price, shares, dollars, high and low of regular hours at one of the last boundaries."""
        if not self.knows(boundary, KEPT_RANGES):
            return None
        slot = boundary // MINUTE
        minute, two = slot % KEPT_MINUTES, slot % KEPT_RANGES
        return self.close[minute], self.volume[minute], self.pv[minute], self.high[two], self.low[two]

    def vwap_at(self, boundary: int, row: int) -> float:
        """Return the VWAP of a symbol's regular hours at a boundary, $; NaN where it is not known or nothing traded."""
        slot = boundary // MINUTE % KEPT_MINUTES
        volume = self.volume.item(slot, row) if self.knows(boundary) else 0.0
        return self.pv.item(slot, row) / volume if volume > 0.0 else nan

    def minutes_behind(self, boundary: int, most: int) -> int:
        """Return how many minutes of regular hours are known one by one before the last one, at most so many."""
        begun = max(self.since, self.session.open_ns)
        if not self.knows(boundary - MINUTE, KEPT_PRINTS) or not begun:
            return 0
        return int(min(max((boundary - MINUTE - begun) // MINUTE, 0), most))

    def below_at(self, boundary: int) -> Array:
        """Return how many of the twenty boundaries before this one, the latest, were below; NaN where not known."""
        opens = self.session.open_ns
        if not self.marked:
            return self._nothing if boundary <= opens + MINUTE else self._unknown
        whole = self.since <= max(opens + MINUTE if not self.left_out else 0, boundary - (VWAP_MINUTES + 1) * MINUTE)
        return self.mins_below if boundary == self.marked and whole else self._unknown

    def bars_of(self, row: int) -> list[Bar]:
        """Return the last minute bars of a symbol, oldest first; a minute without a trade has none."""
        found = []
        for boundary in range(self.marked - (KEPT_BARS - 1) * MINUTE, self.marked + MINUTE, MINUTE):
            if self.knows(boundary, KEPT_BARS):
                o, h, low, c, v = self.bars[boundary // MINUTE % KEPT_BARS, :, row].tolist()
                if h > 0.0:
                    found.append(Bar(boundary - MINUTE, o, h, low, c, v))
        return found

    def _sum_at(self, ring: Array, boundary: int, kept: int) -> Array:
        if self.knows(boundary, kept):
            return ring
        # Nothing was traded before the open, and that needs no mark.
        return self._nothing if boundary <= self.session.open_ns else self._unknown

    def _leave_out(self) -> None:
        # What stands in the rings is older than a reader of them would think.
        for ring in (self.close, self.volume, self.prints, self.pv, self.high, self.low, self.bars):
            ring[:] = np.nan
        self.below[:] = False
        self.mins_below[:] = 0.0
        self.left_out = True
        self.fives.leave_out()


@numba.njit(cache=True, error_model="numpy", nogil=True)
def mark_rows(
    rows: Rows,
    boundary: int,
    close: Array,
    volume: Array,
    day: tuple[Array, Array, Array, Array],
    bar: Array,
    below: npt.NDArray[np.bool_],
    mins_below: Array,
    ticks: Ticks,
) -> None:
    """Write every symbol as it is now into the rings of `Minutes`, at a minute boundary."""
    edge, fine, coarse = ticks
    prints, pv, high, low = day
    slot = boundary // MINUTE
    here, before, gone = slot % KEPT_MINUTES, (slot - 1) % KEPT_MINUTES, (slot - 1 - VWAP_MINUTES) % KEPT_MINUTES
    begun = boundary - MINUTE
    for s in range(rows.shape[0]):
        r = rows[s]
        close[here, s] = r["last"]
        volume[here, s] = r["volume"]
        prints[s], pv[s], high[s], low[s] = r["prints"], r["pv"], r["high"], r["low"]
        tick = fine if r["last"] < edge else coarse
        # A line of the cache that was not written needs not be written back.
        if r["last"] > 0.0 and r["tick"] != tick:
            r["tick"] = tick
        mins_below[s] += (1.0 if below[before, s] else 0.0) - (1.0 if below[gone, s] else 0.0)
        # A price that equals the average to the last bits is not below it.
        below[here, s] = r["last"] * r["volume"] < r["pv"] * (1.0 - EXACT)
        if r["part_start"] == begun:
            bar[0, s], bar[1, s], bar[2, s], bar[3, s] = r["part_open"], r["part_high"], r["part_low"], r["bar_close"]
            bar[4, s] = volume[here, s] - volume[before, s]
        elif r["bar_start"] == begun:
            bar[0, s], bar[1, s], bar[2, s], bar[3, s] = r["bar_open"], r["bar_high"], r["bar_low"], r["bar_close"]
            bar[4, s] = r["bar_volume"]
        else:
            bar[0, s] = bar[1, s] = bar[2, s] = bar[3, s] = bar[4, s] = np.nan
