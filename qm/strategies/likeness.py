"""How alike two symbols moved in the last hour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from qm.market.market import KEPT_MINUTES, MINUTE_NS, Market

RETURNS: Final = 60
"""One-minute returns that are looked back on."""
RETURNS_MIN: Final = 30
"""With fewer known to both, nothing is said."""


class Likeness(NamedTuple):
    """How alike one symbol is to some others."""

    symbol: str
    """The most alike of those of which it is known; empty when it is known of none."""
    correlation: float | None
    """Of one-minute returns, -1 to 1; None where it is known of none."""
    unknown: tuple[str, ...]
    """Those of which too little is known."""


def correlation(market: Market, row: int, other: int) -> float | None:
    """Return the correlation of the last one-minute returns of two symbols; None where too few are known."""
    last = market.now // MINUTE_NS
    slots = [minute % KEPT_MINUTES for minute in range(last - RETURNS, last + 1)]
    closes = market.closes[np.ix_(slots, (row, other))]
    returns = np.diff(np.log(np.where(closes > 0, closes, np.nan)), axis=0)
    known = returns[np.isfinite(returns).all(axis=1)]
    if len(known) < RETURNS_MIN:
        return None
    known = known - known.mean(axis=0)
    size = float(np.sqrt((known[:, 0] ** 2).sum() * (known[:, 1] ** 2).sum()))
    # What did not move at all is like nothing.
    return min(1.0, max(-1.0, float((known[:, 0] * known[:, 1]).sum()) / size)) if size > 0 else None


def alike(market: Market, row: int, others: Iterable[int]) -> Likeness:
    """Return how alike a symbol is to others, and to which of them the most, the first where they tie."""
    best, most, unknown = "", None, []
    for other in others:
        name = market.table.names[other]
        value = correlation(market, row, other)
        if value is None:
            unknown.append(name)
        elif most is None or value > most:
            best, most = name, value
    return Likeness(best, None if most is None else round(most, 4), tuple(unknown))
