"""First pullback (bull flag): after a steep run of green minutes, the first quiet dip that turns up again.

A setup of practitioners, without a published test: experimental, for paper trading.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import nan, sqrt
from typing import Annotated, NamedTuple

from msgspec import Meta

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.model.order import OrderType, Side
from qm.rules.calendar import SESSION_MINUTES
from qm.strategies.api import Done, Enter, EntrySignals, Group, Params, Plan, Strategy, View, Wishes, Withdraw
from qm.strategies.contract import Need, Rules
from qm.strategies.exits import AgainstAfter, Exits, Price
from qm.strategies.reading import ema, fives, recent, vwaps

TICK = 0.01
ATR_BARS = 14
"""Five-minute bars of the average range."""
FEWEST = 3
"""With fewer five-minute bars before the impulse, the daily ATR stands for them, where it is known."""
LOOKBACK = 110
"""Minutes that are looked back on."""


class FirstPullbackParams(Params, frozen=True):
    """Parameters of the first pullback."""

    impulse_bars: Annotated[int, Meta(ge=2, le=10)] = 3
    """Consecutive green minutes that make an impulse."""
    impulse_atr: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """Their rise, in average ranges of five minutes."""
    pull_min: Annotated[int, Meta(ge=1, le=10)] = 2
    """Minutes of the pullback, at least."""
    pull_max: Annotated[int, Meta(ge=1, le=20)] = 5
    """Minutes of the pullback, at most."""
    retrace_min: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """Depth of the pullback against the rise, at least."""
    retrace_max: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Depth of the pullback against the rise, at most."""
    pull_vol: Annotated[float, Meta(gt=0, le=2)] = 0.6
    """Mean volume of the pullback against that of the impulse, at most."""
    ema: Annotated[int, Meta(ge=2, le=30)] = 9
    """Length of the mean of closes that the pullback holds."""
    target_r: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """Target in R, where the rise of the impulse once more is not nearer."""
    trouble_r: Annotated[float, Meta(ge=0, le=10)] = 1.0
    """Once the trade was so many R ahead, a lower low ends it."""
    pullbacks: Annotated[int, Meta(ge=1, le=5)] = 2
    """Pullbacks of a day that are traded."""
    first_min: Annotated[int, Meta(ge=0, le=390)] = 5
    """No entry earlier than this, minutes after the open."""
    last_min: Annotated[int, Meta(ge=1, le=390)] = 120
    """No entry later than this, minutes after the open."""

    def __post_init__(self) -> None:
        if self.pull_max < self.pull_min or self.retrace_max < self.retrace_min:
            raise ValueError("a pullback must be allowed to be as long and as deep as it has to be")


class Flag(NamedTuple):
    """An impulse and the pullback after it."""

    start: int
    """First minute of the impulse, ns UTC."""
    rise: float
    """From the low of the impulse to its high, $."""
    low: float
    """Of the pullback, $."""


