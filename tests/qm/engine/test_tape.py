"""Halts as facts of the journal, and prints that are taken back after somebody decided by them."""

from __future__ import annotations

import pytest

from qm.journal.explain import explain
from qm.model.events import Filled, Intended, PrintBusted, Signal, TradeClosed, TradingHalted, TradingResumed
from qm.model.market import Print, Status, bands, cancel, correction, events, trade
from qm.model.market import status as status_of
from qm.model.order import Side
from qm.rules.halts import HaltCode
from qm.strategies.api import Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes
from tests.qm.strategies.stage import RUN, Row, Stage, at, minute


class Breaks(EntrySignals):
    """Buys at 11.00."""

    def on_start(self, group: Group) -> Wishes:
        return [Plan(group.rows.tolist(), up=[11.0] * len(group.rows))]

    def on_touch(self, view: View) -> Wishes:
        return [Plan(), Enter(Side.BUY, 10.0, "broke 11.00")]


class AtTwelve(ExitSignals):
    """Sells at 12.00."""

    def on_open(self, view: View) -> Wishes:
        return [Plan(up=[12.0])]

    def on_touch(self, view: View) -> Wishes:
        return [Exit("12.00")]


def breaks() -> Strategy:
    return Strategy("breaks", "1", "experimental", "buys at 11.00", Params(), Breaks(), AtTwelve())


LOW = trade(at(0, 0), 0, 10.50, 100)
QUIET = trade(at(0, 1), 0, 10.90, 100)
HIGH = trade(at(0, 2), 0, 10.95, 100)
SETTING_OFF = trade(at(0, 3), 0, 11.00, 100)
NEXT = trade(at(0, 4), 0, 11.00, 5_000)


def on_prints(*rows: Row) -> Stage:
    return Stage(breaks(), prints=True).feed(LOW, *rows)


def test_a_halt_and_its_end_are_stated_once_each() -> None:
    on = Stage().feed(minute(0, 10, 10, 10, 10))
    on.feed(status_of(at(2), 0, Status.TRADING), status_of(at(3), 0, Status.PAUSED))
    # It is still the same halt when a pause becomes one.
    on.feed(status_of(at(4), 0, Status.HALTED), status_of(at(8, 9), 0, Status.TRADING))
    on.feed(status_of(at(9), 0, Status.HALTED), status_of(at(9), 1, Status.HALTED))
    assert on.all(TradingHalted) == [
        TradingHalted("AAA", True, 1, 10.0),
        TradingHalted("AAA", False, 2, 10.0),
        TradingHalted("BBB", False, 1, None),
    ]
    assert on.all(TradingResumed) == [TradingResumed("AAA", 309.0)]


def test_a_pause_tells_the_bands_that_it_began_at_and_their_reference() -> None:
    on = Stage().feed(minute(0, 10, 10, 10, 10), bands(at(2), 0, 9.0, 11.0, 10.0))
    on.feed(status_of(at(3), 0, Status.PAUSED))
    assert on.all(TradingHalted) == [TradingHalted("AAA", True, 1, 10.0, 10.0, 9.0, 11.0)]
    told = explain(on.journal, RUN, "AAA")
    assert told is not None
    (step,) = told.steps
    said = "AAA is paused for volatility at 10.00 (reference 10.00, bands 9.00 to 11.00), halt 1 of the day"
    assert step.text == said


def test_what_the_exchange_says_of_a_halt_later_is_told_and_what_it_says_again_is_not() -> None:
    on = Stage().feed(minute(0, 10, 10, 10, 10), status_of(at(3), 0, Status.HALTED, HaltCode.T1))
    on.feed(status_of(at(4), 0, Status.HALTED, HaltCode.T1), status_of(at(5), 0, Status.HALTED, HaltCode.T2))
    resumes = status_of(at(6), 0, Status.HALTED, HaltCode.T3, quotes_ns=at(20), trades_ns=at(25))
    on.feed(resumes, resumes, status_of(at(25), 0, Status.TRADING))
    assert on.all(TradingHalted) == [
        TradingHalted("AAA", False, 1, 10.0, reason="T1"),
        TradingHalted("AAA", False, 1, 10.0, reason="T2"),
        TradingHalted("AAA", False, 1, 10.0, reason="T3", quotes_at=at(20), trades_at=at(25)),
    ]
    # It began with the first of them.
    assert on.all(TradingResumed) == [TradingResumed("AAA", 22 * 60.0)]
    told = explain(on.journal, RUN, "AAA")
    assert told is not None
    assert [step.text for step in told.steps][1:] == [
        "AAA is halted (T2) at 10.00, halt 1 of the day",
        "AAA is halted (T3) at 10.00, halt 1 of the day, quotes from 09:50:00, trades from 09:55:00",
        "AAA trades again after 22 min",
    ]
    assert told.steps[0].details == ("T1: news is pending",)


def test_the_price_at_which_a_pause_was_due_is_told() -> None:
    on = Stage().feed(minute(0, 10, 10, 10, 10))
    on.feed(status_of(at(3), 0, Status.PAUSED, HaltCode.LUDP, 11.0, trades_ns=at(8)))
    assert on.only(TradingHalted) == TradingHalted("AAA", True, 1, 10.0, reason="LUDP", threshold=11.0, trades_at=at(8))
    told = explain(on.journal, RUN, "AAA")
    assert told is not None
    assert told.steps[0].details == ("LUDP: volatility pause", "due at 11.00")


