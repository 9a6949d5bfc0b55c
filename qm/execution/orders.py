"""The order book of record: every order of the session, as far as we know it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from qm.model.events import (
    Acked,
    Activated,
    Anomaly,
    CancelAsked,
    Canceled,
    CancelRefused,
    Entry,
    Expired,
    Filled,
    Intended,
    Rejected,
    SessionStarted,
    Triggered,
    WentUnknown,
)
from qm.model.inputs import (
    Accepted,
    AnyReport,
    CancelRefusal,
    Fill,
    Gone,
    LegActive,
    NoAnswer,
    Refusal,
    StopMet,
)
from qm.model.order import MOVES, TERMINAL, Execution, Order, OrderStatus, Purpose

Fact = Acked | Activated | Triggered | Rejected | Canceled | CancelRefused | Expired | WentUnknown | Anomaly | Execution
"""What a report amounts to; an Execution still needs the portfolio to become a Filled."""


LEAVING = frozenset({Purpose.EXIT, Purpose.FLATTEN})
"""Purposes of the orders that close a position, protection apart."""
FINE = 10_000
"""Parts of a dollar in which reservations are counted."""


class Working:
    """An order and where it stands."""

    __slots__ = (
        "active",
        "asked",
        "bound",
        "broker_id",
        "filled",
        "note",
        "order",
        "price",
        "risk",
        "sent",
        "seq",
        "status",
        "triggered",
        "ts",
        "until",
        "value",
    )

    def __init__(self, order: Order, price: float, risk: float, seq: int, ts: int) -> None:
        self.order = order
        self.risk = risk
        """What a share is expected to lose if the trade goes wrong, $."""
        self.price = price
        """What a share is worth while the order reserves it, $."""
        self.seq = seq
        """The last entry about it."""
        self.ts = self.sent = ts
        self.status = OrderStatus.INTENDED
        self.filled = 0
        self.value = Decimal(0)
        """Filled shares times their prices, $."""
        self.active = 0 if order.parent or order.replaces else order.qty
        """Shares that it may fill: a leg grows with its parent's fills, a replacement waits for the other to end."""
        self.asked = False
        """A cancel was asked for."""
        self.bound = False
        """It cannot be taken back any more."""
        self.broker_id = ""
        self.note = ""
        self.triggered = False
        """It met its stop, and no longer waits for it."""
        self.until = 0
        """What has not filled by then is canceled, ns UTC; 0 leaves it working."""

    @property
    def left(self) -> int:
        """Shares that may still fill."""
        return max(0, self.active - self.filled)

    @property
    def done(self) -> bool:
        """No fill is expected any more."""
        return self.status in TERMINAL


