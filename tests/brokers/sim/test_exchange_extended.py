"""Extended hours at the simulated exchange: only limit orders that are marked for them are worked there."""

from __future__ import annotations

import msgspec
import pytest

from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import Refusal
from qm.model.market import quote, trade
from qm.model.order import Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import AAA, MINUTE, OPEN, SESSION, Desk, minute, order, told

LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
TAKEN = SimSettings(extended_hours=True)


def marked(kind: OrderType = LIMIT, **prices: str) -> Order:
    return msgspec.structs.replace(order(kind=kind, **prices), extended=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [-5, 391], ids=["before the open", "after the close"])
def test_a_marked_limit_order_is_worked_and_one_without_the_mark_is_not(n: int) -> None:
    desk = Desk(TAKEN).at(n)
    desk.send(marked(limit="10.50"))
    desk.send(order(kind=LIMIT, limit="10.50", name="E2"))
    assert told(desk.feed(minute(n, 10, 11, 9, 10))) == ["E1 100 at 10.00"]


def test_what_is_not_marked_is_worked_from_the_open_on() -> None:
    desk = Desk(TAKEN).at(-5)
    desk.send(order())
    desk.send(order(kind=STOP, stop="10.50", name="E2"))
    desk.send(order(kind=STOP_LIMIT, stop="10.50", limit="11", name="E3"))
    desk.send(order(kind=LIMIT, limit="9.50", name="E4"))
    assert desk.feed(minute(-5, 10, 11, 9, 10), trade(OPEN - 1, AAA, 10.5, 100)) == []
    assert told(desk.feed(trade(OPEN, AAA, 10.0, 100))) == ["E1 100 at 10.00"]
    reports = told(desk.feed(trade(OPEN + SECOND, AAA, 10.6, 100), trade(OPEN + 2 * SECOND, AAA, 9.4, 100)))
    assert reports == ["E2 100 at 10.60", "E3 100 at 10.60", "E4 100 at 9.50"]


def test_a_stop_does_not_trigger_outside_regular_hours() -> None:
    desk = Desk(TAKEN).at(0)
    desk.send(order(), order(Side.SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1"))
    desk.feed(trade(OPEN + SECOND, AAA, 10.0, 100))
    close = SESSION.close_ns
    assert desk.feed(trade(close, AAA, 9.0, 100), quote(close + SECOND, AAA, 8.9, 9.0)) == []


def test_a_leg_that_is_not_marked_sleeps_until_the_open_even_in_the_bar_that_fills_its_parent() -> None:
    desk = Desk(TAKEN).at(-5)
    leg = order(Side.SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
    desk.send(marked(limit="10.50"), leg)
    assert told(desk.feed(minute(-5, 10, 10.2, 9.0, 9.8))) == ["E1 100 at 10.00", "L1 active 100"]
    assert told(desk.feed(minute(0, 9.4, 9.6, 9.3, 9.5))) == ["L1 100 at 9.40"]


@pytest.mark.parametrize(
    ("kind", "prices"), [(OrderType.MARKET, {}), (STOP, {"stop": "10.50"}), (OrderType.MOC, {})], ids=str
)
def test_nothing_but_a_limit_order_can_be_marked(kind: OrderType, prices: dict[str, str]) -> None:
    (report,) = Desk(TAKEN).at(-5).send(marked(kind, **prices))
    assert isinstance(report, Refusal)
    name = kind.value.replace("_", " ")
    assert report.reason == f"only limit orders may be marked for extended hours, not {name} orders"


def test_an_exchange_without_extended_hours_refuses_the_mark() -> None:
    (report,) = Desk().at(-5).send(marked(limit="10.50"))
    assert isinstance(report, Refusal)
    assert report.reason == "no order is worked in extended hours here"


def test_a_marked_order_also_fills_in_regular_hours() -> None:
    desk = Desk(TAKEN).at(-5)
    desk.send(marked(limit="9.50"))
    desk.feed(minute(-5, 10, 10.5, 9.6, 10))
    assert told(desk.feed(minute(0, 10, 10.2, 9.4, 10))) == ["E1 100 at 9.50"]


def test_after_the_extended_hours_nothing_trades() -> None:
    desk = Desk(TAKEN).at(391)
    desk.send(marked(limit="10.50"))
    assert desk.feed(trade(SESSION.post_ns, AAA, 10.0, 100), trade(SESSION.post_ns + MINUTE, AAA, 9, 100)) == []


def test_an_order_without_the_mark_is_written_as_before() -> None:
    plain, extended = (msgspec.json.encode(each) for each in (order(kind=LIMIT, limit="10"), marked(limit="10")))
    assert b"extended" not in plain
    assert extended == plain[:-1] + b',"extended":true}'
    assert msgspec.json.decode(plain, type=Order) == order(kind=LIMIT, limit="10")
