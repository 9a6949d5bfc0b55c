"""Gap-and-go: a stock that gapped up on heavy pre-market trading breaks its pre-market high in the first half hour.

A setup of practitioners, without a published test: experimental, for paper trading. A catalyst is part of the lore; no
feed tells of any yet, so that none is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Annotated

from msgspec import Meta

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.model.order import OrderType, Side
from qm.strategies.api import Done, Enter, EntrySignals, Group, Params, Plan, Strategy, View, Wishes
from qm.strategies.contract import Need, Rules
from qm.strategies.exits import ClosesBeyond, Exits, Targets, TimeStop, ema_line, vwap_line
from qm.strategies.reading import enough

TICK = 0.01
STOP_BARS = 5
"""The low of so many minutes is one of the places for the stop."""
NEAREST_TICKS = 3
"""No stop is nearer than this."""


class GapGoParams(Params, frozen=True):
    """Parameters of gap-and-go."""

    gap_min: Annotated[float, Meta(ge=1, le=50)] = 5.0
    """Gap from the prior close to the open, per cent."""
    pm_dollar: Annotated[float, Meta(ge=0, le=1e9)] = 2e6
    """Traded before the open, $; 0 asks nothing."""
    rvol_pm: Annotated[float, Meta(ge=0, le=100)] = 3.0
    """Pre-market volume against that of an average pre-market; 0 asks nothing."""
    px_min: Annotated[float, Meta(ge=1, le=1000)] = 2.0
    px_max: Annotated[float, Meta(ge=1, le=10_000)] = 100.0
    spread_max_pct: Annotated[float, Meta(gt=0, le=5)] = 0.5
    """Widest market, per cent of the price; asked where the feed tells quotes."""
    last_min: Annotated[int, Meta(ge=2, le=390)] = 30
    """No entry later than this, minutes after the open."""
    vol_mult: Annotated[float, Meta(ge=0, le=20)] = 2.0
    """Volume of the last minute against the mean of the minutes before it."""
    vol_bars: Annotated[int, Meta(ge=1, le=30)] = 20
    """Minutes before it that are looked back on, those before the open included."""
    vwap_atr: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """One of the places for the stop is so far below VWAP, in daily ATR(14); 0 leaves it out."""
    stop_atr_cap: Annotated[float, Meta(ge=0, le=2)] = 0.5
    """Another one is so far below the price, in daily ATR(14); 0 leaves it out."""
    width_max_atr: Annotated[float, Meta(ge=0, le=3)] = 1.0
    """A wider stop is not taken, in daily ATR(14); 0 takes any."""
    t1_r: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """First target, R."""
    t1_frac: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Share sold there."""
    ema: Annotated[int, Meta(ge=2, le=30)] = 9
    """Length of the mean of closes that the rest may lose twice in a row."""
    tstop_min: Annotated[float, Meta(gt=0, le=390)] = 20.0
    """Leave after so many minutes when the trade is not ahead."""
    tstop_r: Annotated[float, Meta(ge=-1, le=5)] = 0.5
    """What counts as ahead, R."""


class GapGoEntry(EntrySignals):
    """Places a buy stop above the pre-market high when the volume of a minute calls for it."""

    def __init__(self, params: GapGoParams) -> None:
        self.params = params

    def on_start(self, group: Group) -> Wishes:
        """Follow the bars until the window closes."""
        ends = group.open_ns + self.params.last_min * MINUTE
        if group.now >= ends:
            return self.on_time(group)
        return [Plan(rows=group.rows.tolist(), follow=True, wake_at=ends)]

    def on_time(self, group: Group) -> Wishes:
        """Give up when the window has closed."""
        return [Done(f"no entry within {self.params.last_min} minutes", row) for row in group.rows.tolist()]

    def on_bar(self, view: View) -> Wishes:
        """Place the order once, after a minute of heavy trading."""
        p, now = self.params, view.now
        ends = view.market.session.open_ns + p.last_min * MINUTE
        first = first_minute(view)
        if first is None or now >= ends or view.entering:
            return []
        known = view.features
        refusal = self._unfit(known)
        if refusal:
            return [Done(refusal)]
        if not (self._tradable(view, known) and busy(view.bars, p.vol_mult, p.vol_bars)):
            return []
        edge = round(max(known.get("pre_high", nan), first.high) + TICK, 4)
        if not isfinite(edge):
            return []
        broken = view.last >= edge
        price = view.last if broken else edge
        stop = nearest_stop(view, price, p)
        if not isfinite(stop) or (p.width_max_atr and not price - stop <= p.width_max_atr * view.atr):
            return []
        reason = f"break of the pre-market high with {p.vol_mult:g} times the volume"
        if broken:
            return [Enter(Side.BUY, stop, reason, until=ends)]
        return [Enter(Side.BUY, stop, reason, type=OrderType.STOP, trigger=edge, until=ends)]

    def _unfit(self, known: dict[str, float]) -> str:
        """Say what of the gap and the pre-market does not do; it stays so all day."""
        p = self.params
        if not known.get("gap_pct", nan) >= p.gap_min:
            return f"the gap is not {p.gap_min:g} %"
        if not enough(known.get("pre_dollar_volume", nan), p.pm_dollar):
            return f"less than ${p.pm_dollar:,.0f} traded before the open"
        if not enough(known.get("pre_rvol", nan), p.rvol_pm):
            return f"pre-market volume is not {p.rvol_pm:g} times the usual"
        return ""

    def _tradable(self, view: View, known: dict[str, float]) -> bool:
        p = self.params
        narrow = not view.market.prints or known.get("spread_bps", nan) <= 100.0 * p.spread_max_pct
        return p.px_min <= view.last <= p.px_max and narrow


