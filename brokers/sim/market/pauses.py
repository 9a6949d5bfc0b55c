"""Volatility pauses: where a synthetic path leans on its limit-up limit-down bands, the plan itself stops trading.

The machine of `qm.rules.luld` is shown the path, five seconds at a time near a band. While it waits in a limit state
prints happen at the band; while it pauses there are none, and the news goes on: the reopening auction trades where the
path has got to, if the collars allow it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.grid import EDGE, PAUSED, PENNIES, Cut, Grid, Pause
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.universe import Array, Universe
from qm.clock import MINUTE, SECOND
from qm.rules.calendar import Session
from qm.rules.limits import LULD, Tier, widths
from qm.rules.luld import Luld
from qm.rules.luld_events import Event, Evidence, Extended, LeftToClose, LimitEntered, Paused, Phase

STEP: Final = 5 * SECOND
STEPS: Final = MINUTE // STEP
NEAR: Final = 0.75
"""Symbols that come within this share of their bands are followed."""
WARM: Final = 8
"""Minutes by which a symbol is followed earlier and longer: the mean runs over five."""
SELDOM: Final = 4
"""Minutes between the trades that the machine is shown before that."""
FREE: Final = 3
"""Of so many steps that stay inside the bands the machine is shown one."""
REACH: Final = 3.0
"""A minute is watched closely when its bands lie within so many sd."""


@dataclass(slots=True)
class SymbolPauses:
    """What the plan made of one symbol's session."""

    row: int
    column: int
    """Of the grid."""
    pauses: list[Pause] = field(default_factory=list)
    cuts: dict[int, Cut] = field(default_factory=dict)
    """By minute."""


def find_pauses(universe: Universe, of: Session, seed: int, grid: Grid, prior: Array) -> list[SymbolPauses]:
    """Return the symbols near their bands, with the pauses that their paths call for, in the order of rows.

    `prior` are the closes of the session before, $. There are none before the plan began.
    """
    if LULD.at(of.date) is None:
        return []
    found = []
    for column, near in _candidates(universe, of, grid, prior).items():
        row = int(grid.rows[column])
        tier = Tier.ONE if universe.large[row] else Tier.TWO
        machine = Luld(of, tier, max(float(prior[row]), 1.0 / PENNIES), evidence=Evidence.PRINTS)
        rng = stream(seed, of.date, Stream.PAUSES, row)
        found.append(_Follower(machine, of, grid, row, column, rng).run(near))
    return found


