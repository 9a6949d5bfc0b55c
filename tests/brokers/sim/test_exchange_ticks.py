"""The simulated exchange on prints and quotes, in halts, and what it refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.sim.book import Working
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import AnyReport, Refusal
from qm.model.market import Print, Status, quote, status, trade
from qm.model.order import Order, OrderStatus, OrderType, Purpose, Side
from tests.brokers.sim.desk import AAA, BBB, MINUTE, OPEN, Cents, Desk, Row, fills, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT, STOP_LIMIT = OrderType.STOP, OrderType.LIMIT, OrderType.STOP_LIMIT
NAN = float("nan")


def tick(s: float, price: float, size: float = 100, flag: int = Print.ALL, sym: int = AAA) -> Row:
    return trade(OPEN + int(s * SECOND), sym, price, size, flag)


def nbbo(s: float, bid: float, ask: float, bid_size: float = 100, ask_size: float = 100) -> Row:
    return quote(OPEN + int(s * SECOND), AAA, bid, ask, bid_size, ask_size)


def halt(s: float, code: Status) -> Row:
    return status(OPEN + int(s * SECOND), AAA, code)


def test_market_order_fills_at_the_next_print_after_it_is_live() -> None:
    desk = Desk(SimSettings(latency_ns=SECOND)).at(0)
    desk.send(order())
    assert desk.feed(tick(0.5, 10), tick(0.999, 10.1)) == []
    assert told(desk.feed(tick(1, 10.2))) == ["E1 100 at 10.20"]
    assert fills(desk.reports)[0].ts == OPEN + SECOND


@pytest.mark.parametrize("flag", [Print.LAST, Print.HIGH_LOW, Print.VOLUME, Print.LAST | Print.VOLUME])
def test_print_that_may_not_set_the_price_fills_and_triggers_nothing(flag: int) -> None:
    desk = Desk().at(0)
    desk.send(order())
    desk.send(order(kind=STOP, stop="10.00", name="E2"))
    assert desk.feed(tick(1, 11, flag=flag)) == []


def test_print_known_late_does_not_fill_what_was_sent_after_it_happened() -> None:
    desk = Desk().at(0)
    desk.send(order())
    late = (OPEN + SECOND, OPEN - 1, *tick(1, 10)[2:])
    assert desk.feed(late) == []


def test_slippage_applies_where_no_quote_prices_the_fill() -> None:
    desk = Desk(SimSettings(slippage_bps=100)).at(0)
    desk.send(order())
    assert told(desk.feed(tick(1, 10))) == ["E1 100 at 10.10"]


@pytest.mark.parametrize(
    ("before", "price", "paid"),
    [
        (nbbo(0.5, 9.98, 10.02), 10.0, "10.02"),
        (nbbo(0.5, 9.98, 10.02), 10.05, "10.05"),
        (nbbo(0.5, 10.02, 10.02), 10.0, "10.00"),
        (nbbo(0.5, NAN, 10.02), 10.0, "10.00"),
        (nbbo(0.5, 9.98, 0), 10.0, "10.00"),
    ],
    ids=["far side", "print beyond the quote", "locked", "no bid", "no ask"],
)
def test_print_fills_at_the_worse_of_itself_and_a_valid_quote(before: Row, price: float, paid: str) -> None:
    desk = Desk().at(0)
    desk.feed(tick(0.1, 10), before)
    desk.send(order())
    assert told(desk.feed(tick(1, price))) == [f"E1 100 at {paid}"]


def test_quote_that_is_too_old_is_not_used() -> None:
    desk = Desk(SimSettings(quote_age_ms=2000)).at(0)
    desk.feed(nbbo(0, 9.98, 10.02))
    desk.send(order())
    assert told(desk.feed(tick(2.1, 10))) == ["E1 100 at 10.00"]


def test_market_order_fills_at_the_far_side_of_a_quote() -> None:
    desk = Desk(SimSettings(shorts=True, slippage_bps=100)).at(0)
    desk.send(order())
    desk.send(order(SELL, name="E2"))
    assert desk.feed(nbbo(1, 10.02, 10.02), nbbo(2, NAN, 10), nbbo(3, 0, 10)) == []
    assert told(desk.feed(nbbo(4, 9.98, 10.02))) == ["E1 100 at 10.02", "E2 100 at 9.98"]


def test_stop_is_triggered_by_a_print_and_not_by_a_quote_where_there_are_prints() -> None:
    desk = Desk().at(0)
    desk.feed(tick(0, 10))
    desk.send(order(kind=STOP, stop="10.50"))
    assert desk.feed(nbbo(1, 10.6, 10.7), tick(2, 10.49)) == []
    assert told(desk.feed(tick(3, 10.52))) == ["E1 100 at 10.70"]


def test_stop_is_triggered_by_the_near_side_where_there_are_only_quotes() -> None:
    desk = Desk(SimSettings(shorts=True)).at(0)
    desk.send(order(kind=STOP, stop="10.50"))
    desk.send(order(SELL, kind=STOP, stop="9.50", name="E2"))
    assert desk.feed(nbbo(1, 10.4, 10.6)) == []
    assert told(desk.feed(nbbo(2, 10.5, 10.6))) == ["E1 100 at 10.60"]
    assert desk.feed(nbbo(3, 9.4, 9.6)) == []
    assert told(desk.feed(nbbo(4, 9.4, 9.5))) == ["E2 100 at 9.40"]


def test_waiting_limit_fills_at_its_limit_when_traded_through_or_reached_by_the_far_side() -> None:
    for last, filled in ((tick(2, 9.5), False), (tick(2, 9.49), True), (nbbo(2, 9.4, 9.51), False)):
        desk = Desk().at(0)
        desk.send(order(kind=LIMIT, limit="9.50"))
        desk.feed(tick(1, 10))
        assert told(desk.feed(last)) == (["E1 100 at 9.50"] if filled else [])
    desk = Desk().at(0)
    desk.send(order(kind=LIMIT, limit="9.50"))
    desk.feed(nbbo(1, 9.9, 10))
    assert told(desk.feed(nbbo(2, 9.3, 9.45))) == ["E1 100 at 9.50"]


def test_limit_that_can_trade_on_arrival_takes_the_market() -> None:
    desk = Desk(SimSettings(shorts=True)).at(0)
    desk.send(order(kind=LIMIT, limit="10.20"))
    desk.send(order(SELL, kind=LIMIT, limit="9.80", name="E2"))
    assert told(desk.feed(nbbo(1, 10, 10.05))) == ["E1 100 at 10.05", "E2 100 at 10.00"]


def test_rest_of_a_marketable_limit_goes_on_taking() -> None:
    desk = Desk(SimSettings(participation=0.5, tick_participation=0.5)).at(0)
    desk.send(order(kind=LIMIT, limit="10.20"))
    assert told(desk.feed(nbbo(1, 10, 10.05), nbbo(2, 10, 10.06))) == ["E1 50 at 10.05", "E1 50 at 10.06"]


def test_stop_limit_beyond_its_limit_waits_for_the_price_to_come_back() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP_LIMIT, stop="10.50", limit="10.55"))
    assert told(desk.feed(tick(1, 10.4), tick(2, 10.6), tick(3, 10.55))) == ["E1 met its stop"]
    assert told(desk.feed(tick(4, 10.54))) == ["E1 100 at 10.55"]


def test_participation_caps_by_the_size_of_the_print_and_of_either_side_of_the_quote() -> None:
    desk = Desk(SimSettings(participation=0.5, tick_participation=0.5, shorts=True)).at(0)
    desk.send(order())
    assert told(desk.feed(tick(1, 10, size=60), tick(2, 10.1, size=1))) == ["E1 30 at 10.00"]
    desk.send(order(SELL, name="E2"))
    assert told(desk.feed(nbbo(3, 9.9, 10, bid_size=80, ask_size=20))) == ["E1 10 at 10.00", "E2 40 at 9.90"]


def test_leg_is_not_reached_by_the_print_that_filled_its_parent() -> None:
    desk = Desk().at(0)
    leg = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
    desk.send(order(), leg)
    assert told(desk.feed(tick(1, 9.4))) == ["E1 100 at 9.40", "L1 active 100"]
    assert told(desk.feed(tick(2, 9.45))) == ["L1 100 at 9.45"]


def test_bars_are_ignored_once_a_symbol_has_prints() -> None:
    desk = Desk().at(0)
    desk.feed(tick(1, 10))
    desk.send(order())
    assert desk.feed(minute(1, 12, 13, 11, 12)) == []


@pytest.mark.parametrize("code", [Status.HALTED, Status.PAUSED])
def test_nothing_fills_while_a_symbol_is_halted(code: Status) -> None:
    desk = Desk().at(0)
    desk.feed(tick(0, 10), halt(1, code))
    desk.send(order(kind=STOP, stop="10.50"))
    desk.send(order(name="E2"))
    desk.send(order(kind=LIMIT, limit="9.50", name="E3"))
    assert desk.feed(tick(2, 10.6), nbbo(3, 9.3, 9.4), tick(4, 9.4)) == []
    assert desk.feed(halt(5, Status.TRADING)) == []
    assert told(desk.feed(tick(10, 11))) == ["E1 100 at 11.00", "E2 100 at 11.00"]


def test_halt_of_one_symbol_leaves_the_others_alone() -> None:
    desk = Desk().at(0)
    desk.feed(halt(1, Status.HALTED))
    desk.send(order(symbol="BBB"))
    assert told(desk.feed(tick(2, 20, sym=BBB))) == ["E1 100 at 20.00"]


def test_print_from_before_the_resumption_does_not_fill() -> None:
    desk = Desk().at(0)
    desk.feed(halt(1, Status.HALTED))
    desk.send(order())
    desk.feed(halt(5, Status.TRADING))
    assert desk.feed((OPEN + 6 * SECOND, OPEN + 4 * SECOND, *tick(6, 10)[2:])) == []
    assert told(desk.feed(tick(7, 10.1))) == ["E1 100 at 10.10"]


def test_bar_in_which_trading_resumed_fills_no_earlier_than_that() -> None:
    desk = Desk().at(0)
    desk.send(order())
    desk.feed(halt(1, Status.HALTED), halt(15, Status.TRADING))
    assert told(desk.feed(minute(0, 10, 11, 9.5, 10.8))) == ["E1 100 at 10.50"]
    assert fills(desk.reports)[0].ts == OPEN + 15 * SECOND


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (order(qty=0), "0 shares cannot be traded"),
        (order(symbol="ZZZ"), "ZZZ is not traded here"),
        (order(kind=STOP), "the prices do not fit a stop order"),
        (order(kind=LIMIT, limit="10", stop="9"), "the prices do not fit a limit order"),
        (order(kind=LIMIT, limit="10.005"), "10.005 is not a multiple of 0.01"),
        (order(kind=LIMIT, limit="-1"), "-1 is not a price"),
        (order(kind=STOP, stop="NaN"), "NaN is not a price"),
        (order(SELL), "shorts are off"),
    ],
)
def test_order_that_cannot_be_is_refused_with_its_leg(bad: Order, why: str) -> None:
    leg = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
    desk = Desk().at(0)
    assert desk.send(bad, leg) == [Refusal("E1", OPEN, why), Refusal("L1", OPEN, why)]
    assert desk.send(bad) == [Refusal("E1", OPEN, why)]
    assert desk.feed(minute(0, 10, 11, 9, 10)) == []


def test_bad_leg_refuses_its_parent_too() -> None:
    leg = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1", symbol="BBB")
    assert told(Desk().at(0).send(order(), leg)) == ["E1 refusal", "L1 refusal"]


def test_same_id_sent_again_is_the_same_order() -> None:
    desk = Desk().at(0)
    assert desk.send(order()) == desk.send(order())
    assert len(fills(desk.feed(minute(0, 10, 10, 10, 10), minute(1, 10, 10, 10, 10)))) == 1


def test_price_below_a_dollar_has_the_finer_tick() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=LIMIT, limit="0.5001"))
    desk.feed(tick(1, 0.6), tick(2, 0.5001))
    assert fills(desk.feed(tick(3, 0.5, size=10 * MINUTE)))[0].price == Decimal("0.5001")


def shares(reports: list[AnyReport]) -> int:
    return sum(x.qty for x in fills(reports))


def test_what_was_taken_of_a_quote_is_not_there_again_at_once() -> None:
    desk = Desk(SimSettings(participation=0.1)).at(0)
    desk.send(order(qty=1000))
    assert shares(desk.feed(nbbo(1, 9.9, 10, ask_size=100))) == 100
    # The same offer told again, and a print at either side of it, show nothing new.
    assert shares(desk.feed(nbbo(1.2, 9.9, 10, ask_size=100), tick(1.3, 10, 500), tick(1.4, 9.9, 500))) == 0
    assert shares(desk.feed(nbbo(1.5, 9.9, 10, ask_size=250))) == 150
    # Another price is another offer, and after a second so is the first.
    assert shares(desk.feed(nbbo(1.6, 9.9, 10.01, ask_size=70))) == 70
    assert shares(desk.feed(nbbo(2.1, 9.9, 10, ask_size=250))) == 100
    assert shares(desk.feed(nbbo(2.6, 9.9, 10, ask_size=250))) == 150


def test_what_was_taken_before_a_restart_is_not_there_again_either() -> None:
    desk = Desk(SimSettings(participation=0.1)).at(0)
    desk.send(order(qty=1000))
    desk.feed(nbbo(1, 9.9, 10, ask_size=100))
    desk.exchange = SimExchange(desk.market, Cents(), SimSettings(participation=0.1))
    working = Working(order(qty=1000), None, 100, OrderStatus.WORKING, sent_ns=OPEN)
    desk.exchange.restore([working], 1, {"AAA": 100}, [(BUY, 100, Decimal(10), "E1", "AAA", OPEN + SECOND)])
    assert shares(desk.feed(nbbo(1.2, 9.9, 10, ask_size=100))) == 0
    assert shares(desk.feed(nbbo(2, 9.9, 10, ask_size=100))) == 100
