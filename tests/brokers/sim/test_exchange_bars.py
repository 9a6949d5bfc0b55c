"""The simulated exchange on bars: market orders, stops, stop limits, limits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import AnyReport, Wake
from qm.model.market import events, quote
from qm.model.order import Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import AAA, BBB, MINUTE, OPEN, Desk, fills, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT, STOP_LIMIT = OrderType.STOP, OrderType.LIMIT, OrderType.STOP_LIMIT
SHORTS = SimSettings(shorts=True)


def test_market_order_fills_at_the_open_of_the_next_bar() -> None:
    desk = Desk()
    desk.feed(minute(0, 10, 10.2, 9.9, 10.1))
    desk.send(order())
    assert told(desk.feed(minute(1, 10.15, 10.3, 10.1, 10.2))) == ["E1 100 at 10.15"]
    (fill,) = fills(desk.reports)
    assert (fill.id, fill.ts, fill.fee) == ("X1", OPEN + MINUTE, Decimal("0.01"))
    assert desk.reports[-1].ts == OPEN + 2 * MINUTE


def test_market_order_does_not_fill_at_the_record_that_led_to_it() -> None:
    desk = Desk().at(0)
    desk.market.levels.await_next(AAA, "test")
    again: list[AnyReport] = []

    def react(wake: Wake) -> None:
        desk.send(order(name=f"E{desk.wakes}"))
        again.extend(desk.exchange.on_wake(wake))

    desk.run(events([minute(0, 10, 10, 10, 10), minute(1, 11, 11, 11, 11)]), react)
    assert again == []
    assert told(desk.reports) == ["E1 accepted", "E1 100 at 11.00", "E2 accepted"]


def test_bar_that_began_before_the_decision_does_not_fill() -> None:
    desk = Desk()
    # BBB's bar of the same minute is known right after AAA's, but began before the decision at AAA's close.
    desk.feed(minute(0, 10, 10, 10, 10))
    desk.send(order(symbol="BBB"))
    assert desk.feed(minute(0, 20, 21, 19, 20, sym=BBB)) == []
    assert told(desk.feed(minute(1, 20.5, 21, 19, 20, sym=BBB))) == ["E1 100 at 20.50"]


def test_bar_of_another_symbol_fills_nothing() -> None:
    desk = Desk().at(0)
    desk.send(order())
    assert desk.feed(minute(0, 20, 21, 19, 20, sym=BBB)) == []


def test_order_live_inside_a_bar_meets_the_open_moved_against_it() -> None:
    desk = Desk(SimSettings(latency_ns=15 * SECOND)).at(0)
    desk.send(order())
    # A quarter of the bar has passed: half of the way from the open to the high.
    assert told(desk.feed(minute(0, 10, 11, 9.5, 10.8))) == ["E1 100 at 10.50"]
    assert fills(desk.reports)[0].ts == OPEN + 15 * SECOND


def test_order_live_after_a_bar_waits_for_the_next() -> None:
    desk = Desk(SimSettings(latency_ns=MINUTE)).at(0)
    desk.send(order())
    assert desk.feed(minute(0, 10, 11, 9.5, 10.8)) == []
    assert told(desk.feed(minute(1, 10.7, 11, 10.5, 10.8))) == ["E1 100 at 10.70"]


def test_price_off_the_tick_is_rounded_against_the_order() -> None:
    desk = Desk(SHORTS).at(0)
    desk.send(order())
    desk.send(order(SELL, name="E2"))
    assert told(desk.feed(minute(0, 10.005, 11, 9, 10))) == ["E1 100 at 10.01", "E2 100 at 10.00"]


def test_slippage_is_added_against_the_order_and_is_at_least_its_ticks() -> None:
    desk = Desk(SimSettings(slippage_bps=10, slippage_ticks=2, shorts=True)).at(0)
    desk.send(order())
    desk.send(order(SELL, name="E2"))
    assert told(desk.feed(minute(0, 50, 51, 49, 50))) == ["E1 100 at 50.05", "E2 100 at 49.95"]
    desk.send(order(name="E3"))
    assert told(desk.feed(minute(1, 5, 6, 4, 5))) == ["E3 100 at 5.02"]


def test_slippage_stops_at_the_volatility_bands() -> None:
    # Nothing is known but the open of 20.00: the narrowest bands around it are 10 % wide, 18.00 and 22.00.
    desk = Desk(SimSettings(slippage_bps=2_000, shorts=True)).at(0)
    desk.send(order(SELL))
    desk.send(order(BUY, name="E2"))
    assert told(desk.feed(minute(0, 20, 20.5, 19.5, 20))) == ["E1 100 at 18.00", "E2 100 at 22.00"]


def test_what_traded_was_inside_the_bands_whatever_they_are_thought_to_be() -> None:
    desk = Desk(SimSettings(slippage_bps=2_000)).at(0)
    desk.send(order(BUY))
    assert told(desk.feed(minute(0, 20, 30, 20, 30))) == ["E1 100 at 24.00"]
    desk.send(order(BUY, name="E2"))
    assert told(desk.feed(minute(1, 30, 30.1, 30, 30))) == ["E2 100 at 30.10"]


def test_sell_never_fills_below_one_tick() -> None:
    desk = Desk(SimSettings(slippage_bps=20_000, shorts=True)).at(0)
    desk.send(order(SELL))
    assert told(desk.feed(minute(0, 0.0001, 0.02, 0.0001, 0.01))) == ["E1 100 at 0.0001"]


@pytest.mark.parametrize(
    ("side", "stop", "bar", "price"),
    [
        (BUY, "10.50", (10, 10.5, 9.9, 10.2), "10.50"),
        (BUY, "10.50", (10, 10.49, 9.9, 10.2), None),
        (BUY, "10.50", (10.7, 10.9, 10.6, 10.8), "10.70"),
        (SELL, "9.50", (10, 10.1, 9.5, 9.8), "9.50"),
        (SELL, "9.50", (10, 10.1, 9.51, 9.8), None),
        (SELL, "9.50", (9.3, 9.8, 9.2, 9.8), "9.30"),
    ],
    ids=["touched", "missed", "gapped", "sell touched", "sell missed", "sell gapped"],
)
def test_stop_fills_at_its_price_or_at_the_open_it_gapped_to(
    side: Side, stop: str, bar: tuple[float, float, float, float], price: str | None
) -> None:
    desk = Desk(SHORTS).at(0)
    desk.send(order(side, kind=STOP, stop=stop))
    assert told(desk.feed(minute(0, *bar))) == ([] if price is None else [f"E1 100 at {price}"])


def test_stop_slips_by_its_own_measure_when_it_closes_a_position() -> None:
    desk = Desk(SimSettings(slippage_bps=10, stop_slippage_bps=100)).at(0)
    desk.send(order(kind=STOP, stop="10.00"))
    desk.feed(minute(0, 9.9, 10.1, 9.9, 10))
    desk.send(order(SELL, kind=STOP, stop="10.00", name="P1", purpose=Purpose.PROTECT))
    desk.feed(minute(1, 10.1, 10.1, 9.9, 10))
    assert told(desk.reports)[1::2] == ["E1 100 at 10.01", "P1 100 at 9.90"]


@pytest.mark.parametrize(
    ("side", "limit", "bar", "price"),
    [
        (BUY, "9.50", (10, 10.1, 9.49, 9.8), "9.50"),
        (BUY, "9.50", (10, 10.1, 9.5, 9.8), None),
        (BUY, "9.50", (9.4, 9.8, 9.3, 9.8), "9.40"),
        (BUY, "9.50", (9.5, 9.8, 9.5, 9.8), None),
        (SELL, "10.50", (10, 10.51, 9.9, 10.2), "10.50"),
        (SELL, "10.50", (10, 10.5, 9.9, 10.2), None),
        (SELL, "10.50", (10.6, 10.8, 10.4, 10.6), "10.60"),
    ],
    ids=["through", "touched only", "better open", "open at limit", "sell through", "sell touched", "sell open"],
)
def test_limit_needs_a_trade_through_or_a_better_open(
    side: Side, limit: str, bar: tuple[float, float, float, float], price: str | None
) -> None:
    desk = Desk(SHORTS).at(0)
    desk.send(order(side, kind=LIMIT, limit=limit))
    assert told(desk.feed(minute(0, *bar))) == ([] if price is None else [f"E1 100 at {price}"])


def test_a_limit_that_had_to_wait_gets_its_limit_however_far_the_next_bar_opens_beyond() -> None:
    desk = Desk(SHORTS).at(0)
    desk.send(order(kind=LIMIT, limit="9.50"))
    desk.send(order(SELL, kind=LIMIT, limit="10.50", name="E2"))
    assert desk.feed(minute(0, 10, 10.1, 9.9, 10)) == []
    # On its way down the market met whoever was waiting at 9.50.
    assert told(desk.feed(minute(1, 9.2, 9.3, 9.1, 9.2))) == ["E1 100 at 9.50"]
    assert told(desk.feed(minute(2, 10.8, 10.9, 10.7, 10.8))) == ["E2 100 at 10.50"]


def test_a_triggered_stop_limit_that_the_market_ran_away_from_gets_its_limit_when_it_comes_back() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP_LIMIT, stop="10.50", limit="10.52"))
    assert told(desk.feed(minute(0, 10.6, 10.7, 10.6, 10.7))) == ["E1 met its stop"]
    assert told(desk.feed(minute(1, 10.3, 10.4, 10.2, 10.3))) == ["E1 100 at 10.52"]


def test_a_minute_without_a_trade_makes_a_limit_wait_too() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=LIMIT, limit="9.50"))
    desk.feed(minute(0, 10, 10, 10, 10, v=0))
    assert told(desk.feed(minute(1, 9.2, 9.3, 9.1, 9.2))) == ["E1 100 at 9.50"]


def test_marketable_limit_slips_but_not_past_its_limit() -> None:
    desk = Desk(SimSettings(slippage_bps=100)).at(0)
    desk.send(order(kind=LIMIT, limit="10.05"))
    desk.send(order(kind=LIMIT, limit="10.20", name="E2"))
    assert told(desk.feed(minute(0, 10, 10.5, 9.9, 10))) == ["E1 100 at 10.05", "E2 100 at 10.10"]


@pytest.mark.parametrize(
    ("limit", "bar", "price"),
    [
        ("10.52", (10, 10.6, 9.9, 10.55), "10.50"),
        ("10.50", (10, 10.6, 9.9, 10.55), None),
        ("10.50", (10, 10.6, 9.9, 10.49), "10.50"),
        ("10.60", (10.55, 10.8, 10.5, 10.7), "10.55"),
        ("10.60", (10.7, 10.8, 10.62, 10.7), None),
        ("10.60", (10.7, 10.8, 10.59, 10.7), "10.60"),
    ],
    ids=["room", "no room", "came back", "gapped inside", "gapped beyond", "gapped and came back"],
)
def test_stop_limit_fills_when_its_limit_allows(
    limit: str, bar: tuple[float, float, float, float], price: str | None
) -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP_LIMIT, stop="10.50", limit=limit))
    assert told(desk.feed(minute(0, *bar))) == ["E1 met its stop" if price is None else f"E1 100 at {price}"]


def test_triggered_stop_limit_rests_as_a_limit() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP_LIMIT, stop="10.50", limit="10.50"))
    assert told(desk.feed(minute(0, 10, 10.6, 9.9, 10.55))) == ["E1 met its stop"]
    assert desk.feed(minute(1, 10.55, 10.6, 10.5, 10.55)) == []
    assert told(desk.feed(minute(2, 10.55, 10.6, 10.4, 10.55))) == ["E1 100 at 10.50"]


def late(stop: Order, bar: tuple[float, float, float, float]) -> list[str]:
    desk = Desk(SimSettings(latency_ns=30 * SECOND, shorts=True)).at(0)
    desk.send(stop)
    return told(desk.feed(minute(0, *bar)))


def test_order_that_came_late_into_a_bar_takes_the_pessimistic_view() -> None:
    # Touched, but perhaps before the order was there; a close beyond the stop leaves no doubt.
    assert late(order(SELL, kind=STOP, stop="9.50"), (10, 10, 9.4, 9.8)) == ["E1 100 at 9.50 ambiguous"]
    assert late(order(SELL, kind=STOP, stop="9.50"), (10, 10, 9.4, 9.5)) == ["E1 100 at 9.50"]
    assert late(order(kind=LIMIT, limit="9.50"), (10, 10, 9.4, 9.8)) == []
    assert late(order(kind=LIMIT, limit="9.50"), (10, 10, 9.4, 9.49)) == ["E1 100 at 9.50"]


def test_latency_that_is_short_against_the_bar_leaves_no_doubt() -> None:
    desk = Desk(SimSettings(latency_ns=SECOND, shorts=True)).at(0)
    desk.send(order(SELL, kind=STOP, stop="9.50"))
    assert told(desk.feed(minute(0, 10, 10, 9.4, 9.8))) == ["E1 100 at 9.50"]


def test_bar_without_volume_or_with_broken_prices_fills_nothing() -> None:
    desk = Desk().at(0)
    desk.send(order())
    nan = float("nan")
    assert desk.feed(minute(0, 10, 11, 9, 10, v=0)) == []
    assert desk.feed(minute(1, 10, 11, 9, 10, v=nan)) == []
    assert desk.feed(minute(2, nan, 11, 9, 10)) == []
    assert desk.feed(minute(3, 12, 11, 9, 10)) == []
    assert desk.feed(minute(4, 10, 11, -9, 10)) == []
    assert told(desk.feed(minute(5, 10, 11, 9, 10))) == ["E1 100 at 10.00"]


def test_bar_inside_which_a_quote_was_seen_has_nothing_left_to_decide() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP, stop="10.50"))
    desk.feed(quote(OPEN + SECOND, AAA, 10.0, 10.1))
    assert desk.feed(minute(0, 10, 10.6, 9.9, 10.2)) == []


def test_armed_levels_keep_the_exchange_asleep_until_the_stop() -> None:
    desk = Desk().at(0)
    desk.send(order(kind=STOP, stop="10.50"))
    desk.feed(*(minute(n, 10, 10.4, 9.9, 10) for n in range(50)))
    assert desk.wakes == 0
    assert len(fills(desk.feed(minute(50, 10, 10.5, 9.9, 10), minute(51, 10, 10.5, 9.9, 10)))) == 1
    assert desk.wakes == 1
