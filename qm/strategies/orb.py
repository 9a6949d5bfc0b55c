"""Opening-range breakout of stocks in play: a resting stop order at the edge of the first five minutes.

Source: Zarattini, Barbon, Aziz, "A Profitable Day Trading Strategy For The U.S. Equity Market", SSRN 4729284 (2024).
`orb_paper` follows the paper to the letter, for reproduction. `orb_robust` is what independent replication after costs
left standing: fewer names, a stop of a whole ATR, a limit on the trigger, no entry after 10:30.

Relative volume (RV) is that of the range against the same minutes of up to 14 sessions before. A symbol that opens late
has its range from its own open on.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from qm.clock import MINUTE
from qm.market.market import Market
from qm.market.usual import usual_by
from qm.model.order import OrderType, Side
from qm.strategies.api import (
    Done,
    Enter,
    EntrySignals,
    Group,
    Params,
    Plan,
    Strategy,
    View,
    Wish,
    Wishes,
)
from qm.strategies.contract import Need, Rules
from qm.strategies.exits import AtMinute, AtrTrail, BreakEven, ExitPart, Exits, FromFill, Targets

Column = npt.NDArray[np.float64]
PAPER_MIN = 5
"""The range whose usual volume is known by itself; that of others follows from the usual course of a day's volume."""
COLUMNS = ("atr", "adv", "or_volume")


class OrbParams(Params, frozen=True):
    """Parameters of the opening-range breakout."""

    range_min: Annotated[int, Meta(ge=1, le=60)] = 5
    """Length of the opening range, minutes."""
    top_n: Annotated[int, Meta(ge=1, le=20)] = 5
    """Only the symbols of the session with the largest RV, so many of them."""
    rv_min: Annotated[float, Meta(ge=0, le=100)] = 2.0
    """Least RV."""
    adv_min: Annotated[float, Meta(ge=0, le=1e9)] = 1e6
    """Least volume of an average day, shares."""
    atr_min: Annotated[float, Meta(ge=0, le=100)] = 0.5
    """Daily ATR(14) above this, $."""
    px_min: Annotated[float, Meta(ge=0, le=1000)] = 5.0
    """Open above this, $."""
    stop_atr: Annotated[float, Meta(gt=0, le=2)] = 1.0
    """Initial stop, in daily ATR(14) from the trigger."""
    limit_off: Annotated[float, Meta(ge=0, le=0.05)] = 0.01
    """How far beyond the trigger the limit stands, $; only with `stop_limit`."""
    stop_limit: bool = True
    """A limit on the triggered order; without it, it pays whatever the market asks."""
    cutoff_min: Annotated[int, Meta(ge=1, le=390)] = 60
    """Entries not triggered by then are canceled, minutes after the open."""
    exit_min: Annotated[int, Meta(ge=1, le=390)] = 387
    """Positions are closed then, minutes after the open."""
    shorts: bool = True
    """Also sell short a range that closed below its open, unless short sales of the symbol are restricted."""
    ssr_off: bool = True
    """No short sale that is restricted, after a fall by a tenth; without it the gate decides alone."""
    doji_bp: Annotated[float, Meta(ge=0, le=50)] = 1.0
    """A range whose close is this near to its open has no direction, basis points."""
    stop_from_fill: bool = False
    """The stop keeps its distance from the price that was paid, and not from the trigger."""
    target_r: Annotated[float, Meta(ge=0, le=20)] = 0.0
    """All of it is sold at so many R; 0 holds it."""
    even_r: Annotated[float, Meta(ge=0, le=20)] = 0.0
    """Once so many R ahead, the stop moves to what was paid; 0 leaves it."""
    trail_atr: Annotated[float, Meta(ge=0, le=5)] = 0.0
    """The stop follows the best price at so many daily ATR(14), minute by minute; 0 leaves it."""
    risk: Annotated[float, Meta(gt=0, le=0.02)] = 0.005
    """What a stopped-out trade may lose, as a share of equity; never more than the settings allow."""


