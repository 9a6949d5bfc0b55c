"""Halts of the whole market, by SPY: who is stopped, when it goes on, and what proves that there was none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from qm.model.events import Filled, Intended, MarketHalted, MarketResumed, Refused, TradingHalted
from qm.model.market import Status, events, trade
from qm.model.market import status as status_of
from qm.model.order import OrderType, Purpose, Side
from qm.rules.calendar import session
from qm.strategies.api import Enter
from tests.qm.execution.hostile import Puppet
from tests.qm.strategies.stage import RUN, SESSION, WIDE, Row, Stage, at, minute

AAA, SPY = 0, 1
KNOWN: Any = {"prior_close": np.array([20.0, 500.0])}
"""Levels of SPY: 465, 435 and 400."""
SYMBOLS = ("AAA", "SPY")
BUY = Enter(Side.BUY, 19.0, "told to", shares=100)


def spy(minutes: float, price: float, second: float = 0) -> Row:
    return trade(at(minutes, second), SPY, price, 1_000)


def aaa(minutes: float, price: float = 20.0, second: float = 0) -> Row:
    return trade(at(minutes, second), AAA, price, 10_000)


def market(*rows: Row, **more: Any) -> Stage:
    return Stage(symbols=SYMBOLS, known=KNOWN, prints=True, **more).feed(aaa(0), spy(0, 490.0), *rows)


def told(on: Stage) -> list[tuple[int, int | None]]:
    """Level and length in seconds of the halts, None where one lasts or was disproved."""
    found: list[tuple[int, int | None]] = []
    for entry in on.entries:
        if isinstance(entry.body, MarketHalted):
            found.append((entry.body.level, None))
        elif isinstance(entry.body, MarketResumed) and not entry.body.disproved:
            found[-1] = (entry.body.level, round(entry.body.halted_s))
    return found


def test_each_level_halts_everything_for_a_quarter_of_an_hour_and_once() -> None:
    on = market(spy(4, 465.01))
    assert on.all(MarketHalted) == []
    on.feed(spy(4, 465.0, 13))
    halted = on.only(MarketHalted)
    assert (halted.level, halted.last, halted.prior_close, halted.until) == (1, 465.0, 500.0, at(19, 13))
    assert on.market.col["status"].tolist() == [Status.HALTED] * 2
    assert any("whole market halts at level 1 (MWC1), until 09:49:13: SPY" in notice.text for notice in on.notices)
    on.pass_time(19, 12.9)
    assert on.all(MarketResumed) == []
    on.pass_time(19, 13)
    assert told(on) == [(1, 900)]
    assert on.market.col["status"].tolist() == [Status.TRADING] * 2
    on.feed(spy(25, 464.0), spy(60, 435.01))
    assert told(on) == [(1, 900)]
    on.feed(spy(61, 435.0)).pass_time(76)
    assert told(on) == [(1, 900), (2, 900)]
    on.feed(spy(100, 400.0)).pass_time(389)
    assert told(on) == [(1, 900), (2, 900), (3, None)]
    # It is no halt of any symbol.
    assert on.all(TradingHalted) == []


def test_late_in_the_day_only_the_third_level_stops_anything() -> None:
    on = market(spy(355, 440.0), spy(356, 430.0))
    assert told(on) == []
    assert told(on.feed(spy(357, 400.0))) == [(3, None)]


def test_before_the_open_nothing_is_triggered() -> None:
    on = Stage(symbols=SYMBOLS, known=KNOWN, prints=True).feed(spy(-30, 460.0), spy(-1, 450.0))
    assert told(on) == []
    assert told(on.feed(spy(0, 464.0))) == [(1, None)]


def entering(*rows: Row, wish: Enter = BUY) -> tuple[Stage, Puppet]:
    puppet = Puppet()
    on = Stage(puppet.strategy(), symbols=SYMBOLS, known=KNOWN, prints=True, risk=WIDE)
    on.feed(aaa(0), spy(0, 490.0), *rows)
    puppet.next[AAA] = wish
    return on, puppet


def test_entries_are_refused_in_a_halt() -> None:
    on, _ = entering(spy(4, 465.0))
    on.feed(aaa(5, 20.0)).pass_time(6)
    failed = {check.name for check in on.only(Refused).checks if not check.passed}
    assert {"not halted", "fall of the market, by SPY"} <= failed


def test_after_a_halt_entries_are_free_until_the_next_level() -> None:
    on, puppet = entering(spy(4, 465.0))
    on.pass_time(20)
    on.feed(spy(20, 460.0, 1), aaa(20, 20.0, 2)).pass_time(21)
    (check,) = [c for c in on.all(Intended)[0].checks if c.name == "fall of the market, by SPY"]
    assert (check.value, check.limit, check.passed) == (8.0, 13.0, True)
    assert puppet.next == {}


def test_an_order_that_waits_is_not_filled_in_a_halt_but_by_the_first_trade_after_it() -> None:
    on, _ = entering(wish=Enter(Side.BUY, 18.0, "told to", OrderType.LIMIT, limit=19.5, shares=100))
    on.feed(aaa(1, 20.0)).pass_time(2)
    assert on.all(Intended)[0].order.purpose is Purpose.ENTRY
    on.feed(spy(4, 465.0), aaa(5, 19.0))
    assert on.all(Filled) == []
    on.pass_time(20)
    on.feed(aaa(20, 19.2, 1))
    # A limit that had to wait gets its limit.
    assert [str(body.execution.price) for body in on.all(Filled)] == ["19.50"]


def test_trades_of_spy_long_after_it_prove_that_there_was_no_halt() -> None:
    # Reported late: it happened before, or in the first seconds.
    on = market(spy(4, 465.0), spy(4, 464.5, 9.9))
    assert on.all(MarketResumed) == []
    on.feed(spy(4, 464.4, 10))
    assert on.only(MarketResumed) == MarketResumed(1, 10.0, disproved=True)
    assert on.market.col["status"].tolist() == [Status.TRADING] * 2
    # Its own time is over later, and nothing more is said.
    on.pass_time(30)
    assert len(on.all(MarketResumed)) == 1


def test_a_market_that_was_not_halted_refuses_entries_while_it_stands_so_low() -> None:
    on, _ = entering(spy(4, 465.0), spy(5, 464.0))
    on.feed(aaa(5, 20.0, 1)).pass_time(6)
    failed = {check.name for check in on.only(Refused).checks if not check.passed}
    assert failed == {"fall of the market, by SPY"}


def test_a_symbol_that_is_halted_by_itself_stays_so() -> None:
    on = market(status_of(at(3), AAA, Status.PAUSED), spy(4, 465.0))
    assert on.market.col["status"].tolist() == [Status.PAUSED, Status.HALTED]
    on.pass_time(20)
    assert on.market.col["status"].tolist() == [Status.PAUSED, Status.TRADING]


def test_on_bars_a_halt_begins_when_the_bar_is_known() -> None:
    on = Stage(symbols=SYMBOLS, known=KNOWN).feed(minute(0, 490, 490, 489, 490, sym=SPY))
    on.feed(minute(4, 470, 470, 464, 466, sym=SPY))
    assert on.only(MarketHalted).until == at(20)
    # The bar in which trading began again is known when the halt is over.
    on.feed(minute(19, 466, 468, 465, 467, sym=SPY)).pass_time(20)
    assert told(on) == [(1, 900)]
    again = Stage(symbols=SYMBOLS, known=KNOWN).feed(minute(4, 470, 470, 464, 466, sym=SPY))
    again.feed(minute(6, 466, 468, 465, 467, sym=SPY))
    assert again.only(MarketResumed).disproved


@pytest.mark.parametrize("of", ["2013-04-05", "2024-03-05"])
def test_without_spy_or_before_the_rule_nothing_halts(of: str) -> None:
    on = Stage(prints=True)
    if of < "2013-04-08":
        on = Stage(symbols=SYMBOLS, known=KNOWN, of=session(dt.date.fromisoformat(of)), prints=True)
    assert on.core.book.breakers.until_ns is None
    assert on.core.book.breakers.state() == []


def test_a_run_that_was_cut_off_in_a_halt_goes_on_in_it() -> None:
    on = market(spy(4, 465.0))
    again = Stage(symbols=SYMBOLS, known=KNOWN, prints=True)
    rest = on.entries[len(again.entries) :]
    again.journal.append(rest, durable=True)
    again.session.resume(rest, events(on.fed))
    for each in (on, again):
        assert each.market.col["status"].tolist() == [Status.HALTED] * 2
        each.pass_time(30)
        assert told(each) == [(1, 900)]
        assert each.market.col["status"].tolist() == [Status.TRADING] * 2
    assert again.core.book.digest() == on.core.book.digest()
    assert len(list(again.journal.read(RUN))) == len(on.entries)
    assert SESSION.open_ns < on.market.reopened_ns == again.market.reopened_ns
