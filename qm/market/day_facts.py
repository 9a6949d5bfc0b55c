"""What features of every symbol are compared with at one moment: the usual course of a day, the market's own move."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from math import nan
from typing import Final

import numpy as np
import numpy.typing as npt

from qm.market.kernel import MINUTE
from qm.market.market import Market
from qm.rules.ssr import SSR_DROP

Array = npt.NDArray[np.float64]

COMPARED: Final = "SPY"
"""Symbol whose move is that of the market."""


def usual_share(curve: Array, since_open: int) -> float:
    """Return the share of a day's regular volume that is usually done `since_open` ns after the open."""
    if since_open <= 0:
        return 0.0
    minute, rest = divmod(since_open, MINUTE)
    if minute >= len(curve):
        return float(curve[-1])
    before = curve.item(minute - 1) if minute else 0.0
    share: float = before + (curve.item(minute) - before) * rest / MINUTE
    return share


def whole_share(curve: Array, since_open: int) -> float:
    """Return the usual share of the day at the last whole minute; NaN before the first."""
    minute = since_open // MINUTE
    return float(curve[min(minute, len(curve)) - 1]) if minute > 0 else nan


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