def cut(found: list[SymbolPauses], of: Session, grid: Grid) -> dict[int, tuple[Cut, ...]]:
    """Take the paused time out of the grid's counts, in place, and return the cuts by minute."""
    cuts: dict[int, tuple[Cut, ...]] = {}
    for symbol in found:
        for minute, each in sorted(symbol.cuts.items()):
            cuts[minute] = (*cuts.get(minute, ()), each)
            if each.until - each.since < 1.0 and grid.count[minute, symbol.column] > 1:
                grid.count[minute, symbol.column] = max(
                    1, round(grid.count[minute, symbol.column] * (each.until - each.since))
                )
        for pause in symbol.pauses:
            first = (pause.begin_ns - of.open_ns) // MINUTE
            last = min((pause.end_ns - of.open_ns) // MINUTE, of.minutes)
            grid.count[first + 1 : last, symbol.column] = PAUSED
            if last < of.minutes:
                # A reopening is a trade.
                grid.count[last, symbol.column] = max(1, int(grid.count[last, symbol.column]))
    return cuts


def _candidates(universe: Universe, of: Session, grid: Grid, prior: Array) -> dict[int, list[bool]]:
    """Columns that may lean on a band, each with the minutes in and around which it comes near."""
    rule = LULD.at(of.date)
    assert rule is not None
    prior = prior[grid.rows]
    fraction = widths(rule, universe.large[grid.rows], prior, np.exp(grid.log[0]))
    window = rule.reference_minutes
    # Most symbols never move so far; the others are compared with their own mean.
    wild = np.flatnonzero(np.ptp(grid.log, axis=0) + 2.0 * grid.sd.max(axis=0) > NEAR * fraction)
    log = grid.log[:, wild]
    total = np.cumsum(np.vstack((np.zeros((1, len(wild))), log)), axis=0)
    at = np.arange(1, len(log))
    since = np.maximum(at - window, 0)
    away = np.abs(log[1:] - (total[at] - total[since]) / (at - since)[:, None]) + 2.0 * grid.sd[:, wild]
    near = (away > NEAR * fraction[wild]) & (grid.count[:, wild] > 0)
    some = np.flatnonzero(near.any(axis=0))
    around = np.zeros((len(near) + 1, len(some)), np.int64)
    for minute, k in zip(*np.nonzero(near[:, some]), strict=True):
        around[max(minute - WARM, 0), k] += 1
        around[min(minute + WARM + 1, len(near)), k] -= 1
    watched = np.cumsum(around, axis=0) > 0
    return {int(wild[k]): watched[:, at].tolist() for at, k in enumerate(some)}


class _Follower:
    """Shows one symbol's path to its machine."""

    def __init__(self, machine: Luld, of: Session, grid: Grid, row: int, column: int, rng: np.random.Generator) -> None:
        self.machine, self.of, self.rng = machine, of, rng
        self.log, self.sd = grid.log[:, column].tolist(), grid.sd[:, column].tolist()
        self.traded: list[bool] = (grid.count[:, column] > 0).tolist()
        self.found = SymbolPauses(row, column)
        self.limit_ns, self._leaned = of.open_ns, 0.0

    def run(self, watched: list[bool]) -> SymbolPauses:
        """Follow the watched minutes, and those after a pause."""
        of, machine = self.of, self.machine
        machine.trade(of.open_ns, _usd(self.log[0]), opening=True)
        resumes = of.open_ns
        for minute in range(of.minutes):
            at = of.open_ns + minute * MINUTE
            if at + MINUTE <= resumes:
                continue
            if not watched[minute] and (resumes == of.open_ns or at > resumes + WARM * MINUTE):
                # The machine only has to know the price; its mean is never without a trade.
                if minute % SELDOM == 0 and minute:
                    self._told(machine.trade(at, _usd(self.log[minute])))
                continue
            bands = machine.bands
            start, end, reach = self.log[minute], self.log[minute + 1], REACH * self.sd[minute]
            if bands is None or not self.traded[minute]:
                continue
            low, high = (float(np.log(max(float(band), 1.0 / PENNIES))) for band in bands)
            calm = machine.phase is not Phase.LIMIT and resumes <= at
            if calm and low < min(start, end) - reach and max(start, end) + reach < high:
                self._told(machine.trade(at + MINUTE // 2, _usd(0.5 * (start + end))))
                continue
            pause = self._closely(minute, at, resumes, low, high)
            if pause is not None:
                self.found.pauses.append(pause)
                resumes = pause.end_ns
                if resumes >= of.close_ns:
                    break
                self._resume(pause)
        return self.found

    def _closely(self, minute: int, at: int, since_ns: int, low: float, high: float) -> Pause | None:
        """Go through a minute in steps; returns the pause that begins in it."""
        begun = self.found.cuts.get(minute)
        since, start = (begun.since, begun.start) if begun else (0.0, self.log[minute])
        marks = self._bridge(minute, since, start)
        free = self.machine.phase is not Phase.LIMIT and low < min(marks) and max(marks) < high
        for step, mark in enumerate(marks, 1):
            ns = at + step * STEP
            if ns <= since_ns or (free and step % FREE):
                continue
            bands = self.machine.bands
            assert bands is not None
            price = min(max(_usd(mark), float(bands.lower)), float(bands.upper))
            pause = self._told(self.machine.trade(ns, price))
            if pause is not None:
                leaned = float(np.log(pause.band))
                until = (pause.begin_ns - at) / MINUTE
                arrives = min(max((self.limit_ns - at) / MINUTE, since), until)
                self._cut(minute, since, until, arrives, start, leaned, min(low, leaned), max(high, leaned))
                return pause
        self._cut(minute, since, 1.0, 1.0, start, self.log[minute + 1], low, high)
        return None

    def _cut(
        self, minute: int, since: float, until: float, arrives: float, start: float, end: float, low: float, high: float
    ) -> None:
        self.found.cuts[minute] = Cut(self.found.column, since, until, arrives, start, end, low, high)

    def _bridge(self, minute: int, since: float, start: float) -> list[float]:
        """Log prices at the ends of the minute's steps."""
        steps: npt.NDArray[np.float64] = np.cumsum(self.rng.standard_normal(STEPS)) * self.sd[minute] / np.sqrt(STEPS)
        part = np.arange(1, STEPS + 1) / STEPS
        free = np.clip((part - since) / max(1.0 - since, 1e-9), 0.0, 1.0)
        marks: list[float] = (start + (self.log[minute + 1] - start) * free + steps - part * steps[-1]).tolist()
        return marks

    def _told(self, events: tuple[Event, ...]) -> Pause | None:
        begin, due, band = 0, 0, self._leaned
        for event in events:
            if isinstance(event, LimitEntered):
                self.limit_ns, self._leaned = event.ns, float(event.price)
            elif isinstance(event, Paused):
                begin, due, band = event.ns, event.until_ns, self._leaned
        return self._reopening(begin, due, band) if begin else None

    def _reopening(self, begin: int, due: int, band: float) -> Pause:
        """Go through the pause to its reopening, or to the close."""
        of, machine = self.of, self.machine
        while (at := machine.until_ns) is not None:
            machine.advance(at)
            if machine.phase is Phase.TO_CLOSE:
                break
            price = _usd(self._at(at))
            told = machine.reopen(at, price)
            if not any(isinstance(event, Extended | LeftToClose) for event in told):
                return Pause(self.found.row, begin, at, band, price, due)
        return Pause(self.found.row, begin, of.close_ns, band, float("nan"), due)

    def _at(self, ns: int) -> float:
        minute, part = divmod(ns - self.of.open_ns, MINUTE)
        start, end = self.log[minute], self.log[minute + 1] if minute < self.of.minutes else self.log[minute]
        return float(start + (end - start) * part / MINUTE)

    def _resume(self, pause: Pause) -> None:
        minute, part = divmod(pause.end_ns - self.of.open_ns, MINUTE)
        if minute < self.of.minutes:
            start, end = float(np.log(pause.reopens)), self.log[minute + 1]
            self.traded[minute] = True
            self._cut(minute, part / MINUTE, 1.0, 1.0, start, end, -np.inf, np.inf)


def _usd(log: float) -> float:
    price = float(np.exp(log))
    return round(price, 2) if price >= EDGE else round(price, 4)
