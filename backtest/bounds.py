"""How much of a result rests on what was assumed: of the order of events inside bars, and of slippage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from backtest.summary import Summary

AMBIGUOUS_MOST: Final = 0.1
"""Share of trades whose order of events a bar leaves open, above which a result is not to be trusted."""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to under one assumption."""

    fills: str
    """pessimistic, path or optimistic."""
    stress: float = 1.0
    """How many times the slippage and the spreads."""
    trades: int
    ambiguous: int
    ambiguous_share: float | None
    """Of the trades; None without any."""
    net_usd: float
    mean_r: float | None
    """Of the trades whose risk at entry is known."""
    end_equity_usd: float
    result_hash: str


def bound(fills: str, summary: Summary, stress: float = 1.0) -> Bound:
    """Return what a run came to under an assumption."""
    return Bound(
        fills=fills,
        stress=stress,
        trades=summary.trades,
        ambiguous=summary.ambiguous,
        ambiguous_share=summary.ambiguous_share,
        net_usd=summary.net_usd,
        mean_r=summary.by_trade.mean_r,
        end_equity_usd=summary.end_equity_usd,
        result_hash=summary.result_hash,
    )


def apart(bounds: Sequence[Bound]) -> tuple[list[Bound], list[Bound]]:
    """Return the runs under each assumption about bars, and those at each multiple of slippage; the first is both."""
    first = bounds[0]
    return (
        [each for each in bounds if each.stress == first.stress],
        sorted((each for each in bounds if each.fills == first.fills), key=lambda each: each.stress),
    )


def doubts(bounds: Sequence[Bound]) -> list[str]:
    """Return what must be said of a run before its numbers are believed.

    `bounds` are its runs at one stress, each under a better assumption than the one before.
    """
    out = []
    share, fills = max((each.ambiguous_share or 0.0, each.fills) for each in bounds)
    if share > AMBIGUOUS_MOST:
        otherwise = "" if len(bounds) > 1 else ", and look at all three assumptions (--fills all)"
        out.append(
            f"In {share:.0%} of the trades a bar leaves the order of events open, more than {AMBIGUOUS_MOST:.0%}: the"
            f" result rests on what was assumed ({fills}). Use prints or shorter bars before you believe a number"
            f" here{otherwise}."
        )
    if any(later.net_usd < one.net_usd for one, later in pairwise(bounds)):
        out.append(
            "Under a better assumption the run came to less: a trade that is spared a stop may fare worse later."
        )
    if min(each.net_usd for each in bounds) < 0.0 < max(each.net_usd for each in bounds):
        out.append("What is assumed about the order of events inside bars decides whether the run wins or loses.")
    return out
