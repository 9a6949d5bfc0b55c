"""What strategies read off a symbol's last minutes: its bars, VWAP at their closes, relative volume, five-minute bars.

Everything is computed from what is there at the question, so that a strategy needs no memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from typing import Final

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.market.minutes import KEPT_BARS
from qm.market.rows import PRINTS
from qm.market.usual import usual_of
from qm.rules.ticks import tick_size
from qm.strategies.api import View

SPY: Final = "SPY"
"""Stands for the market."""
FIVE_NS: Final = 5 * MINUTE


def enough(value: float, least: float) -> bool:
    """Tell whether a value is at least so much; 0 asks nothing, and what is not known is not enough."""
    return least == 0 or value >= least


def recent(view: View, count: int) -> list[Bar]:
    """Return up to `count` last closed minute bars of regular hours, oldest first.

    Minutes before the symbol was followed are those that the market keeps of every symbol: half an hour.
    """
    opens = view.market.session.open_ns
    bars = [bar for bar in view.bars if bar.start >= opens][-count:]
    if len(bars) == count:
        return bars
    return _before(view, bars[0].start if bars else view.now // MINUTE * MINUTE, count - len(bars)) + bars


def vwaps(view: View, bars: Sequence[Bar]) -> list[float]:
    """Return the VWAP at the close of each of the last bars, $; NaN where nothing had traded.

    Where single prints are told all are of prints, as the market had them at those minutes: NaN where it kept none.
    Where bars are told all are of bars: what each added, at the mean of high, low and close, is taken out of the last.
    """
    market = view.market
    if market.col["source"].item(view.row) == PRINTS:
        minutes, ends = market.minutes, [bar.start + MINUTE for bar in bars]
        known = [minutes.vwap_at(end, view.row) for end in ends]
        if ends and ends[-1] > minutes.marked:
            # The minute has just ended, or goes on.
            known[-1] = view.vwap
        return known
    volume, pv = view.volume, view.pv
    lines: list[float] = []
    for bar in reversed(bars):
        lines.append(pv / volume if volume > 0 else nan)
        volume -= bar.volume
        pv -= bar.volume * (bar.high + bar.low + bar.close) / 3.0
    return lines[::-1]


def rvol(view: View) -> float:
    """Return the day's volume against what is usual by this time; NaN when unknown."""
    reference, since = view.market.reference, view.now - view.market.session.open_ns
    usual = usual_of(reference, view.row, since)
    return view.volume / usual if usual > 0 else nan


def rvol_of(view: View, bars: Sequence[Bar]) -> float:
    """Return the volume of the last bars against what is usual in their minutes; NaN when unknown."""
    if not bars:
        return nan
    reference, opens = view.market.reference, view.market.session.open_ns
    since, until = bars[0].start - opens, bars[-1].start + MINUTE - opens
    usual = usual_of(reference, view.row, until) - usual_of(reference, view.row, since)
    return sum(bar.volume for bar in bars) / usual if usual > 0 else nan


def sigma(view: View) -> float:
    """Return the spread of the day's prices about the VWAP, by volume, $: sqrt(sum v (p - VWAP)^2 / sum v)."""
    volume = view.volume
    if not volume > 0:
        return nan
    away = view.vwap - view.anchor
    square = view.pdd / volume - away * away
    return sqrt(square) if square >= 0 else nan


def prior_close(view: View) -> float:
    """Return the close of the session before, less a dividend that goes ex today, $; NaN when unknown."""
    reference = view.market.reference
    paid = float(reference.dividend[view.row])
    return float(reference.prior_close[view.row]) - (paid if paid > 0 else 0.0)


def tick(view: View, price: float) -> float:
    """Return the smallest step between prices at a price on this session's date, $; NaN when the price is not known."""
    return float(tick_size(price, view.market.session.date)) if price > 0 else nan


def market_view(view: View, symbol: str = SPY) -> View | None:
    """Return the view of the symbol that stands for the market; None when this session does not have it."""
    table = view.market.table
    return View(view.market, table.row(symbol), {}) if symbol in table else None


def fives(bars: Sequence[Bar], opens: int) -> list[Bar]:
    """Return the whole five-minute bars from the open on that minute bars make up, oldest first."""
    found: list[Bar] = []
    for bar in bars:
        start = opens + (bar.start - opens) // FIVE_NS * FIVE_NS
        if found and found[-1].start == start:
            one = found[-1]
            high, low = max(one.high, bar.high), min(one.low, bar.low)
            found[-1] = Bar(start, one.open, high, low, bar.close, one.volume + bar.volume)
        else:
            found.append(bar._replace(start=start))
    # The first may lack its beginning, the last its end.
    if found and bars[0].start != found[0].start:
        del found[0]
    if found and bars[-1].start + MINUTE < found[-1].start + FIVE_NS:
        del found[-1]
    return found


def ema(values: Sequence[float], length: int) -> float:
    """Return the exponential mean with weight 2 / (length + 1), begun with the first value; NaN of nothing."""
    mean = nan
    for value in values:
        mean = value if mean != mean else mean + (value - mean) * 2.0 / (length + 1)
    return mean


def _before(view: View, boundary: int, count: int) -> list[Bar]:
    """Return the minutes that ended at `boundary` or before, as the market keeps them of every symbol."""
    minutes, opens = view.market.minutes, view.market.session.open_ns
    boundary = min(boundary, minutes.marked)
    made: list[Bar] = []
    while len(made) < count and boundary - MINUTE >= opens and minutes.knows(boundary, KEPT_BARS):
        o, h, low, c, volume = minutes.bars[boundary // MINUTE % KEPT_BARS, :, view.row].tolist()
        # A minute without a trade has no bar.
        if volume > 0:
            made.append(Bar(boundary - MINUTE, o, h, low, c, volume))
        boundary -= MINUTE
    return made[::-1]
