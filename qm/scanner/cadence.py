"""When features change: with every record, at the close of a bar, or not by trading at all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from qm.errors import UsageError


class Trigger(StrEnum):
    """The moments at which a scan is asked."""

    BEAT = "beat"
    """At every beat of the radar, inside a minute as well as at its end."""
    BAR_CLOSE = "bar_close"
    """At the beats at which a minute ends: all bars are whole, and every price is a close."""


OF_BARS: Final = (
    "chg_1_ago_pct",
    "mins_below_vwap",
    "range_exp_5m",
    "range_exp_streak",
    "red_bars_5m",
    "green_bars_5m",
    "rsi2_5m",
    "bb_close_pct",
)
"""Features that tell of whole bars, and change at their close only."""
OF_NO_TRADE: Final = (
    *("adv", "adv_dollar", "atr", "atr_pct", "ref_days", "float_shares", "nr7", "inside_day", "beta"),
    *("prev_high", "prev_low", "prev_close", "high_52w"),
    *("open", "opening_rvol", "or_high", "or_low", "or_width_atr", "or_dir"),
    *(f"or_{minutes}_{what}" for minutes in (1, 15, 30, 60) for what in ("high", "low", "width_atr", "dir")),
    "late_open",
    *("mins_since_open", "halted", "halts_today", "mins_since_resume", "ssr", "quarantined", "revised"),
    *("halt_reason", "halt_price", "luld_ref", "halt_at", "quotes_at", "trades_at"),
)
"""Features that a single trade does not move: of earlier days, of the opening range once it is whole, of the clock, and
of what the exchange says. They go with everything; all features besides these and `OF_BARS` move with each trade."""


def trigger_for(names: Iterable[str], wanted: str | None) -> Trigger:
    """Return when a scan that asks for these features is asked; without a wish, as often as they allow.

    What whole bars tell and what moves with every trade are true together only where the bar closes: between, a price
    that the close takes back would raise an alert that no bar shows. UsageError for such a wish, or an unknown one.
    """
    asked = tuple(names)
    bars = [name for name in asked if name in OF_BARS]
    live = [name for name in asked if name not in OF_BARS and name not in OF_NO_TRADE]
    if wanted is None:
        return Trigger.BAR_CLOSE if bars and live else Trigger.BEAT
    if wanted not in Trigger._value2member_map_:
        raise UsageError(f"No trigger is called {wanted!r}.", f"One of: {', '.join(Trigger)}.")
    if wanted == Trigger.BEAT and bars and live:
        raise UsageError(
            f"{bars[0]} tells of whole bars and {live[0]} moves with each trade: inside a bar they do not go together.",
            f'Write trigger = "{Trigger.BAR_CLOSE}".',
        )
    return Trigger(wanted)
