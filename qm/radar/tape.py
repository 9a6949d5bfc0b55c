"""What one minute of the whole market was like: breadth, and the way of the index."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.market import Market
from qm.radar.parts import Array

INDEX: Final = ("SPY", "QQQ")
"""The symbols that stand for the market where they are told; elsewhere the universe stands for itself."""
LIQUID_USD: Final = 1_000_000.0
"""Symbols that traded less today do not move the index of the universe."""
CLIP: Final = 0.01
"""A symbol moves the index of the universe by at most this per minute: one runner is not the market."""

_COLUMNS: Final = ("last", "volume", "pv", "high", "low")
_Column = npt.NDArray[Any]


class Tape:
    """The market at the last two minute boundaries; `turn` moves on to the next."""

    def __init__(self) -> None:
        self._before: list[Array] | None = None
        self._now: list[Array] | None = None

    def clear(self) -> None:
        """Forget both boundaries."""
        self._before = self._now = None

    def turn(self, market: Market) -> None:
        """Take down the market as it is at this boundary."""
        self._before, self._now = self._now, [np.array(market.rows[name]) for name in _COLUMNS]

    def read(self, market: Market) -> dict[str, float]:
        """Return what the minute between the boundaries was like; what is not known is left out.

        | name | meaning |
        |---|---|
        | symbols | symbols with volume in regular hours |
        | move_bp | move of the index in this minute, bp: the mean of SPY and QQQ, or of the liquid symbols |
        | index_vwap_bp | from the VWAP of SPY and QQQ to their last price, mean, bp |
        | above_vwap_pct | symbols above their VWAP, % of those with one |
        | up_pct | symbols above their prior close, % of those with one |
        | up_dollars | dollars of this minute in symbols that rose in it, less those in symbols that fell, -1 to 1 |
        | net_highs_pct | new highs of regular hours less new lows in this minute, % of the symbols that traded in it |
        """
        if self._before is None or self._now is None:
            return {}
        last, volume, pv, high, low = self._now
        before_last, _, before_pv, before_high, before_low = self._before
        counted = _breadth(
            last, volume, pv, high, low, before_last, before_pv, before_high, before_low, market.reference.prior_close
        )
        seen, above, priced, up, traded, rose_usd, fell_usd, net_highs, moves, moved = counted
        found = {
            "symbols": seen,
            "above_vwap_pct": _share(above, seen),
            "up_pct": _share(up, priced),
            "up_dollars": (rose_usd - fell_usd) / (rose_usd + fell_usd) if rose_usd + fell_usd > 0 else np.nan,
            "net_highs_pct": _share(net_highs, traded),
        }
        rows = [market.table.row(symbol) for symbol in INDEX if symbol in market.table]
        index = _mean(1e4 * (last[row] / before_last[row] - 1) for row in rows)
        found["move_bp"] = index if isfinite(index) else 1e4 * moves / moved if moved else np.nan
        found["index_vwap_bp"] = _mean(1e4 * (last[row] * volume[row] / pv[row] - 1) for row in rows if pv[row] > 0)
        # Rounded, so that no processor's last bit is journaled.
        return {name: round(float(value), 6) for name, value in sorted(found.items()) if isfinite(value)}


def _share(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else np.nan


def _mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if isfinite(value)]
    return sum(known) / len(known) if known else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _breadth(
    last: Array,
    volume: Array,
    pv: Array,
    high: Array,
    low: Array,
    before_last: Array,
    before_pv: Array,
    before_high: Array,
    before_low: Array,
    prior_close: Array,
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    seen = above = priced = up = traded = rose_usd = fell_usd = net_highs = moves = moved = 0.0
    for row in range(last.shape[0]):
        # Comparisons with what is not known are false everywhere below.
        if not volume[row] > 0.0:
            continue
        seen += 1.0
        if last[row] * volume[row] > pv[row]:
            above += 1.0
        if prior_close[row] > 0.0:
            priced += 1.0
            if last[row] > prior_close[row]:
                up += 1.0
        spent = pv[row] - before_pv[row]
        if not spent > 0.0:
            continue
        traded += 1.0
        if high[row] > before_high[row]:
            net_highs += 1.0
        if low[row] < before_low[row]:
            net_highs -= 1.0
        move = last[row] / before_last[row] - 1.0
        if move > 0.0:
            rose_usd += spent
        elif move < 0.0:
            fell_usd += spent
        if pv[row] >= LIQUID_USD and -1.0 < move < 10.0:
            moves += min(max(move, -CLIP), CLIP)
            moved += 1.0
    return seen, above, priced, up, traded, rose_usd, fell_usd, net_highs, moves, moved
