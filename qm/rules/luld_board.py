"""The limit-up limit-down plan for a whole market: a machine per symbol that trades, and the bands of all as arrays."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from qm.rules.calendar import Session
from qm.rules.limits import Tier
from qm.rules.luld import NEVER, Luld
from qm.rules.luld_events import Events, Evidence, Phase

Array = npt.NDArray[np.float64]


class LuldBoard:
    """The machines of a session by row; one is made when a row first trades or is quoted.

    `tier` (1 or 2), `prior_close` ($, NaN or 0 where it is unknown) and `leverage` have a value per row. A row whose
    close is unknown has no bands. For events in the order of time over all rows, call `advance` before each input.
    """

    def __init__(
        self,
        of: Session,
        tier: npt.NDArray[np.uint8],
        prior_close: Array,
        leverage: Array | None = None,
        evidence: Evidence = Evidence.QUOTES,
        opening_flagged: bool = False,
    ) -> None:
        rows = len(prior_close)
        self.of = of
        self.lower: Array = np.full(rows, np.nan)
        """$ below which nothing may trade; NaN where there are no bands."""
        self.upper: Array = np.full(rows, np.nan)
        """$ above which nothing may trade; NaN where there are no bands."""
        self.phase: npt.NDArray[np.uint8] = np.full(rows, Phase.OFF, np.uint8)
        self._tier, self._prior, self._leverage = tier, prior_close, leverage
        self._evidence, self._flagged = evidence, opening_flagged
        self._machines: dict[int, Luld] = {}
        self._due: list[tuple[int, int]] = []
        self._queued: dict[int, int] = {}

    def __getitem__(self, row: int) -> Luld | None:
        """The machine of a row; None while it has none."""
        return self._machines.get(row)

    def begin(self) -> None:
        """Make all machines at once, so that `advance` also tells what happens to a symbol before its first trade."""
        for row in np.flatnonzero(self._prior > 0).tolist():
            machine = self._machine(row)
            if machine is not None:
                self._after(row, machine, ())

    def trade(self, row: int, ns: int, price: float, eligible: bool = True, opening: bool = False) -> Events:
        """Take a trade, as `Luld.trade` does."""
        machine = self._machine(row)
        return () if machine is None else self._after(row, machine, machine.trade(ns, price, eligible, opening))

    def quote(self, row: int, ns: int, bid: float, ask: float) -> Events:
        """Take the national best bid and offer, as `Luld.quote` does."""
        machine = self._machine(row)
        return () if machine is None else self._after(row, machine, machine.quote(ns, bid, ask))

    def pause(self, row: int, ns: int) -> Events:
        """Take a declared pause, as `Luld.pause` does."""
        machine = self._machine(row)
        return () if machine is None else self._after(row, machine, machine.pause(ns))

    def reopen(self, row: int, ns: int, price: float) -> Events:
        """Try a reopening auction, as `Luld.reopen` does; ValueError unless one is due."""
        machine = self._machine(row)
        if machine is None:
            raise ValueError("no reopening is due")
        return self._after(row, machine, machine.reopen(ns, price))

    def advance(self, ns: int) -> list[tuple[int, Events]]:
        """Let time pass until `ns`, and return what happened by row, in the order of time."""
        found: list[tuple[int, Events]] = []
        while self._due and self._due[0][0] <= ns:
            due, row = heappop(self._due)
            if self._queued[row] != due:
                continue
            self._queued[row] = NEVER
            machine = self._machines[row]
            events = self._after(row, machine, machine.advance(due))
            if events:
                found.append((row, events))
        return found

    def _machine(self, row: int) -> Luld | None:
        machine = self._machines.get(row)
        prior = float(self._prior[row])
        if machine is None and prior > 0:
            leverage = 1.0 if self._leverage is None else float(self._leverage[row])
            tier = Tier(int(self._tier[row]))
            machine = Luld(self.of, tier, prior, leverage, self._evidence, self._flagged)
            self._machines[row], self._queued[row] = machine, NEVER
        return machine

    def _after(self, row: int, machine: Luld, events: Events) -> Events:
        due = machine.due_ns
        # What was queued for later is left in the heap and skipped when its time comes.
        if due < self._queued[row]:
            self._queued[row] = due
            heappush(self._due, (due, row))
        if events:
            self.phase[row] = machine.phase
            lower, upper = machine.bands or (np.nan, np.nan)
            self.lower[row], self.upper[row] = float(lower), float(upper)
        return events
