"""How many shares: what the stop may lose, and every cap on top of it."""

from __future__ import annotations

from math import inf, nan

from qm.model.events import Signal, Sizing
from qm.risk.limits import RiskSettings


def size(
    signal: Signal,
    equity_usd: float,
    gross_usd: float,
    heat_usd: float,
    budget_usd: float,
    limits: RiskSettings,
) -> Sizing:
    """Return the shares for an entry, with every cap and the one that binds.

    shares = floor(min(E r / (|entry - stop| + slippage), cap E / entry, room in buying power, heat and budget)); a
    strategy may have wished for a smaller r or cap, and a stop that is not known gives no shares. Equity, gross and
    heat in $; source: the usual fixed-fraction rule.
    """
    price = aim(signal)
    stop = signal.stop
    if stop is None or not price > 0 or not abs(price - stop) > 0:
        return Sizing(0, 0.0, 0.0, {}, "stop not known")
    per_share = abs(price - stop) + 2 * price * limits.slippage_bps / 1e4
    if signal.shares is not None:
        return Sizing(signal.shares, signal.shares * per_share, per_share, {"fixed": signal.shares}, "fixed")
    # A strategy may want less than the settings allow, never more.
    risk = limits.risk_per_trade if signal.risk is None else min(signal.risk, limits.risk_per_trade)
    wanted = inf if signal.notional is None else equity_usd * signal.notional / price
    room = {
        "risk": equity_usd * risk / per_share,
        "wanted": wanted,
        "notional": equity_usd * limits.max_notional / price,
        "gross": (equity_usd * min(limits.max_gross, limits.leverage) - gross_usd) / price,
        "heat": (equity_usd * limits.max_heat - heat_usd) / per_share,
        "budget": budget_usd / price,
    }
    # What is not known is no room.
    caps = {name: int(value) if value > 0 else 0 for name, value in room.items() if value != inf}
    binding = min(caps, key=lambda name: caps[name])
    shares = caps[binding]
    return Sizing(shares, round(shares * per_share, 4), round(per_share, 6), caps, binding)


def aim(signal: Signal) -> float:
    """Return where a signal means to trade: its trigger, else the market price, $; NaN when neither is known."""
    return signal.trigger or (nan if signal.price is None else signal.price)
