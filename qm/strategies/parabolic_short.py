"""Parabolic short: a stock that ran far too far, far too fast, sold short as it turns. It is off unless switched on.

A setup of practitioners, without a published test: experimental. Whether the shares can be borrowed is for the gate to
say; while short sales are restricted it is not even tried. A stop so near the entry that slippage alone would cost most
of what is risked is not taken: with practitioners the slippage of this setup may come to 0.75 R at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import nan
from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.model.market import Status
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
    Wishes,
)
from qm.strategies.contract import Need, Rules
from qm.strategies.reading import ema, fives, prior_close, recent, sigma, tick, vwaps

LOOK_BACK = 60
"""Minutes that are looked back on."""
VOLUME_BARS = 20
"""The blow-off has more volume than each of so many minutes before it."""
TURN_BARS = 3
"""The first lower low is not older than so many minutes."""
LIMIT_TICKS = 2
STOP_TICKS = 2
STOP_SLIP = 0.001
"""What a stop of such a stock must be expected to slip at least, as a share of its price."""
WORKS_NS = MINUTE
"""An order that has not filled by then is taken back."""
EMA_FIVES = 9
LOST_CLOSES = 2
"""What is left of a short is closed after so many closes back above VWAP."""


class ParabolicParams(Params, frozen=True):
    """Parameters of the parabolic short."""

    enabled: bool = False
    """It does nothing unless this is set."""
    chg: Annotated[float, Meta(ge=10, le=1000)] = 50.0
    """Up so much from the close before, per cent."""
    sigma: Annotated[float, Meta(gt=0, le=10)] = 3.0
    """The high was so many standard deviations above VWAP."""
    accel_bars: Annotated[int, Meta(ge=2, le=6)] = 3
    """Rising five-minute bars in a row, each longer than the one before."""
    slip_max_r: Annotated[float, Meta(gt=0, le=5)] = 0.75
    """What entry and stop may slip together, R; a stop so near that they might slip more is not taken."""
    halt_min: Annotated[float, Meta(ge=0, le=120)] = 5.0
    """Not within so many minutes of a halt."""
    risk: Annotated[float, Meta(gt=0, le=0.02)] = 0.0025
    """What the stop may lose, as a share of equity."""
    first_cover: Annotated[float, Meta(gt=0, lt=1)] = 0.3333
    """Share bought back at the nine-bar mean of five-minute closes."""
    second_cover: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Share bought back at VWAP; both are shares of the whole position."""
    last_min: Annotated[int, Meta(ge=1, le=390)] = 345
    """No entry later than this, minutes after the open."""

    def __post_init__(self) -> None:
        if not self.first_cover + self.second_cover < 1:
            raise ValueError("first_cover and second_cover together must be less than 1")


