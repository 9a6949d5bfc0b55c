"""Noise area: an index fund that leaves the band of its usual moves since the open, asked every half hour.

Source: Zarattini, Aziz, Barbon, "Beat the Market: An Effective Intraday Momentum Strategy for S&P500 ETF (SPY)", SSRN
4824172 (2024). What differs from the paper: a stop rests at the broker, a multiple of the ATR away, because no position
is ever without one; and the day's volatility is taken from the band at 16:00, which is the mean of |close / open - 1|
over 14 days, times sqrt(pi / 2), its ratio to a standard deviation where moves are normal.
"""

from __future__ import annotations

from math import isfinite, nan, pi, sqrt
from typing import Annotated, Final

from msgspec import Meta

from qm.clock import MINUTE
from qm.model.order import Side
from qm.strategies.api import (
    Done,
    Enter,
    EntrySignals,
    Exit,
    ExitSignals,
    Group,
    Params,
    Plan,
    Strategy,
    View,
    Wish,
    Wishes,
)
from qm.strategies.contract import Need, Rules
from qm.strategies.reading import prior_close

STEP_MIN: Final = 30
"""Minutes between decisions; the band is known at these times only."""
TO_SIGMA: Final = sqrt(pi / 2.0)
FLIP_NS: Final = 5 * MINUTE
"""A flip that could not be entered by then waits for the next half hour."""


class NoiseParams(Params, frozen=True):
    """Parameters of the noise area."""

    vm: Annotated[float, Meta(gt=0, le=5)] = 1.0
    """Width of the band, in mean moves since the open at that time of day."""
    vwap_stop: bool = True
    """The half-hourly stop is VWAP where that is nearer than the band."""
    entry_vwap: bool = True
    """Enter only beyond VWAP, too."""
    vol_target: Annotated[float, Meta(gt=0, le=0.1)] = 0.02
    """The position moves so much of equity on a usual day, as a fraction."""
    max_lev: Annotated[float, Meta(gt=0, le=4)] = 2.0
    """Largest position in equities; the paper has 4. The risk settings may allow less."""
    stop_atr: Annotated[float, Meta(gt=0, le=10)] = 1.0
    """Distance of the stop that rests at the broker, in daily ATR(14)."""
    shorts: bool = True
    """Also sell short below the band."""
    last_min: Annotated[int, Meta(ge=30, le=390)] = 360
    """No entry later than this, minutes after the open."""
    exit_min: Annotated[int, Meta(ge=31, le=390)] = 387
    """Positions are closed then, minutes after the open."""
    skip_half_days: bool = True
    """The band of a full day says nothing about a half day."""


def band(view: View, vm: float) -> tuple[float, float]:
    """Return the lower and the upper edge of the noise area now, $; NaN unless it is a half hour and all is known.

    UB = max(O, C1) (1 + VM s), LB = min(O, C1) (1 - VM s), s the mean |C / O - 1| of 14 days at this time of day.
    """
    slot, rest = divmod(view.now - view.market.session.open_ns, STEP_MIN * MINUTE)
    noise = view.market.reference.noise
    if rest or not 1 <= slot <= len(noise):
        return nan, nan
    width = vm * float(noise[slot - 1, view.row])
    opened, close = view.open, prior_close(view)
    if not (opened > 0 and close > 0 and width > 0):
        return nan, nan
    return min(opened, close) * (1.0 - width), max(opened, close) * (1.0 + width)


def beyond(view: View, p: NoiseParams) -> int:
    """Return 1 above the noise area, -1 below it, 0 inside or where it is not known."""
    low, high = band(view, p.vm)
    if view.last > high and (not p.entry_vwap or view.last > view.vwap):
        return 1
    if p.shorts and view.last < low and (not p.entry_vwap or view.last < view.vwap):
        return -1
    return 0


