"""VWAP reclaim: a strong stock that spent a while just below its VWAP regains it, and holds it.

A setup of practitioners, without a published test: experimental, for paper trading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from qm.market.bars import Bar
from qm.model.order import Side
from qm.strategies.api import Done, Enter, EntrySignals, Group, Params, Plan, Strategy, View, Wishes
from qm.strategies.contract import Need, Rules
from qm.strategies.lines import LineExit
from qm.strategies.reading import enough, market_view, prior_close, recent, rvol_of, tick, vwaps


class VwapReclaimParams(Params, frozen=True):
    """Parameters of the VWAP reclaim."""

    below_min: Annotated[int, Meta(ge=5, le=60)] = 15
    """So many of the last closes before the cross lay below VWAP."""
    below_of: Annotated[int, Meta(ge=5, le=60)] = 20
    """Closes that are looked back on for it."""
    depth_atr: Annotated[float, Meta(ge=0, le=2)] = 0.5
    """No low farther below VWAP, in daily ATR(14); 0 takes any."""
    hold_closes: Annotated[int, Meta(ge=1, le=5)] = 2
    """Enter at this close above VWAP in a row."""
    retest_atr: Annotated[float, Meta(ge=0, le=0.5)] = 0.05
    """Or earlier, when price is back so near to VWAP after a close above it, in daily ATR(14), 0 never; prints only."""
    rvol5: Annotated[float, Meta(ge=0, le=50)] = 1.5
    """Volume of the last five minutes against what is usual then; 0 asks nothing, and takes hits of `runners`, too."""
    buf_atr: Annotated[float, Meta(ge=0, le=1)] = 0.15
    """The stop is at least so far below VWAP, in daily ATR(14); 0 leaves it a tick below the low of the reclaim."""
    target_r: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """Target besides the high of the day, in risks."""
    lost_closes: Annotated[int, Meta(ge=1, le=10)] = 2
    """Leave after so many closes below VWAP."""
    first_min: Annotated[int, Meta(ge=0, le=390)] = 30
    """No entry earlier than this, minutes after the open."""
    last_min: Annotated[int, Meta(ge=1, le=390)] = 360
    """No entry later than this, minutes after the open."""
    up_day: bool = True
    """Only when it opened or trades above the close before, or SPY is above its VWAP."""


class VwapReclaimEntry(EntrySignals):
    """Waits below the line, and buys when closes hold above it or a retest does."""

    def __init__(self, params: VwapReclaimParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars."""
        return [Plan(group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Wishes:
        """Count the closes above VWAP; enter at the last that is wanted, arm the retest before."""
        p = self.params
        if view.minute > p.last_min:
            return [Done("too late in the day")]
        if view.minute < p.first_min or view.entering:
            return []
        bars, lines = self._look(view)
        held = above(bars, lines)
        armed = "retest" in view.note
        if not 0 < held <= p.hold_closes or not self._is_set(view, bars, lines, held):
            return [Plan(follow=True, note={"low": 0.0})] if armed else []
        low = min(bar.low for bar in bars[-held:])
        if held == p.hold_closes:
            return self._enter(view, bars, low, f"{held} closes above VWAP")
        retest = view.vwap + p.retest_atr * view.atr
        # Only a price that has left the line can come back to it.
        if view.market.prints and p.retest_atr > 0 and view.last > retest:
            return [Plan(down=[retest], follow=True, note={"retest": retest, "low": low})]
        return []

    def on_touch(self, view: View) -> Wishes:
        """Enter at a retest that stays above VWAP."""
        low = view.note.get("low", 0.0)
        if view.entering or not low > 0:
            return []
        if not view.last > view.vwap:
            return [Plan(follow=True, note={"low": 0.0})]
        return self._enter(view, recent(view, 5), min(low, view.last), "held the retest of VWAP")

    def _look(self, view: View) -> tuple[list[Bar], list[float]]:
        bars = recent(view, self.params.below_of + self.params.hold_closes + 1)
        return bars, vwaps(view, bars)

    def _is_set(self, view: View, bars: Sequence[Bar], lines: Sequence[float], held: int) -> bool:
        p = self.params
        before = list(zip(bars[:-held], lines[:-held], strict=True))[-p.below_of :]
        below = [(bar, line) for bar, line in before if bar.close < line]
        if len(below) < p.below_min:
            return False
        depth = max(line - bar.low for bar, line in below)
        # What is not known is no setup.
        if p.depth_atr and not depth <= p.depth_atr * view.atr:
            return False
        return higher_low([bar.low for bar, _ in before] + [bar.low for bar in bars[-held:]]) and self._is_up(view)

    def _is_up(self, view: View) -> bool:
        if not self.params.up_day:
            return True
        close, spy = prior_close(view), market_view(view)
        return view.open > close or view.last > close or (spy is not None and spy.last > spy.vwap)

    def _enter(self, view: View, bars: Sequence[Bar], low: float, how: str) -> Wishes:
        p = self.params
        if not enough(rvol_of(view, bars[-5:]), p.rvol5):
            return []
        stop = min(low, view.vwap - p.buf_atr * view.atr) if p.buf_atr else low - tick(view, low)
        return [Plan(follow=True, note={"low": 0.0}), Enter(Side.BUY, stop, how)]


def above(bars: Sequence[Bar], lines: Sequence[float]) -> int:
    """Return how many closes in a row, up to the last, lay above the line."""
    count = 0
    for bar, line in zip(reversed(bars), reversed(lines), strict=True):
        if not bar.close > line:
            break
        count += 1
    return count


def higher_low(lows: Sequence[float]) -> bool:
    """Tell whether, after the lowest low, price turned up, down and up again above it."""
    if not lows:
        return False
    first = min(range(len(lows)), key=lambda k: lows[k])
    return any(lows[first] < lows[k] < lows[k + 1] and lows[k] < lows[k - 1] for k in range(first + 2, len(lows) - 1))


def vwap_reclaim(params: VwapReclaimParams | None = None) -> Strategy:
    """Return the setup; experimental, for paper trading only."""
    p = params or VwapReclaimParams()
    asked = {"prior_close": p.up_day, "adv": p.rvol5 > 0, "atr": p.depth_atr > 0 or p.retest_atr > 0 or p.buf_atr > 0}
    retest = f", or with prints a retest within {p.retest_atr:g} ATR" if p.retest_atr else ""
    return Strategy(
        name="vwap_reclaim",
        version="1",
        status="experimental",
        about="a strong stock regains VWAP after 15 minutes below it; half off at the high of the day, the rest at 2 R",
        params=p,
        entry=VwapReclaimEntry(p),
        exit=LineExit("VWAP", vwaps, p.target_r, p.lost_closes),
        scans=("vwap_reclaim", *(() if p.rvol5 else ("runners",))),
        needs=(Need.BARS,),
        columns=tuple(name for name, needed in asked.items() if needed),
        rules=Rules(
            universe="opened or trades above the close before, or SPY above its VWAP" if p.up_day else "",
            trigger=f"{p.below_min} of {p.below_of} closes below VWAP, "
            f"{f'at most {p.depth_atr:g} ATR deep, ' if p.depth_atr else ''}with a higher low; "
            f"then {p.hold_closes} closes above{retest}"
            f"{f'; {p.rvol5:g} times the usual volume of five minutes' if p.rvol5 else ''}",
            entry=f"market, minutes {p.first_min} to {p.last_min}",
            stop=f"the low of the reclaim or {p.buf_atr:g} ATR below VWAP, whichever is lower"
            if p.buf_atr
            else "a tick below the low of the reclaim",
            targets=f"half at the high of the day, half at {p.target_r:g} R, the nearer first",
            invalidation=f"{p.lost_closes} closes below VWAP",
            sizing="risk per trade of the settings",
        ),
    )
