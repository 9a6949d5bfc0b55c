"""Where inside a record of the market an order finds its price."""

from __future__ import annotations

from math import sqrt

from brokers.sim.book import Resting
from brokers.sim.clearing import Clearing, Moment

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


def take(one: Resting, price: float, slip: float, edge: float, moment: Moment, to: Clearing) -> None:
    """Let an order take liquidity at the market's price: a market order always, a limit order when `edge` allows."""
    if one.limit is None or one.sign * (edge - price) >= 0.0:
        to.fill(one, price + one.sign * slip, moment, max(moment.at, one.live))
    else:
        one.patient = True


class BarMatch:
    """The orders of one symbol meet a bar: at its open, then stops inside it, then limits inside it."""

    __slots__ = ("bar", "moment", "orders", "to")

    def __init__(self, orders: list[Resting], bar: Bar, moment: Moment, to: Clearing) -> None:
        self.orders, self.bar, self.moment, self.to = orders, bar, moment, to

    def run(self) -> None:
        """Fill what the bar fills."""
        bar, moment, to = self.bar, self.moment, self.to
        inside = False
        for one in self.orders:
            gone = bar.gone(one.live)
            if one.held or one.since >= moment.number or gone >= 1.0:
                continue
            price = bar.price_at(one.sign, gone)
            if one.stop is not None:
                if one.sign * (price - one.stop) < 0.0:
                    inside = True
                    continue
                one.stop = None
            leg = one.leg
            take(one, price, 0.0 if one.patient else to.slip(one, price), one.reach, moment, to)
            inside = inside or one.patient
            if leg is not None and leg.since == moment.number:
                # It lives from its parent's fill on: the rest of this bar may reach it.
                leg.since -= 1
        if inside:
            self._pass(stops=True)
            self._pass(stops=False)

    def _pass(self, *, stops: bool) -> None:
        for one in self.orders:
            if one.done or one.held or one.since >= self.moment.number or (one.stop is not None) is not stops:
                continue
            gone = self.bar.gone(one.live)
            if gone < 1.0:
                self._inside(one, WHOLE if gone <= LATE else UNKNOWN)

    def _inside(self, one: Resting, path: int, *, doubt: bool = False) -> None:
        bar, sign = self.bar, one.sign
        if one.stop is not None:
            stop = one.stop
            if sign * (bar.worst(sign) - stop) < 0.0:
                return
            one.stop = None
            one.since = self.moment.number
            after = path in (WHOLE, sign) or sign * (bar.close - stop) >= 0.0
            doubt = doubt or not after or (one.reduces and self._has_rival(one))
            if one.limit is None or sign * (one.reach - stop) >= 0.0:
                self._fill(one, stop, self.to.slip(one, stop), sign, doubt)
            elif sign * (one.reach - bar.close) >= 0.0:
                self._fill(one, one.limit, 0.0, UNKNOWN, doubt)
            else:
                one.patient = True
        elif one.limit is not None:
            after = path in (WHOLE, -sign) or sign * (one.reach - bar.close) >= 0.0
            if after and sign * (one.reach - bar.best(sign)) >= 0.0:
                self._fill(one, one.limit, 0.0, -sign, doubt)

    def _fill(self, one: Resting, price: float, slip: float, heading: int, doubt: bool) -> None:
        leg, before = one.leg, one.filled
        self.to.fill(one, price + one.sign * slip, self.moment, max(self.bar.start, one.live), doubt)
        if leg is None or leg.done or one.filled == before:
            return
        # The leg meets the price at which its parent filled, and then whatever the bar may still have reached.
        if leg.stop is None or leg.sign * (price - leg.stop) >= 0.0:
            leg.stop = None
            if leg.limit is None or leg.sign * (leg.reach - price) >= 0.0:
                self._fill(leg, price, self.to.slip(leg, price), UNKNOWN, doubt)
                return
        self._inside(leg, heading, doubt=doubt)

    def _has_rival(self, one: Resting) -> bool:
        return any(
            other.limit is not None
            and other.stop is None
            and other.reduces
            and other.sign == one.sign
            and not (other.done or other.held)
            and other.since < self.moment.number
            and self.bar.gone(other.live) <= LATE
            and other.sign * (other.reach - self.bar.best(other.sign)) >= 0.0
            for other in self.orders
        )


def meet_print(
    orders: list[Resting], price: float, quote: tuple[float, float] | None, moment: Moment, to: Clearing
) -> None:
    """Match orders with a print; `quote` is the bid and ask that stood around it, when they can be trusted."""
    for one in orders:
        if one.held or one.since >= moment.number or one.live > moment.at:
            continue
        sign = one.sign
        if one.stop is not None:
            if sign * (price - one.stop) < 0.0:
                continue
            one.stop = None
        elif one.patient:
            if sign * (one.reach - price) >= 0.0:
                to.fill(one, one.limit or price, moment, moment.at)
            continue
        if quote is None:
            take(one, price, to.slip(one, price), one.reach, moment, to)
        else:
            far = max(quote[1], price) if sign > 0 else min(quote[0], price)
            take(one, far, 0.0, one.limit or far, moment, to)


def meet_quote(
    orders: list[Resting], bid: float, ask: float, triggers: bool, buys: Moment, sells: Moment, to: Clearing
) -> None:
    """Match orders with a quote whose bid is below its ask; `triggers` says that it also triggers stops."""
    for one in orders:
        sign = one.sign
        near, far, moment = (bid, ask, buys) if sign > 0 else (ask, bid, sells)
        if one.held or one.since >= moment.number or one.live > moment.at:
            continue
        if one.stop is not None:
            if not triggers or sign * (near - one.stop) < 0.0:
                continue
            one.stop = None
        if one.patient and one.limit is not None:
            if sign * (one.limit - far) >= 0.0:
                to.fill(one, one.limit, moment, moment.at)
        else:
            take(one, far, 0.0, one.limit or far, moment, to)
