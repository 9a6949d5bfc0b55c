"""The market-wide circuit breakers: when a fall of the S&P 500 stops all trading, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from qm.clock import MINUTE
from qm.rules.calendar import Session
from qm.rules.dated import schedule

CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MwcbRule:
    """Falls of the index from its prior close, as fractions, and what follows."""

    drops: tuple[Decimal, Decimal, Decimal] = (Decimal("0.07"), Decimal("0.13"), Decimal("0.20"))
    """Of the levels 1, 2 and 3; each halts once a day, and the third closes the market."""
    halt_minutes: int = 15
    last_minutes: int = 35
    """Levels 1 and 2 halt nothing in so many minutes before the close: from 15:25, or 12:25 on a half day."""


MWCB: Final = schedule(
    "market-wide circuit breakers",
    ("1998-01-01", None, "Before: thresholds of the Dow Jones Industrial Average; not modelled."),
    (
        "2013-04-08",
        MwcbRule(),
        "SEC Rel. 34-67090; NYSE Rule 7.12, Nasdaq 4121; not read in the original: first day, half days.",
    ),
)


@dataclass(frozen=True, slots=True)
class MarketHalt:
    """All trading stops."""

    ns: int
    level: int
    until_ns: int
    """When trading may begin again; the end of the trading date after level 3."""


class Mwcb:
    """The circuit breakers of one session. `prior_close` is that of the S&P 500, in points."""

    __slots__ = ("_halted", "_of", "_rule", "halt", "triggers")

    def __init__(self, of: Session, prior_close: Decimal) -> None:
        self._of = of
        self._rule = MWCB.at(of.date)
        drops = () if self._rule is None else self._rule.drops
        self.triggers = tuple((prior_close * (1 - drop)).quantize(CENT, ROUND_HALF_UP) for drop in drops)
        """Points at or below which levels 1, 2 and 3 trigger; empty before the rule."""
        self._halted = 0
        self.halt: MarketHalt | None = None
        """The last halt of the session; None while there was none."""

    def index(self, ns: int, points: Decimal) -> MarketHalt | None:
        """Take a value of the index, and return the halt that it triggers, or None."""
        if self._rule is None or not self._of.open_ns <= ns < self._of.close_ns or self.halted(ns):
            return None
        level = sum(points <= trigger for trigger in self.triggers)
        late = ns >= self._of.close_ns - self._rule.last_minutes * MINUTE
        if level <= self._halted or (late and level < len(self.triggers)):
            return None
        self._halted = level
        closes = level == len(self.triggers)
        self.halt = MarketHalt(ns, level, self._of.post_ns if closes else ns + self._rule.halt_minutes * MINUTE)
        return self.halt

    def halted(self, ns: int) -> bool:
        """Say whether all trading is halted at `ns`."""
        return self.halt is not None and self.halt.ns <= ns < self.halt.until_ns