def test_a_halt_of_a_symbol_stands_in_its_story() -> None:
    on = Stage().feed(
        minute(0, 10, 10, 10, 10), status_of(at(3), 0, Status.PAUSED), status_of(at(8), 0, Status.TRADING)
    )
    told = explain(on.journal, RUN, "AAA")
    assert told is not None
    assert [step.text for step in told.steps] == [
        "AAA is paused for volatility at 10.00, halt 1 of the day",
        "AAA trades again after 5 min",
    ]


@pytest.mark.parametrize(
    ("taken_back", "role", "corrected"),
    [
        (cancel(at(1), SETTING_OFF), "the last price", None),
        (correction(at(1), SETTING_OFF, 10.5, 100), "the last price", 10.5),
    ],
)
def test_a_print_that_set_off_an_entry_and_was_taken_back_is_told_with_the_trade(
    taken_back: Row, role: str, corrected: float | None
) -> None:
    on = on_prints(QUIET, HIGH, SETTING_OFF, NEXT, taken_back)
    (signal,) = [entry for entry in on.entries if isinstance(entry.body, Signal)]
    busted = next(entry for entry in on.entries if isinstance(entry.body, PrintBusted))
    order = on.all(Intended)[0].order.id
    assert busted.body == PrintBusted("AAA", "breaks", 11.0, corrected, role, order)
    assert busted.cause == signal.seq
    assert [(notice.level, "AAA: the print at 11" in notice.text) for notice in on.notices] == [("warning", True)]
    # What was bought stays bought.
    assert on.held() > 0
    on.feed(trade(at(2), 0, 12.0, 100), trade(at(2, 1), 0, 12.0, 50_000))
    told = explain(on.journal, RUN, on.only(TradeClosed).trade)
    assert told is not None
    assert [step.what for step in told.steps if step.what in ("bad print", "result")] == ["bad print", "result"]


def test_a_high_that_was_none_is_told() -> None:
    # It counts for the high and not for the last price.
    high = trade(at(0, 3), 0, 11.05, 100, flag=Print.HIGH_LOW | Print.VOLUME)
    on = on_prints(QUIET, high, trade(at(0, 4), 0, 11.0, 100))
    assert [signal.price for signal in on.all(Signal)] == [11.0]
    on.feed(cancel(at(1), high))
    assert on.only(PrintBusted).role == "the high of the day"


@pytest.mark.parametrize(
    "taken_back",
    [
        cancel(at(1), QUIET),
        cancel(at(1), NEXT),
        # Corrected in size only.
        correction(at(1), SETTING_OFF, 11.0, 50),
    ],
)
def test_other_prints_that_are_taken_back_are_not_told(taken_back: Row) -> None:
    on = on_prints(QUIET, HIGH, SETTING_OFF, NEXT, taken_back)
    assert on.all(PrintBusted) == []
    assert on.notices == []


def test_a_print_that_is_taken_back_fills_nothing() -> None:
    on = on_prints(QUIET, HIGH, SETTING_OFF)
    before = len(on.all(Filled))
    on.feed(cancel(at(1), SETTING_OFF))
    assert len(on.all(PrintBusted)) == 1
    assert len(on.all(Filled)) == before


@pytest.mark.parametrize(("of", "roles"), [(1, ["the high of the day"]), (2, []), (0, ["the high of the day"])])
def test_where_the_feed_tells_ids_another_print_of_the_same_price_is_not_taken_for_the_one_decided_by(
    of: int, roles: list[str]
) -> None:
    def high(second: float, number: int) -> Row:
        return trade(at(0, second), 0, 11.05, 100, flag=Print.HIGH_LOW | Print.VOLUME, known_by=number)

    on = on_prints(QUIET, high(3, 1), high(3.5, 2), trade(at(0, 4), 0, 11.0, 100, known_by=3))
    # The print that made the high, another one at that price, and one of a feed that lost its id.
    on.feed(cancel(at(1), high(3, of) if of != 2 else high(3.5, 2)))
    assert [busted.role for busted in on.all(PrintBusted)] == roles


def test_of_two_prints_of_one_moment_and_price_the_id_tells_which_was_the_last() -> None:
    first, last = (trade(at(0, 3), 0, 11.00, 100, known_by=number) for number in (7, 8))
    on = on_prints(QUIET, HIGH, first, last)
    # The first of them woke the strategy.
    on.feed(cancel(at(1), last))
    assert on.all(PrintBusted) == []
    on.feed(cancel(at(1, 1), first))
    assert [busted.role for busted in on.all(PrintBusted)] == ["the last price"]


def test_a_resumed_run_knows_what_was_decided_by() -> None:
    on = on_prints(QUIET, HIGH, SETTING_OFF, NEXT, status_of(at(0, 10), 1, Status.PAUSED))
    again = Stage(breaks(), prints=True)
    assert again.journal is not on.journal
    rest = on.entries[len(again.entries) :]
    again.journal.append(rest, durable=True)
    again.session.resume(rest, events(on.fed))
    assert again.core.book.tape.state() == on.core.book.tape.state()
    assert again.core.book.digest() == on.core.book.digest()
    for each in (on, again):
        each.feed(cancel(at(1), SETTING_OFF), status_of(at(5), 1, Status.TRADING))
    assert again.only(PrintBusted) == on.only(PrintBusted)
    assert again.only(TradingResumed) == on.only(TradingResumed)
