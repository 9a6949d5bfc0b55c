"""Cut-offs of the auctions, by venue and date."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.clock import MINUTE, at_ny
from qm.model.order import FOR_AUCTIONS, OrderType
from qm.rules.auctions import (
    AUCTIONS,
    OFFICIAL,
    AuctionOrder,
    Venue,
    auction_times,
    earliest_times,
    first_to_refuse,
    may_cancel,
    may_enter,
)
from qm.rules.calendar import session

D = dt.date
MOO, LOO, MOC, LOC = AuctionOrder.MOO, AuctionOrder.LOO, AuctionOrder.MOC, AuctionOrder.LOC


@pytest.mark.parametrize(
    ("venue", "order", "date", "enter", "cancel"),
    [
        (Venue.NYSE, MOC, D(2026, 11, 23), "15:50", "15:50"),
        (Venue.NYSE, LOC, D(2026, 11, 27), "12:50", "12:50"),
        (Venue.NYSE, MOC, D(2019, 2, 28), "15:45", "15:45"),
        (Venue.NYSE, MOC, D(2019, 3, 1), "15:50", "15:50"),
        (Venue.NYSE, MOC, D(2010, 2, 26), "15:40", "15:40"),
        (Venue.NYSE, MOC, D(2010, 3, 1), "15:45", "15:45"),
        (Venue.NYSE, MOO, D(2026, 11, 23), "09:30", "09:30"),
        (Venue.NASDAQ, MOC, D(2026, 11, 23), "15:55", "15:50"),
        (Venue.NASDAQ, LOC, D(2026, 11, 23), "15:58", "15:50"),
        (Venue.NASDAQ, LOC, D(2026, 12, 24), "12:58", "12:50"),
        (Venue.NASDAQ, AuctionOrder.IO_CLOSE, D(2026, 11, 23), "16:00", "15:50"),
        (Venue.NASDAQ, MOO, D(2026, 11, 23), "09:28", "09:25"),
        (Venue.NASDAQ, LOO, D(2026, 11, 23), "09:29:30", "09:25"),
        (Venue.NASDAQ, MOO, D(2026, 11, 27), "09:28", "09:25"),
        (Venue.NASDAQ, MOC, D(2018, 10, 31), "15:50", "15:50"),
        (Venue.NASDAQ, MOC, D(2018, 11, 1), "15:55", "15:50"),
        (Venue.NASDAQ, LOC, D(2017, 10, 31), "15:50", "15:50"),
        (Venue.NASDAQ, LOC, D(2017, 11, 1), "15:55", "15:50"),
        (Venue.NASDAQ, LOC, D(2019, 10, 31), "15:55", "15:50"),
        (Venue.NASDAQ, LOC, D(2019, 11, 1), "15:58", "15:50"),
        (Venue.ARCA, MOC, D(2026, 11, 23), "15:59", "15:59"),
        (Venue.ALPACA, MOO, D(2026, 11, 23), "09:28", "09:28"),
        (Venue.ALPACA, LOC, D(2026, 11, 23), "15:50", "15:50"),
        (Venue.ALPACA, MOC, D(2026, 11, 27), "12:50", "12:50"),
    ],
)
def test_cutoffs(venue: Venue, order: AuctionOrder, date: dt.date, enter: str, cancel: str) -> None:
    of = session(date)
    times = auction_times(venue, order, of)
    assert times is not None
    assert times.auction_ns == (of.open_ns if order.opening else of.close_ns)
    assert (times.enter_until_ns, times.cancel_until_ns) == (at_ny(date, enter), at_ny(date, cancel))
    if order is AuctionOrder.IO_CLOSE:
        return
    kind = OrderType(order.value)
    assert may_enter(kind, of, at_ny(date, enter) - 1, venue).ok
    assert not may_enter(kind, of, at_ny(date, enter), venue).ok
    assert not may_enter(kind, of, of.pre_ns - 1, venue).ok
    assert may_cancel(kind, of, at_ny(date, cancel) - 1, venue).ok
    assert not may_cancel(kind, of, at_ny(date, cancel), venue).ok


def test_what_a_venue_does_not_take() -> None:
    of = session(D(2026, 11, 23))
    assert auction_times(Venue.ALPACA, AuctionOrder.IO_CLOSE, of) is None


@pytest.mark.parametrize(
    ("kind", "enter", "cancel", "first"),
    [
        (OrderType.MOO, "09:28", "09:25", Venue.NASDAQ),
        (OrderType.LOO, "09:29:30", "09:25", Venue.NASDAQ),
        (OrderType.MOC, "15:50", "15:50", Venue.NYSE),
        (OrderType.LOC, "15:50", "15:50", Venue.NYSE),
    ],
)
def test_where_the_listing_is_not_known_the_earliest_cutoff_holds(
    kind: OrderType, enter: str, cancel: str, first: Venue
) -> None:
    date = D(2026, 11, 23)
    times = earliest_times(kind, session(date))
    assert times is not None
    assert (times.enter_until_ns, times.cancel_until_ns) == (at_ny(date, enter), at_ny(date, cancel))
    assert first_to_refuse(kind, session(date)) is first


def test_who_comes_too_late_is_told_when_the_next_auction_takes_the_order() -> None:
    # Thanksgiving is closed, and the day after it a half day.
    wednesday = session(D(2026, 11, 25))
    assert may_enter(OrderType.MOC, wednesday, wednesday.close_ns - 1).reason == (
        "the closing auction took market on close orders until 15:50; "
        "the next one, of 2026-11-27, takes them from 04:00 to 12:50"
    )
    assert may_enter(OrderType.LOO, wednesday, wednesday.open_ns).reason == (
        "the opening auction took limit on open orders until 09:29:30; "
        "the next one, of 2026-11-27, takes them from 04:00 to 09:29:30"
    )
    assert "until 15:50; it ends with the auction" in may_cancel(OrderType.MOC, wednesday, wednesday.close_ns).reason
    last = session(D(2027, 12, 31))
    assert "the calendar knows no later closing auction" in may_enter(OrderType.MOC, last, last.close_ns).reason


def test_other_orders_are_for_no_auction_and_can_always_be_taken_back() -> None:
    of = session(D(2026, 11, 23))
    for kind in set(OrderType) - FOR_AUCTIONS:
        assert earliest_times(kind, of) is None
        assert not may_enter(kind, of, of.open_ns).ok
        assert may_cancel(kind, of, of.close_ns).ok


def test_the_clocks_move_with_new_york() -> None:
    summer, winter = session(D(2026, 10, 30)), session(D(2026, 11, 2))
    times = [auction_times(Venue.NYSE, MOC, of) for of in (summer, winter)]
    assert [t is not None and t.enter_until_ns // MINUTE % 1440 for t in times] == [19 * 60 + 50, 20 * 60 + 50]


def test_official_prints() -> None:
    official = OFFICIAL.at(D(2026, 11, 23))
    assert (official.opening, official.closing) == ("Q", "M")
    assert (official.open_cross, official.close_cross, official.reopening) == ("O", "6", "5")


@pytest.mark.parametrize("venue", Venue)
def test_nothing_can_be_entered_after_its_auction_and_all_have_sources(venue: Venue) -> None:
    for row in AUCTIONS[venue]:
        assert row.source
        assert all(until.enter_s >= 0 and until.cancel_s >= 0 for until in row.value.values())
