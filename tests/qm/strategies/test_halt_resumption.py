"""Halt resumption on hand-made tapes: which halts count, what is told, and what is traded only when asked to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from qm.engine.settings import EngineSettings
from qm.model.events import Alerted, Assigned, Filled, NotStarted, Released, Signal, TradeClosed
from qm.model.market import Status
from qm.model.market import status as status_of
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import WIDE, Row, Stage, at, minute

# A scan, so that the engine looks at every minute.
SETTINGS = EngineSettings(strategies=(), scans=("resumptions",), risk=WIDE)


def flat(n: int, price: float) -> Row:
    return minute(n, price, price, price, price)


def paused(n: int) -> Row:
    return status_of(at(n), 0, Status.PAUSED)


def resumes(n: int) -> Row:
    return status_of(at(n), 0, Status.TRADING)


def stage(**params: Any) -> Stage:
    # Its needs are left out: feeds of bars tell of no halts, this tape does.
    return Stage(replace(strategy("halt_resumption", params), needs=()), settings=SETTINGS, assigned={})


def play(*, rise: float = 1.0, reopens: float = 22.0, halts: int = 1, late: bool = False, **params: Any) -> Stage:
    """Ten minutes from 20.00 by `rise` to the halt at minute 10, a resumption at 15, and the first minute after it.

    The strategy gets the symbol during the halt or, when `late`, right after the resumption.
    """
    on = stage(**params)
    for n in range(10):
        on.feed(flat(n, 20.0 + rise * n / 5))
    for _ in range(halts - 1):
        on.feed(paused(10), resumes(10))
    on.feed(paused(10)).pass_time(14)
    if not late:
        give(on)
    on.feed(resumes(15))
    if late:
        on.pass_time(15)
        give(on)
    return on.feed(minute(15, reopens, 22.5, reopens - 0.2, 22.3)).pass_time(16)


def give(on: Stage) -> None:
    on.core.book.state(Assigned("halt_resumption", ("AAA",)))
    on.core.trading.start("halt_resumption", [0])
    on.session.flush()


TOLD = "halt 1 of the day at 21.80 resumed at 22.00, its first minute went from 21.80 to 22.50"


@pytest.mark.parametrize("late", [False, True])
def test_it_tells_the_trader_and_sends_nothing(late: bool) -> None:
    on = play(late=late)
    alert = on.only(Alerted)
    assert (alert.symbol, alert.strategy, alert.text, alert.price) == ("AAA", "halt_resumption", TOLD, 22.3)
    assert [(notice.level, notice.text) for notice in on.notices] == [("info", f"AAA: {TOLD} (halt_resumption)")]
    assert on.only(Released).reason == "alert only"
    on.feed(minute(16, 22.3, 23.0, 22.3, 23.0))
    assert on.all(Signal) == []


def test_told_to_trade_it_buys_the_break_of_the_first_minute() -> None:
    on = play(trade=True).feed(minute(16, 22.3, 22.5, 22.2, 22.4))
    assert on.all(Signal) == []
    on.feed(minute(17, 22.4, 22.6, 22.4, 22.55), flat(18, 22.55))
    signal = on.only(Signal)
    assert (signal.reason, signal.stop) == ("broke the first minute after the halt", 21.8)
    assert on.only(Filled).execution.price == Decimal("22.55")
    # One risk is 75 cents, so that half goes at 23.30 and the rest at 24.05.
    on.feed(minute(19, 22.6, 23.3, 22.6, 23.3), flat(20, 23.3), minute(21, 23.3, 24.1, 23.3, 24.05), flat(22, 24.05))
    assert on.only(TradeClosed).reason == "2 R reached"
    assert [s.reason for s in on.all(Signal)][1:] == ["1 R reached", "2 R reached"]


@pytest.mark.parametrize(
    ("what", "tape", "reason"),
    [
        ("a fall into the halt", {"rise": -1.0}, "not halted on its way up"),
        ("no way at all", {"rise": 0.0}, "not halted on its way up"),
        ("a lower reopening", {"reopens": 21.79}, "resumed at 21.79, below the halt at 21.80"),
        ("the third halt", {"halts": 3}, "halt 3 of the day; only the first 2 count"),
    ],
)
def test_what_is_left_alone(what: str, tape: dict[str, Any], reason: str) -> None:
    on = play(**tape)
    # The scan may find it again.
    assert {released.reason for released in on.all(Released)} == {reason}, what
    assert on.all(Alerted) == []


@pytest.mark.parametrize("tape", [{"reopens": 21.8}, {"halts": 2}])
def test_what_just_counts(tape: dict[str, Any]) -> None:
    assert len(play(**tape).all(Alerted)) == 1


def test_another_halt_ends_it() -> None:
    on = play(trade=True).feed(paused(17), resumes(18), minute(18, 22.4, 22.6, 22.4, 22.6))
    assert on.only(Released).reason == "halted again"
    assert on.all(Signal) == []


def test_no_break_in_time_ends_it() -> None:
    on = play(trade=True).pass_time(24)
    assert on.all(Released) == []
    on.pass_time(25)
    assert on.only(Released).reason == "no break within 10 minutes"


def test_a_symbol_that_was_not_halted_is_let_go() -> None:
    on = stage().feed(flat(0, 20.0))
    give(on)
    assert on.only(Released).reason == "halt 0 of the day; only the first 2 count"


@pytest.mark.parametrize("name", ["halt_resumption", "parabolic_short"])
def test_without_word_of_halts_it_is_not_started(name: str) -> None:
    on = Stage(strategy(name), prints=False)
    assert "status" in on.only(NotStarted).reason
