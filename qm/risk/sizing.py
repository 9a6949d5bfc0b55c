"""How many shares: what the stop may lose, and every cap on top of it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import NamedTuple

from qm.model.events import Signal, Sizing
from qm.model.order import FOR_AUCTIONS
from qm.risk.limits import RiskSettings

RoundTrip = Callable[[int, float], float]
"""What buying and selling so many shares at a price costs in fees, $."""


class Room(NamedTuple):
    """What an entry may take of the account and of the market."""

    equity_usd: float
    gross_usd: float
    """Positions and working entries."""
    heat_usd: float
    """What they may lose."""
    budget_usd: float
    volume_5m: float | None
    """Shares that traded in the last five minutes; None when not known."""
    fees: RoundTrip | None = None
    """None where nothing is charged."""


def size(signal: Signal, room: Room, limits: RiskSettings) -> Sizing:
    """Return the shares for an entry, with every cap and the one that binds.

    shares = floor(min(E r / (|entry - stop| + slippage + fees), cap E / entry, share of the volume of five minutes,
    room in buying power, heat and budget)); a strategy may have wished for a smaller r or cap, and a stop that is not
    known gives no shares. Source: the usual fixed-fraction rule.
    """
    equity_usd = room.equity_usd
    price = aim(signal)
    stop = signal.stop
    if stop is None or not price > 0 or not abs(price - stop) > 0:
        return Sizing(0, 0.0, 0.0, {}, "stop not known")
    # A strategy may want less than the settings allow, never more.
    risk = limits.risk_per_trade if signal.risk is None else min(signal.risk, limits.risk_per_trade)
    per_share = abs(price - stop) + 2 * price * limits.slippage_bps / 1e4
    per_share += _fee(room, price, equity_usd * risk / per_share if signal.shares is None else signal.shares)
    if signal.shares is not None:
        return Sizing(signal.shares, signal.shares * per_share, per_share, {"fixed": signal.shares}, "fixed")
    wanted = inf if signal.notional is None else equity_usd * signal.notional / price
    most = {
        "risk": equity_usd * risk / per_share,
        "wanted": wanted,
        "notional": equity_usd * limits.max_notional / price,
        "gross": (equity_usd * min(limits.max_gross, limits.leverage) - room.gross_usd) / price,
        "heat": (equity_usd * limits.max_heat - room.heat_usd) / per_share,
        "budget": room.budget_usd / price,
        "volume": traded(signal, room.volume_5m, limits),
    }
    # What is not known is no room.
    caps = {name: int(value) if value > 0 else 0 for name, value in most.items() if value != inf}
    binding = min(caps, key=lambda name: caps[name])
    shares = caps[binding]
    return Sizing(shares, round(shares * per_share, 4), round(per_share, 6), caps, binding)


def traded(signal: Signal, volume_5m: float | None, limits: RiskSettings) -> float:
    """Return the shares that the trading of the last five minutes allows; NaN when that is not known.

    Nothing bounds an order for an auction: what others send there is not told before.
    """
    if signal.type in FOR_AUCTIONS:
        return inf
    # A hundredth of 50,000 shares are 500, whatever their binary fractions say.
    return nan if volume_5m is None else round(limits.max_of_volume * volume_5m, 6)


def _fee(room: Room, price: float, shares: float) -> float:
    """Return the fees of entry and exit per share, $, for as many shares as the risk allows."""
    if room.fees is None:
        return 0.0
    # An account that is not known gives no shares anyway.
    whole = max(1, int(shares)) if shares < inf else 1
    return room.fees(whole, price) / whole


def aim(signal: Signal) -> float:
    """Return where a signal means to trade: its trigger, else the market price, $; NaN when neither is known."""
    return signal.trigger or (nan if signal.price is None else signal.price)