def first_minute(view: View) -> Bar | None:
    """Return the first minute bar of regular hours; None before it is there, or when following began too late."""
    opens = view.market.session.open_ns
    return next((bar for bar in view.bars if bar.start == opens), None)


def busy(bars: Sequence[Bar], times: float, lookback: int) -> bool:
    """Tell whether the last bar traded so many times the mean of the bars before it."""
    volumes = [bar.volume for bar in bars][-(lookback + 1) :]
    return len(volumes) > 1 and volumes[-1] >= times * sum(volumes[:-1]) / (len(volumes) - 1)


def nearest_stop(view: View, price: float, p: GapGoParams) -> float:
    """Return the highest of three stops below a price that is not too near; NaN when none is.

    A tick below the low of the last five minutes, a part of an ATR below VWAP, and the cap.
    """
    places = [min([bar.low for bar in list(view.bars)[-STOP_BARS:]], default=nan) - TICK]
    # Which place is the nearest is not known when one of them is not.
    if (p.vwap_atr or p.stop_atr_cap) and not view.atr > 0:
        return nan
    if p.vwap_atr:
        places.append(view.vwap - p.vwap_atr * view.atr)
    if p.stop_atr_cap:
        places.append(price - p.stop_atr_cap * view.atr)
    far = price - NEAREST_TICKS * TICK
    return max((place for place in places if round(far - place, 8) >= 0), default=nan)


def gap_go(params: GapGoParams | None = None) -> Strategy:
    """Return the setup; experimental, for paper trading only."""
    p = params or GapGoParams()
    by_atr = p.vwap_atr > 0 or p.stop_atr_cap > 0 or p.width_max_atr > 0
    before = [f"${p.pm_dollar:,.0f}"] if p.pm_dollar else []
    before += [f"{p.rvol_pm:g} times the usual volume"] if p.rvol_pm else []
    places = [f"a tick below the low of {STOP_BARS} minutes"]
    places += [f"{p.vwap_atr:g} ATR below VWAP"] if p.vwap_atr else []
    places += [f"{p.stop_atr_cap:g} ATR"] if p.stop_atr_cap else []
    return Strategy(
        name="gap_go",
        version="1",
        status="experimental",
        about="buys the break of the pre-market high of a heavy gapper in the first half hour; half off at 2 R",
        params=p,
        entry=GapGoEntry(p),
        exit=Exits(
            Targets((p.t1_r, p.t1_frac)),
            ClosesBeyond("VWAP", vwap_line, 1),
            ClosesBeyond(f"the mean of {p.ema} closes", ema_line(p.ema), 2),
            TimeStop(p.tstop_min, p.tstop_r),
        ),
        scans=("top_gappers", "top_gappers_bars"),
        per_day=2,
        needs=(Need.BARS, Need.PREMARKET),
        columns=("prior_close", *(("atr",) if by_atr else ()), *(("pre_volume",) if p.rvol_pm else ())),
        rules=Rules(
            universe=(
                f"gap {p.gap_min:g} % or more, {' and '.join(before) + ' before the open, ' if before else ''}"
                f"{p.px_min:g} to {p.px_max:g} $, spread up to {p.spread_max_pct:g} %; "
                "whether there is a catalyst is not known, no feed tells it"
            ),
            trigger=f"close of a minute with {p.vol_mult:g} times the mean volume of the {p.vol_bars} before it",
            entry=f"buy stop a tick above the pre-market high and the first minute's, until minute {p.last_min}",
            stop=f"{'the nearest of: ' if places[1:] else ''}{', '.join(places)}; at least {NEAREST_TICKS} ticks",
            targets=f"{p.t1_frac:.0%} at {p.t1_r:g} R",
            time_stop=f"less than {p.tstop_r:g} R after {p.tstop_min:g} minutes",
            invalidation=f"a close below VWAP, or two below the mean of {p.ema} closes",
            sizing="risk per trade of the settings",
        ),
    )
