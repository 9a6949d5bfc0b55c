"""One order takes the place of another at the exchange: never both, never neither."""

from __future__ import annotations

import pytest

from qm.model.approved import Approved
from qm.model.order import Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import Desk, fills, minute, order, told

STOP, STOP_LIMIT, PROTECT = OrderType.STOP, OrderType.STOP_LIMIT, Purpose.PROTECT


def stop(name: str, at: str, qty: int = 100, symbol: str = "AAA", side: Side = Side.SELL) -> Order:
    return order(side, qty, STOP, name=name, purpose=PROTECT, stop=at, symbol=symbol)


def open_long(desk: Desk, shares: int = 100) -> None:
    """Hold shares bought at 10.00, with a stop at 9.00."""
    desk.at(0).send(order(qty=shares))
    desk.feed(minute(0, 10.0, 10.0, 10.0, 10.0))
    desk.at(1).send(stop("P1", "9.00", shares))


def replace(desk: Desk, old: str, new: Order) -> list[str]:
    return told(desk.exchange.replace(old, Approved(new), desk.market.now))


def test_the_new_stop_works_and_the_old_one_is_gone() -> None:
    desk = Desk()
    open_long(desk)
    assert replace(desk, "P1", stop("P2", "9.50", 100)) == ["P1 gone: replaced", "P2 accepted"]
    assert told(desk.feed(minute(1, 10.0, 10.0, 9.4, 9.6))) == ["P2 100 at 9.50"]
    assert fills(desk.feed(minute(2, 9.0, 9.0, 8.0, 8.0))) == []


def test_a_smaller_stop_leaves_the_rest_alone() -> None:
    desk = Desk()
    open_long(desk)
    replace(desk, "P1", stop("P2", "9.00", 40))
    assert told(desk.feed(minute(1, 8.9, 8.9, 8.8, 8.8))) == ["P2 40 at 8.90"]


def test_a_leg_is_replaced_once_its_parent_has_filled() -> None:
    desk = Desk()
    leg = order(Side.SELL, 100, STOP, name="L1", purpose=PROTECT, stop="9.00", parent="E1")
    desk.at(0).send(order(), leg)
    assert replace(desk, "L1", stop("P2", "9.50"))[0].startswith("P2 refusal")
    desk.feed(minute(0, 10.0, 10.0, 10.0, 10.0))
    assert replace(desk.at(1), "L1", stop("P2", "9.50", 60)) == ["L1 gone: replaced", "P2 accepted"]
    assert told(desk.feed(minute(1, 9.4, 9.4, 9.4, 9.4))) == ["P2 60 at 9.40"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("P9", stop("P2", "9.50")),
        ("P1", stop("P2", "9.50", 101)),
        ("P1", stop("P2", "9.50", symbol="BBB")),
        ("P1", stop("P2", "9.50", side=Side.BUY)),
        ("P1", stop("P2", "9.505")),
        ("P1", stop("P2", "9.50", 0)),
    ],
)
def test_what_cannot_be_replaced_goes_on_working(old: str, new: Order) -> None:
    desk = Desk()
    open_long(desk)
    (said,) = replace(desk, old, new)
    assert said == "P2 refusal"
    assert told(desk.feed(minute(1, 9.0, 9.0, 8.9, 8.9))) == ["P1 100 at 9.00"]


def test_a_stop_that_was_met_cannot_be_taken_back_so() -> None:
    desk = Desk()
    open_long(desk)
    desk.at(1).send(order(Side.SELL, 100, STOP_LIMIT, name="P3", purpose=PROTECT, stop="9.60", limit="9.60"))
    desk.feed(minute(1, 9.5, 9.5, 9.4, 9.4))
    assert replace(desk.at(2), "P3", stop("P2", "9.50")) == ["P2 refusal"]
