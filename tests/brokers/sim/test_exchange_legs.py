"""Protective legs, what happened first inside a bar, partial fills, and the position that no exit may cross."""

from __future__ import annotations

import pytest

from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import Accepted
from qm.model.order import Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import MINUTE, OPEN, Desk, fills, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT, STOP_LIMIT = OrderType.STOP, OrderType.LIMIT, OrderType.STOP_LIMIT
PROTECT, EXIT = Purpose.PROTECT, Purpose.EXIT
LEG = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=PROTECT, parent="E1")
ENTRY_STOP = order(kind=STOP, stop="10.50")
FIFTH = SimSettings(participation=0.2)


def test_leg_is_accepted_as_held() -> None:
    said = Desk().at(0).send(order(), LEG)
    assert said == (Accepted("E1", OPEN, "sim-E1"), Accepted("L1", OPEN, "sim-L1", held=True))


def test_held_leg_does_not_fill() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert desk.feed(minute(0, 10, 10.2, 9.4, 10)) == []


def test_leg_of_a_parent_filled_at_the_open_is_stopped_in_the_same_bar_without_doubt() -> None:
    desk = Desk().at(0)
    desk.send(order(), LEG)
    assert told(desk.feed(minute(0, 10, 10.6, 9.4, 10))) == ["E1 100 at 10.00", "L1 active 100", "L1 100 at 9.50"]
    assert [fill.ts for fill in fills(desk.reports)] == [OPEN, OPEN]


def test_leg_of_a_parent_filled_inside_the_bar_is_stopped_and_ambiguous() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.feed(minute(0, 10, 10.6, 9.4, 10))) == [
        "E1 100 at 10.50 ambiguous", "L1 active 100", "L1 100 at 9.50 ambiguous",
    ]  # fmt: skip


def test_close_beyond_the_legs_stop_leaves_no_doubt() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.feed(minute(0, 10, 10.6, 9.4, 9.45)))[-1] == "L1 100 at 9.50"


def test_leg_below_a_limit_entry_is_reached_after_it_without_doubt() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=LIMIT, limit="9.80"), LEG)
    assert told(desk.feed(minute(0, 10, 10.1, 9.4, 10))) == ["E1 100 at 9.80", "L1 active 100", "L1 100 at 9.50"]


def test_leg_is_reached_in_a_later_bar() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.feed(minute(0, 10, 10.6, 9.6, 10))) == ["E1 100 at 10.50", "L1 active 100"]
    assert told(desk.feed(minute(1, 9.4, 9.6, 9.3, 9.4))) == ["L1 100 at 9.40"]


def test_short_entry_and_its_leg_mirror_the_long_one() -> None:
    desk = Desk(SimSettings(shorts=True)).at(0)
    leg = order(kind=STOP, stop="10.50", name="L1", purpose=PROTECT, parent="E1")
    desk.send(order(SELL, kind=STOP, stop="9.50"), leg)
    assert told(desk.feed(minute(0, 10, 10.6, 9.4, 10))) == [
        "E1 100 at 9.50 ambiguous", "L1 active 100", "L1 100 at 10.50 ambiguous",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "bar", "filled"),
    [
        (ENTRY_STOP, (10, 11.1, 9.9, 10.2), True),
        (order(kind=LIMIT, limit="9.80"), (10, 11.1, 9.7, 10.2), False),
        (order(kind=LIMIT, limit="9.80"), (10, 11.1, 9.7, 11.01), True),
    ],
    ids=["on the way up", "perhaps before", "the close says after"],
)
def test_target_fills_in_its_parents_bar_only_when_that_is_certain(
    entry: Order, bar: tuple[float, float, float, float], filled: bool
) -> None:
    desk = Desk().at(0)
    desk.send(entry, order(SELL, kind=LIMIT, limit="11.00", name="L1", purpose=EXIT, parent="E1"))
    assert ("L1 100 at 11.00" in told(desk.feed(minute(0, *bar)))) is filled


def test_late_parent_leaves_its_leg_in_doubt() -> None:
    desk = Desk(SimSettings(latency_ns=15 * SECOND)).at(0)
    desk.send(order(), LEG)
    assert told(desk.feed(minute(0, 10, 10.2, 9.4, 10)))[-1] == "L1 100 at 9.50 ambiguous"
    assert {fill.ts for fill in fills(desk.reports)} == {OPEN + 15 * SECOND}


