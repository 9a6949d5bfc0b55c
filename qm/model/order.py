"""Orders, their executions, and the state machine an order may move through."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buys, -1 for sells."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that would undo this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(StrEnum):
    """How long an order is worked."""

    DAY = "day"
    """From its arrival until the end of regular hours."""
    OPG = "opg"
    """In the opening auction, and nowhere else."""
    CLS = "cls"
    """In the closing auction, and nowhere else."""


class OrderType(StrEnum):
    """How an order finds its price, and where: four of them trade in an auction only."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    MOO = "market_on_open"
    LOO = "limit_on_open"
    MOC = "market_on_close"
    LOC = "limit_on_close"

    @property
    def time_in_force(self) -> TimeInForce:
        """The auction that it is for, or the day."""
        return _IN_FORCE.get(self, TimeInForce.DAY)

    @property
    def in_words(self) -> str:
        """Its name as it is read: `market on close`."""
        return self.value.replace("_", " ")


_IN_FORCE = {
    OrderType.MOO: TimeInForce.OPG,
    OrderType.LOO: TimeInForce.OPG,
    OrderType.MOC: TimeInForce.CLS,
    OrderType.LOC: TimeInForce.CLS,
}
FOR_AUCTIONS = frozenset(_IN_FORCE)
"""Types that trade in an auction only."""
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
"""Types that have a trigger price."""
LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LOO, OrderType.LOC})
"""Types that have a limit price."""


class Purpose(StrEnum):
    """Why an order exists: entries pass every check, exits and protection only those that cannot trap a position."""

    ENTRY = "entry"
    EXIT = "exit"
    PROTECT = "protect"
    FLATTEN = "flatten"


class OrderStatus(StrEnum):
    """Where an order stands, as far as we know."""

    INTENDED = "intended"
    """Durable, possibly sent; after a crash this is the same as UNKNOWN."""
    HELD = "held"
    """Accepted by the broker, asleep until its parent fills; protects nothing yet."""
    WORKING = "working"
    UNKNOWN = "unknown"
    """The broker's answer did not arrive; the worst case stays reserved until it is asked again."""
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})

MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.INTENDED: frozenset(OrderStatus) - {OrderStatus.INTENDED},
    OrderStatus.HELD: frozenset(OrderStatus) - {OrderStatus.INTENDED, OrderStatus.HELD},
    OrderStatus.WORKING: frozenset(OrderStatus) - {OrderStatus.INTENDED, OrderStatus.HELD, OrderStatus.WORKING},
    OrderStatus.UNKNOWN: frozenset(OrderStatus) - {OrderStatus.INTENDED, OrderStatus.UNKNOWN},
    # A fill can still arrive for an order that was canceled or expired: the broker is right, we were early.
    OrderStatus.CANCELED: frozenset({OrderStatus.FILLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.FILLED: frozenset(),
}
"""Which status may follow which; a report that asks for another move is an anomaly to be journaled, not obeyed."""


class Order(msgspec.Struct, frozen=True, gc=False):
    """What we ask a broker to do; never changed after it is intended."""

    id: str
    """Client order id: derived, never random, never reused; `[A-Za-z0-9-]`, at most 36 characters."""
    symbol: str
    side: Side
    qty: int
    """Shares."""
    type: OrderType
    purpose: Purpose
    strategy: str
    limit: Decimal | None = None
    """Limit price, $ per share."""
    stop: Decimal | None = None
    """Trigger price, $ per share."""
    parent: str | None = None
    """The entry whose fills wake this order and give it its size (a protective leg), or None."""
    trade: str = ""
    """The trade (flat to flat) to which its executions belong: the id of the entry order that opened it."""
    replaces: str | None = None
    """The working order whose place this one takes, so that both never work at once, or None."""
    extended: bool | msgspec.UnsetType = msgspec.UNSET
    """Marked for extended hours, in which it is worked as well; limit orders only. Without the mark it waits for the
    open. Unset and not False, so that an order without it keeps the encoding, and with it the hash, that it had."""


class Execution(msgspec.Struct, frozen=True, gc=False):
    """One fill, as the broker reports it."""

    id: str
    """The broker's execution id; a second report with the same id is the same fill."""
    order: str
    qty: int
    price: Decimal
    """$ per share."""
    fee: Decimal
    """$ for this execution, all fees together."""
    ts: int
    """When it happened, ns UTC."""
    ambiguous: bool = False
    """The data leave the order of events inside a bar, or the price of an auction, undetermined."""
