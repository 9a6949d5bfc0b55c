"""Orders meet a bar, which does not tell in which order its prices were."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf, sqrt

from brokers.sim.book import Resting
from brokers.sim.clearing import Clearing, Moment
from brokers.sim.fills import take
from brokers.sim.settings import Intrabar

PESSIMISTIC, PATH, OPTIMISTIC = Intrabar.PESSIMISTIC, Intrabar.PATH, Intrabar.OPTIMISTIC

LATE = 0.02
"""An order that goes live within this share of a bar counts as live for all of it."""

WHOLE = 2
"""An order was live for the whole bar: what the range touched, it touched with the order there."""
UNKNOWN = 0
"""An order went live somewhere inside the bar; +1 and -1 say that the price was then rising or falling."""


class Bar:
    """A bar as an order meets it; `end` is the first moment after it, ns UTC."""

    __slots__ = ("close", "end", "high", "low", "open", "start")

    def __init__(self, start: int, end: int, opened: float, high: float, low: float, close: float) -> None:
        self.start, self.end = start, end
        self.open, self.high, self.low, self.close = opened, high, low, close

    def gone(self, live: int) -> float:
        """Return the share of the bar that had passed when an order went live: 0 before it, 1 or more after it."""
        return 0.0 if live <= self.start else (live - self.start) / (self.end - self.start)

    def price_at(self, sign: int, gone: float) -> float:
        """Return the price met by an order that goes live inside the bar: the open, moved against it.

        The way from the open to the bar's worse extreme is covered with the square root of time, as a random walk
        covers it: a latency that is short against the bar costs little, one as long as the bar costs the extreme.
        """
        if gone <= 0.0:
            return self.open
        return self.open + (self.worst(sign) - self.open) * sqrt(min(gone, 1.0))

    def worst(self, sign: int) -> float:
        """Return the extreme that is worse for this side."""
        return self.high if sign > 0 else self.low

    def best(self, sign: int) -> float:
        """Return the extreme that is better for this side."""
        return self.low if sign > 0 else self.high

    def reached(self, level: float, rises: int, since: float = 0.0) -> float:
        """Return when the assumed path first is at or beyond a level, as a share of it from `since` on; inf for never.

        `rises` is 1 for a level reached from below, -1 from above. The path goes from the open to the extreme nearer to
        it, to the other one, and to the close, at an even pace: the rule by which charting programs fill on bars. Where
        both are as near, a rising bar fell first.
        """
        down, up = self.open - self.low, self.high - self.open
        low_first = down < up or (down == up and self.close >= self.open)
        turns = (self.low, self.high) if low_first else (self.high, self.low)
        points = (self.open, *turns, self.close)
        whole = sum(abs(b - a) for a, b in pairwise(points))
        if whole == 0.0:
            return since if rises * (self.open - level) >= 0.0 else inf
        passed = 0.0
        for a, b in pairwise(points):
            end = passed + abs(b - a) / whole
            if end >= since and b != a:
                start = max(passed, since)
                here = a + (b - a) * (start - passed) / (end - passed)
                if rises * (here - level) >= 0.0:
                    return start
                if rises * (b - level) >= 0.0:
                    return start + abs(level - here) / whole
            passed = end
        return inf


class BarMatch:
    """The orders of one symbol meet a bar: at its open, then stops and limits inside it, in the order of `intrabar`."""

    __slots__ = ("bar", "moment", "order", "orders", "to", "woken")

    def __init__(self, orders: list[Resting], bar: Bar, moment: Moment, to: Clearing) -> None:
        self.orders, self.bar, self.moment, self.to = orders, bar, moment, to
        self.order = to.intrabar
        self.woken: list[Resting] = []
        """Legs of parents that filled at the open: they live from there on."""

    def run(self) -> None:
        """Fill what the bar fills."""
        bar, moment, to = self.bar, self.moment, self.to
        inside = False
        for one in self.orders:
            if one.held or one.since >= moment.number:
                continue
            gone, price = 0.0, bar.open
            if one.live > bar.start:
                gone = bar.gone(one.live)
                if gone >= 1.0:
                    continue
                price = bar.price_at(one.sign, gone)
            if one.stop is not None:
                if one.sign * (price - one.stop) < 0.0:
                    inside = True
                    continue
                one.stop = None
            leg = None if one.leg is None else self._leg_of(one)
            doubt = leg is not None and self._leaves_open(leg, price, _heading(gone))
            if one.patient and one.limit is not None and one.sign * (one.reach - price) >= 0.0:
                # On its way to this open the market came by the order that was waiting, and paid its price.
                to.fill(one, one.limit, moment, max(moment.at, one.live), doubt)
            else:
                slip = 0.0 if one.auction is not None else to.slip(one, price)
                take(one, price, slip, one.reach, moment, to, doubt)
            inside = inside or (one.patient and one.auction is None)
            if leg is not None and leg.since == moment.number and not leg.done:
                inside = self._wake(leg, price) or inside
        if inside:
            for leg in self.woken:
                leg.since -= 1
            if self.order is not PESSIMISTIC:
                self._pass(stops=False, first=True)
            self._pass(stops=True)
            self._pass(stops=False)

    def _leg_of(self, one: Resting) -> Resting | None:
        """Return the leg that the bar may reach once its parent filled: one that is worked in these hours."""
        leg = one.leg
        return leg if leg is not None and leg in self.orders else None

    def _wake(self, leg: Resting, price: float) -> bool:
        """Let a leg meet the price at which its parent filled; say whether the rest of the bar may reach it."""
        if leg.stop is not None and leg.sign * (price - leg.stop) >= 0.0:
            leg.stop = None
        if leg.stop is None:
            take(leg, price, self.to.slip(leg, price), leg.reach, self.moment, self.to)
        if leg.stop is None and leg.limit is None:
            return False
        self.woken.append(leg)
        return True

    def _pass(self, *, stops: bool, first: bool = False) -> None:
        for one in self.orders:
            if (
                one.done
                or one.held
                or one.auction is not None
                or one.since >= self.moment.number
                or (one.stop is not None) is not stops
            ):
                continue
            gone = self.bar.gone(one.live)
            if gone < 1.0 and not (first and not self._precedes(one)):
                late = gone > LATE
                self._inside(one, UNKNOWN if late else WHOLE, gone if late else 0.0, born=one in self.woken)

    def _precedes(self, one: Resting) -> bool:
        """Say whether an exit's limit is reached before the stops that would close the same shares."""
        if not one.reduces or one.limit is None:
            return False
        if self.order is OPTIMISTIC:
            return True
        return self._when(one.reach, -one.sign, self._share(one)) < min(self._stops(one), default=inf)

    def _inside(self, one: Resting, heading: int, since: float, *, born: bool, doubt: bool = False) -> None:
        """Let an order meet the rest of the bar; `born` says that it lives from its parent's fill in this bar on."""
        bar, sign = self.bar, one.sign
        if one.stop is not None:
            stop = one.stop
            if sign * (bar.worst(sign) - stop) < 0.0:
                return
            sure = self._sure_stop(one, heading)
            if not sure and born and not self._follows(stop, sign, since, stop=True):
                return
            one.stop = None
            one.since = self.moment.number
            doubt = doubt or not sure or (one.reduces and self._has_target(one))
            met = self._when(stop, sign, since)
            if one.limit is None or sign * (one.reach - stop) >= 0.0:
                self._fill(one, stop, self.to.slip(one, stop), sign, met, doubt)
            elif sign * (one.reach - bar.close) >= 0.0:
                self._fill(one, one.limit, 0.0, UNKNOWN, self._when(one.reach, -sign, met), doubt)
            else:
                one.patient = True
        elif one.limit is not None and sign * (one.reach - bar.best(sign)) >= 0.0:
            sure = self._sure_limit(one, heading)
            if sure or (born and self._follows(one.reach, -sign, since, stop=False)):
                doubt = doubt or not sure or (one.reduces and min(self._stops(one), default=None) is not None)
                self._fill(one, one.limit, 0.0, -sign, self._when(one.reach, -sign, since), doubt)

    def _fill(self, one: Resting, price: float, slip: float, heading: int, met: float, doubt: bool) -> None:
        """Fill inside the bar; `heading` is where the price was going, `met` where on the assumed path it was."""
        leg, before = self._leg_of(one), one.filled
        left_open = leg is not None and self._leaves_open(leg, price, heading)
        self.to.fill(one, price + one.sign * slip, self.moment, max(self.bar.start, one.live), doubt or left_open)
        if leg is None or leg.done or one.filled == before:
            return
        # The leg meets the price at which its parent filled, and then whatever the bar may still have reached.
        if leg.stop is None or leg.sign * (price - leg.stop) >= 0.0:
            leg.stop = None
            if leg.limit is None or leg.sign * (leg.reach - price) >= 0.0:
                self._fill(leg, price, self.to.slip(leg, price), UNKNOWN, met, doubt)
                return
        self._inside(leg, heading, met, born=True, doubt=doubt)

    def _follows(self, level: float, rises: int, since: float, *, stop: bool) -> bool:
        """Decide whether a level that the bar reached, perhaps before a leg's parent filled, was reached after it."""
        if self.order is PATH:
            return self._when(level, rises, since) < inf
        return stop is (self.order is PESSIMISTIC)

    def _leaves_open(self, leg: Resting, price: float, heading: int) -> bool:
        """Say whether it is open if a leg is reached after its parent filled at `price`, whatever is then assumed."""
        bar, sign = self.bar, leg.sign
        if leg.stop is not None and sign * (price - leg.stop) < 0.0:
            return sign * (bar.worst(sign) - leg.stop) >= 0.0 and not self._sure_stop(leg, heading)
        if leg.limit is None or sign * (leg.reach - price) >= 0.0:
            return False
        return sign * (leg.reach - bar.best(sign)) >= 0.0 and not self._sure_limit(leg, heading)

    def _when(self, level: float, rises: int, since: float) -> float:
        """Return `Bar.reached` where a path is assumed; nobody asks otherwise."""
        return self.bar.reached(level, rises, since) if self.order is PATH else 0.0

    def _sure_stop(self, one: Resting, heading: int) -> bool:
        return heading in (WHOLE, one.sign) or one.sign * (self.bar.close - (one.stop or 0.0)) >= 0.0

    def _sure_limit(self, one: Resting, heading: int) -> bool:
        return heading in (WHOLE, -one.sign) or one.sign * (one.reach - self.bar.close) >= 0.0

    def _share(self, one: Resting) -> float:
        gone = self.bar.gone(one.live)
        return gone if gone > LATE else 0.0

    def _stops(self, one: Resting) -> Iterator[float]:
        """Yield when on the assumed path the bar reached each stop that would close the same shares as a target."""
        for other in self._rivals(one):
            if other.stop is not None and other.sign * (self.bar.worst(other.sign) - other.stop) >= 0.0:
                yield self._when(other.stop, other.sign, self._share(other))

    def _has_target(self, one: Resting) -> bool:
        return any(
            other.limit is not None
            and other.stop is None
            and other.sign * (other.reach - self.bar.best(other.sign)) >= 0.0
            and self._sure_limit(other, _heading(self.bar.gone(other.live)))
            for other in self._rivals(one)
        )

    def _rivals(self, one: Resting) -> Iterator[Resting]:
        for other in self.orders:
            if (
                other is not one
                and other.reduces
                and other.sign == one.sign
                and not (other.done or other.held)
                and other.since < self.moment.number
                and self.bar.gone(other.live) < 1.0
            ):
                yield other


def _heading(gone: float) -> int:
    return WHOLE if gone <= LATE else UNKNOWN
