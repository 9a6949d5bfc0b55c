"""What a match leads to: the execution and its costs, the position, the leg that wakes, the order that ends."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from math import inf
from typing import NamedTuple, Protocol

from brokers.sim.book import Resting
from brokers.sim.settings import MS, SimSettings
from qm.model.inputs import AnyReport, Fill, Gone, LegActive
from qm.model.order import Execution, Side
from qm.rules.ticks import Rounding, grid, tick_size

UP, DOWN = Rounding.UP, Rounding.DOWN

CROSSES = "would cross zero"
MOST_TAKEN = 1000
"""Executions at quotes of one symbol that are remembered."""

Before = tuple[Side, int, Decimal, str, str, int]
"""An execution of the session so far: side, shares, price, order, symbol, ns UTC."""


BandsOf = Callable[[str, bool], tuple[float, float]]
"""The prices outside which nothing may trade in a symbol now, $; when True, only as far as the feed tells them."""


class Charges(Protocol):
    """The running fees of one session."""

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "", /) -> Decimal:
        """Return what an execution of an order adds to the fees of the day, $."""
        ...


class Costs(Protocol):
    """A dated fee schedule, commission included."""

    def of_day(self, date: dt.date, /) -> Charges:
        """Return the running fees of a session."""
        ...


class Taken(NamedTuple):
    """What was taken of a quote."""

    at: int
    """ns UTC."""
    sign: int
    """1 where it was bought at the ask."""
    price: float
    """That of the quote, $."""
    qty: int


class Moment:
    """One market record, while orders meet it."""

    __slots__ = ("at", "high", "low", "now", "number", "quoted", "reports", "room")

    def __init__(self, now: int, at: int, number: int, room: float, reports: list[AnyReport]) -> None:
        self.low, self.high = -inf, inf
        """Prices that the record shows; what goes beyond them for slippage may not leave the volatility bands."""
        self.now = now
        """When it is known, ns UTC."""
        self.at = at
        """When it happened, or began, ns UTC."""
        self.number = number
        """Market records consumed, this one included."""
        self.room = room
        """Shares that may still fill on it."""
        self.quoted: float | None = None
        """Price of the side of a quote from which `room` is taken, $."""
        self.reports = reports

    def at_quote(self, price: float, room: float) -> Moment:
        """Return the same record for those who take from one side of a quote."""
        other = Moment(self.now, self.at, self.number, room, self.reports)
        other.low, other.high, other.quoted = self.low, self.high, price
        return other


class Clearing:
    """Books executions; holds the orders that work, the positions, and the count from which execution ids follow."""

    def __init__(
        self, costs: Costs, settings: SimSettings, day: dt.date, bands: BandsOf, spread: Callable[[str, float], float]
    ) -> None:
        self._bands, self._spread = bands, spread
        self.widens = (settings.spread_times - 1.0) / 2.0
        """What the far side of a quote is moved by, in spreads."""
        self._costs, self._settings = costs, settings
        self.intrabar = settings.intrabar
        self._slips = bool(
            settings.slippage_bps or settings.stop_slippage_bps or settings.slippage_ticks or settings.half_spread
        )
        self._taken: dict[str, deque[Taken]] = {}
        self.begin(day)
        self.executions = 0
        self.orders: dict[str, Resting] = {}
        self.positions: dict[str, int] = {}
        """Signed shares by symbol; those that are flat are not in it."""

    def begin(self, day: dt.date) -> None:
        """Go on in a new session: fees are added up by day."""
        self.day = day
        self._grid = grid(day)
        self._fees = self._costs.of_day(day)
        self._taken.clear()

    def recall(self, filled: Iterable[Before]) -> None:
        """Take up the executions of the session so far: (side, shares, price, order, symbol, ns UTC)."""
        for side, qty, price, order, symbol, at in filled:
            self._fees.charge(side, qty, price, order)
            self._take(symbol, Taken(at, 1 if side is Side.BUY else -1, float(price), qty))

    def room(self, volume: float) -> float:
        """Return how many of the shares that a bar traded we may take; `inf` when nothing caps us."""
        share = self._settings.participation
        return volume * share // 1.0 if share else inf

    def shown(self, size: float) -> float:
        """Return how many of the shares that a print or a quote shows we may take; `inf` when nothing caps us."""
        return size * self._settings.tick_participation // 1.0 if self._settings.participation else inf

    def offered(self, symbol: str, sign: int, price: float, size: float, at: int) -> float:
        """Return how many of the shares that one side of a quote shows are still there for us."""
        shown = self.shown(size)
        taken = self._taken.get(symbol)
        if not taken or shown == inf:
            return shown
        since = at - self._settings.refill_ms * MS
        while taken and taken[0].at <= since:
            taken.popleft()
        return max(0.0, shown - sum(one.qty for one in taken if one.sign == sign and one.price == price))

    def slip(self, one: Resting, price: float) -> float:
        """Return what taking liquidity costs the order where no quote says so, $ per share."""
        if not self._slips:
            return 0.0
        settings = self._settings
        bps = settings.stop_slippage_bps if one.reduces and one.order.stop is not None else settings.slippage_bps
        slip = price * bps * 1e-4
        if settings.slippage_ticks:
            slip = max(slip, settings.slippage_ticks * self._grid.tick(price))
        if settings.half_spread:
            slip = max(slip, settings.spread_times * self._spread(one.order.symbol, price) / 2.0)
        return slip

    def fill(self, one: Resting, price: float, moment: Moment, at: int, ambiguous: bool = False) -> None:
        """Execute what the order may still do, at this price rounded against it to the tick, never past its limit."""
        order = one.order
        qty = one.active - one.filled
        if qty <= 0:
            return
        sign, symbol = one.sign, order.symbol
        position = self.positions.get(symbol, 0)
        if one.reduces:
            closes = -sign * position
            if closes <= 0:
                self.end(one, CROSSES, moment.now, moment.reports)
                return
            if closes < qty:
                qty = closes
        if qty > moment.room:
            qty = int(moment.room)
            if not qty:
                return
        moment.room -= qty
        if moment.quoted is not None:
            self._take(symbol, Taken(at, sign, moment.quoted, qty))
        if not moment.low <= price <= moment.high:
            low, high = self._bands(symbol, one.patient)
            price = min(max(price, min(low, moment.low)), max(high, moment.high))
        exact = self._grid.rounded(price, UP if sign > 0 else DOWN) if price > 0.0 else None
        exact = exact or tick_size(price, self.day)
        if order.limit is not None and (exact > order.limit if sign > 0 else exact < order.limit):
            exact = order.limit
        fee = self._fees.charge(order.side, qty, exact, order.id)
        self.executions += 1
        execution = Execution(f"X{self.executions}", order.id, qty, exact, fee, at, ambiguous)
        moment.reports.append(Fill(order.id, moment.now, execution))
        one.filled += qty
        position += sign * qty
        if position:
            self.positions[symbol] = position
        else:
            self.positions.pop(symbol, None)
        if one.leg is None and one.filled == order.qty:
            self._finish(one, moment.now, moment.reports)
        else:
            self._after(one, moment, at)

    def end(self, one: Resting, why: str, now: int, reports: list[AnyReport], expired: bool = False) -> None:
        """Report an order gone, and with it a leg that can never wake."""
        reports.append(Gone(one.order.id, now, why, expired))
        self._finish(one, now, reports)

    def _take(self, symbol: str, taken: Taken) -> None:
        if self._settings.participation:
            self._taken.setdefault(symbol, deque(maxlen=MOST_TAKEN)).append(taken)

    def _after(self, one: Resting, moment: Moment, at: int) -> None:
        leg = one.leg
        if leg is not None:
            leg.active = min(one.filled, leg.order.qty)
            if leg.held:
                leg.held, leg.live, leg.since = False, at, moment.number
            moment.reports.append(LegActive(leg.order.id, moment.now, leg.active))
        if one.filled == one.order.qty:
            self._finish(one, moment.now, moment.reports)
        elif one.reduces and one.filled < one.active and one.order.symbol not in self.positions:
            self.end(one, CROSSES, moment.now, moment.reports)
        elif one.filled == one.active and one.parent is None:
            self.end(one, "its parent fills no more", moment.now, moment.reports)

    def _finish(self, one: Resting, now: int, reports: list[AnyReport]) -> None:
        one.done = True
        del self.orders[one.order.id]
        if one.parent is not None:
            one.parent.leg = None
            one.parent = None
        leg, one.leg = one.leg, None
        if leg is not None:
            leg.parent = None
            if leg.held or (leg.filled == leg.active < leg.order.qty):
                self.end(leg, "its parent is gone", now, reports)
