from decimal import Decimal

import pytest

from qm.model import events as ev
from qm.model.order import OrderStatus, Purpose
from qm.store.projections import OrderRow, Projection
from tests.qm.store.flows import filled, intended, number, order, round_trip


def folded(*bodies: ev.AnyEvent) -> Projection:
    projection = Projection("sim-1", "2025-01-02")
    for entry in number([(0, body) for body in bodies]):
        projection.apply(entry)
    return projection


def test_a_whole_trade() -> None:
    projection = folded(*(body for _, body in round_trip()))
    entry, leg = projection.orders["S-1"], projection.orders["S-1-P"]
    assert (entry.status, entry.filled, entry.avg_price) == (OrderStatus.FILLED, 100, Decimal("10.006"))
    assert (leg.status, leg.qty, leg.filled, leg.parent) == (OrderStatus.FILLED, 100, 100, "S-1")
    position = projection.positions["AAPL"]
    assert (position.qty, position.avg_price) == (0, None)
    assert (position.realized_usd, position.fees_usd) == (Decimal("-51.60"), Decimal("1.05"))
    assert projection.trades["S-1"].net_usd == Decimal("49.30")


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([], OrderStatus.INTENDED),
        ([ev.Acked("S-1", "B")], OrderStatus.WORKING),
        ([ev.Acked("S-1", "B", held=True)], OrderStatus.HELD),
        ([ev.WentUnknown("S-1", "timeout")], OrderStatus.UNKNOWN),
        ([ev.WentUnknown("S-1", "timeout"), ev.Acked("S-1", "B")], OrderStatus.WORKING),
        ([ev.WentUnknown("S-1", "timeout"), ev.CancelRefused("S-1", "late")], OrderStatus.WORKING),
        ([ev.Canceled("S-1", "asked"), ev.CancelRefused("S-1", "late")], OrderStatus.CANCELED),
        ([ev.Rejected("S-1", "no")], OrderStatus.REJECTED),
        ([ev.Acked("S-1", "B"), ev.Canceled("S-1", "asked")], OrderStatus.CANCELED),
        ([ev.Acked("S-1", "B"), ev.Expired("S-1")], OrderStatus.EXPIRED),
        ([ev.Canceled("S-1", "asked"), filled(order(1), 100, "1", 100)], OrderStatus.FILLED),
        ([ev.Canceled("S-1", "asked"), filled(order(1), 10, "1", 10)], OrderStatus.CANCELED),
        ([filled(order(1), 100, "1", 100), ev.Canceled("S-1", "late")], OrderStatus.FILLED),
        ([ev.WentUnknown("S-1", "timeout"), filled(order(1), 10, "1", 10)], OrderStatus.WORKING),
    ],
)
def test_status_follows_what_was_reported(reports: list[ev.AnyEvent], status: OrderStatus) -> None:
    assert folded(intended(order(1)), *reports).orders["S-1"].status is status


def test_reports_about_an_order_that_was_never_intended_change_no_order() -> None:
    projection = folded(ev.Acked("X", "B"), filled(order(9), 10, "2.50", 10))
    assert projection.orders == {}
    assert projection.positions["AAPL"].qty == 10


def test_average_price_of_a_position_follows_adding_reducing_and_crossing() -> None:
    buy, sell = order(1), order(2, purpose=Purpose.EXIT)
    steps = [(buy, 100, "10", 100, "10"), (buy, 100, "11", 200, "10.5"), (sell, 50, "12", 150, "10.5")]
    steps += [(sell, 250, "12", -100, "12"), (buy, 100, "11", 0, "")]
    bodies: list[ev.AnyEvent] = []
    for of, qty, price, position, average in steps:
        bodies.append(filled(of, qty, price, position))
        row = folded(*bodies).positions["AAPL"]
        assert (row.qty, row.avg_price) == (position, Decimal(average) if average else None)


def test_only_rows_that_changed_are_returned() -> None:
    projection = Projection("r", "2025-01-02")
    first, again, other = number(
        [(0, intended(order(1))), (0, ev.CancelAsked("S-1", "x")), (0, ev.Watched("A", "x", 0))]
    )
    (row,) = projection.apply(first)
    assert isinstance(row, OrderRow)
    assert projection.apply(again) == ()
    assert projection.apply(other) == ()
