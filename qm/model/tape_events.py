"""What the tape says besides prices, as facts of the journal: the kind of market, halts, and prints taken back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qm.clock import ny
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
    """Trading in a symbol stopped; told again, with the same number, when more is known of the halt."""

    symbol: str
    paused: bool
    """A volatility pause; otherwise any other halt."""
    number: int
    """It is the first, second ... of the day, halts and pauses counted together."""
    last: float | None
    """Last price before it, $; None before the first of the session."""
    reference: float | None = None
    """Reference price of the volatility bands, $; None while none were told."""
    lower: float | None = None
    """Lower of these bands, $."""
    upper: float | None = None
    """Upper of these bands, $."""
    reason: str | None = None
    """Code of the exchange, such as LUDP or T1; None where it is not told."""
    threshold: float | None = None
    """Price at which the halt was due, $, as the exchange tells it."""
    quotes_at: int | None = None
    """When quotes go on at the earliest, ns UTC; None while that is not known."""
    trades_at: int | None = None
    """When trading goes on at the earliest, ns UTC; None while that is not known."""

    def in_words(self, price: Callable[[float], str]) -> str:
        """Say why, at which price, within which bands, how many-th of the day and until when; `price` writes prices."""
        code = "" if self.reason is None else f" ({self.reason})"
        at = code if self.last is None else f"{code} at {price(self.last)}"
        bands = ""
        if self.reference is not None and self.lower is not None and self.upper is not None:
            bands = f" (reference {price(self.reference)}, bands {price(self.lower)} to {price(self.upper)})"
        times = [("quotes", self.quotes_at), ("trades", self.trades_at)]
        until = "".join(f", {what} from {ny(ns):%H:%M:%S}" for what, ns in times if ns is not None)
        return f"{at}{bands}, halt {self.number} of the day{until}"


class TradingResumed(Event, frozen=True, gc=False, tag="trading_resumed"):
    """Trading in a symbol goes on."""

    symbol: str
    halted_s: float
    """How long it stood still."""


class MarketHalted(Event, frozen=True, gc=False, tag="market_halted"):
    """All trading stopped: the circuit breakers of the market, as what stands for the index shows it."""

    level: int
    """1, 2, or 3, which closes the market."""
    by: str
    """What stands for the index."""
    last: float
    """Its price that triggered, $."""
    prior_close: float
    """$."""
    until: int
    """When trading may begin again, ns UTC."""

    def in_words(self) -> str:
        """Return what happened, in a sentence."""
        fall = 100.0 * (self.last / self.prior_close - 1.0)
        lasts = "for the rest of the day" if self.level == 3 else f"until {ny(self.until):%H:%M:%S}"
        level = f"level {self.level} (MWC{self.level})"
        return f"the whole market halts at {level}, {lasts}: {self.by} stands for the index at {fall:+.2f} %"


class MarketResumed(Event, frozen=True, gc=False, tag="market_resumed"):
    """Trading goes on after a halt of the whole market."""

    level: int
    halted_s: float
    """How long everything stood still."""
    disproved: bool = False
    """What stands for the index went on trading: the index itself had not fallen so far."""

    def in_words(self) -> str:
        """Return what happened, in a sentence."""
        if self.disproved:
            return f"there was no halt at level {self.level}: what stands for the index went on trading"
        return f"the market trades again after its halt at level {self.level}"


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
