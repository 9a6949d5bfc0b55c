"""What was known of a symbol when the rules of the market were asked."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, gc=False):
    """The facts on which the rules depend, at one moment; None is unknown, or does not apply."""

    price: float | None
    """Last eligible price, $."""
    prior_close: float | None
    """$."""
    day_usd: float | None
    """Average $ traded in a day."""
    bid: float | None = None
    """National best bid, $; None where the feed has no quotes."""
    tier: int = 2
    """Of the limit-up limit-down plan, by what stands in for its lists."""
    reference: float | None = None
    """Reference price of the volatility bands, $."""
    lower: float | None = None
    """Prices outside which nothing may trade, $; None where there are no bands."""
    upper: float | None = None
    estimated: bool = False
    """The feed tells no bands: they stand around a mean of prices at minute boundaries."""
    restricted: bool | None = None
    """Short sales are restricted."""
    market_pct: float | None = None
    """Change of the market since its prior close, %, as the circuit breakers would see it in SPY."""
    market_level: int = 0
    """Highest level of the circuit breakers that halted the market in this session, and is over."""
    broker: str = "sim"
    leverage: float = 1.0
    """Of a leveraged fund: its volatility bands are as many times as wide."""
    unbanded: bool = False
    """The limit-up limit-down plan leaves it out: a warrant, or a right."""
    listing: str = ""
    """Exchange that lists the symbol; empty where it is not known."""
    borrow: str = "unknown"
    """What the broker said of borrowing the shares for this session."""
