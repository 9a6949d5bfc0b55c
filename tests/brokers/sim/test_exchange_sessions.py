"""The simulated exchange across sessions and restarts."""

from __future__ import annotations

import pytest

from brokers.sim.book import Working
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.market import events, quote
from qm.model.order import OrderStatus, OrderType, Purpose, Side
from qm.ports import Venue
from tests.brokers.sim.desk import AAA, MINUTE, OPEN, Cents, Desk, Row, fills, market_of, minute, order, told

SELL, STOP, LIMIT = Side.SELL, OrderType.STOP, OrderType.LIMIT
LEG = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
FIFTH = SimSettings(participation=0.2)


def restarted(*seen: Row, settings: SimSettings | None = None) -> Desk:
    """A desk whose market was rebuilt from what had been seen, with an exchange that knows nothing yet."""
    desk = Desk(settings)
    desk.market = market_of()
    desk.market.replay(events(list(seen)))
    desk.exchange = SimExchange(desk.market, Cents(), settings)
    return desk


def test_exchange_is_a_venue() -> None:
    venue: Venue = Desk().exchange
    assert venue.end_session(OPEN) == []


def test_next_session_goes_on_with_the_count_of_executions_and_the_positions() -> None:
    desk = Desk().at(0)
    desk.send(order())
    desk.feed(minute(0, 10, 10, 10, 10))
    desk.exchange.end_session(OPEN + 390 * MINUTE)
    desk.market = market_of(desk.market.consumed)
    desk.exchange.begin(desk.market)
    desk.at(0).send(order(SELL, name="X1", purpose=Purpose.EXIT))
    assert [fill.id for fill in fills(desk.feed(minute(0, 11, 11, 11, 11)))] == ["X2"]


def test_session_does_not_begin_over_working_orders() -> None:
    desk = Desk().at(0)
    desk.send(order())
    with pytest.raises(ValueError, match="still working"):
        desk.exchange.begin(market_of())


def test_restored_leg_still_grows_with_its_parent() -> None:
    seen = minute(0, 10, 10, 10, 10, v=200)
    desk = restarted(seen, settings=FIFTH)
    parent = Working(order(), None, 40, OrderStatus.WORKING, sent_ns=OPEN)
    leg = Working(LEG, "E1", 0, OrderStatus.WORKING, 40, OPEN)
    # The leg may be named before its parent.
    desk.exchange.restore([leg, parent], 7, {"AAA": 40})
    assert told(desk.feed(minute(1, 10, 10, 10, 10))) == ["E1 60 at 10.00", "L1 active 100"]
    assert told(desk.feed(minute(2, 10, 10, 9.4, 9.8))) == ["L1 100 at 9.50"]
    assert [fill.id for fill in fills(desk.reports)] == ["X8", "X9"]


def test_restored_leg_of_a_finished_parent_works_what_its_parent_had_filled() -> None:
    desk = restarted(minute(0, 10, 10, 10, 10))
    desk.exchange.restore([Working(LEG, "E1", 0, OrderStatus.WORKING, 40, OPEN)], 1, {"AAA": 40})
    assert told(desk.feed(minute(1, 10, 10, 9.4, 9.8))) == ["L1 40 at 9.50", "L1 gone: its parent fills no more"]


def test_restored_stop_that_had_filled_in_part_goes_on_as_a_market_order() -> None:
    desk = restarted(minute(0, 10, 10.6, 9.9, 10))
    desk.exchange.restore([Working(order(kind=STOP, stop="10.50"), None, 20, OrderStatus.WORKING)], 1, {"AAA": 20})
    assert told(desk.feed(minute(1, 10, 10.1, 9.9, 10))) == ["E1 80 at 10.00"]


@pytest.mark.parametrize(("sent", "price"), [(OPEN, "10.20"), (OPEN + SECOND, "10.05")])
def test_restored_limit_gives_liquidity_if_it_had_met_the_market_and_takes_it_if_not(sent: int, price: str) -> None:
    desk = restarted(quote(OPEN + SECOND, AAA, 10.3, 10.4))
    desk.exchange.restore([Working(order(kind=LIMIT, limit="10.20"), None, 0, OrderStatus.WORKING, sent_ns=sent)], 0)
    assert told(desk.feed(quote(OPEN + 2 * SECOND, AAA, 10, 10.05))) == [f"E1 100 at {price}"]


def test_restored_stop_limit_pays_slippage_when_its_stop_is_met() -> None:
    costs = SimSettings(slippage_ticks=3)
    sent = order(kind=OrderType.STOP_LIMIT, stop="10.50", limit="11.00")
    after = minute(1, 10.6, 10.8, 10.55, 10.7)
    whole = Desk(costs).at(0)
    whole.send(sent)
    whole.feed(minute(0, 10, 10.2, 9.9, 10))
    desk = restarted(minute(0, 10, 10.2, 9.9, 10), settings=costs)
    desk.exchange.restore([Working(sent, None, 0, OrderStatus.WORKING, sent_ns=OPEN)], 0)
    assert told(desk.feed(after)) == told(whole.feed(after)) == ["E1 100 at 10.63"]
