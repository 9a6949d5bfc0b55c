"""Halt resumption: a stock paused on its way up reopens at or above the price of the pause. By default it only tells.

Only volatility pauses count: other halts, for news or by a regulator, say nothing of the way that a stock was on.

A setup of practitioners, without a published test: experimental, and it sends no order unless told to.
"""

from __future__ import annotations

from math import nan
from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.model.market import Status
from qm.model.order import Side
from qm.strategies.api import Alert, Done, Enter, EntrySignals, Group, Params, Plan, Strategy, View, Wish, Wishes
from qm.strategies.contract import Need, Rules
from qm.strategies.exits import Exits, Targets
from qm.strategies.reading import recent, tick

BEFORE_NS = 5 * MINUTE
"""A pause is one on the way up when the price was lower so long before."""


class HaltParams(Params, frozen=True):
    """Parameters of the halt resumption."""

    trade: bool = False
    """Send orders; without it the trader is told, and that is all."""
    most_halts: Annotated[int, Meta(ge=1, le=20)] = 2
    """Only the first so many volatility pauses of the day."""
    wait_min: Annotated[int, Meta(ge=1, le=60)] = 10
    """The break must come so soon after the resumption, minutes."""
    t1_r: Annotated[float, Meta(gt=0, le=10)] = 1.0
    """Half is sold here, R."""
    t2_r: Annotated[float, Meta(gt=0, le=20)] = 2.0
    """The rest is sold here, R."""


class HaltEntry(EntrySignals):
    """Waits for the first minute after the resumption, tells about it, and buys the break of its high if it may."""

    def __init__(self, params: HaltParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Look at the halt, and wait for the first minute after it."""
        return [self._begin(view) for view in group.each()]

    def on_bar(self, view: View) -> Wishes:
        """Judge the first minute after the resumption."""
        p, note = self.params, view.note
        if view.status >= Status.HALTED or not view.resumed > 0 or "low" in note:
            return []
        bars = [bar for bar in recent(view, p.wait_min + 2) if bar.start + MINUTE > view.resumed]
        # A bar that trading resumed in is shorter than a minute: it counts together with the one after it.
        if not bars or view.now - view.resumed < MINUTE:
            return []
        if view.halts != note["halts"] or view.halt != Status.PAUSED:
            # It was paused again before a minute was over, or the pause became a halt.
            return [self._begin(view)]
        first = bars[0]
        if not first.open >= note["halt"]:
            return [Done(f"resumed at {first.open:.2f}, below the pause at {note['halt']:.2f}")]
        low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
        told = (
            f"volatility pause {note['number']:.0f} of the day at {note['halt']:.2f} resumed at {first.open:.2f}, "
            f"its first minute went from {low:.2f} to {high:.2f}"
        )
        if not p.trade:
            return [Alert(told), Done("alert only")]
        level = high + tick(view, high)
        until = int(view.resumed) + p.wait_min * MINUTE
        return [Alert(told), Plan(up=[level], wake_at=until, note={**note, "low": low})]

    def on_touch(self, view: View) -> Wishes:
        """Buy the break, with a stop at the low since the resumption."""
        if view.halts != view.note["halts"] or view.status >= Status.HALTED:
            return [Done("paused or halted again")]
        since = [bar.low for bar in recent(view, self.params.wait_min + 1) if bar.start + MINUTE > view.resumed]
        # The minute under way is no bar yet where bars are built from prints.
        stop = min(view.note["low"], *since, view.last)
        return [Plan(note=dict(view.note)), Enter(Side.BUY, stop, "broke the first minute after the pause")]

    def on_time(self, group: Group) -> Wishes:
        """Let go of what did not break in time."""
        return [Done(f"no break within {self.params.wait_min} minutes", row) for row in group.rows.tolist()]

    def _begin(self, view: View) -> Wish:
        p, number = self.params, view.pauses
        if view.halt != Status.PAUSED:
            return Done("not paused for volatility", view.row)
        if number > p.most_halts:
            return Done(f"pause {number:.0f} of the day; only the first {p.most_halts} count", view.row)
        price, before = halted_at(view)
        if not price > before:
            return Done("not paused on its way up", view.row)
        return Plan((view.row,), follow=True, note={"halt": price, "number": number, "halts": view.halts})


def halted_at(view: View) -> tuple[float, float]:
    """Return the last price before the last halt and that of five minutes before, $; NaN where it is not known."""
    minutes, row = view.market.minutes, view.row
    end = view.now if view.status >= Status.HALTED else int(view.resumed)
    last = min(end // MINUTE * MINUTE, minutes.marked)
    price = view.last if view.status >= Status.HALTED else float(minutes.close_at(last)[row])
    # Nothing trades in a halt: go back to the minute before it.
    while minutes.knows(last - MINUTE) and minutes.volume_at(last - MINUTE)[row] == minutes.volume_at(last)[row]:
        last -= MINUTE
    if not minutes.knows(last):
        return price, nan
    before = float(minutes.close_at(last - BEFORE_NS)[row])
    return price, before if before > 0 else view.open


def halt_resumption(params: HaltParams | None = None) -> Strategy:
    """Return the setup; experimental, and an alert only unless `trade` is set."""
    p = params or HaltParams()
    return Strategy(
        name="halt_resumption",
        version="2",
        status="experimental",
        about="a pause on the way up that reopens at or above its price; tells the trader, and trades only if told to",
        params=p,
        entry=HaltEntry(p),
        exit=Exits(Targets((p.t1_r, 0.5), (p.t2_r, 0.5))),
        scans=("resumptions",),
        needs=(Need.STATUS,),
        rules=Rules(
            universe=f"stocks paused for volatility on their way up, the first {p.most_halts} pauses of the day",
            trigger="the first minute after the resumption is over, to the end of its bar, and it opened at or above "
            "the price of the pause",
            entry=f"market at the break of the first minute's high, within {p.wait_min} minutes; only with trade=true",
            stop="the low since the resumption",
            targets=f"half at {p.t1_r:g} R, the rest at {p.t2_r:g} R",
            invalidation="another pause or halt; a resumption below the price of the pause",
        ),
    )