def test_leg_already_through_at_the_open_fills_there() -> None:
    desk = Desk().at(0)
    desk.send(order(), LEG)
    assert told(desk.feed(minute(0, 9.2, 9.6, 9.1, 9.5))) == ["E1 100 at 9.20", "L1 active 100", "L1 100 at 9.20"]


@pytest.mark.parametrize(
    "leg",
    [
        order(SELL, kind=STOP, stop="10.55", name="L1", purpose=PROTECT, parent="E1"),
        order(SELL, kind=LIMIT, limit="10.00", name="L1", purpose=EXIT, parent="E1"),
    ],
    ids=["stop above the market", "target below it"],
)
def test_leg_through_which_its_parent_fills_executes_at_that_price(leg: Order) -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, leg)
    assert told(desk.feed(minute(0, 10.2, 10.6, 9.9, 10.3))) == ["E1 100 at 10.50", "L1 active 100", "L1 100 at 10.50"]


def test_stop_limit_leg_that_cannot_fill_rests() -> None:
    desk = Desk().at(0)
    desk.send(order(), order(SELL, kind=STOP_LIMIT, stop="9.50", limit="9.50", name="L1", purpose=PROTECT, parent="E1"))
    assert told(desk.feed(minute(0, 10, 10.2, 9.3, 9.4)))[1:] == ["L1 active 100", "L1 met its stop"]
    assert told(desk.feed(minute(1, 9.4, 9.51, 9.3, 9.4))) == ["L1 100 at 9.50"]


def test_stop_and_target_in_one_bar_take_the_stop_and_the_target_is_gone() -> None:
    desk = Desk().at(0)
    desk.send(order(), LEG)
    desk.feed(minute(0, 10, 10.1, 9.9, 10))
    desk.send(order(SELL, kind=LIMIT, limit="11.00", name="X1", purpose=EXIT))
    assert told(desk.feed(minute(1, 10, 11.1, 9.4, 10))) == ["L1 100 at 9.50 ambiguous", "X1 gone: would cross zero"]


def test_target_at_the_open_comes_before_the_stop() -> None:
    desk = Desk().at(0)
    desk.send(order(), LEG)
    desk.feed(minute(0, 10, 10.1, 9.9, 10))
    desk.send(order(SELL, kind=LIMIT, limit="11.00", name="X1", purpose=EXIT))
    assert told(desk.feed(minute(1, 11.2, 11.3, 9.4, 10))) == ["X1 100 at 11.20", "L1 gone: would cross zero"]


def test_participation_fills_in_parts_and_the_leg_grows() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(order(), LEG)
    assert told(desk.feed(minute(0, 10, 10, 10, 10, v=209))) == ["E1 41 at 10.00", "L1 active 41"]
    assert desk.feed(minute(1, 10, 10, 10, 10, v=4)) == []
    assert told(desk.feed(minute(2, 11, 11, 11, 11, v=1e6))) == ["E1 59 at 11.00", "L1 active 100"]


def test_orders_share_what_a_bar_may_fill() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(order(qty=60))
    desk.send(order(qty=60, name="E2"))
    assert told(desk.feed(minute(0, 10, 10, 10, 10, v=500))) == ["E1 60 at 10.00", "E2 40 at 10.00"]
    assert told(desk.feed(minute(1, 10, 10, 10, 10, v=500))) == ["E2 20 at 10.00"]


def test_triggered_stop_goes_on_as_a_market_order() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(ENTRY_STOP)
    assert told(desk.feed(minute(0, 10, 10.6, 9.9, 10, v=100))) == ["E1 20 at 10.50"]
    assert told(desk.feed(minute(1, 9.9, 10, 9.8, 9.9))) == ["E1 80 at 9.90"]


