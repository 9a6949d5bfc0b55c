"""Orders for the opening and the closing auction at the simulated exchange, on bars and on prints."""

from __future__ import annotations

import pytest

from brokers.sim.book import Working
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.approved import Approved
from qm.model.inputs import CancelRefusal, Refusal
from qm.model.market import Print, Status, bands, events, quote, status, trade
from qm.model.order import Order, OrderStatus, OrderType, Purpose, Side, TimeInForce
from tests.brokers.sim.desk import AAA, MINUTE, OPEN, SESSION, Cents, Desk, Row, fills, market_of, minute, told
from tests.brokers.sim.desk import order as any_order

BUY, SELL = Side.BUY, Side.SELL
MOO, LOO, MOC, LOC = OrderType.MOO, OrderType.LOO, OrderType.MOC, OrderType.LOC
CLOSE = SESSION.close_ns
LAST = 390
"""The minute that begins at the close."""
OPENS, CLOSES = Print.ALL | Print.OPENING, Print.ALL | Print.CLOSING


def order(kind: OrderType, side: Side = BUY, qty: int = 100, *, name: str = "E1", limit: str | None = None) -> Order:
    return any_order(side, qty, kind, name=name, limit=limit)


def at_open(settings: SimSettings | None = None, **known: float) -> Desk:
    """09:25: five minutes before the bell."""
    return Desk(settings, **known).at(-5)


def at_close(settings: SimSettings | None = None, **known: float) -> Desk:
    """15:49: a minute before the first cut-off."""
    return Desk(settings, **known).at(379)


def tick(ns: int, price: float, size: float = 1000, flag: int = Print.ALL) -> Row:
    return trade(ns, AAA, price, size, flag)


@pytest.mark.parametrize(
    ("kind", "force"), [(MOO, "opg"), (LOO, "opg"), (MOC, "cls"), (LOC, "cls"), (OrderType.STOP, "day")]
)
def test_the_time_in_force_is_that_of_the_auction(kind: OrderType, force: str) -> None:
    assert kind.time_in_force is TimeInForce(force)


# --- on bars ---------------------------------------------------------------------------------------------------------


def test_the_opening_auction_trades_at_the_open_of_the_first_bar() -> None:
    desk = at_open(SimSettings(slippage_bps=100))
    desk.send(order(MOO))
    assert desk.feed(minute(-1, 9, 9.5, 9, 9.2)) == []
    # An auction has one price: nobody pays a spread in it.
    assert told(desk.feed(minute(0, 10, 11, 9, 10.5))) == ["E1 100 at 10.00"]
    assert fills(desk.reports)[0].ts == OPEN


def test_the_closing_auction_trades_at_the_open_of_the_bar_that_begins_at_the_close() -> None:
    desk = at_close(SimSettings(slippage_bps=100, shorts=True))
    desk.send(order(MOC))
    desk.send(order(MOC, SELL, 40, name="E2"))
    assert desk.feed(minute(380, 10, 11, 9, 10), minute(389, 10, 11, 9, 10.2)) == []
    assert told(desk.feed(minute(LAST, 10.3, 12, 9, 11))) == ["E1 100 at 10.30", "E2 40 at 10.30"]
    assert [fill.ts for fill in fills(desk.reports)] == [CLOSE, CLOSE]


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [(BUY, "10.01", "10.00"), (BUY, "10.00", None), (SELL, "9.99", "10.00"), (SELL, "10.00", None)],
    ids=["buy inside", "buy at", "sell inside", "sell at"],
)
@pytest.mark.parametrize("kind", [LOO, LOC])
def test_a_limit_at_the_price_of_the_auction_may_go_away_empty_handed(
    kind: OrderType, side: Side, limit: str, price: str | None
) -> None:
    settings = SimSettings(shorts=True)
    desk, n = (at_open(settings), 0) if kind is LOO else (at_close(settings), LAST)
    desk.send(order(kind, side, limit=limit))
    expected = f"E1 100 at {price}" if price else "E1 expired: its auction is over"
    # Inside the bar the price goes through every limit; the auction was over by then.
    assert told(desk.feed(minute(n, 10, 12, 8, 10))) == [expected]


