"""Opening-range breakout of stocks in play: a resting stop order at the edge of the first five minutes.

Source: Zarattini, Barbon, Aziz, "A Profitable Day Trading Strategy For The U.S. Equity Market", SSRN 4729284 (2024).
`orb_paper` follows the paper to the letter, for reproduction. `orb_robust` is what independent replication after costs
left standing: fewer names, a stop of a whole ATR, a limit on the trigger, no entry after 10:30.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from qm.model.order import OrderType, Side
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

MINUTE = 60_000_000_000


class OrbParams(Params, frozen=True):
    """Parameters of the opening-range breakout."""

    range_min: Annotated[int, Meta(ge=1, le=60)] = 5
    """Length of the opening range, minutes."""
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
    shorts: bool = False
    """Also sell short a range that closed below its open."""
    doji_bp: Annotated[float, Meta(ge=0, le=50)] = 1.0
    """A range whose close is this near to its open has no direction, basis points."""


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
        return [wish for view in group.each() for wish in self._decide(view)]

    def _decide(self, view: View) -> list[Wish]:
        p, row = self.params, view.row
        if "side" in view.note:
            return []
        high, low, opened, last, atr = view.high, view.low, view.open, view.last, view.atr
        if not (high > low > 0 and opened > 0 and atr > 0):
            return [Done("range or ATR not known", row)]
        move_bp = 1e4 * (last / opened - 1.0)
        if abs(move_bp) < p.doji_bp:
            return [Done(f"the range has no direction ({move_bp:+.1f} bp)", row)]
        if move_bp < 0 and not p.shorts:
            return [Done("the range closed down and shorts are off", row)]
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
            row=row,
        )
        note = {"side": float(side.sign), "trigger": trigger, "high": high, "low": low}
        return [Plan(rows=[row], wake_at=cutoff, note=note), enter]


class OrbExit(ExitSignals):
    """Holds to the close; the resting stop is the only other way out. Targets and trails cost money here."""

    def __init__(self, params: OrbParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        """Wake at the exit time."""
        return [Plan(wake_at=view.market.session.open_ns + self.params.exit_min * MINUTE)]

    def on_time(self, view: View) -> Wishes:
        """Leave at the exit time."""
        if view.minute >= self.params.exit_min:
            return [Exit("end of day")]
        return []


def orb_robust(params: OrbParams | None = None) -> Strategy:
    """Return the default preset: what survived costs in replication."""
    p = params or OrbParams()
    return Strategy(
        name="orb_robust",
        version="1",
        status="supported",
        about="opening-range breakout: 1 ATR stop, stop-limit entry until 10:30, held to the close",
        params=p,
        entry=OrbEntry(p),
        exit=OrbExit(p),
        scans=("stocks_in_play",),
    )


def orb_paper(params: OrbParams | None = None) -> Strategy:
    """Return the published rules: 0.1 ATR stop, stop order at any price, both sides, held to 16:00."""
    p = params or OrbParams(stop_atr=0.1, stop_limit=False, cutoff_min=389, exit_min=389, shorts=True)
    return Strategy(
        name="orb_paper",
        version="1",
        status="experimental",
        about="opening-range breakout exactly as published: 0.1 ATR stop, both sides, held to the close",
        params=p,
        entry=OrbEntry(p),
        exit=OrbExit(p),
        scans=("stocks_in_play",),
    )