def test_leg_that_has_sold_all_its_parent_bought_waits_for_more() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(order(kind=LIMIT, limit="9.80"), LEG)
    assert told(desk.feed(minute(0, 9.9, 9.9, 9.7, 9.8, v=200))) == ["E1 40 at 9.80", "L1 active 40"]
    assert told(desk.feed(minute(1, 9.9, 9.9, 9.4, 9.4, v=5 * 60))) == [
        "L1 40 at 9.50", "E1 20 at 9.80", "L1 active 60",
    ]  # fmt: skip
    assert told(desk.feed(minute(2, 9.9, 9.9, 9.85, 9.9))) == ["L1 20 at 9.90"]
    assert told(desk.cancel("E1")) == ["E1 gone: canceled", "L1 gone: its parent is gone"]


def test_triggered_leg_sells_more_as_soon_as_its_parent_buys_more() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(order(kind=LIMIT, limit="9.80"), LEG)
    desk.feed(minute(0, 9.9, 9.9, 9.7, 9.8, v=200))
    assert told(desk.feed(minute(1, 9.9, 9.9, 9.4, 9.4, v=200))) == ["L1 40 at 9.50"]
    assert desk.feed(minute(2, 9.9, 9.9, 9.85, 9.9)) == []
    assert told(desk.feed(minute(3, 9.9, 9.9, 9.7, 9.9))) == ["E1 60 at 9.80", "L1 active 100", "L1 60 at 9.80"]


def test_canceled_parent_takes_its_held_leg_along() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.cancel("E1")) == ["E1 gone: canceled", "L1 gone: its parent is gone"]
    assert desk.cancel("E1") == desk.cancel("L1") == ()
    assert desk.feed(minute(0, 10, 10.6, 9.4, 10)) == []


def test_leg_outlives_a_parent_canceled_after_a_part() -> None:
    desk = Desk(FIFTH).at(0)
    desk.send(order(), LEG)
    desk.feed(minute(0, 10, 10, 10, 10, v=200))
    assert told(desk.cancel("E1")) == ["E1 gone: canceled"]
    assert told(desk.feed(minute(1, 10, 10, 9.4, 10))) == ["L1 40 at 9.50", "L1 gone: its parent fills no more"]


def test_canceled_leg_leaves_its_parent_alone() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.cancel("L1")) == ["L1 gone: canceled"]
    assert told(desk.feed(minute(0, 10, 10.6, 9.4, 10))) == ["E1 100 at 10.50"]


def test_short_entry_is_refused_when_shorts_are_off() -> None:
    assert told(Desk().at(0).send(order(SELL))) == ["E1 refusal"]


@pytest.mark.parametrize("purpose", [EXIT, PROTECT, Purpose.FLATTEN])
def test_exit_beyond_the_position_is_refused_even_with_shorts_on(purpose: Purpose) -> None:
    desk = Desk(SimSettings(shorts=True)).at(0)
    assert told(desk.send(order(SELL, name="X1", purpose=purpose))) == ["X1 refusal"]
    desk.send(order())
    desk.feed(minute(0, 10, 10, 10, 10))
    assert told(desk.send(order(SELL, 101, name="X2", purpose=purpose))) == ["X2 refusal"]
    assert told(desk.send(order(BUY, 1, name="X3", purpose=purpose))) == ["X3 refusal"]
    assert told(desk.send(order(SELL, 100, name="X4", purpose=purpose))) == ["X4 accepted"]


def test_two_exits_of_one_position_never_cross_zero() -> None:
    desk = Desk(SimSettings(shorts=True)).at(0)
    desk.send(order())
    desk.feed(minute(0, 10, 10, 10, 10))
    desk.send(order(SELL, 70, name="X1", purpose=EXIT))
    desk.send(order(SELL, 70, name="X2", purpose=EXIT))
    assert told(desk.feed(minute(1, 10, 10, 10, 10))) == [
        "X1 70 at 10.00", "X2 30 at 10.00", "X2 gone: would cross zero",
    ]  # fmt: skip


def test_day_orders_expire_at_the_end_of_the_session() -> None:
    desk = Desk().at(0)
    desk.send(ENTRY_STOP, LEG)
    assert told(desk.exchange.end_session(OPEN + 390 * MINUTE)) == [
        "E1 expired: end of the session", "L1 expired: end of the session",
    ]  # fmt: skip
    assert desk.exchange.end_session(OPEN + 390 * MINUTE) == []
    assert desk.feed(minute(0, 10, 10.6, 9.4, 10)) == []