def test_a_share_of_the_auctions_volume_can_be_had_and_the_rest_expires() -> None:
    for kind, desk, n in ((MOO, at_open(SimSettings(participation=0.1)), 0),
                          (MOC, at_close(SimSettings(participation=0.1)), LAST)):  # fmt: skip
        desk.send(order(kind))
        desk.send(order(kind, name="E2"))
        reports = told(desk.feed(minute(n, 10, 11, 9, 10, v=1_300)))
        assert reports == [
            "E1 100 at 10.00",
            "E2 30 at 10.00",
            "E2 expired: its auction is over",
        ]


def test_an_auction_that_the_bars_do_not_tell_fills_nothing_at_the_open() -> None:
    desk = at_open()
    desk.send(order(MOO))
    assert told(desk.feed(minute(1, 10, 11, 9, 10.5))) == ["E1 expired: its auction is over"]


def test_a_close_that_the_bars_do_not_tell_is_the_last_bars_and_ambiguous() -> None:
    desk = at_close(SimSettings(participation=0.1, slippage_bps=100))
    desk.send(order(MOC))
    desk.send(order(LOC, name="E2", limit="10.20"))
    desk.feed(minute(388, 9, 9, 9, 9), minute(389, 10, 11, 9, 10.2, v=700))
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == [
        "E1 70 at 10.20 ambiguous",
        "E1 expired: end of the session",
        "E2 expired: end of the session",
    ]


def test_without_a_trade_since_the_order_there_is_no_close_to_have() -> None:
    desk = at_close()
    desk.feed(minute(370, 10, 10, 10, 10))
    desk.at(379).send(order(MOC))
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == ["E1 expired: end of the session"]


def test_a_leg_of_an_opening_order_meets_the_rest_of_the_bar() -> None:
    desk = at_open()
    leg = any_order(SELL, kind=OrderType.STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
    desk.send(order(MOO), leg)
    assert told(desk.feed(minute(0, 10, 10.2, 9.4, 9.6))) == [
        "E1 100 at 10.00",
        "L1 active 100",
        "L1 100 at 9.50",
    ]


def test_a_leg_of_a_closing_order_does_not_work_after_the_close() -> None:
    desk = at_close()
    leg = any_order(SELL, kind=OrderType.STOP, stop="9.50", name="L1", purpose=Purpose.PROTECT, parent="E1")
    desk.send(order(MOC), leg)
    assert told(desk.feed(minute(LAST, 10, 10.2, 9.4, 9.6))) == ["E1 100 at 10.00", "L1 active 100"]
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == ["L1 expired: end of the session"]


def test_quotes_inside_the_bar_do_not_decide_its_auction() -> None:
    desk = at_open()
    desk.send(order(MOO))
    desk.send(any_order(name="E2"))
    desk.feed(quote(OPEN + SECOND, AAA, 10.0, 10.1))
    assert told(desk.reports)[-1] == "E2 100 at 10.10"
    assert told(desk.feed(minute(0, 10.02, 10.6, 9.9, 10.2))) == ["E1 100 at 10.02"]


def test_nothing_trades_in_an_auction_while_the_symbol_is_halted() -> None:
    desk = at_close()
    desk.send(order(MOC))
    desk.feed(minute(385, 10, 10, 10, 10), status(OPEN + 388 * MINUTE, AAA, Status.HALTED))
    assert desk.feed(minute(LAST, 10, 10, 10, 10)) == []
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == ["E1 expired: end of the session"]


# --- on prints -------------------------------------------------------------------------------------------------------


def test_the_opening_auction_is_the_print_that_is_marked() -> None:
    desk = at_open(SimSettings(slippage_bps=100, participation=0.1))
    desk.send(order(MOO))
    desk.feed(quote(OPEN - SECOND, AAA, 9.0, 11.0))
    assert desk.feed(tick(OPEN - 1, 9.5, flag=OPENS), tick(OPEN, 9.9), tick(OPEN + SECOND, 9.9, flag=OPENS & ~1)) == []
    assert told(desk.feed(tick(OPEN + 2 * SECOND, 10.0, 700, OPENS))) == ["E1 70 at 10.00"]
    # Another exchange opens a little later.
    assert told(desk.feed(tick(OPEN + 3 * SECOND, 10.1, 100, OPENS))) == ["E1 10 at 10.10"]
    assert desk.feed(tick(OPEN + 299 * SECOND, 10.1)) == []
    assert told(desk.feed(tick(OPEN + 300 * SECOND, 10.1))) == ["E1 expired: its auction is over"]


def test_the_closing_auction_is_the_print_that_is_marked() -> None:
    desk = at_close()
    desk.send(order(MOC))
    desk.send(order(LOC, name="E2", limit="9.90"))
    desk.feed(tick(CLOSE - SECOND, 9.0, flag=CLOSES), tick(CLOSE - 1, 9.5), tick(CLOSE + 1, 9.5))
    assert told(desk.feed(tick(CLOSE + 2 * SECOND, 10.0, flag=CLOSES))) == ["E1 100 at 10.00"]
    assert desk.feed(tick(CLOSE + 3 * SECOND, 9.0)) == []
    # The auction was told, and the limit missed it: no other price stands for it.
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == ["E2 expired: end of the session"]


def test_prints_around_the_close_stand_for_an_auction_that_is_not_marked() -> None:
    desk = at_close()
    desk.send(order(MOC))
    desk.feed(tick(CLOSE - SECOND, 10.0, 9_000))
    desk.feed(tick(CLOSE + SECOND, 10.2, 50_000), tick(CLOSE + 2 * SECOND, 10.1, 300))
    assert told(desk.exchange.end_session(CLOSE + MINUTE))[0] == "E1 100 at 10.20 ambiguous"
    assert fills(desk.exchange.end_session(CLOSE)) == []


def test_an_auction_may_trade_outside_the_bands() -> None:
    desk = at_close()
    desk.send(order(MOC))
    desk.feed(bands(CLOSE - MINUTE, AAA, 9.0, 11.0, 10.0))
    assert told(desk.feed(tick(CLOSE + SECOND, 11.5, flag=CLOSES))) == ["E1 100 at 11.50"]


# --- cut-offs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "last", "why"),
    [
        (MOO, OPEN - 2 * MINUTE, "the opening auction took market on open orders until 09:28; the next one, of"),
        (LOO, OPEN - 30 * SECOND, "the opening auction took limit on open orders until 09:29:30; the next one, of"),
        (MOC, CLOSE - 10 * MINUTE, "the closing auction took market on close orders until 15:50; the next one, of"),
        (LOC, CLOSE - 10 * MINUTE, "the closing auction took limit on close orders until 15:50; the next one, of"),
    ],
)
def test_after_the_cutoff_an_order_is_refused_and_the_next_auction_named(kind: OrderType, last: int, why: str) -> None:
    desk = Desk()
    wanted = order(kind, limit="10.00" if kind in (LOO, LOC) else None)
    desk.market.now = last - 1
    assert told(desk.send(wanted)) == ["E1 accepted"]
    desk = Desk()
    desk.market.now = last
    (report,) = desk.send(wanted)
    assert isinstance(report, Refusal)
    assert report.reason.startswith(why)
    assert "2024-03-06" in report.reason


