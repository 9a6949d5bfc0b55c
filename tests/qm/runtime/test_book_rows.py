"""Rows of the screen out of the core's state."""

from __future__ import annotations

from qm.model.events import Watched
from qm.runtime.book_rows import watchlist
from tests.qm.strategies.stage import Stage, at, minute


def test_how_long_a_symbol_stays_is_told_while_it_is_known() -> None:
    on = Stage().feed(minute(0, 10, 10, 10, 10))
    on.core.book.state(Watched("AAA", "hit of stocks_in_play", at(31)))
    on.core.book.state(Watched("BBB", "pinned", 0, pinned=True))
    assert [(row.symbol, row.minutes_left) for row in watchlist(on.core.book, {})] == [("AAA", 30), ("BBB", None)]
    on.feed(minute(29, 10, 10, 10, 10))
    assert watchlist(on.core.book, {})[0].minutes_left == 1
    # Its time is over, and its hit is still alive.
    on.feed(minute(40, 10, 10, 10, 10))
    assert watchlist(on.core.book, {})[0].minutes_left is None
