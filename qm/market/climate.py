"""What kind of days came before a session: trend, volatility, breadth and gaps; told, deciding nothing."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

NAMES: Final = (
    "spy_sma20_pct",
    "spy_sma50_pct",
    "spy_sma200_pct",
    "spy_adx14",
    "spy_vol5_pct",
    "spy_vol5_rank_pct",
    "spy_vol5_windows",
    "above_sma20_pct",
    "above_sma20_names",
    "above_sma50_pct",
    "above_sma50_names",
    "hot_names",
    "hot_of_names",
    "gaps_held_pct",
    "gaps_names",
    "gappers_pct",
    "gappers_names",
)
"""Numbers of a climate, in their order; `qm.history.climate` says how each is taken."""
AS_VIX: Final = "spy_vol5_as_vix"
"""The bucket of the volatility of SPY, in words: a stand-in for that of VIX, which is in no feed of equities."""
BUCKETS: Final = ((13.0, "<13"), (17.0, "13-17"), (22.0, "17-22"))
"""Of VIX, %: each below its first number; from 22 to 30, and above, come after them."""

Numbers = npt.NDArray[np.float64]


def unknown() -> Numbers:
    """Return the climate of which nothing is known."""
    return np.full(len(NAMES), np.nan)


def bucket(volatility: float) -> str:
    """Return the bucket of a volatility in % a year: <13, 13-17, 17-22, 22-30 or >30."""
    for below, name in BUCKETS:
        if volatility < below:
            return name
    return "22-30" if volatility <= 30.0 else ">30"


def told(climate: Numbers) -> dict[str, str | float]:
    """Return by name what is known of a climate, rounded as it is stored with a decision."""
    # One that was recorded by another version may be shorter: new names come at the end.
    known = zip(NAMES, climate.tolist(), strict=False)
    found: dict[str, str | float] = {name: round(value, 4) for name, value in known if isfinite(value)}
    volatility = found.get("spy_vol5_pct")
    if isinstance(volatility, float):
        found[AS_VIX] = bucket(volatility)
    return found


def said(context: Mapping[str, str | float]) -> str:
    """Return one line for people of what `told` put into the context of a decision; empty where nothing was known."""
    parts = [f"SPY {context[name]:+.3g} % from its {length}-day mean" for name, length in _means(context)]
    if "spy_adx14" in context:
        parts.append(f"its ADX {context['spy_adx14']:.3g}")
    if "spy_vol5_pct" in context:
        rank = (
            f", above {context['spy_vol5_rank_pct']:.3g} % of {context['spy_vol5_windows']:.0f}"
            if "spy_vol5_rank_pct" in context
            else ""
        )
        parts.append(f"its 5-day volatility {context['spy_vol5_pct']:.3g} % (for VIX: {context[AS_VIX]}{rank})")
    for length in (20, 50):
        if f"above_sma{length}_pct" in context:
            share, names = context[f"above_sma{length}_pct"], context[f"above_sma{length}_names"]
            parts.append(f"{share:.3g} % of {names:,.0f} above their {length}-day mean")
    if "hot_names" in context:
        parts.append(f"{context['hot_names']:,.0f} of {context['hot_of_names']:,.0f} up 20 %")
    if "gaps_held_pct" in context:
        parts.append(f"{context['gaps_held_pct']:.3g} % of {context['gaps_names']:,.0f} gaps held in 10 days")
    if "gappers_pct" in context:
        parts.append(f"the last {context['gappers_names']:,.0f} gappers {context['gappers_pct']:+.3g} % from the open")
    return f"before the open: {', '.join(parts)}" if parts else ""


def _means(context: Mapping[str, str | float]) -> list[tuple[str, int]]:
    named = [(f"spy_sma{length}_pct", length) for length in (20, 50, 200)]
    return [(name, length) for name, length in named if name in context]
