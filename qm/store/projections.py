"""Orders, positions and trades as they follow from the entries of one run; never written from anything else."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, get_args

import msgspec

from qm.model import events as ev
from qm.model.order import MOVES, OrderStatus, OrderType, Purpose, Side

ZERO: Final = Decimal(0)


class OrderRow(msgspec.Struct):
    """An order as the journal knows it."""

    run: str
    id: str
    symbol: str
    side: Side
    qty: int
    """Shares asked for; a leg's follows the fills of its parent."""
    type: OrderType
    purpose: Purpose
    strategy: str
    status: OrderStatus
    limit_price: Decimal | None
    stop_price: Decimal | None
    parent: str | None
    trade: str
    broker_id: str
    filled: int
    """Shares executed."""
    avg_price: Decimal | None
    """Average price of its executions, $; None before the first."""
    fees_usd: Decimal
    reason: str
    """Why it was refused, canceled or is unknown."""
    intended: int
    """`seq` of its intent."""
    updated: int
    """`seq` of the last entry that changed it."""


class TradeRow(msgspec.Struct):
    """A closed trade, flat to flat."""

    run: str
    trade: str
    session: str
    seq: int
    symbol: str
    strategy: str
    side: Side
    qty: int
    opened: int
    closed: int
    entry_price: Decimal
    exit_price: Decimal
    gross_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    risk_usd: float
    r: float | None
    mfe_usd: float
    mae_usd: float
    reason: str
    ambiguous: bool


class PositionRow(msgspec.Struct):
    """What is held in a symbol; a row stays, with qty 0, once it was held."""

    run: str
    symbol: str
    qty: int
    """Signed shares."""
    avg_price: Decimal | None
    """Average price of what is held, $; None when flat."""
    realized_usd: Decimal
    """Gross."""
    fees_usd: Decimal
    updated: int


Row = OrderRow | TradeRow | PositionRow


