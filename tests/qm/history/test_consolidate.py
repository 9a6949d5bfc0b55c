"""One book out of several, by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import SECOND
from qm.history.consolidate import STALE_NS, Venues, consolidated

Quote = tuple[int, int, int, float, float, float, float]


def joined(*quotes: Quote) -> tuple[list[tuple[Any, ...]], Any]:
    """Rows (second, symbol, bid, ask, bid size, ask size) of quotes (second, symbol, venue, ...)."""
    columns = [np.array(column) for column in zip(*quotes, strict=True)]
    ts, symbol, venue = (column.astype(np.int64) for column in columns[:3])
    bid, ask, bid_size, ask_size = (column.astype(np.float64) for column in columns[3:])
    best, cover = consolidated(Venues(ts * SECOND, symbol, venue, bid, ask, bid_size, ask_size))
    rows = zip((best.ts / SECOND).tolist(), *(column.tolist() for column in best[1:]), strict=True)
    return list(rows), cover


def test_the_best_of_all_venues_with_the_shares_at_it() -> None:
    rows, cover = joined(
        (0, 0, 0, 10.00, 10.10, 100, 200),
        (1, 0, 1, 10.00, 10.05, 300, 400),
        (2, 0, 2, 9.99, 10.05, 500, 600),
        (2, 0, 2, 9.99, 10.05, 500, 600),
    )
    assert rows[:3] == [
        (0, 0, 10.00, 10.10, 100, 200),
        (1, 0, 10.00, 10.05, 400, 400),
        (2, 0, 10.00, 10.05, 400, 1000),
    ]
    assert (cover.crossed, cover.contradicted, cover.two_sided) == (0, 0, 1.0)


def test_a_newer_quote_proves_an_older_one_gone_until_its_venue_speaks_again() -> None:
    rows, cover = joined(
        (0, 0, 0, 10.00, 10.10, 100, 100),
        (1, 0, 1, 10.20, 10.30, 100, 100),
        (2, 0, 1, 10.15, 10.30, 100, 100),
        (3, 0, 0, 10.25, 10.28, 100, 100),
    )
    # Venue 0 asks 10.10 while venue 1 bids 10.20: nobody would leave that. Its bid goes with it.
    assert [row[2:4] for row in rows[:4]] == [(10.00, 10.10), (10.20, 10.30), (10.15, 10.30), (10.25, 10.28)]
    assert cover.contradicted == 1


def test_locked_is_not_crossed() -> None:
    rows, cover = joined((0, 0, 0, 10.00, 10.10, 100, 100), (1, 0, 1, 10.10, 10.20, 100, 100))
    assert rows[1][2:4] == (10.10, 10.10)
    assert cover.contradicted == 0


def test_what_is_not_renewed_ends_and_is_told_to_end() -> None:
    stale = STALE_NS // SECOND
    rows, cover = joined(
        (0, 0, 0, 10.00, 10.10, 100, 100),
        (10, 0, 1, 9.90, 10.20, 100, 100),
        (stale + 100, 0, 1, 9.95, 10.20, 100, 100),
    )
    # Both run out in between; the end of a feed runs out too.
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (0, 10.00, 10.10),
        (stale, 9.90, 10.20),
        (stale + 10, 0.0, 0.0),
        (stale + 100, 9.95, 10.20),
        (2 * stale + 100, 0.0, 0.0),
    ]
    assert cover.expired == 2
    # From 0 to stale + 10 of stale + 100 seconds.
    assert cover.two_sided == pytest.approx((stale + 10) / (stale + 100))


@pytest.mark.parametrize(
    ("quote", "bid", "ask"),
    [
        ((0.0, 10.1, 0, 100), 0.0, 10.1),
        ((10.0, float("nan"), 100, 0), 10.0, 0.0),
        ((10.0, 10.1, 0, 100), 0.0, 10.1),
        ((10.0, 10.1, 100, 0), 10.0, 0.0),
    ],
)
def test_a_side_without_price_or_shares_is_not_there(
    quote: tuple[float, float, float, float], bid: float, ask: float
) -> None:
    rows, _ = joined((0, 0, 0, 5.0, 6.0, 1, 1), (1, 0, 0, *quote))
    assert rows[1][2:4] == (bid, ask)


def test_a_feed_that_tells_one_side_at_a_time_keeps_the_other() -> None:
    rows, cover = joined(
        (0, 0, 0, 10.0, 0.0, 100, 0),
        (1, 0, 0, 0.0, 10.1, 0, 200),
        (2, 0, 0, 10.05, 0.0, 300, 0),
        (3, 0, 0, 0.0, 10.1, 0, 0),
    )
    assert [row[2:] for row in rows[:4]] == [
        (10.0, 0.0, 100, 0),
        (10.0, 10.1, 100, 200),
        (10.05, 10.1, 300, 200),
        (10.05, 0.0, 300, 0),
    ]
    assert cover.two_sided == pytest.approx(2 / 3)


def test_a_venue_that_crosses_itself_says_nothing() -> None:
    rows, _ = joined((0, 0, 0, 10.0, 10.1, 1, 1), (1, 0, 1, 11.0, 10.9, 1, 1), (2, 0, 0, 10.2, 10.1, 1, 1))
    assert [row[:4] for row in rows] == [(0, 0, 10.0, 10.1), (2, 0, 0.0, 0.0)]


def test_symbols_do_not_touch_each_other_and_nothing_gives_nothing() -> None:
    rows, _ = joined((0, 1, 0, 20.0, 20.1, 1, 1), (0, 0, 1, 10.0, 10.1, 1, 1), (1, 1, 1, 19.0, 20.2, 1, 1))
    # Symbol 1 is left with its second venue when the first runs out.
    assert [row[:4] for row in rows if row[2]] == [(0, 0, 10.0, 10.1), (0, 1, 20.0, 20.1), (300, 1, 19.0, 20.2)]
    none = np.empty(0)
    whole = np.empty(0, np.int64)
    best, cover = consolidated(Venues(whole, whole, whole, none, none, none, none))
    assert (len(best.ts), cover.two_sided) == (0, 0.0)


price = st.integers(95, 105).map(lambda cents: cents / 10) | st.just(0.0)
a_quote = st.tuples(
    st.integers(0, 40), st.integers(0, 1), st.integers(0, 3), price, price, st.integers(0, 2), st.integers(0, 2)
)


@settings(max_examples=200, deadline=None)
@given(quotes=st.lists(a_quote, min_size=1, max_size=40))
def test_it_never_crosses_and_shows_only_what_a_venue_said(quotes: list[Quote]) -> None:
    quotes = sorted((q[0] * 60, *q[1:]) for q in quotes)
    rows, cover = joined(*quotes)
    assert cover.crossed == 0
    for at, symbol, bid, ask, bid_size, ask_size in rows:
        assert not (bid > ask > 0)
        told = [q for q in quotes if q[1] == symbol and at - 300 <= q[0] <= at]
        assert bid == 0 or any(q[3] == bid and q[5] > 0 for q in told)
        assert ask == 0 or any(q[4] == ask and q[6] > 0 for q in told)
        assert (bid_size > 0) == (bid > 0)
        assert (ask_size > 0) == (ask > 0)
    assert 0.0 <= cover.two_sided <= 1.0
