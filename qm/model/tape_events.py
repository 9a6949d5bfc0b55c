"""What the tape says besides prices, as facts of the journal: the kind of market, halts, and prints taken back."""

from __future__ import annotations

import msgspec

from qm.model.event import Event
from qm.model.reasons import Contribution


class TapeRead(Event, frozen=True, gc=False, tag="tape_read"):
    """A minute of regular hours was read: what kind of market it is, which is told with decisions and makes none."""

    due: int
    """The end of the minute, ns UTC."""
    regime: str
    """trend_up, trend_down, volatile_reversal, range, quiet, or unknown."""
    before: str
    """The regime until this minute; another one than `regime` when it has just changed."""
    leaning: str
    """What this minute alone would be called; it becomes the regime when it lasts."""
    version: str
    """Of the classifier."""
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    """Of each label, adding up to 1; empty while too little is known."""
    parts: tuple[Contribution, ...] = ()
    read: dict[str, float] = msgspec.field(default_factory=dict)
    """What was measured in this minute; what is missing was not known."""


class TradingHalted(Event, frozen=True, gc=False, tag="trading_halted"):
    """Trading in a symbol stopped."""

    symbol: str
    paused: bool
    """A volatility pause; otherwise any other halt."""
    number: int
    """It is the first, second ... of the day, halts and pauses counted together."""
    last: float | None
    """Last price before it, $; None before the first of the session."""


class TradingResumed(Event, frozen=True, gc=False, tag="trading_resumed"):
    """Trading in a symbol goes on."""

    symbol: str
    halted_s: float
    """How long it stood still."""


class PrintBusted(Event, frozen=True, gc=False, tag="print_busted"):
    """A print by which a strategy decided to enter was cancelled or corrected afterwards; the decision stays."""

    symbol: str
    strategy: str
    price: float
    """$."""
    corrected: float | None
    """What it should have been, $; None when it was cancelled."""
    role: str
    """What it was at the decision: the last price, the high or the low of the day."""
    order: str | None = None
    """The entry order that followed; None when the signal was refused."""

    def in_words(self) -> str:
        """Return what happened, in a sentence without the symbol."""
        became = "was cancelled" if self.corrected is None else f"was corrected to {self.corrected:,.12g}"
        return f"the print at {self.price:,.12g}, {self.role} when {self.strategy} wanted in, {became}"
