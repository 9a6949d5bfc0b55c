"""What the book of record makes of every report in every state of an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qm.execution.orders import Orders, Working
from qm.model.events import (
    Acked,
    Activated,
    Anomaly,
    Canceled,
    CancelRefused,
    Entry,
    Expired,
    Filled,
    Intended,
    Rejected,
    SessionStarted,
    WentUnknown,
)
from qm.model.inputs import Accepted, AnyReport, CancelRefusal, Fill, Gone, LegActive, NoAnswer, Refusal
from qm.model.order import TERMINAL, Execution, Order, OrderStatus, OrderType, Purpose, Side

NAME = "E"
S = OrderStatus


def execution(qty: int, name: str = "X1") -> Execution:
    return Execution(name, NAME, qty, Decimal(10), Decimal(0), 0)


REPORTS: dict[str, AnyReport] = {
    "accepted": Accepted(NAME, 0, "b"),
    "held": Accepted(NAME, 0, "b", held=True),
    "active": LegActive(NAME, 0, 100),
    "refusal": Refusal(NAME, 0, "no"),
    "gone": Gone(NAME, 0, "canceled"),
    "expired": Gone(NAME, 0, "day", expired=True),
    "no answer": NoAnswer(NAME, 0, "timed out"),
    "stays": CancelRefusal(NAME, 0, "its auction is near"),
}
FACTS = (Acked, Activated, Rejected, Canceled, CancelRefused, Expired, WentUnknown)


class Desk:
    """One order in a book; `tell` does what the core does with a report."""

    def __init__(self, purpose: Purpose = Purpose.ENTRY, parent: str | None = None) -> None:
        self.orders = Orders()
        self.seq = 0
        order = Order(NAME, "AAA", Side.BUY, 100, OrderType.MARKET, purpose, "s", parent=parent)
        self.state(SessionStarted("2024-03-05", "sim", Decimal(1000), 1, "", ()))
        self.state(Intended(order, 10.0))

    @property
    def order(self) -> Working:
        return self.orders.all[NAME]

    def state(
        self, body: SessionStarted | Intended | Filled | Acked | Activated | Rejected | Canceled | Expired
    ) -> None:
        self.seq += 1
        self.orders.appliers()[type(body)](Entry(self.seq, 0, 0, 0, body))

    def tell(self, report: AnyReport) -> object:
        fact = self.orders.judge(report)
        if isinstance(fact, Execution):
            self.state(Filled(fact, "AAA", Side.BUY, 0, Decimal(0)))
        elif fact is not None and not isinstance(fact, Anomaly):
            self.seq += 1
            self.orders.appliers()[type(fact)](Entry(self.seq, 0, 0, 0, fact))
        return fact

    def fill(self, qty: int, name: str = "X1") -> object:
        return self.tell(Fill(NAME, 0, execution(qty, name)))


def reach(status: OrderStatus, parent: str | None = None) -> Desk:
    desk = Desk(parent=parent)
    if status is S.FILLED:
        desk.fill(100, "X0")
    elif status is not S.INTENDED:
        way = {S.HELD: "held", S.WORKING: "accepted", S.UNKNOWN: "no answer", S.CANCELED: "gone"}
        desk.tell(REPORTS[way.get(status, "expired" if status is S.EXPIRED else "refusal")])
    assert desk.order.status is status
    return desk


AFTER: dict[tuple[OrderStatus, str], OrderStatus] = {
    (S.INTENDED, "accepted"): S.WORKING,
    (S.INTENDED, "held"): S.HELD,
    (S.UNKNOWN, "accepted"): S.WORKING,
    (S.UNKNOWN, "held"): S.HELD,
    **{(s, "no answer"): S.UNKNOWN for s in (S.INTENDED, S.HELD, S.WORKING)},
    **{(s, "stays"): S.WORKING for s in (S.INTENDED, S.HELD, S.UNKNOWN)},
    **{(s, "refusal"): S.REJECTED for s in (S.INTENDED, S.HELD, S.WORKING, S.UNKNOWN)},
    **{(s, "gone"): S.CANCELED for s in (S.INTENDED, S.HELD, S.WORKING, S.UNKNOWN)},
    **{(s, "expired"): S.EXPIRED for s in (S.INTENDED, S.HELD, S.WORKING, S.UNKNOWN)},
}
"""Every move there is; any other report leaves the order where it stands."""


@pytest.mark.parametrize("status", list(OrderStatus))
@pytest.mark.parametrize("report", list(REPORTS))
def test_every_report_in_every_state(status: OrderStatus, report: str) -> None:
    desk = reach(status)
    fact = desk.tell(REPORTS[report])
    assert desk.order.status is AFTER.get((status, report), status)
    assert fact is None or isinstance(fact, FACTS)
    assert bool(desk.orders.open("AAA")) is (desk.order.status not in TERMINAL)
    assert desk.orders.unknown() == (desk.order.status is S.UNKNOWN)
    # Told once more it says nothing new.
    if desk.order.status is not S.UNKNOWN:
        assert desk.tell(REPORTS[report]) is None


@pytest.mark.parametrize("status", sorted(set(OrderStatus) - {S.REJECTED, S.FILLED}))
def test_a_fill_is_booked_in_every_state_but_those_that_deny_it(status: OrderStatus) -> None:
    desk = reach(status)
    assert desk.fill(100) == execution(100)
    assert desk.order.status is S.FILLED
    assert desk.fill(100) is None
    assert desk.orders.executions == 1


@pytest.mark.parametrize("status", [S.REJECTED, S.FILLED])
def test_a_fill_of_an_order_that_cannot_have_it_is_an_anomaly(status: OrderStatus) -> None:
    desk = reach(status)
    assert isinstance(desk.fill(100), Anomaly)


@pytest.mark.parametrize("qty", [101, 0, -10])
def test_a_fill_of_impossible_size_is_an_anomaly(qty: int) -> None:
    desk = reach(S.WORKING)
    assert isinstance(desk.fill(qty), Anomaly)
    assert desk.order.filled == 0


def test_fills_add_up_to_the_order_and_not_beyond() -> None:
    desk = reach(S.WORKING)
    desk.fill(60)
    assert (desk.order.left, desk.order.status) == (40, S.WORKING)
    assert isinstance(desk.fill(41, "X2"), Anomaly)
    desk.fill(40, "X3")
    assert (desk.order.left, desk.order.status) == (0, S.FILLED)


def test_a_report_of_an_unknown_order_is_an_anomaly() -> None:
    assert isinstance(Desk().orders.judge(Accepted("stranger", 0, "b")), Anomaly)


def test_an_order_that_cannot_be_taken_back_goes_on_and_is_known_as_such() -> None:
    desk = reach(S.WORKING)
    before = desk.orders.state()
    assert desk.tell(REPORTS["stays"]) == CancelRefused(NAME, "its auction is near")
    assert (desk.order.status, desk.order.left, desk.order.bound) == (S.WORKING, 100, True)
    assert desk.order.note == "its auction is near"
    assert desk.orders.state() != before
    assert desk.fill(100) == execution(100)


def test_a_leg_grows_with_its_parent_and_never_shrinks() -> None:
    desk = reach(S.HELD, parent="P")
    assert desk.order.left == 0
    assert desk.tell(LegActive(NAME, 0, 60)) == Activated(NAME, 60)
    assert (desk.order.left, desk.order.status) == (60, S.WORKING)
    assert desk.tell(LegActive(NAME, 0, 40)) is None
    assert desk.tell(LegActive(NAME, 0, 100)) == Activated(NAME, 100)
    assert desk.order.left == 100


def test_a_refusal_after_a_fill_ends_only_the_rest_and_later_fills_are_booked() -> None:
    desk = reach(S.WORKING)
    desk.fill(60)
    assert isinstance(desk.tell(REPORTS["refusal"]), Canceled)
    assert desk.fill(40, "X2") == execution(40, "X2")
    assert desk.order.status is S.FILLED


def test_only_working_stops_protect() -> None:
    desk = Desk(Purpose.PROTECT)
    assert desk.orders.protecting("AAA") == 0
    desk.tell(REPORTS["accepted"])
    assert desk.orders.protecting("AAA") == 100
    desk.tell(REPORTS["no answer"])
    assert desk.orders.protecting("AAA") == 0
    assert desk.orders.leaving("AAA") == 0