class OrbEntry(EntrySignals):
    """Places the stop order at the end of the range and takes it back at the cut-off."""

    def __init__(self, params: OrbParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Wait for the range to end, or decide at once when it has."""
        ready = group.open_ns + self.params.range_min * MINUTE
        if group.now < ready:
            return [Plan(rows=group.rows.tolist(), wake_at=ready)]
        return self.on_time(group)

    def on_time(self, group: Group) -> Wishes:
        """Decide when the range has ended; give up at the cut-off."""
        if group.now >= group.open_ns + self.params.cutoff_min * MINUTE:
            reason = f"no breakout within {self.params.cutoff_min} minutes"
            return [Done(reason, row) for row in group.rows.tolist()]
        rvs = relative_volumes(group.market, self.params)
        return [wish for view in group.each() for wish in self._when_open(view, rvs)]

    def _when_open(self, view: View, rvs: Column) -> list[Wish]:
        """Wait for the end of the range of a symbol that opens late; decide when it is there."""
        p, row, opens = self.params, view.row, view.market.session.open_ns
        if "side" in view.note:
            return []
        late = view.note.get("late", 0.0)
        if not view.open > 0:
            # Its open will fall into the minute that begins now.
            return [Plan(rows=[row], wake_at=view.now + MINUTE, note={"late": float(view.minute)})]
        ends = opens + int(late + p.range_min) * MINUTE
        if view.now < ends:
            return [Plan(rows=[row], wake_at=ends, note={"late": late})]
        if view.now >= ends + MINUTE:
            # What is high and low by now is not the range any more.
            return [Done("it comes too late for its opening range", row)]
        return self._decide(view, rvs)

    def _decide(self, view: View, rvs: Column) -> list[Wish]:
        p, row = self.params, view.row
        high, low, opened, last, atr = view.high, view.low, view.open, view.last, view.atr
        if not (high > low > 0 and opened > 0 and atr > 0):
            return [Done("range or ATR not known", row)]
        refusal = self._unfit(row, rvs)
        if refusal:
            return [Done(refusal, row)]
        move_bp = 1e4 * (last / opened - 1.0)
        if abs(move_bp) < p.doji_bp:
            return [Done(f"the range has no direction ({move_bp:+.1f} bp)", row)]
        if move_bp < 0 and not p.shorts:
            return [Done("the range closed down and shorts are off", row)]
        # Where it is not known whether they are, the gate decides; what can be borrowed is for it to say anyway.
        if move_bp < 0 and p.ssr_off and view.feature("ssr") == 1.0:
            return [Done("the range closed down and short sales are restricted", row)]
        side = Side.BUY if move_bp > 0 else Side.SELL
        trigger = high if side is Side.BUY else low
        cutoff = view.market.session.open_ns + p.cutoff_min * MINUTE
        enter = Enter(
            side,
            stop=trigger - side.sign * p.stop_atr * atr,
            reason=f"stop order at the {'high' if side is Side.BUY else 'low'} of the first {p.range_min} minutes",
            type=OrderType.STOP_LIMIT if p.stop_limit else OrderType.STOP,
            trigger=trigger,
            limit=trigger + side.sign * p.limit_off if p.stop_limit else None,
            until=cutoff,
            risk=p.risk,
            row=row,
        )
        note = {"side": float(side.sign), "trigger": trigger, "high": high, "low": low}
        return [Plan(rows=[row], wake_at=cutoff, note=note), enter]

    def _unfit(self, row: int, rvs: Column) -> str:
        p, rv = self.params, float(rvs[row])
        if not isfinite(rv):
            return "price, average volume, ATR or relative volume do not do, or are not known"
        if not rv >= p.rv_min:
            return f"relative volume {rv:.2f} is less than {p.rv_min:g}"
        rank = 1 + int((rvs > rv).sum())
        return f"relative volume {rv:.2f} is only number {rank}" if rank > p.top_n else ""


def leave(p: OrbParams) -> Exits:
    """Return the exit: held to the close, unless parameters ask for more. Targets and trails cost money here."""
    parts: list[ExitPart] = [AtMinute(p.exit_min)]
    parts += [FromFill(p.stop_atr)] if p.stop_from_fill else []
    parts += [Targets((p.target_r, 1.0))] if p.target_r else []
    parts += [BreakEven(p.even_r)] if p.even_r else []
    parts += [AtrTrail(p.trail_atr)] if p.trail_atr else []
    return Exits(*parts)


def relative_volumes(market: Market, params: OrbParams) -> Column:
    """Return the volume so far against what is usual in the opening range, by row; NaN for those that do not qualify.

    Those with price, average volume and ATR in bounds qualify. It is a relative volume of the range when that ends now.
    """
    ref, col, p = market.reference, market.col, params
    usual = ref.or_volume if p.range_min == PAPER_MIN else usual_by(ref, p.range_min * MINUTE)
    # At the open of the session: one that opened late is compared with the others as it stands.
    fits = (col["open"] > p.px_min) & (ref.adv >= p.adv_min) & (ref.atr > p.atr_min) & (usual > 0)
    rvs: Column = np.full(len(usual), np.nan)
    np.divide(col["volume"], usual, out=rvs, where=fits)
    return rvs


def rules(p: OrbParams) -> Rules:
    """Return the rules in words."""
    even = f"to what was paid once {p.even_r:g} R ahead" if p.even_r else ""
    trail = f"{p.trail_atr:g} ATR from the best price" if p.trail_atr else ""
    below = f"short below its low{' where that is not restricted' if p.ssr_off else ''}"
    side = f"above its high, or {below}," if p.shorts else "above its high"
    limit = f", limit {p.limit_off:g} $ beyond" if p.stop_limit else ""
    return Rules(
        universe=(
            f"open above {p.px_min:g} $, {p.adv_min:,.0f} shares on an average day, ATR above {p.atr_min:g} $; the "
            f"{p.top_n} with the largest relative volume in the range, {p.rv_min:g} or more"
        ),
        trigger=f"the end of the first {p.range_min} minutes, unless they closed within {p.doji_bp:g} bp of the open",
        entry=f"stop order {side} in the direction of the range{limit}, until minute {p.cutoff_min}",
        stop=f"{p.stop_atr:g} ATR from the {'fill' if p.stop_from_fill else 'trigger'}",
        targets=f"all of it at {p.target_r:g} R" if p.target_r else "",
        trail="; ".join(filter(None, (even, trail))),
        time_stop=f"minute {p.exit_min}",
        sizing=f"a stopped-out trade loses {p.risk:.2%} of equity, or what the settings allow",
    )


def orb_robust(params: OrbParams | None = None) -> Strategy:
    """Return the default preset: what survived costs in replication."""
    p = params or OrbParams()
    return Strategy(
        name="orb_robust",
        version="2",
        status="supported",
        about="opening-range breakout, both sides: 1 ATR stop, stop-limit entry until 10:30, held to the close",
        params=p,
        entry=OrbEntry(p),
        exit=leave(p),
        scans=("stocks_in_play",),
        needs=(Need.BARS,),
        columns=COLUMNS,
        rules=rules(p),
    )


def orb_paper(params: OrbParams | None = None) -> Strategy:
    """Return the published rules: 0.1 ATR stop, stop order at any price, both sides, held to 16:00."""
    p = params or OrbParams(
        top_n=20,
        rv_min=1.0,
        stop_atr=0.1,
        stop_limit=False,
        cutoff_min=389,
        exit_min=389,
        ssr_off=False,
        stop_from_fill=True,
        risk=0.01,
    )
    return Strategy(
        name="orb_paper",
        version="1",
        status="experimental",
        about="opening-range breakout exactly as published: 0.1 ATR stop, both sides, held to the close",
        params=p,
        entry=OrbEntry(p),
        exit=leave(p),
        scans=("stocks_in_play",),
        needs=(Need.BARS,),
        columns=COLUMNS,
        rules=rules(p),
    )