class Orders:
    """Folds what happened to orders; judges what a broker reports."""

    def __init__(self) -> None:
        self.all: dict[str, Working] = {}
        """Orders of the session by client order id, oldest first."""
        self._open: dict[str, list[Working]] = {}
        self._entries: dict[str, Working] = {}
        # Whole numbers, so that what is added and taken away again leaves nothing behind.
        self._notional = self._risk = 0
        self._unknown: dict[str, None] = {}
        self._executions: dict[str, None] = {}
        self._told: dict[str, None] = {}
        """Executions of the session before."""
        self.count = 0
        """Orders intended in the run; the next one is numbered by it."""
        self.refusals: dict[str, int] = {}
        """How often the broker did not let us out of a symbol today: refused an exit, or ended one unasked."""
        self.kept: dict[str, int] = {}
        """How often the broker refused to replace an order of a symbol today."""
        self.executions = 0
        """Executions booked in the run."""

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the book."""
        return {
            SessionStarted: self._on_session,
            Intended: self._on_intended,
            Acked: self._on_acked,
            Activated: self._on_activated,
            Triggered: self._on_triggered,
            Rejected: self._on_end,
            Canceled: self._on_end,
            Expired: self._on_end,
            WentUnknown: self._on_unknown,
            CancelAsked: self._on_cancel_asked,
            CancelRefused: self._on_cancel_refused,
            Filled: self._on_filled,
        }

    def open(self, symbol: str) -> list[Working]:
        """Return the orders of a symbol that may still fill, oldest first."""
        return self._open.get(symbol, [])

    def open_symbols(self) -> list[str]:
        """Return the symbols with an order that may still fill."""
        return list(self._open)

    def reserved(self) -> tuple[float, float]:
        """Return (notional, risk) of all entries that may still fill, $, at the worst price they allow."""
        return self._notional / FINE, self._risk / FINE

    def limited(self) -> list[Working]:
        """Return the entries that are to be canceled at some time."""
        return [w for w in self._entries.values() if w.until]

    def entering(self) -> int:
        """Return how many entries may still fill."""
        return len(self._entries)

    def unknown(self) -> int:
        """Return how many orders have an outcome that is not known."""
        return len(self._unknown)

    def stops(self, symbol: str, held: int = 0) -> list[Working]:
        """Return the protective orders of a symbol that may still fill, oldest first; only those that close `held`."""
        if symbol not in self._open:
            return []
        orders = [w for w in self._open[symbol] if w.order.purpose is Purpose.PROTECT]
        return [w for w in orders if w.order.side.sign * held < 0] if held else orders

    def protecting(self, symbol: str, held: int = 0) -> int:
        """Return the shares of a symbol that stops working at the broker cover; held legs cover nothing."""
        return sum([w.left for w in self.stops(symbol, held) if w.status is OrderStatus.WORKING])

    def stopping(self, symbol: str, held: int = 0) -> int:
        """Return the shares that stops may still close, whatever is known of them; of a replacement and the order that
        it replaces only one counts."""
        return sum([w.left for w in self.stops(symbol, held)])

    def leaving(self, symbol: str) -> int:
        """Return the shares that working exits are about to close."""
        if symbol not in self._open:
            return 0
        return sum([w.left for w in self._open[symbol] if w.order.purpose in LEAVING])

    def judge(self, report: AnyReport) -> Fact | None:
        """Say what a report means for the book; None when it repeats what is known."""
        w = self.all.get(report.order)
        if w is None:
            return Anomaly(report.order, f"a report for an order we do not know: {type(report).__name__}")
        if isinstance(report, Fill):
            if report.execution.id in self._executions or report.execution.id in self._told:
                return None
            if w.status is OrderStatus.REJECTED or not 0 < report.execution.qty <= w.order.qty - w.filled:
                return Anomaly(report.order, f"a fill of {report.execution.qty} that cannot be: {w.status}, {w.filled}")
            return report.execution
        if isinstance(report, Accepted):
            if w.status not in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
                return None
            return Acked(report.order, report.broker_id, report.held)
        if isinstance(report, LegActive):
            # A leg grows with its parent's fills; what says less is older than what we know.
            return Activated(report.order, report.qty) if not w.done and report.qty > w.active else None
        if isinstance(report, StopMet):
            return None if w.done or w.triggered else Triggered(report.order)
        if isinstance(report, NoAnswer):
            return None if w.done else WentUnknown(report.order, report.reason)
        if isinstance(report, CancelRefusal):
            return None if w.done or w.bound else CancelRefused(report.order, report.reason)
        return _ended(w, report)

    def state(self) -> object:
        """Return what must be equal after a restart."""
        # What hardly any order is stands in the digest only where it is, so that journals keep their hashes.
        return [
            [w.order.id, w.status, w.filled, w.active, w.asked, w.seq, *(["bound"] if w.bound else [])]
            for w in self.all.values()
        ]

    def _on_session(self, entry: Entry) -> None:
        self.all = {w.order.id: w for orders in self._open.values() for w in orders}
        # A fill of yesterday may be told again today.
        self._told, self._executions = self._executions, {}
        self.refusals.clear()
        self.kept.clear()

    def _on_intended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Intended)
        order = body.order
        # Entries have a price; what leaves before the first one of the session reserves nothing.
        price = float(order.limit or order.stop or body.price or 0.0)
        risk = body.sizing.risk_per_share if body.sizing else 0.0
        w = self.all[order.id] = Working(order, price, risk, entry.seq, entry.ts)
        w.until = body.until
        self.count += 1
        self._open.setdefault(order.symbol, []).append(w)
        if order.purpose is Purpose.ENTRY:
            self._entries[order.id] = w
            self._reserve(w, order.qty)

    def _on_acked(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Acked)
        w = self._touch(body.order, entry)
        w.broker_id = body.broker_id
        if w.status is OrderStatus.UNKNOWN:
            # It was asked about, and works: a cancel that was sent before did not arrive.
            w.asked = False
            del self._unknown[body.order]
        w.status = OrderStatus.HELD if body.held else OrderStatus.WORKING
        replaced = self.all.get(w.order.replaces or "")
        if replaced is not None and replaced.done:
            w.active = w.order.qty

    def _on_activated(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Activated)
        w = self._touch(body.order, entry)
        w.active = body.qty
        if w.status is not OrderStatus.UNKNOWN:
            w.status = OrderStatus.WORKING

    def _on_triggered(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Triggered)
        self._touch(body.order, entry).triggered = True

    def _on_unknown(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, WentUnknown)
        w = self._touch(body.order, entry)
        w.status, w.note = OrderStatus.UNKNOWN, body.reason
        self._unknown[body.order] = None

    def _on_cancel_asked(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, CancelAsked)
        self._touch(body.order, entry).asked = True

    def _on_cancel_refused(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, CancelRefused)
        w = self._touch(body.order, entry)
        w.bound, w.note = True, body.reason
        if OrderStatus.WORKING in MOVES[w.status]:
            # Who refuses to take an order back has it.
            w.status = OrderStatus.WORKING
            self._unknown.pop(body.order, None)

    def _on_end(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Rejected | Canceled | Expired)
        w = self._touch(body.order, entry)
        # An exit that ends although nobody asked for it was not let out either: it may not be repeated without end.
        if w.order.purpose in LEAVING and not w.asked:
            self.refusals[w.order.symbol] = self.refusals.get(w.order.symbol, 0) + 1
        if isinstance(body, Rejected):
            w.status, w.note = OrderStatus.REJECTED, body.reason
            if w.order.replaces:
                self.kept[w.order.symbol] = self.kept.get(w.order.symbol, 0) + 1
        elif isinstance(body, Canceled):
            w.status, w.note = OrderStatus.CANCELED, body.reason
        else:
            w.status, w.note = OrderStatus.EXPIRED, "expired"
        self._close(w)

    def _on_filled(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Filled)
        execution = body.execution
        w = self._touch(execution.order, entry)
        self._executions[execution.id] = None
        self.executions += 1
        if execution.order in self._entries:
            self._reserve(w, -execution.qty)
        w.filled += execution.qty
        w.value += execution.price * execution.qty
        w.active = max(w.active, w.filled)
        replaced = self.all.get(w.order.replaces or "")
        if replaced is not None and not replaced.done:
            # What one of the two fills, the other cannot.
            replaced.active = max(replaced.filled, replaced.active - execution.qty)
        if w.filled == w.order.qty:
            w.status = OrderStatus.FILLED
            self._close(w)

    def _touch(self, order_id: str, entry: Entry) -> Working:
        w = self.all[order_id]
        w.seq, w.ts = entry.seq, entry.ts
        return w

    def _reserve(self, w: Working, shares: int) -> None:
        self._notional += round(w.price * FINE) * shares
        self._risk += round(w.risk * FINE) * shares

    def _close(self, w: Working) -> None:
        if self._entries.pop(w.order.id, None) is not None:
            self._reserve(w, w.filled - w.order.qty)
        self._unknown.pop(w.order.id, None)
        orders = self._open.get(w.order.symbol)
        if orders and w in orders:
            orders.remove(w)
            for other in orders:
                if other.order.replaces == w.order.id and w.left + other.filled >= other.order.qty:
                    # Whether it works is not known, but from now on it may. Of less than this it was refused.
                    other.active = other.order.qty
            if not orders:
                del self._open[w.order.symbol]


def _ended(w: Working, report: Refusal | Gone) -> Rejected | Canceled | Expired | None:
    refused = isinstance(report, Refusal)
    if w.done or (OrderStatus.REJECTED if refused else OrderStatus.CANCELED) not in MOVES[w.status]:
        return None
    if isinstance(report, Refusal):
        # What has filled was not refused: only its rest is gone, and more fills may be on their way.
        return Canceled(report.order, report.reason) if w.filled else Rejected(report.order, report.reason)
    return Expired(report.order) if report.expired else Canceled(report.order, report.reason)