class FirstPullbackEntry(EntrySignals):
    """Rests a buy stop above the last minute of a pullback, anew at every minute."""

    def __init__(self, params: FirstPullbackParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars until it is too late."""
        ends = group.open_ns + self.params.last_min * MINUTE
        if group.now >= ends:
            return self.on_time(group)
        return [Plan(rows=group.rows.tolist(), follow=True, wake_at=ends)]

    def on_time(self, group: Group) -> Wishes:
        """Let go when it is too late."""
        return [Done(f"no pullback within {self.params.last_min} minutes", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        """Take back the order of the minute before; look for a pullback when there is none."""
        return [Withdraw("the next minute has closed")] if view.entering else self._enter(view)

    def on_gone(self, view: View) -> Wishes:
        """Place the order above the minute that has closed, if the pullback goes on."""
        return self._enter(view)

    def _enter(self, view: View) -> Wishes:
        p, opens = self.params, view.market.session.open_ns
        ends = opens + p.last_min * MINUTE
        if not p.first_min <= view.minute or view.now >= ends:
            return []
        bars = recent(view, LOOKBACK)
        flag = flag_of(bars, vwaps(view, bars), opens, view.atr, p)
        if flag is None:
            return []
        start, seen = float((flag.start - opens) // MINUTE), int(view.note.get("pullbacks", 0))
        if start != view.note.get("impulse"):
            seen += 1
        if seen > p.pullbacks:
            return [Done(f"{p.pullbacks} pullbacks were enough")]
        trigger, stop = round(bars[-1].high + TICK, 4), flag.low - TICK
        target = round(trigger + min(flag.rise, p.target_r * (trigger - stop)), 6)
        reason = f"stop order above the last minute of pullback {seen}"
        return [
            Plan(follow=True, wake_at=ends, note={"impulse": start, "pullbacks": float(seen), "target": target}),
            Enter(Side.BUY, stop, reason, type=OrderType.STOP, trigger=trigger, until=ends),
        ]


def flag_of(bars: Sequence[Bar], line: Sequence[float], opens: int, atr: float, p: FirstPullbackParams) -> Flag | None:
    """Return the flag with which minute bars end, or None; `line` is the VWAP at each close, `atr` the daily one."""
    for length in range(p.pull_min, p.pull_max + 1):
        before, pull = bars[: len(bars) - length], bars[len(bars) - length :]
        run = greens(before)
        if len(run) < p.impulse_bars or pull[0].start - run[-1].start != MINUTE or not steady(pull):
            continue
        top, bottom = max(bar.high for bar in run), min(bar.low for bar in run)
        rise, low = top - bottom, min(bar.low for bar in pull)
        if max(bar.high for bar in pull) > top:
            continue
        steep = rise >= p.impulse_atr * range_5m(before[: len(before) - len(run)], opens, atr)
        depth = (top - low) / rise if rise > 0 else nan
        quiet = _mean(pull) <= p.pull_vol * _mean(run)
        # A depth of exactly a half is a half, whatever the binary fractions of prices say.
        if steep and quiet and p.retrace_min <= round(depth, 8) <= p.retrace_max and holds(bars, line, length, p.ema):
            return Flag(run[0].start, rise, low)
    return None


def greens(bars: Sequence[Bar]) -> Sequence[Bar]:
    """Return the run of consecutive minutes with a close above the open with which the bars end."""
    count = 0
    for bar in reversed(bars):
        if not bar.close > bar.open or (count and bars[len(bars) - count].start - bar.start != MINUTE):
            break
        count += 1
    return bars[len(bars) - count :]


def steady(bars: Sequence[Bar]) -> bool:
    """Tell whether no minute is missing between the bars."""
    return all(b.start - a.start == MINUTE for a, b in pairwise(bars))


def holds(bars: Sequence[Bar], line: Sequence[float], length: int, ema_length: int) -> bool:
    """Tell whether the last closes lie at or above VWAP and the exponential mean of closes."""
    closes = [bar.close for bar in bars]
    means = [ema(closes[: k + 1], ema_length) for k in range(len(bars) - length, len(bars))]
    last = zip(closes[-length:], means, line[-length:], strict=True)
    return all(close >= mean and close >= vwap for close, mean, vwap in last)


def range_5m(bars: Sequence[Bar], opens: int, atr: float) -> float:
    """Return the average true range of the last whole five-minute bars, $, up to 14 of them.

    Early in the session there are too few: then that of a day, shrunk as a random walk's range shrinks with time.
    """
    known = fives(bars, opens)[-(ATR_BARS + 1) :]
    if len(known) < FEWEST:
        return atr * sqrt(5.0 / SESSION_MINUTES)
    first, *_ = known
    ranges = [max(b.high, a.close) - min(b.low, a.close) for a, b in pairwise(known)]
    if len(known) <= ATR_BARS:
        ranges.insert(0, first.high - first.low)
    return sum(ranges) / len(ranges)


def _mean(bars: Sequence[Bar]) -> float:
    return sum(bar.volume for bar in bars) / len(bars)


def first_pullback(params: FirstPullbackParams | None = None) -> Strategy:
    """Return the setup; experimental, for paper trading only."""
    p = params or FirstPullbackParams()
    return Strategy(
        name="first_pullback",
        version="1",
        status="experimental",
        about="buys the first new high after a quiet dip in a steep run; out at the rise once more or 2 R",
        params=p,
        entry=FirstPullbackEntry(p),
        exit=Exits(Price("target", "the target"), AgainstAfter(p.trouble_r)),
        scans=("momentum", "momentum_bars", "hod_momo", "low_float_runner", "runners"),
        per_day=p.pullbacks,
        needs=(Need.BARS,),
        rules=Rules(
            universe="what the scans find",
            trigger=(
                f"close of a minute in a pullback of {p.pull_min} to {p.pull_max} minutes after {p.impulse_bars} green "
                f"ones that rose {p.impulse_atr:g} average five-minute ranges; {p.retrace_min:.0%} to "
                f"{p.retrace_max:.0%} deep, on up to {p.pull_vol:g} of the volume, at or above VWAP and the mean of "
                f"{p.ema} closes; pullbacks 1 to {p.pullbacks}, minutes {p.first_min} to {p.last_min}"
            ),
            entry="buy stop a tick above that minute, for the next one",
            stop="a tick below the pullback",
            targets=f"all at the rise once more or {p.target_r:g} R, the nearer",
            invalidation=f"a lower low once the trade was {p.trouble_r:g} R ahead",
            sizing="risk per trade of the settings",
        ),
    )
