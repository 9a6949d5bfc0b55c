"""What one minute of the whole market was like: breadth, and the way of the index."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Final

import numba
import numpy as np

from qm.clock import MINUTE
from qm.market.market import Market
from qm.radar.index import index_bars
from qm.radar.parts import Array

INDEX: Final = ("SPY", "QQQ")
"""The symbols that stand for the market where they are told; elsewhere the universe stands for itself."""
LIQUID_USD: Final = 1_000_000.0
"""Symbols that traded less today do not move the index of the universe."""
CLIP: Final = 0.01
"""A symbol moves the index of the universe by at most this per minute: one runner is not the market."""
_BLOCK: Final = 512
"""Rows that are counted together."""


def read(market: Market, marked: int) -> dict[str, float]:
    """Return what the minute before a boundary was like; nothing where one of its ends was not marked.

    | name | meaning |
    |---|---|
    | symbols | symbols with volume in regular hours |
    | move_bp | move of the index in this minute, bp: the mean of SPY and QQQ, or of the liquid symbols |
    | index_vwap_bp | from the VWAP of SPY and QQQ to their last price, mean, bp |
    | above_vwap_pct | symbols above their VWAP, % of those with one |
    | up_pct | symbols above their prior close, % of those with one |
    | up_dollars | dollars of this minute in symbols that rose in it, less those in symbols that fell, -1 to 1 |
    | ema9_bp, ema20_bp | slope of the means of five-minute closes of SPY and QQQ, from 9 and 20 bars on, bp a bar |
    | adx_5m | average directional index (14) of their five-minute bars, from the 28th on, 0 to 100 |
    | or_state | above their opening range of 15 minutes (1), below (-1) or within (0), mean of the two |
    | range_atr | high less low of SPY in average true ranges |
    | net_highs_pct | new highs of regular hours less new lows in this minute, % of the symbols that traded in it |
    """
    now, before = market.minutes.day_at(marked), market.minutes.day_at(marked - MINUTE)
    if now is None or before is None:
        return {}
    last, volume, pv, high, low = now
    before_last, _, before_pv, before_high, before_low = before
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
    found |= index_bars(market, rows, marked)
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
) -> tuple[int, int, int, int, int, float, float, int, float, int]:
    seen = above = priced = up = traded = net_highs = moved = 0
    rose_usd = fell_usd = moves = 0.0
    rose, fell, way = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, last.shape[0], _BLOCK):
        n = min(_BLOCK, last.shape[0] - start)
        price, shares, dollars = last[start:], volume[start:], pv[start:]
        top, bottom, prior = high[start:], low[start:], prior_close[start:]
        then, dollars_then, top_then, bottom_then = (
            before_last[start:],
            before_pv[start:],
            before_high[start:],
            before_low[start:],
        )
        # Without a branch, so that several rows are counted at once; comparisons with what is not known are false.
        for k in range(n):
            counts, spent = shares[k] > 0.0, dollars[k] - dollars_then[k]
            busy, move = counts & (spent > 0.0), price[k] / then[k] - 1.0
            liquid = busy & (dollars[k] >= LIQUID_USD) & (move > -1.0) & (move < 10.0)
            seen += counts
            above += counts & (price[k] * shares[k] > dollars[k])
            priced += counts & (prior[k] > 0.0)
            up += counts & (prior[k] > 0.0) & (price[k] > prior[k])
            traded += busy
            net_highs += int(busy & (top[k] > top_then[k])) - int(busy & (bottom[k] < bottom_then[k]))
            moved += liquid
            rose[k] = spent if busy & (move > 0.0) else 0.0
            fell[k] = spent if busy & (move < 0.0) else 0.0
            way[k] = min(max(move, -CLIP), CLIP) if liquid else 0.0
        # A sum has an order, or its last bits would depend on the processor.
        for k in range(n):
            rose_usd += rose[k]
            fell_usd += fell[k]
            moves += way[k]
    return seen, above, priced, up, traded, rose_usd, fell_usd, net_highs, moves, moved
