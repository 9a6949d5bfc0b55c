"""How wide the spread of a symbol is thought to be where no quote says so at the moment."""

from __future__ import annotations

from math import isfinite
from typing import Final

from qm.market.market import Market

AT_1M_USD: Final = 0.004
"""Spread of a stock that trades a million dollars a day, as a fraction of its price."""
FALLS: Final = -0.55
"""Power of the dollars a day with which spreads narrow."""
WIDEST: Final = 0.02
"""As a fraction of the price."""


def spread_of(market: Market, row: int, price: float) -> float:
    """Return a spread, $: the one quoted last in this session, however old, else what the dollars a day suggest.

    The dollars are the average volume times the prior close, both known before the session; 0 where they are not known
    either. The curve is the one of the synthetic market: it tells thin stocks from liquid ones, and no more.
    """
    bid, ask = market.col["bid"].item(row), market.col["ask"].item(row)
    if 0.0 < bid < ask:
        return float(ask - bid)
    known = market.reference
    usd = known.adv.item(row) * known.prior_close.item(row)
    if not (isfinite(usd) and usd > 0.0):
        return 0.0
    return float(price * min(AT_1M_USD * (usd / 1e6) ** FALLS, WIDEST))
