"""The market-wide circuit breakers: when a fall of the S&P 500 stops all trading, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from qm.clock import MINUTE, SECOND
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
    report_s: int = 10
    """A trade may be reported so long after it happened; such a print does not disprove a halt."""


MWCB: Final = schedule(
    "market-wide circuit breakers",
    ("1998-01-01", None, "Before: thresholds of the Dow Jones Industrial Average; not modelled."),
    (
        "2013-04-08",
        MwcbRule(),
        "SEC Rel. 34-67090; NYSE Rule 7.12, Nasdaq 4121; not read in the original: first day, half days, late reports.",
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

    @property
    def level(self) -> int:
        """The highest level that triggered in this session; 0 before the first."""
        return self._halted

    def index(self, ns: int, points: Decimal) -> MarketHalt | None:
        """Take a value of the index, and return the halt that it triggers, or None."""
        found = self.triggered(ns, points)
        if found is not None:
            self.begin(found)
        return found

    def triggered(self, ns: int, points: Decimal) -> MarketHalt | None:
        """Return the halt that a value of the index would trigger, or None."""
        if self._rule is None or not self._of.open_ns <= ns < self._of.close_ns or self.halted(ns):
            return None
        level = sum(points <= trigger for trigger in self.triggers)
        late = ns >= self._of.close_ns - self._rule.last_minutes * MINUTE
        if level <= self._halted or (late and level < len(self.triggers)):
            return None
        closes = level == len(self.triggers)
        return MarketHalt(ns, level, self._of.post_ns if closes else ns + self._rule.halt_minutes * MINUTE)

    def begin(self, halt: MarketHalt) -> None:
        """Take a halt that triggered."""
        self._halted, self.halt = halt.level, halt

    def end(self, ns: int) -> None:
        """Take the end of a halt, which may come before its time."""
        if self.halt is not None:
            self.halt = MarketHalt(self.halt.ns, self.halt.level, ns)

    def disproved(self, ns: int) -> bool:
        """Say whether a trade that happened at `ns` proves that there is no halt, and was not just reported late."""
        return self._rule is not None and self.halted(ns) and ns >= self.halted_ns + self._rule.report_s * SECOND

    @property
    def halted_ns(self) -> int:
        """When the last halt began; 0 before the first."""
        return 0 if self.halt is None else self.halt.ns

    def halted(self, ns: int) -> bool:
        """Say whether all trading is halted at `ns`."""
        return self.halt is not None and self.halt.ns <= ns < self.halt.until_ns
