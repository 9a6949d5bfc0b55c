"""How strongly a symbol moves with the market: its beta, from daily closes."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.market.reference import Column

BETA_DAYS: Final = 60
"""Daily moves behind a beta, at most."""
LEAST_BETA_DAYS: Final = 20
"""Daily moves below which a beta is not known: of so few it says little, and 1 would be a claim."""


def betas(moves: Column, market: Column) -> Column:
    """Return the slope of each symbol's daily moves on those of the market, by least squares.

    `moves` is float64[session, symbol] and `market` float64[session], fractions from close to close, NaN where either
    close is not known; a session counts where both are. NaN where fewer than `LEAST_BETA_DAYS` do.
    """
    found = np.full(moves.shape[1], np.nan)
    if len(moves) < LEAST_BETA_DAYS:
        return found
    known = np.isfinite(moves) & np.isfinite(market)[:, None]
    count = known.sum(axis=0)
    enough = count >= LEAST_BETA_DAYS
    few = np.maximum(count, 1)
    own, other = np.where(known, moves, 0.0), np.where(known, market[:, None], 0.0)
    own = np.where(known, own - own.sum(axis=0) / few, 0.0)
    other = np.where(known, other - other.sum(axis=0) / few, 0.0)
    spread = (other * other).sum(axis=0)
    np.divide((own * other).sum(axis=0), spread, out=found, where=enough & (spread > 0.0))
    return found
