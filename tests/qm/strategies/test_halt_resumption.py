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


def halted(n: int) -> Row:
    return status_of(at(n), 0, Status.HALTED)


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


TOLD = "volatility pause 1 of the day at 21.80 resumed at 22.00, its first minute went from 21.80 to 22.50"


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
    assert (signal.reason, signal.stop) == ("broke the first minute after the pause", 21.8)
    assert on.only(Filled).execution.price == Decimal("22.55")
    # One risk is 75 cents, so that half goes at 23.30 and the rest at 24.05.
    on.feed(minute(19, 22.6, 23.3, 22.6, 23.3), flat(20, 23.3), minute(21, 23.3, 24.1, 23.3, 24.05), flat(22, 24.05))
    assert on.only(TradeClosed).reason == "2 R reached"
    assert [s.reason for s in on.all(Signal)][1:] == ["1 R reached", "2 R reached"]


def test_a_bar_that_trading_resumed_in_counts_together_with_the_one_after_it() -> None:
    on = stage(trade=True)
    for n in range(10):
        on.feed(flat(n, 20.0 + n / 5))
    on.feed(paused(10)).pass_time(14)
    give(on)
    # Forty seconds after the minute: the bar of 15 has twenty seconds, and only that of 16 ends a minute later.
    on.feed(status_of(at(15, 40), 0, Status.TRADING), minute(15, 22.0, 22.1, 21.9, 22.05)).pass_time(16)
    assert on.all(Alerted) == []
    on.feed(minute(16, 22.05, 22.5, 22.0, 22.3)).pass_time(17)
    assert on.only(Alerted).text.endswith("resumed at 22.00, its first minute went from 21.90 to 22.50")
    on.feed(minute(17, 22.3, 22.5, 22.2, 22.4))
    assert on.all(Signal) == []
    on.feed(minute(18, 22.4, 22.6, 22.4, 22.55))
    assert (on.only(Signal).price, on.only(Signal).stop) == (22.55, 21.9)


@pytest.mark.parametrize(
    ("what", "tape", "reason"),
    [
        ("a fall into the halt", {"rise": -1.0}, "not paused on its way up"),
        ("no way at all", {"rise": 0.0}, "not paused on its way up"),
        ("a lower reopening", {"reopens": 21.79}, "resumed at 21.79, below the pause at 21.80"),
        ("the third halt", {"halts": 3}, "pause 3 of the day; only the first 2 count"),
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


def test_a_halt_for_another_reason_is_left_alone() -> None:
    on = stage()
    for n in range(10):
        on.feed(flat(n, 20.0 + n / 5))
    on.feed(halted(10)).pass_time(14)
    give(on)
    assert on.only(Released).reason == "not paused for volatility"
    on.feed(resumes(15), minute(15, 22.0, 22.5, 21.8, 22.3)).pass_time(16)
    assert on.all(Alerted) == []


def test_a_pause_that_becomes_a_halt_is_left_alone() -> None:
    on = stage()
    for n in range(10):
        on.feed(flat(n, 20.0 + n / 5))
    on.feed(paused(10)).pass_time(12)
    give(on)
    on.feed(halted(13), resumes(15), minute(15, 22.0, 22.5, 21.8, 22.3)).pass_time(16)
    assert {released.reason for released in on.all(Released)} == {"not paused for volatility"}
    assert on.all(Alerted) == []


def test_halts_before_it_do_not_use_up_the_pauses_that_count() -> None:
    on = stage()
    for n in range(10):
        on.feed(flat(n, 20.0 + n / 5))
    for _ in range(3):
        on.feed(halted(10), resumes(10))
    on.feed(paused(10)).pass_time(14)
    give(on)
    on.feed(resumes(15), minute(15, 22.0, 22.5, 21.8, 22.3)).pass_time(16)
    assert on.only(Alerted).text == TOLD


def test_paused_again_before_a_minute_was_over_it_counts_as_the_second() -> None:
    on = stage()
    for n in range(10):
        on.feed(flat(n, 20.0 + n / 5))
    on.feed(paused(10)).pass_time(14)
    give(on)
    on.feed(resumes(15), paused(15)).pass_time(20)
    on.feed(resumes(20), minute(20, 22.0, 22.5, 21.8, 22.3)).pass_time(21).feed(minute(21, 22.3, 22.6, 22.0, 22.4))
    assert on.only(Alerted).text.startswith("volatility pause 2 of the day at 21.80 resumed at 22.00")


def test_another_halt_ends_it() -> None:
    on = play(trade=True).feed(paused(17), resumes(18), minute(18, 22.4, 22.6, 22.4, 22.6))
    assert on.only(Released).reason == "paused or halted again"
    assert on.all(Signal) == []


def test_no_break_in_time_ends_it() -> None:
    on = play(trade=True).pass_time(24)
    assert on.all(Released) == []
    on.pass_time(25)
    assert on.only(Released).reason == "no break within 10 minutes"


def test_a_symbol_that_was_not_halted_is_let_go() -> None:
    on = stage().feed(flat(0, 20.0))
    give(on)
    assert on.only(Released).reason == "not paused for volatility"


@pytest.mark.parametrize("name", ["halt_resumption", "parabolic_short"])
def test_without_word_of_halts_it_is_not_started(name: str) -> None:
    on = Stage(strategy(name), prints=False)
    assert "status" in on.only(NotStarted).reason
