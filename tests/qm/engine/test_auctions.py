"""Entering and leaving in the auctions: what is sent when, what cannot be taken back, and what is known afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.sim.settings import SimSettings
from qm.engine.settings import EngineSettings, ExitAtClose
from qm.model.commands import CancelOrder, Flatten
from qm.model.events import CancelAsked, Canceled, CancelRefused, Expired, Filled, Intended, Refused, TradeClosed
from qm.model.inputs import NoAnswer, Refusal
from qm.model.market import Status as Trading
from qm.model.market import bar, status
from qm.model.order import Order, OrderStatus, OrderType, Purpose, Side
from qm.risk.market_rules import CUTOFF_CHECKS
from qm.runtime.book_rows import order_view
from qm.strategies.api import Enter
from tests.qm.engine.test_parts_and_stops import Played
from tests.qm.execution.test_hostile_broker import Shadow, knowledge
from tests.qm.strategies.stage import SESSION, WIDE, at, minute

LAST = 390
"""The minute that begins at the close."""
IN_THE_AUCTION = EngineSettings(strategies=(), scans=(), risk=WIDE, exit_at_close=ExitAtClose.AUCTION)


def held(settings: EngineSettings = IN_THE_AUCTION, until: int = 378, **more: Any) -> Played:
    """100 shares at 20 $ with a stop, held until a minute late in the day."""
    on = Played(settings=settings, **more)
    on.enter()
    on.n = until
    return on.bar(20.0)


def sent(on: Played) -> list[tuple[OrderType, Purpose]]:
    return [(body.order.type, body.order.purpose) for body in on.on.all(Intended)]


def going(on: Played) -> Order:
    """The order with which the position is left."""
    (order,) = on.orders(Purpose.FLATTEN)
    return order


# --- leaving at the close ------------------------------------------------------------------------------------------


def test_what_is_open_goes_into_the_closing_auction_before_its_first_cutoff() -> None:
    on = held()
    on.on.pass_time(378, 59)
    assert on.orders(Purpose.FLATTEN) == []
    on.on.pass_time(379)
    assert going(on).type is OrderType.MOC
    assert on.on.entries[-1].ts <= at(379, 1)
    # The stop would have sold the same shares.
    assert on.stops() == []
    on.n = 389
    on.bar(21.0)
    assert on.on.held() == 100
    on.on.feed(minute(LAST, 21.5, 22.0, 21.0, 21.2)).pass_time(392)
    closed = on.on.only(TradeClosed)
    assert (closed.exit_price, closed.closed, closed.ambiguous) == (Decimal("21.50"), SESSION.close_ns, False)


def test_where_no_bar_tells_the_auction_the_last_price_closes_and_is_ambiguous() -> None:
    on = held()
    on.n = 389
    on.bar(21.0)
    on.on.pass_time(392)
    closed = on.on.only(TradeClosed)
    assert (closed.exit_price, closed.ambiguous) == (Decimal("21.00"), True)


@pytest.mark.parametrize(("known", "kind"), [({}, OrderType.MARKET), ({"listing": 1.0}, OrderType.MOC)])
def test_what_was_refused_goes_into_the_auction_as_long_as_its_listing_exchange_takes_it(
    known: dict[str, float], kind: OrderType, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = held(known=known)
    taken = on.on.venue.submit
    monkeypatch.setattr(on.on.venue, "submit", lambda order, leg, now: [Refusal(order.value.id, now, "busy")])
    on.on.pass_time(379, 30)
    monkeypatch.setattr(on.on.venue, "submit", taken)
    # 15:50 is the first cut-off of all; the Nasdaq takes market orders until 15:55.
    on.on.pass_time(381)
    assert on.orders(Purpose.FLATTEN)[-1].type is kind


def test_by_default_market_orders_are_sent_two_minutes_before_the_close() -> None:
    on = held(EngineSettings(strategies=(), scans=(), risk=WIDE), until=386)
    on.on.pass_time(387, 59)
    assert on.orders(Purpose.FLATTEN) == []
    on.on.pass_time(388)
    assert going(on).type is OrderType.MARKET


def test_what_the_auction_does_not_take_is_told_at_the_end() -> None:
    on = held(exchange=SimSettings(participation=0.05))
    on.on.feed(minute(LAST, 20.0, 20.0, 20.0, 20.0, v=800.0)).pass_time(392)
    assert on.on.held() == 60
    assert going(on).id in [body.order for body in on.on.all(Expired)]
    assert any("60 shares could not be closed" in notice.text for notice in on.on.notices)


def test_who_flattens_before_the_cutoff_gets_out_at_once() -> None:
    on = held()
    on.on.pass_time(379)
    moc = going(on)
    on.on.command(Flatten("c1", "AAA", "enough"))
    assert moc.id in [body.order for body in on.on.all(Canceled)]
    on.n = 380
    on.bar(20.5)
    assert on.on.only(TradeClosed).exit_price == Decimal("20.50")
    assert [order.type for order in on.orders(Purpose.FLATTEN)] == [OrderType.MOC, OrderType.MARKET]


def test_who_flattens_after_the_cutoff_waits_for_the_auction_and_sells_nothing_twice() -> None:
    on = held()
    on.on.pass_time(381)
    on.on.command(Flatten("c1", "AAA", "enough"))
    refused = on.on.only(CancelRefused)
    assert refused.order == going(on).id
    assert "could be taken back until 15:50" in refused.reason
    for _ in range(3):
        on.on.command(Flatten(f"c{_ + 2}", None, "enough"))
    # It is known now: nobody asks again, and nothing else is sent.
    assert [body.order for body in on.on.all(CancelAsked)].count(refused.order) == 1
    assert len(on.orders(Purpose.FLATTEN)) == 1
    row = order_view(on.on.core.book.orders.all[refused.order])
    assert (row.type, row.status) == ("market_on_close", "working")
    assert "could be taken back until 15:50" in row.note
    on.on.feed(minute(LAST, 20.0, 20.0, 20.0, 20.0))
    assert (on.on.held(), len(on.on.all(TradeClosed))) == (0, 1)


def test_a_trader_who_cancels_after_the_cutoff_is_told_that_it_goes_on() -> None:
    on = held()
    on.on.pass_time(381)
    on.on.command(CancelOrder("c1", going(on).id))
    assert on.on.only(CancelRefused).order == going(on).id
    assert on.on.core.book.orders.all[going(on).id].status is OrderStatus.WORKING


def test_an_unknown_outcome_is_waited_for_until_the_refusal_to_cancel_says_that_it_works() -> None:
    on = held()
    on.on.pass_time(381)
    w = on.on.core.book.orders.all[going(on).id]
    on.on.core.reports([NoAnswer(w.order.id, on.on.market.now, "timed out")])
    on.on.pass_time(382)
    assert (w.status, on.on.core.book.orders.unknown()) == (OrderStatus.UNKNOWN, 1)
    on.on.command(Flatten("c1", "AAA", "enough"))
    assert (w.status, on.on.core.book.orders.unknown()) == (OrderStatus.WORKING, 0)
    assert len(on.orders(Purpose.FLATTEN)) == 1
    on.on.feed(minute(LAST, 20.0, 20.0, 20.0, 20.0))
    assert on.on.held() == 0


def test_a_halt_over_the_close_leaves_the_position_open_and_says_so() -> None:
    on = held()
    on.on.pass_time(379)
    on.on.feed(status(at(385), 0, Trading.PAUSED), minute(LAST, 20.0, 20.0, 20.0, 20.0)).pass_time(392)
    assert on.on.held() == 100
    assert any("100 shares could not be closed" in notice.text for notice in on.on.notices)


def test_a_fold_of_the_journal_knows_what_cannot_be_taken_back() -> None:
    on = held()
    on.on.pass_time(381)
    on.on.command(CancelOrder("c1", going(on).id))
    shadow = Shadow(on.on)
    shadow.follow()
    assert knowledge(shadow.core) == knowledge(on.on.core)
    assert shadow.core.book.orders.all[going(on).id].bound


# --- entering at the open ------------------------------------------------------------------------------------------


def early(n: int, price: float = 20.0) -> tuple[Any, ...]:
    """The bar of a minute before the open."""
    return bar(at(n + 1), 0, price, price, price, price, 100_000.0)


def before_the_open(n: int, wish: Enter, **more: Any) -> Played:
    on = Played(**more)
    on.on.feed(early(n - 1))
    on.puppet.next[0] = wish
    on.on.feed(early(n))
    return on


def test_an_entry_in_the_opening_auction_is_filled_there_and_protected_from_then_on() -> None:
    wish = Enter(Side.BUY, 19.0, "gaps up", OrderType.LOO, limit=20.5, shares=100)
    on = before_the_open(-10, wish)
    assert sent(on) == [(OrderType.LOO, Purpose.ENTRY), (OrderType.STOP, Purpose.PROTECT)]
    on.on.feed(minute(0, 20.2, 20.6, 20.1, 20.3))
    filled = on.on.only(Filled)
    assert (filled.execution.price, filled.execution.ts) == (Decimal("20.20"), SESSION.open_ns)
    assert on.stops() == [(100, "19.00")]
    on.on.feed(minute(1, 20.0, 20.0, 18.9, 19.0))
    assert on.on.only(TradeClosed).exit_price == Decimal("19.00")


def test_an_entry_that_the_auction_passes_by_leaves_nothing_behind() -> None:
    on = before_the_open(-10, Enter(Side.BUY, 19.0, "gaps up", OrderType.LOO, limit=20.5, shares=100))
    on.on.feed(minute(0, 20.5, 20.6, 20.1, 20.3))
    assert on.on.held() == 0
    assert on.on.core.book.orders.reserved() == (0.0, 0.0)
    assert on.on.core.book.orders.open("AAA") == []


def test_an_entry_after_the_cutoff_is_refused_at_the_gate() -> None:
    # The bar before 09:29 is known then; market orders are taken until 09:28.
    on = before_the_open(-2, Enter(Side.BUY, 19.0, "gaps up", OrderType.MOO, shares=100))
    failed = [check.name for check in on.on.only(Refused).checks if not check.passed]
    assert failed == [CUTOFF_CHECKS[OrderType.MOO]]
    later = before_the_open(-2, Enter(Side.BUY, 19.0, "gaps up", OrderType.LOO, limit=20.5, shares=100))
    assert later.on.all(Refused) == []


def test_an_entry_that_cannot_be_taken_back_is_waited_for() -> None:
    on = before_the_open(-10, Enter(Side.BUY, 19.0, "gaps up", OrderType.MOO, shares=100))
    on.on.pass_time(-4)
    on.on.command(Flatten("c1", None, "stop"))
    assert len(on.on.all(CancelRefused)) == 1
    on.on.feed(minute(0, 20.2, 20.6, 20.1, 20.3), minute(1, 20.4, 20.6, 20.1, 20.3))
    # It was filled, and left at once.
    assert [x.execution.price for x in on.on.all(Filled)] == [Decimal("20.20"), Decimal("20.40")]
    assert on.on.held() == 0