def test_after_the_cutoff_an_order_cannot_be_taken_back_and_still_fills() -> None:
    desk = at_close()
    desk.send(order(MOC))
    desk.at(380)
    (report,) = desk.cancel("E1")
    assert isinstance(report, CancelRefusal)
    assert report.reason == "market on close orders could be taken back until 15:50; it ends with the auction"
    assert told(desk.feed(minute(LAST, 10, 10, 10, 10))) == ["E1 100 at 10.00"]


def test_before_the_cutoff_an_order_is_taken_back() -> None:
    desk = Desk().at(-6)
    desk.send(order(MOO))
    assert told(desk.cancel("E1")) == ["E1 gone: canceled"]
    assert desk.feed(minute(0, 10, 11, 9, 10)) == []


def test_orders_for_an_auction_are_not_replaced() -> None:
    desk = at_close()
    desk.send(order(MOC))
    (report,) = desk.exchange.replace("E1", Approved(order(MOC, qty=50, name="E2")), desk.market.now)
    assert isinstance(report, Refusal)
    assert report.reason == "orders for an auction are not replaced"


def test_an_order_that_arrives_after_its_auction_missed_it() -> None:
    desk = at_open(SimSettings(latency_ns=6 * MINUTE))
    desk.send(order(MOO))
    assert told(desk.feed(minute(0, 10, 11, 9, 10))) == ["E1 expired: its auction is over"]


# --- short sales -----------------------------------------------------------------------------------------------------