class ParabolicEntry(EntrySignals):
    """Arms the low of the last minute once the stock has turned after its blow-off."""

    def __init__(self, params: ParabolicParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars, if it is switched on at all."""
        if not self.params.enabled:
            return [Done("off unless enabled=true", row) for row in group.rows.tolist()]
        return [Plan(group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Wishes:
        """Arm the low of the minute while the setup stands, disarm it when it does not."""
        if view.minute > self.params.last_min:
            return [Done("too late in the day")]
        armed = view.note.get("level", 0.0) > 0
        bars = recent(view, LOOK_BACK)
        stands = self._may_short(view) and self._is_parabolic(view, bars) and turned(bars)
        if not (stands and self._worth_its_slip(view, bars[-1].low)):
            return [Plan(follow=True, note={"level": 0.0})] if armed else []
        low = bars[-1].low
        return [Plan(down=[low - tick(view, low)], follow=True, note={"level": low})]

    def on_touch(self, view: View) -> Wishes:
        """Sell short at most two ticks below the low, with a stop above the high of the day."""
        low = view.note.get("level", 0.0)
        done = Plan(follow=True, note={"level": 0.0})
        if not low > 0 or not self._may_short(view) or not self._worth_its_slip(view, low):
            return [done]
        step = tick(view, low)
        return [
            done,
            Enter(
                Side.SELL,
                stop_over(view),
                "broke the low after the first lower low of a parabola",
                type=OrderType.LIMIT,
                limit=low - LIMIT_TICKS * step,
                risk=self.params.risk,
                until=view.now + WORKS_NS,
            ),
        ]

    def _may_short(self, view: View) -> bool:
        # Where it is not known whether short sales are restricted, the gate decides.
        if view.status >= Status.HALTED or view.feature("ssr") == 1.0:
            return False
        quiet_ns = view.now - view.resumed
        return view.halts == 0 or (view.resumed > 0 and quiet_ns >= self.params.halt_min * MINUTE)

    def _worth_its_slip(self, view: View, low: float) -> bool:
        stop = stop_over(view)
        spread = view.ask - view.bid if 0.0 < view.bid <= view.ask else 0.0
        slip = LIMIT_TICKS * tick(view, low) + max(tick(view, stop), spread / 2.0, STOP_SLIP * stop)
        return slip <= self.params.slip_max_r * (stop - low)

    def _is_parabolic(self, view: View, bars: Sequence[Bar]) -> bool:
        p = self.params
        if not (view.last >= (1.0 + p.chg / 100.0) * prior_close(view)):
            return False
        if not (view.high > view.vwap + p.sigma * sigma(view)):
            return False
        whole = fives(bars, view.market.session.open_ns)
        # The bar in which it turned may have closed since.
        return accelerating(whole[-p.accel_bars :], p.accel_bars) or accelerating(
            whole[-p.accel_bars - 1 : -1], p.accel_bars
        )


class ParabolicExit(ExitSignals):
    """Buys back in parts at lines that move: the mean of five-minute closes, then VWAP; the stop stays where it is."""

    def __init__(self, params: ParabolicParams) -> None:
        self.params = params

    def on_open(self, view: View) -> Wishes:
        """Arm the first line."""
        return [self._armed(view, 0)]

    def on_touch(self, view: View) -> Wishes:
        """Buy back a part, and arm the next line."""
        p, stage = self.params, int(view.note.get("stage", 0.0))
        if stage == 0:
            return [self._armed(view, 1), Exit("reached the mean of five-minute closes", p.first_cover)]
        part = p.second_cover / (1.0 - p.first_cover)
        return [self._armed(view, 2), Exit("reached VWAP", part)]

    def on_bar(self, view: View) -> Wishes:
        """Move the armed line; give up what is left when VWAP was regained."""
        stage = int(view.note.get("stage", 0.0))
        if stage < 2:
            return [self._armed(view, stage)]
        bars = recent(view, LOST_CLOSES)
        above = [bar.close > line for bar, line in zip(bars, vwaps(view, bars), strict=True)]
        return [Exit("back above VWAP")] if len(above) == LOST_CLOSES and all(above) else []

    def _armed(self, view: View, stage: int) -> Plan:
        line = nan
        if stage == 0:
            whole = fives(recent(view, 2 * LOOK_BACK), view.market.session.open_ns)
            line = ema([bar.close for bar in whole], EMA_FIVES)
        elif stage == 1:
            line = view.vwap
        return Plan(down=[line], follow=True, note={"stage": float(stage)})


def stop_over(view: View) -> float:
    """Return where the stop stands: ticks above the high of the day, $."""
    return view.high + STOP_TICKS * tick(view, view.high)


def accelerating(bars: Sequence[Bar], count: int) -> bool:
    """Tell whether there are as many bars, all rising, each by more than the one before."""
    rises = [bar.close - bar.open for bar in bars]
    return len(rises) == count and rises[0] > 0 and all(later > earlier for earlier, later in pairwise(rises))


def turned(bars: Sequence[Bar]) -> bool:
    """Tell whether the high came with the most volume, and its first lower low within the last minutes."""
    if len(bars) < 2:
        return False
    top = max(range(len(bars)), key=lambda k: bars[k].high)
    before = bars[max(0, top - VOLUME_BARS) : top]
    if not before or not bars[top].volume > max(bar.volume for bar in before):
        return False
    lower = next((k for k in range(top + 1, len(bars)) if bars[k].low < bars[k - 1].low), None)
    return lower is not None and len(bars) - lower <= TURN_BARS


def parabolic_short(params: ParabolicParams | None = None) -> Strategy:
    """Return the setup; experimental, and off unless `enabled` is set."""
    p = params or ParabolicParams()
    return Strategy(
        name="parabolic_short",
        version="1",
        status="experimental",
        about="sells a stock short that ran too far too fast, once it turns; off unless enabled=true",
        params=p,
        entry=ParabolicEntry(p),
        exit=ParabolicExit(p),
        scans=("parabolic",),
        needs=(Need.STATUS,),
        columns=("prior_close",),
        risk=p.risk,
        rules=Rules(
            universe=f"up {p.chg:g} % or more, no restriction of short sales, no halt for {p.halt_min:g} min",
            trigger=f"{p.accel_bars} accelerating five-minute bars, a high {p.sigma:g} sigma above VWAP on the most "
            "volume, then the first lower one-minute low",
            entry=f"limit {LIMIT_TICKS} ticks below the low of the last minute when that breaks, for a minute",
            stop=f"{STOP_TICKS} ticks above the high of the day; not where the entry's {LIMIT_TICKS} ticks and the "
            f"stop's slippage (a tick, half the spread or {STOP_SLIP:.1%}) may come to more than {p.slip_max_r:g} R",
            targets=f"{p.first_cover:.0%} at the nine-bar mean of five-minute closes, {p.second_cover:.0%} at VWAP",
            invalidation=f"{LOST_CLOSES} closes back above VWAP end what is left",
            sizing=f"the stop may lose {p.risk:.2%} of equity",
        ),
    )
