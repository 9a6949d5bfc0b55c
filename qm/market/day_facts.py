"""What features of every symbol are compared with at one moment: the market's own move, and its rules."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from math import nan
from typing import Final

from qm.market.market import Market
from qm.rules.ssr import SSR_DROP

COMPARED: Final = "SPY"
"""Symbol whose move is that of the market."""


def spy_pct(market: Market) -> float:
    """Return the change of SPY since its open, %; NaN when unknown."""
    if COMPARED not in market.table:
        return nan
    row = market.table.row(COMPARED)
    opened = market.col["open"].item(row)
    return 100.0 * (market.col["last"].item(row) / opened - 1.0) if opened > 0.0 else nan


def ssr_drop(market: Market) -> float:
    """Return the fall from the prior close that restricts short sales, as a fraction; NaN before the rule."""
    return _ssr_drop(market.session.date)


@lru_cache(maxsize=64)
def _ssr_drop(day: dt.date) -> float:
    drop = SSR_DROP.at(day)
    return nan if drop is None else float(drop)
