"""What is carried from one session into the next, and what a new session may not know."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from qm.clock import MINUTE
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Allocated, FlattenStarted
from qm.model.inputs import Fill, NoAnswer, Refusal
from qm.model.instrument import SymbolTable
from qm.model.market import clock
from qm.model.order import Purpose
from qm.rules.calendar import session
from qm.strategies.api import Exit
from tests.qm.execution.hostile import EXITS
from tests.qm.execution.test_late_answers import Story

TOMORROW = session(dt.date(2024, 3, 6))


def next_session(story: Story, *symbols: str) -> Market:
    table = SymbolTable(symbols)
    market = Market(table, TOMORROW, Reference.empty(len(table)), consumed=story.stage.market.consumed)
    equity = story.book.portfolio.equity()
    story.stage.session.start(market, equity, {"puppet": symbols})
    return market


def test_a_position_held_over_is_closed_in_the_next_session() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 100))
    next_session(story, "AAA")
    assert story.stage.only(FlattenStarted).reason == "held over from the session before"
    assert story.exits() == 100


def test_a_position_in_a_symbol_that_the_next_session_does_not_know_is_no_crash() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 100))
    next_session(story, "BBB")
    assert story.book.portfolio.qty("AAA") == 100


def test_an_entry_of_unknown_outcome_that_fills_in_the_next_session_is_booked() -> None:
    story = Story(resting=False)
    story.tell(NoAnswer(story.entry, 0, "timed out"))
    next_session(story, "AAA")
    story.tell(story.fill(story.entry, 100))
    assert story.stage.held() == 100
    assert story.book.trades.open["AAA"].id == story.entry


def test_a_fill_of_yesterday_told_again_today_is_booked_once() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry))
    first: Fill = story.fill(story.entry, 40)
    story.tell(first)
    next_session(story, "AAA")
    story.tell(first)
    assert story.stage.held() == 40
    assert story.book.portfolio.imbalance() == Decimal(0)


def test_refused_exits_are_repeated_in_the_second_session_too() -> None:
    story = Story(resting=False, prints=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 100))
    story.bar(Exit("told to"))
    for market in (None, "AAA"):
        if market is not None:
            next_session(story, market)
        for _ in range(3):
            story.tell(*[Refusal(name, 0, "no") for name in story.orders(*EXITS)])
    before = len(story.orders(*EXITS))
    story.stage.feed(clock(TOMORROW.open_ns + 5 * MINUTE))
    assert len(story.orders(*EXITS)) > before


def test_a_position_is_not_handed_over_to_a_strategy_that_did_not_open_it() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 50))
    story.puppet.next[0] = ValueError("failed")
    story.bar()
    story.book.state(Allocated("AAA", "another", 1000.0, "a new hit"))
    (stop,) = story.orders(Purpose.PROTECT)
    story.tell(Refusal(stop, 0, "no"))
    assert story.stops() == 50