class NoiseEntry(EntrySignals):
    """Asked at every half hour from 10:00, and right after a position was closed to be turned round."""

    def __init__(self, params: NoiseParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Wait for the next half hour, or turn a position round that has just been closed."""
        if group.market.session.half and self.params.skip_half_days:
            return [Done("no noise area on a half day", row) for row in group.rows.tolist()]
        wishes: list[Wish] = []
        for view in group.each():
            plan, side = waiting(view), int(view.note.get("flip", 0.0))
            if not side:
                wishes.append(plan)
                continue
            # Once: what is stopped out a minute later is not turned round again.
            wishes.append(Plan(plan.rows, wake_at=plan.wake_at, note={"flip": 0.0}))
            if group.now <= int(view.note["since"]) * MINUTE + FLIP_NS:
                wishes += self._enter(view, side)
        return wishes

    def on_time(self, group: Group) -> Wishes:
        """Decide at the half hour."""
        wishes: list[Wish] = []
        for view in group.each():
            if view.minute > self.params.last_min:
                wishes.append(Done("too late in the day", view.row))
                continue
            wishes.append(waiting(view))
            if side := beyond(view, self.params):
                wishes += self._enter(view, side)
        return wishes

    def _enter(self, view: View, side: int) -> list[Wish]:
        p = self.params
        usual = TO_SIGMA * float(view.market.reference.noise[-1, view.row])
        if not (usual > 0 and view.atr > 0 and view.open > 0):
            return []
        # Shares are equity / open x leverage, so that the notional now is more where the price has risen.
        notional = min(p.max_lev, p.vol_target / usual) * view.last / view.open
        stop = view.last - side * p.stop_atr * view.atr
        reason = f"{'above' if side > 0 else 'below'} the noise area"
        return [Enter(Side.BUY if side > 0 else Side.SELL, stop, reason, notional=notional, row=view.row)]


class NoiseExit(ExitSignals):
    """Asked at every half hour: back inside the band or beyond VWAP ends it, the opposite signal turns it round."""

    def __init__(self, params: NoiseParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        """Wait for the next half hour, or the end of the day."""
        return [waiting(view, self.params.exit_min)]

    def on_time(self, view: View) -> Wishes:
        """Compare with the stop of this half hour."""
        p, held = self.params, view.held
        assert held is not None
        if view.minute >= p.exit_min:
            return [Exit("end of day")]
        side = 1 if held.qty > 0 else -1
        low, high = band(view, p.vm)
        edge = high if side > 0 else low
        if not isfinite(edge) or not side * (view.last - self._stop(view, edge, side)) < 0:
            return [waiting(view, p.exit_min)]
        other = beyond(view, p)
        note = {"flip": float(other), "since": float(view.now // MINUTE)} if other == -side else {"flip": 0.0}
        plan = waiting(view, p.exit_min)
        return [
            Plan(rows=plan.rows, wake_at=plan.wake_at, note=note),
            Exit("turned round" if other == -side else "back inside the noise area or VWAP"),
        ]

    def _stop(self, view: View, edge: float, side: int) -> float:
        if not self.params.vwap_stop:
            return edge
        return max(edge, view.vwap) if side > 0 else min(edge, view.vwap)


def waiting(view: View, until_min: int = 0) -> Plan:
    """Return the plan that wakes at the next half hour from 10:00, or at `until_min` if that is earlier."""
    opens = view.market.session.open_ns
    slot = max((view.now - opens) // (STEP_MIN * MINUTE) + 1, 1)
    wake = opens + slot * STEP_MIN * MINUTE
    end = opens + until_min * MINUTE
    if view.now < end < wake:
        wake = end
    return Plan((view.row,), wake_at=wake)


def noise_area(params: NoiseParams | None = None) -> Strategy:
    """Return the published rules with a resting stop; experimental, as little was left of them since publication."""
    p = params or NoiseParams()
    return Strategy(
        name="noise_area",
        version="1",
        status="experimental",
        about="SPY and QQQ beyond their usual move since the open, asked every half hour, sized by volatility",
        params=p,
        entry=NoiseEntry(p),
        exit=NoiseExit(p),
        per_day=12,
        needs=(Need.BARS,),
        columns=("noise", "prior_close", "atr"),
        rules=Rules(
            universe="SPY and QQQ, or the symbols of a list; no half days",
            trigger=f"at HH:00 and HH:30 from 10:00 on, {p.vm:g} mean moves beyond the open and the close before"
            + (", and beyond VWAP" if p.entry_vwap else ""),
            entry="market, long above and short below" if p.shorts else "market, long above",
            stop=f"{p.stop_atr:g} ATR at the broker; the edge of the band"
            + (" or VWAP, whichever is nearer, every half hour" if p.vwap_stop else " every half hour"),
            time_stop=f"closed at minute {p.exit_min}",
            invalidation="the opposite signal turns it round",
            sizing=f"{p.vol_target:.1%} of equity on a usual day, up to {p.max_lev:g} times it and the risk settings",
        ),
        symbols=("SPY", "QQQ"),
    )