def test_restricted_short_sales_in_an_auction_need_a_limit_above_the_bid() -> None:
    desk = at_open(SimSettings(shorts=True), prior_close=20.0, ssr_carried=1.0)
    desk.feed(quote(OPEN - 6 * MINUTE, AAA, 20.0, 20.1))
    for kind, limit in ((MOO, None), (LOO, "20.00")):
        (report,) = desk.send(order(kind, SELL, limit=limit))
        assert isinstance(report, Refusal)
        assert "short sales are restricted" in report.reason
    desk.send(order(LOO, SELL, limit="20.01"))
    desk.send(order(LOO, SELL, limit="20.01", name="E2"))
    # By then the bid is higher than the auction's price.
    desk.feed(quote(OPEN - SECOND, AAA, 20.05, 20.1))
    assert desk.feed(tick(OPEN + SECOND, 20.05, flag=OPENS)) == []
    assert told(desk.feed(tick(OPEN + 2 * SECOND, 20.06, flag=OPENS))) == ["E1 100 at 20.06", "E2 100 at 20.06"]


def test_a_short_sale_at_the_close_ends_when_the_restriction_begins() -> None:
    desk = at_close(SimSettings(shorts=True), prior_close=20.0)
    desk.feed(tick(OPEN, 19.0))
    desk.send(order(MOC, SELL))
    assert told(desk.feed(tick(CLOSE - MINUTE, 18.0))) == ["E1 gone: short sales are restricted"]


def test_on_bars_the_last_price_before_the_auction_stands_for_the_bid() -> None:
    for price, sold in ((18.5, False), (18.51, True)):
        desk = at_close(SimSettings(shorts=True), prior_close=20.0)
        desk.feed(minute(0, 18.5, 18.5, 17.9, 18.0))
        desk.at(379).send(order(LOC, SELL, limit="18.40"))
        desk.feed(minute(389, 18.5, 18.6, 18.4, 18.5))
        expected = f"E1 100 at {price}" if sold else "E1 expired: its auction is over"
        assert told(desk.feed(minute(LAST, price, 19.0, 18.0, 18.0))) == [expected]


def test_where_no_auction_is_told_a_restricted_short_sale_is_not_made() -> None:
    desk = at_close(SimSettings(shorts=True), prior_close=20.0)
    desk.feed(minute(0, 18.5, 18.5, 17.9, 18.0))
    desk.at(379).send(order(LOC, SELL, limit="18.40"))
    desk.feed(minute(389, 18.5, 18.6, 18.4, 18.5))
    assert told(desk.exchange.end_session(CLOSE + MINUTE)) == ["E1 expired: end of the session"]


# --- restarts --------------------------------------------------------------------------------------------------------


def test_a_restored_order_still_waits_for_its_auction_and_knows_the_last_trade() -> None:
    seen = minute(385, 10, 10, 10, 10.3)
    sent = OPEN + 379 * MINUTE
    waiting = [order(MOC), order(LOC, name="E2", limit="10.60")]
    auction = ["E1 100 at 10.50", "E2 100 at 10.50"]
    untold = ["E1 100 at 10.30 ambiguous", "E2 100 at 10.30 ambiguous"]
    for tape, expected in (([minute(LAST, 10.5, 11, 10, 11)], auction), ([], untold)):
        desk = Desk()
        desk.market = market_of()
        desk.market.replay(events([seen]))
        desk.exchange = SimExchange(desk.market, Cents())
        desk.exchange.restore([Working(one, None, 0, OrderStatus.WORKING, sent_ns=sent) for one in waiting], 0)
        if tape:
            desk.feed(*tape)
        assert told([*desk.reports, *desk.exchange.end_session(CLOSE + MINUTE)]) == expected


@pytest.mark.parametrize(
    ("listing", "enter_s", "cancel_s"), [(0, 600, 600), (1, 300, 600), (2, 60, 60), (None, 600, 600)]
)
def test_cutoffs_are_those_of_the_listing_exchange(listing: int | None, enter_s: int, cancel_s: int) -> None:
    known = {} if listing is None else {"listing": float(listing)}
    desk = Desk(None, **known)
    close = SESSION.close_ns
    for name, before, taken in (("E1", enter_s * SECOND + 1, True), ("E2", enter_s * SECOND, False)):
        desk.market.now = close - before
        (report,) = desk.send(order(kind=OrderType.MOC, name=name))
        assert isinstance(report, Refusal) is not taken
    desk.market.now = close - cancel_s * SECOND
    (answer,) = desk.exchange.cancel("E1", desk.market.now)
    assert isinstance(answer, CancelRefusal)
