"""A trader's desk for tests: send orders, feed a hand-made tape, read what the exchange said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.approved import Approved
from qm.model.inputs import AnyReport, Fill, Gone, LegActive, StopMet, Wake
from qm.model.instrument import SymbolTable
from qm.model.market import Events, bar, events
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.rules.calendar import session

DAY = dt.date(2024, 3, 5)
SESSION = session(DAY)
OPEN = SESSION.open_ns
MINUTE = 60 * SECOND
SYMBOLS = ("AAA", "BBB")
AAA, BBB = 0, 1
Row = tuple[Any, ...]


class Cents:
    """One cent per execution."""

    def of_day(self, date: dt.date, /) -> Cents:
        assert date == DAY
        return self

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "", /) -> Decimal:
        assert qty > 0
        assert price > 0
        return Decimal("0.01")


def minute(n: int, o: float, h: float, low: float, c: float, v: float = 10_000.0, sym: int = AAA) -> Row:
    """The bar of minute `n` of regular hours, known at its end."""
    return bar(OPEN + (n + 1) * MINUTE, sym, o, h, low, c, v)


def order(
    side: Side = Side.BUY,
    qty: int = 100,
    kind: OrderType = OrderType.MARKET,
    *,
    name: str = "E1",
    purpose: Purpose = Purpose.ENTRY,
    stop: str | None = None,
    limit: str | None = None,
    parent: str | None = None,
    symbol: str = "AAA",
) -> Order:
    return Order(
        id=name,
        symbol=symbol,
        side=side,
        qty=qty,
        type=kind,
        purpose=purpose,
        strategy="test",
        limit=None if limit is None else Decimal(limit),
        stop=None if stop is None else Decimal(stop),
        parent=parent,
    )


def market_of(consumed: int = 0, **known: float) -> Market:
    """A market of which some columns of the reference are known, for all symbols alike."""
    columns = {name: np.full(len(SYMBOLS), value) for name, value in known.items()}
    reference: Reference = replace(Reference.empty(len(SYMBOLS)), **columns)
    return Market(SymbolTable(SYMBOLS), SESSION, reference, consumed=consumed)


class Desk:
    """A market, the exchange in it, and all reports so far."""

    def __init__(self, settings: SimSettings | None = None, **known: float) -> None:
        self.market = market_of(0, **known)
        self.exchange = SimExchange(self.market, Cents(), settings)
        self.reports: list[AnyReport] = []
        self.wakes = 0

    def at(self, n: int) -> Desk:
        """Let the clock stand at the start of minute `n`."""
        self.market.now = OPEN + n * MINUTE
        return self

    def send(self, order: Order, leg: Order | None = None) -> Sequence[AnyReport]:
        held = None if leg is None else Approved(leg)
        said = self.exchange.submit(Approved(order), held, self.market.now)
        self.reports += said
        return said

    def cancel(self, name: str) -> Sequence[AnyReport]:
        said = self.exchange.cancel(name, self.market.now)
        self.reports += said
        return said

    def feed(self, *rows: Row) -> list[AnyReport]:
        """Let the market go on; returns what the exchange said meanwhile."""
        return self.run(events(list(rows)))

    def run(self, batch: Events, react: Callable[[Wake], None] | None = None) -> list[AnyReport]:
        before, index = len(self.reports), 0
        while index < len(batch):
            index, wake = self.market.run(batch, index)
            if wake is not None:
                self.wakes += 1
                self.reports += self.exchange.on_wake(wake)
                if react is not None:
                    react(wake)
        return self.reports[before:]


def fills(reports: Sequence[AnyReport]) -> list[Execution]:
    return [one.execution for one in reports if isinstance(one, Fill)]


def told(reports: Sequence[AnyReport]) -> list[str]:
    """Reports as short lines."""
    lines = []
    for one in reports:
        if isinstance(one, Fill):
            fill = one.execution
            lines.append(f"{one.order} {fill.qty} at {fill.price}" + (" ambiguous" if fill.ambiguous else ""))
        elif isinstance(one, LegActive):
            lines.append(f"{one.order} active {one.qty}")
        elif isinstance(one, Gone):
            lines.append(f"{one.order} {'expired' if one.expired else 'gone'}: {one.reason}")
        elif isinstance(one, StopMet):
            lines.append(f"{one.order} met its stop")
        else:
            lines.append(f"{one.order} {type(one).__name__.lower()}")
    return lines
