"""Orders that rest at the simulated exchange, symbol by symbol, and what the market must do to reach them."""

from __future__ import annotations

import datetime as dt
from math import inf
from typing import NamedTuple

from qm.market.levels import Levels
from qm.model.order import FOR_AUCTIONS, LIMITS, STOPS, Order, OrderStatus, OrderType, Purpose, Side
from qm.rules.ticks import on_tick, tick_size

OWNER = "exchange"
"""Under this name the exchange arms levels; no strategy may have it."""

BUY, ENTRY = Side.BUY, Purpose.ENTRY
ALMOST = 1.0 - 1e-6
"""A tick, as seen by a float comparison."""


class Working(NamedTuple):
    """An order that was working when the journal ended: what `SimExchange.restore` starts from."""

    order: Order
    leg_of: str | None
    """Id of its parent while the parent's fills still decide its size."""
    filled: int
    status: OrderStatus
    active: int | None = None
    """Shares that the fills of its parent have woken; None for an order of its own."""
    sent_ns: int = 0
    """When it was submitted, ns UTC."""
    triggered: bool = False
    """It met its stop."""


Plain = tuple[Order, str | None, int, OrderStatus, int | None, int, bool]
"""A `Working` from a room that does not know its name."""


class Traded(NamedTuple):
    """A trade that may stand for a closing auction that nobody tells."""

    at: int
    """ns UTC."""
    price: float
    volume: float


class Resting:
    """One order at the exchange.

    `stop` is None once it was triggered (or never had a trigger), so that what is left is a market order (`limit` is
    None) or a limit order.
    """

    __slots__ = (
        "active", "auction", "done", "filled", "halted", "held", "leg", "limit", "live", "met", "order", "parent",
        "patient", "reach", "reduces", "shorts", "sign", "since", "stop", "told",
    )  # fmt: skip

    def __init__(self, order: Order, live: int, since: int, shorts: bool, day: dt.date) -> None:
        self.order = order
        self.auction = order.type.time_in_force if order.type in FOR_AUCTIONS else None
        """Where alone it trades, or None."""
        self.met = False
        """Its auction was seen."""
        self.sign = 1 if order.side is BUY else -1
        self.limit = None if order.limit is None else float(order.limit)
        self.reach = 0.0
        """A price at or beyond this trades through the limit."""
        if self.limit is not None:
            self.reach = self.limit - self.sign * float(tick_size(self.limit, day)) * ALMOST
        self.stop = None if order.stop is None else float(order.stop)
        self.active = order.qty
        """Shares it may fill so far; a leg's grow with its parent's fills."""
        self.filled = 0
        self.live = live
        """From when on the market can fill it, ns UTC."""
        self.since = since
        """Market records consumed when it was submitted, woken or triggered: the last of them cannot fill it."""
        self.reduces = order.purpose is not ENTRY or (self.sign < 0 and not shorts)
        """It may only bring the position nearer to zero."""
        self.shorts = self.sign < 0 and not self.reduces
        """It may open a short position."""
        self.held = False
        self.halted = False
        self.patient = False
        """A limit order that found no counterparty on arrival: it gives liquidity from then on."""
        self.told = self.stop is None
        """What the broker knows need not be said: that there is no stop to meet, or that it was met."""
        self.done = False
        self.parent: Resting | None = None
        self.leg: Resting | None = None


class Book:
    """The resting orders of one symbol, in the order in which they came."""

    __slots__ = ("_down", "_up", "_waiting", "close", "orders", "shorts", "special")

    def __init__(self) -> None:
        self.orders: list[Resting] = []
        self.shorts = False
        """Some of them opened, or may open, a short position."""
        self.special = False
        """Some of them wait for an auction, or are worked in extended hours as well."""
        self.close: Traded | None = None
        """What would stand for the closing auction if nobody told it, while something waits for that."""
        self._up, self._down, self._waiting = inf, -inf, False

    def settle(self, levels: Levels, row: int) -> None:
        """Drop what is finished, and arm what the market must do to reach the rest."""
        orders = self.orders
        up, down, waiting = inf, -inf, False
        for one in orders:
            if one.done:
                orders = self.orders = [other for other in orders if not other.done]
                break
        for one in orders:
            if one.held:
                continue
            if one.stop is not None:
                level, rises = one.stop, one.sign > 0
            elif one.limit is None or one.auction is not None:
                waiting = True
                continue
            else:
                level, rises = one.limit, one.sign < 0
                waiting = waiting or not one.patient
            if rises:
                up = min(up, level)
            else:
                down = max(down, level)
        if up != self._up or down != self._down:
            self._up, self._down = up, down
            levels.arm(row, OWNER, (up, down, inf, -inf))
        if waiting != self._waiting:
            self._waiting = waiting
            if waiting:
                levels.await_next(row, OWNER)
            else:
                levels.stop_waiting(row, OWNER)


def problem(order: Order, position: int, shorts: bool, day: dt.date) -> str:
    """Say why an exchange would refuse the order with `position` shares held (signed), or return ""."""
    if order.qty <= 0:
        return f"{order.qty} shares cannot be traded"
    stop, limit = order.stop, order.limit
    if (stop is not None) != (order.type in STOPS) or (limit is not None) != (order.type in LIMITS):
        return f"the prices do not fit a {order.type} order"
    for price in (stop, limit):
        if price is None:
            continue
        if not (price.is_finite() and price > 0):
            return f"{price} is not a price"
        if not on_tick(price, day):
            return f"{price} is not a multiple of {tick_size(price, day)}"
    if order.extended and order.type is not OrderType.LIMIT:
        return f"only limit orders may be marked for extended hours, not {order.type.in_words} orders"
    if order.parent is not None:
        return ""
    after = position + (order.qty if order.side is BUY else -order.qty)
    if order.purpose is ENTRY:
        return "shorts are off" if after < 0 and not shorts and order.side is not BUY else ""
    if position * after < 0:
        return "would cross zero"
    return "would not reduce the position" if abs(after) >= abs(position) else ""


def unfit(old: Resting, new: Order) -> str:
    """Say why an order cannot take the place of another, or return ""."""
    if new.symbol != old.order.symbol or new.side is not old.order.side:
        return "it is not of the same symbol and side"
    if old.parent is not None:
        return "its parent still works"
    if old.auction is not None or new.type in FOR_AUCTIONS:
        return "orders for an auction are not replaced"
    if old.order.stop is not None and old.stop is None:
        return "its stop was met"
    left = old.active - old.filled
    return f"only {left} shares are left" if new.qty > left else ""