class Projection:
    """The three tables of one run, folded from its entries in order."""

    def __init__(self, run: str, session: str) -> None:
        self.run = run
        self.session = session
        """Session of the entries to come: the one that started last, of a run over several."""
        self.orders: dict[str, OrderRow] = {}
        self.trades: dict[str, TradeRow] = {}
        self.positions: dict[str, PositionRow] = {}

    def restore(self, rows: Iterable[Row]) -> None:
        """Take up rows that were stored, in place of folding them again."""
        for row in rows:
            if isinstance(row, OrderRow):
                self.orders[row.id] = row
            elif isinstance(row, TradeRow):
                self.trades[row.trade] = row
            else:
                self.positions[row.symbol] = row

    def symbol_of(self, order: str) -> str | None:
        """Return the symbol of an order, None for an order that was never intended."""
        row = self.orders.get(order)
        return None if row is None else row.symbol

    def apply(self, entry: ev.Entry) -> tuple[Row, ...]:
        """Fold one entry; returns the rows that it changed."""
        body = entry.body
        if isinstance(body, ev.Filled):
            return self._filled(entry.seq, body)
        if isinstance(body, ev.Intended):
            return (self._intended(entry.seq, body),)
        if isinstance(body, ev.TradeClosed):
            return (self._closed(entry.seq, body),)
        if isinstance(body, ev.SessionStarted):
            self.session = body.session
        elif isinstance(body, _ORDER_EVENTS):
            row = self.orders.get(body.order)
            if row is not None and _moved(row, body):
                row.updated = entry.seq
                return (row,)
        return ()

    def _intended(self, seq: int, event: ev.Intended) -> OrderRow:
        order = event.order
        row = self.orders[order.id] = OrderRow(
            run=self.run,
            id=order.id,
            symbol=order.symbol,
            side=order.side,
            qty=order.qty,
            type=order.type,
            purpose=order.purpose,
            strategy=order.strategy,
            status=OrderStatus.INTENDED,
            limit_price=order.limit,
            stop_price=order.stop,
            parent=order.parent,
            trade=order.trade,
            broker_id="",
            filled=0,
            avg_price=None,
            fees_usd=ZERO,
            reason="",
            intended=seq,
            updated=seq,
        )
        return row

    def _filled(self, seq: int, event: ev.Filled) -> tuple[Row, ...]:
        fill = event.execution
        position = self._position(seq, event)
        row = self.orders.get(fill.order)
        if row is None:
            return (position,)
        row.avg_price = _average(row.avg_price, row.filled, fill.price, fill.qty)
        row.filled += fill.qty
        row.fees_usd += fill.fee
        row.updated = seq
        if row.filled >= row.qty:
            row.status = OrderStatus.FILLED
        elif OrderStatus.WORKING in MOVES[row.status]:
            row.status = OrderStatus.WORKING
        return (row, position)

    def _position(self, seq: int, event: ev.Filled) -> PositionRow:
        fill = event.execution
        row = self.positions.get(event.symbol)
        if row is None:
            row = self.positions[event.symbol] = PositionRow(self.run, event.symbol, 0, None, ZERO, ZERO, seq)
        before, after = row.qty, event.position
        if after == 0:
            row.avg_price = None
        elif before * after <= 0:
            row.avg_price = fill.price
        elif abs(after) > abs(before):
            row.avg_price = _average(row.avg_price, abs(before), fill.price, abs(after) - abs(before))
        row.qty = after
        row.realized_usd += event.realized_usd
        row.fees_usd += fill.fee
        row.updated = seq
        return row

    def _closed(self, seq: int, event: ev.TradeClosed) -> TradeRow:
        row = self.trades[event.trade] = TradeRow(
            run=self.run,
            trade=event.trade,
            session=self.session,
            seq=seq,
            symbol=event.symbol,
            strategy=event.strategy,
            side=event.side,
            qty=event.qty,
            opened=event.opened,
            closed=event.closed,
            entry_price=event.entry_price,
            exit_price=event.exit_price,
            gross_usd=event.gross_usd,
            fees_usd=event.fees_usd,
            net_usd=event.net_usd,
            risk_usd=event.risk_usd,
            r=event.r,
            mfe_usd=event.mfe_usd,
            mae_usd=event.mae_usd,
            reason=event.reason,
            ambiguous=event.ambiguous,
        )
        return row


_OrderEvent = ev.Acked | ev.Activated | ev.Rejected | ev.CancelRefused | ev.Canceled | ev.Expired | ev.WentUnknown
_ORDER_EVENTS: Final = get_args(_OrderEvent)


def _moved(row: OrderRow, event: _OrderEvent) -> bool:
    before = (row.status, row.broker_id, row.qty, row.reason)
    if isinstance(event, ev.Acked):
        row.broker_id = event.broker_id
        _move(row, OrderStatus.HELD if event.held else OrderStatus.WORKING)
    elif isinstance(event, ev.Activated):
        row.qty = event.qty
        _move(row, OrderStatus.WORKING)
    elif isinstance(event, ev.Expired):
        _move(row, OrderStatus.EXPIRED)
    else:
        row.reason = event.reason
        _move(row, _STATUS_AFTER[type(event)])
    return before != (row.status, row.broker_id, row.qty, row.reason)


_STATUS_AFTER: Final = {
    ev.Rejected: OrderStatus.REJECTED,
    ev.Canceled: OrderStatus.CANCELED,
    # Who refuses to take an order back has it.
    ev.CancelRefused: OrderStatus.WORKING,
    ev.WentUnknown: OrderStatus.UNKNOWN,
}


def _move(row: OrderRow, to: OrderStatus) -> None:
    if to in MOVES[row.status]:
        row.status = to


def _average(price: Decimal | None, qty: int, more: Decimal, more_qty: int) -> Decimal:
    if price is None or qty == 0:
        return more
    return (price * qty + more * more_qty) / (qty + more_qty)
