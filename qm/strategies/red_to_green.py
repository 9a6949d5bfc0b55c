"""Red to green: a stock that traded well below the close before crosses it upwards, on volume, while the market holds.

A setup of practitioners, without a published test: experimental, for paper trading.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.model.order import Side
from qm.strategies.api import Done, Enter, EntrySignals, Group, Params, Plan, Strategy, View, Wishes
from qm.strategies.contract import Need, Rules
from qm.strategies.lines import LineExit
from qm.strategies.reading import SPY, enough, market_view, prior_close, rvol, tick


class RedToGreenParams(Params, frozen=True):
    """Parameters of the red-to-green cross."""

    dip_atr: Annotated[float, Meta(ge=0, le=3)] = 0.3
    """It was so far below the close before, in daily ATR(14), 0 for per cent only ..."""
    dip_pct: Annotated[float, Meta(gt=0, le=20)] = 1.0
    """... or in per cent; the smaller of the two is enough."""
    rvol: Annotated[float, Meta(ge=0, le=50)] = 1.5
    """Volume of the day against what is usual by then; 0 asks nothing: its scan still does, so name symbols."""
    stop_atr: Annotated[float, Meta(ge=0, le=3)] = 0.35
    """The stop is the low of the day, and at most so far below the close before, in daily ATR(14); 0 is no bound."""
    target_r: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """Target besides the high of the day, in risks."""
    lost_closes: Annotated[int, Meta(ge=1, le=10)] = 2
    """Leave after so many one-minute closes below the close before."""
    cutoff_min: Annotated[int, Meta(ge=1, le=390)] = 120
    """No entry later than this, minutes after the open."""
    confirm: bool = False
    """Wait for a one-minute close above, instead of the first price above."""
    with_spy: bool = True
    """Only while SPY trades above its low of the day; unknown is no."""


class RedToGreenEntry(EntrySignals):
    """Sleeps until the dip was made, and then until the close before is crossed."""

    def __init__(self, params: RedToGreenParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Arm each symbol for the dip or, where that was made, for the cross."""
        until = group.open_ns + self.params.cutoff_min * MINUTE
        if group.now >= until:
            return self.on_time(group)
        if self.params.with_spy and SPY not in group.market.table:
            reason = f"{SPY} is not in this session; with_spy=false does without"
            return [Done(reason, row) for row in group.rows.tolist()]
        # Red is what trades in regular hours; before, there is no low of the day to stop at either.
        if group.now < group.open_ns:
            return [Plan(group.rows.tolist(), wake_at=group.open_ns)]
        return self._arm(group, until)

    def on_time(self, group: Group) -> Wishes:
        """Begin with the open, give up at the cut-off."""
        until = group.open_ns + self.params.cutoff_min * MINUTE
        if group.now < until:
            return self._arm(group, until)
        reason = f"no cross within {self.params.cutoff_min} minutes"
        return [Done(reason, row) for row in group.rows.tolist()]

    def _arm(self, group: Group, until: int) -> Wishes:
        wishes: list[Plan | Done] = []
        for view in group.each():
            close = prior_close(view)
            if not (close > 0 and (view.atr > 0 or not by_atr(self.params))):
                wishes.append(Done("close before or ATR not known", view.row))
            elif view.low <= close - self._dip(view):
                wishes.append(self._armed(view, crossing=view.last < close, until=until))
            else:
                down = close - self._dip(view)
                wishes.append(Plan((view.row,), down=[down], wake_at=until, note={"crossing": 0.0}))
        return wishes

    def on_touch(self, view: View) -> Wishes:
        """The dip was made, or the close before was crossed."""
        if not view.note.get("crossing"):
            return [self._armed(view, crossing=True)]
        return self._crossed(view)

    def on_close(self, view: View) -> Wishes:
        """A bar closed above the close before."""
        return self._crossed(view) if view.note.get("crossing") else []

    def _crossed(self, view: View) -> Wishes:
        p, close = self.params, prior_close(view)
        if view.market.now >= view.market.session.open_ns + p.cutoff_min * MINUTE:
            return []
        if not (enough(rvol(view), p.rvol) and self._market_holds(view)):
            # Not this time: it has to be red again first.
            return [self._armed(view, crossing=False)]
        stop = max(view.low, close - p.stop_atr * view.atr) if p.stop_atr else view.low
        return [Plan(note={"crossing": 0.0}), Enter(Side.BUY, stop, "crossed the close before after a dip")]

    def _armed(self, view: View, *, crossing: bool, until: int = 0) -> Plan:
        close = prior_close(view)
        above = close + tick(view, close)
        note = {"crossing": 1.0 if crossing else 0.0}
        if not crossing:
            return Plan((view.row,), down=[close - tick(view, close)], wake_at=until, note=note)
        if self.params.confirm:
            return Plan((view.row,), close_up=[close], wake_at=until, note=note)
        return Plan((view.row,), up=[above], wake_at=until, note=note)

    def _dip(self, view: View) -> float:
        share = self.params.dip_pct / 100.0 * prior_close(view)
        return min(self.params.dip_atr * view.atr, share) if self.params.dip_atr else share

    def _market_holds(self, view: View) -> bool:
        if not self.params.with_spy:
            return True
        spy = market_view(view, SPY)
        return spy is not None and spy.last > spy.low


def by_atr(params: RedToGreenParams) -> bool:
    """Tell whether something is measured in the daily ATR."""
    return params.dip_atr > 0 or params.stop_atr > 0


def closes_before(view: View, bars: Sequence[Bar]) -> list[float]:
    """Return the close of the session before, for each bar."""
    close = prior_close(view)
    return [close if close > 0 else nan] * len(bars)


def red_to_green(params: RedToGreenParams | None = None) -> Strategy:
    """Return the setup; experimental, for paper trading only."""
    p = params or RedToGreenParams()
    return Strategy(
        name="red_to_green",
        version="1",
        status="experimental",
        about="a stock crosses the close before after a dip below it; half off at the high of the day, the rest at 2 R",
        params=p,
        entry=RedToGreenEntry(p),
        exit=LineExit("the close before", closes_before, p.target_r, p.lost_closes),
        scans=("red_to_green",),
        needs=(Need.BARS,),
        columns=("prior_close", *(("adv",) if p.rvol else ()), *(("atr",) if by_atr(p) else ())),
        rules=Rules(
            universe=f"was {f'{p.dip_atr:g} ATR or ' if p.dip_atr else ''}{p.dip_pct:g} % below the close before "
            "in regular hours",
            trigger=f"{'a close' if p.confirm else 'the first price'} above it"
            + (f" on {p.rvol:g} times the usual volume" if p.rvol else "")
            + (", while SPY is above its low" if p.with_spy else ""),
            entry=f"market, until minute {p.cutoff_min}",
            stop="the low of the day"
            + (f" or {p.stop_atr:g} ATR below the close before, whichever is nearer" if p.stop_atr else ""),
            targets=f"half at the high of the day, half at {p.target_r:g} R, the nearer first",
            invalidation=f"{p.lost_closes} closes below the close before",
            sizing="risk per trade of the settings",
        ),
    )
