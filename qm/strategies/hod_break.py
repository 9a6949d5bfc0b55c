"""High-of-day break: a strong stock rests just below its high on falling volume, and then makes a new one.

A setup of practitioners, without a published test: experimental, for paper trading.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Annotated, NamedTuple

from msgspec import Meta

from qm.clock import MINUTE, SECOND
from qm.market.bars import Bar
from qm.market.rows import BARS
from qm.model.order import OrderType, Side
from qm.strategies.api import (
    Done,
    Enter,
    EntrySignals,
    Exit,
    Group,
    Params,
    Plan,
    Strategy,
    View,
    Wish,
    Wishes,
    Withdraw,
)
from qm.strategies.contract import Need, Rules
from qm.strategies.exits import Asked, ExitPart, Exits, SwingTrail, Targets
from qm.strategies.reading import FIVE_NS, enough, fives, recent

TICK = 0.01


class HodBreakParams(Params, frozen=True):
    """Parameters of the high-of-day break."""

    chg_min: Annotated[float, Meta(ge=0, le=100)] = 4.0
    """Change from the prior close, per cent; 0 asks nothing."""
    rvol_min: Annotated[float, Meta(ge=0, le=50)] = 2.0
    """Volume of the day against what is usual by then; 0 asks nothing, and takes hits of `runners`, too."""
    base_bars: Annotated[int, Meta(ge=2, le=30)] = 6
    """Minutes that the base lasts at least."""
    base_fives: Annotated[int, Meta(ge=0, le=12)] = 3
    """Or so many whole five-minute bars, each with a high as near; 0 asks for minutes only."""
    base_tol: Annotated[float, Meta(ge=0, le=0.02)] = 0.0015
    """Every high of the base is this near to the high of the day, as a share of it."""
    base_tol_atr: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
    """Or this near, in daily ATR(14); 0 leaves it at the share."""
    leg_bars: Annotated[int, Meta(ge=3, le=60)] = 30
    """Minutes before the base in which the leg up to it began."""
    depth_max: Annotated[float, Meta(gt=0, le=1)] = 0.35
    """Depth of the base against the height of the leg."""
    vol_contract: Annotated[float, Meta(gt=0, le=2)] = 0.7
    """Mean volume of the base is less than this share of that of the leg."""
    brk_vol: Annotated[float, Meta(ge=0, le=20)] = 1.5
    """Volume after the break against the mean minute of the base."""
    scratch_s: Annotated[int, Meta(ge=5, le=300)] = 60
    """Seconds in which it has to come; counted by the minute where the feed tells bars."""
    stop_cap_atr: Annotated[float, Meta(ge=0, le=2)] = 0.5
    """The stop is at most this far away, in daily ATR(14); 0 leaves it below the base however far that is."""
    t1_r: Annotated[float, Meta(gt=0, le=10)] = 1.0
    t1_frac: Annotated[float, Meta(gt=0, lt=0.5)] = 0.33
    """Share of the position sold at the first target."""
    t2_r: Annotated[float, Meta(gt=0, le=20)] = 2.0
    t2_frac: Annotated[float, Meta(gt=0, lt=0.5)] = 0.33
    """Share of the position sold at the second target."""
    trail_bars: Annotated[int, Meta(ge=2, le=60)] = 20
    """The stop follows the low of so many minutes."""
    tries: Annotated[int, Meta(ge=1, le=5)] = 2
    """Attempts per symbol and day."""
    last_min: Annotated[int, Meta(ge=1, le=390)] = 360
    """No entry later than this, minutes after the open."""

    @property
    def by_atr(self) -> bool:
        """Something is measured in the daily ATR."""
        return self.base_tol_atr > 0 or self.stop_cap_atr > 0


class Base(NamedTuple):
    """A rest below the high of the day."""

    low: float
    """$."""
    volume: float
    """Shares per minute."""


class HodBreakEntry(EntrySignals):
    """Rests a buy stop above the high while a base stands below it, and takes it back when the base breaks."""

    def __init__(self, params: HodBreakParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars until it is too late."""
        ends = group.open_ns + self.params.last_min * MINUTE
        if group.now >= ends:
            return self.on_time(group)
        return [Plan(rows=group.rows.tolist(), follow=True, wake_at=ends)]

    def on_time(self, group: Group) -> Wishes:
        """Let go in the afternoon."""
        return [Done("too late in the day", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        """Place the order below a new base, or take it back when the base is no more."""
        if view.entering:
            broken = not view.bars[-1].low >= view.note.get("base_low", nan)
            moved = round(view.high + TICK, 4) != view.note.get("trigger", nan)
            if broken or moved or not view.last > view.vwap:
                return [Withdraw("the base is broken" if broken else "the base is no more")]
            return []
        return self._enter(view)

    def on_gone(self, view: View) -> Wishes:
        """Look for another base."""
        return self._enter(view)

    def _enter(self, view: View) -> Wishes:
        p = self.params
        ends = view.market.session.open_ns + p.last_min * MINUTE
        if view.now >= ends or not view.last > view.vwap or (p.by_atr and not view.atr > 0):
            return []
        found = base_of(recent(view, p.leg_bars + 30), view.high, view.atr, p, view.market.session.open_ns)
        if found is None:
            return []
        known = view.features
        if not (enough(known.get("chg_pct", nan), p.chg_min) and enough(known.get("rvol", nan), p.rvol_min)):
            return []
        trigger = round(view.high + TICK, 4)
        stop = found.low - TICK
        if p.stop_cap_atr:
            stop = max(stop, trigger - p.stop_cap_atr * view.atr)
        note = {"trigger": trigger, "base_low": found.low, "base_volume": found.volume}
        reason = "stop order above the high of the day, over a quiet base"
        return [
            Plan(follow=True, wake_at=ends, note=note),
            Enter(Side.BUY, stop, reason, type=OrderType.STOP, trigger=trigger, until=ends),
        ]


class Scratch(ExitPart):
    """Leaves a break that no volume follows within a minute.

    Where the feed tells bars, the minute of the break counts: when it fell in that minute is not known.
    """

    def __init__(self, times: float, seconds: int) -> None:
        self.times, self.seconds = times, seconds

    def opened(self, asked: Asked) -> Wish | None:
        """Remember how much had traded before."""
        view = asked.view
        of_bar = view.bar_volume if view.source == BARS else 0.0
        asked.note["volume_before"] = view.volume - of_bar
        return None

    def time(self, asked: Asked) -> int:
        """Return when the volume has to be there, once."""
        return asked.held.opened + self.seconds * SECOND if "volume_before" in asked.note else 0

    def timed(self, asked: Asked) -> Wish | None:
        """Leave when it is not."""
        if "volume_before" not in asked.note or asked.view.now < self.time(asked):
            return None
        traded = asked.view.volume - asked.note.pop("volume_before")
        # A mean is per minute, and so is what it is compared with.
        wanted = self.times * asked.note.get("base_volume", nan) * self.seconds / 60.0
        if not traded >= wanted:
            return Exit(f"no volume behind the break within {self.seconds} seconds")
        return None


def base_of(bars: Sequence[Bar], high: float, atr: float, params: HodBreakParams, opens: int) -> Base | None:
    """Return the shortest base with which the bars end, or None; `opens` is the open of the session, ns UTC.

    It begins after the minute that made the high of the day, and its highs stay near that, those of its minutes or of
    its five-minute bars; it is shallow against the
    leg that led to it, from the lowest low of the minutes before it, and quiet against that leg. Prices in $, volumes
    in shares.
    """
    p = params
    near = high - max(p.base_tol * high, p.base_tol_atr * atr if p.base_tol_atr else 0.0)
    made = next((k for k, bar in enumerate(bars) if bar.high >= high), -1)
    for length, minutes in [*_by_minutes(bars[made + 1 :], near, p), *_by_fives(bars[made + 1 :], near, p, opens)]:
        base, before = bars[-length:], bars[max(0, len(bars) - length - p.leg_bars) : len(bars) - length]
        if not before:
            continue
        first = min(range(len(before)), key=lambda k: (before[k].low, -k))
        low, leg = min(bar.low for bar in base), before[first:]
        height = high - before[first].low
        volume, active = sum(bar.volume for bar in base) / minutes, _mean(leg)
        if height > 0 and round(high - low - p.depth_max * height, 8) <= 0 and volume < p.vol_contract * active:
            return Base(low, volume)
    return None


def _by_minutes(bars: Sequence[Bar], near: float, p: HodBreakParams) -> list[tuple[int, int]]:
    """Return the bars and the minutes of each base of minutes that ends with the last, the shortest first."""
    longest = 0
    for k, bar in enumerate(reversed(bars)):
        if not round(bar.high - near, 8) >= 0 or (k and bars[-k].start - bar.start != MINUTE):
            break
        longest += 1
    return [(length, length) for length in range(p.base_bars, longest + 1)]


def _by_fives(bars: Sequence[Bar], near: float, p: HodBreakParams, opens: int) -> list[tuple[int, int]]:
    """Return the same of whole five-minute bars; nothing while one is under way."""
    whole = fives(bars, opens) if p.base_fives else []
    if not whole or whole[-1].start + FIVE_NS != bars[-1].start + MINUTE:
        return []
    found: list[tuple[int, int]] = []
    for k, five in enumerate(reversed(whole)):
        if not round(five.high - near, 8) >= 0 or five.start != whole[-1].start - k * FIVE_NS:
            break
        if k + 1 >= p.base_fives:
            found.append((sum(bar.start >= five.start for bar in bars), 5 * (k + 1)))
    return found


def _mean(bars: Sequence[Bar]) -> float:
    return sum(bar.volume for bar in bars) / len(bars)


def hod_break(params: HodBreakParams | None = None) -> Strategy:
    """Return the setup; experimental, for paper trading only."""
    p = params or HodBreakParams()
    asked = {"prior_close": p.chg_min > 0, "atr": p.by_atr, "adv": p.rvol_min > 0}
    universe = [f"up {p.chg_min:g} % or more"] if p.chg_min else []
    universe += [f"{p.rvol_min:g} times the usual volume"] if p.rvol_min else []
    return Strategy(
        name="hod_break",
        version="2",
        status="experimental",
        about="buys a new high of the day over a quiet base; thirds off at 1 R and 2 R, the rest trails",
        params=p,
        entry=HodBreakEntry(p),
        exit=Exits(
            Scratch(p.brk_vol, p.scratch_s),
            Targets((p.t1_r, p.t1_frac), (p.t2_r, p.t2_frac)),
            SwingTrail(p.trail_bars),
        ),
        scans=("hod_momo", "momentum", "momentum_bars", *(() if p.rvol_min else ("runners",))),
        per_day=p.tries,
        needs=(Need.BARS,),
        columns=tuple(name for name, needed in asked.items() if needed),
        rules=Rules(
            universe=", ".join([*universe, "above VWAP"]),
            trigger=(
                f"close of the last of {p.base_bars} minutes or more"
                f"{f', or {p.base_fives} five-minute bars,' if p.base_fives else ''}"
                f" with highs within {100 * p.base_tol:g} %"
                f"{f' or {p.base_tol_atr:g} ATR' if p.base_tol_atr else ''} of the high, at most {p.depth_max:g} as "
                f"deep as the leg before is high, on less than {p.vol_contract:g} of its volume"
            ),
            entry=f"buy stop a tick above the high of the day, while the base holds and until minute {p.last_min}",
            stop=f"a tick below the base{f', at most {p.stop_cap_atr:g} ATR' if p.stop_cap_atr else ''}",
            targets=f"{p.t1_frac:.0%} at {p.t1_r:g} R, {p.t2_frac:.0%} at {p.t2_r:g} R",
            trail=f"a tick below the low of {p.trail_bars} minutes",
            time_stop=f"less than {p.brk_vol:g} times the base's volume within {p.scratch_s} seconds",
            invalidation="a low below the base, or a close below VWAP, before the order fills",
            sizing="risk per trade of the settings",
        ),
    )
