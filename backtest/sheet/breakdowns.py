"""A run cut into groups, and what it would have come to at other costs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Final, NamedTuple

from backtest.intervals import Interval, of_mean, tier
from qm.clock import MINUTE, ny
from qm.model.events import TradeClosed

EXTRA_CENTS = (0, 1, 2, 4)
"""Cents a share and side that a run is asked to bear on top of its costs."""
FEE_TIMES = (0, 1, 2, 4)
"""Multiples of the fees that a run is asked to bear."""
REPS = 2_000
"""Resamples of a group's interval: there are many groups on a page."""


class Group(NamedTuple):
    """Trades with something in common."""

    name: str
    trades: int
    win_rate: float
    mean_r: float | None
    interval: Interval | None
    """Of `mean_r`, sessions resampled whole; None where there is too little to say."""
    net_usd: float
    tier: str
    """What so many trades on so many sessions can carry."""


Key = Callable[[TradeClosed], str | tuple[int, str]]
"""Names the group of a trade; with a number before it where groups have an order of their own."""


class Buckets(NamedTuple):
    """A number cut at some limits."""

    limits: tuple[float, ...]
    unit: str = ""

    def part(self, value: float | None) -> tuple[int, str]:
        """Return the part that a value lies in: its place and its name."""
        last = len(self.limits)
        if value is None or not isfinite(value):
            return last + 1, "unknown"
        place = bisect_right(self.limits, value)
        if place == 0:
            return place, f"below {self.limits[0]:g}{self.unit}"
        if place == last:
            return place, f"{self.limits[-1]:g}{self.unit} and more"
        return place, f"{self.limits[place - 1]:g} to {self.limits[place]:g}{self.unit}"


PRICES = Buckets((2.0, 5.0, 10.0, 20.0, 50.0, 100.0), " $")
HOLDS = Buckets((5.0, 15.0, 30.0, 60.0, 120.0), " min")
FEATURES: Final = {
    "relative volume": ("rvol", Buckets((1.0, 2.0, 5.0, 10.0), " x")),
    "gap": ("gap_pct", Buckets((-4.0, 0.0, 4.0, 10.0, 20.0), " %")),
}
"""What was known at the entry, and how it is cut."""
_PRICE: Final = re.compile(r"\d+\.\d+")


def half_hour(trade: TradeClosed) -> str:
    """Return the half hour of New York in which a trade was opened."""
    at = ny(trade.opened - trade.opened % (30 * MINUTE))
    return f"{at:%H:%M}"


def weekday(trade: TradeClosed) -> tuple[int, str]:
    """Return the day of the week, Monday first."""
    at = ny(trade.opened)
    return at.isoweekday(), f"{at:%A}"


def reason(trade: TradeClosed) -> str:
    """Return why a trade was left, without the prices that make each reason another."""
    return _PRICE.sub("...", trade.reason)


def price(trade: TradeClosed) -> tuple[int, str]:
    """Return the range of prices that a trade was entered in."""
    return PRICES.part(float(trade.entry_price))


def hold(trade: TradeClosed) -> tuple[int, str]:
    """Return how long a trade was held, in ranges."""
    return HOLDS.part((trade.closed - trade.opened) / MINUTE)


def by_feature(
    trades: Sequence[TradeClosed], features: Mapping[str, Mapping[str, float]], name: str, buckets: Buckets
) -> list[Group]:
    """Return the trades by a feature that was known at their entry, by trade id; nothing when it was never known."""
    if not any(name in known for known in features.values()):
        return []
    return groups(trades, lambda trade: buckets.part(features.get(trade.trade, {}).get(name)))


def groups(trades: Iterable[TradeClosed], key: Key) -> list[Group]:
    """Return the trades by group, in the order of the groups or of their names; those that are empty are not there."""
    found: dict[tuple[int, str], list[TradeClosed]] = {}
    for trade in trades:
        named = key(trade)
        found.setdefault((0, named) if isinstance(named, str) else named, []).append(trade)
    return [_group(place[1], found[place]) for place in sorted(found)]


def by_context(trades: Sequence[TradeClosed], contexts: Mapping[str, Mapping[str, object]], name: str) -> list[Group]:
    """Return the trades by something that was known at their entry, by trade id; nothing when it was never known."""
    if not any(name in context for context in contexts.values()):
        return []
    return groups(trades, lambda trade: str(contexts.get(trade.trade, {}).get(name, "unknown")))


def at_other_costs(trades: Sequence[TradeClosed]) -> list[tuple[int, float]]:
    """Return (cents a share and side, net $) if each share had cost so much more, both ways."""
    shares = sum(2 * trade.qty for trade in trades)
    net = sum(float(trade.net_usd) for trade in trades)
    return [(cents, round(net - shares * cents / 100, 2)) for cents in EXTRA_CENTS]


def at_other_fees(trades: Sequence[TradeClosed]) -> list[tuple[int, float]]:
    """Return (times, net $) if the fees had been so many times as large."""
    gross, fees = (sum(float(getattr(trade, name)) for trade in trades) for name in ("gross_usd", "fees_usd"))
    return [(times, round(gross - times * fees, 2)) for times in FEE_TIMES]


def spare_cents(trades: Sequence[TradeClosed]) -> float | None:
    """Return how much more each share could have cost, cents a side, until nothing was left; None without a trade."""
    shares = sum(2 * trade.qty for trade in trades)
    return 100 * sum(float(trade.net_usd) for trade in trades) / shares if shares else None


def _group(name: str, of: list[TradeClosed]) -> Group:
    known = [trade.r for trade in of if trade.r is not None]
    on = [ny(trade.opened).date() for trade in of if trade.r is not None]
    sessions = len({ny(trade.opened).date() for trade in of})
    return Group(
        name=name,
        trades=len(of),
        win_rate=sum(1 for trade in of if trade.net_usd > 0) / len(of),
        mean_r=sum(known) / len(known) if known else None,
        interval=of_mean(known, on, reps=REPS),
        net_usd=round(sum(float(trade.net_usd) for trade in of), 2),
        tier=tier(len(of), sessions),
    )
