"""Red to green on hand-made tapes: the dip, the cross, the volume, the market, the time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qm.model.events import Assigned, Filled, Released, Signal, StrategyFailed, TradeClosed
from qm.model.market import trade
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import LINEAR, Stage, at, minute

Known = Mapping[str, float | npt.NDArray[np.float64]]
# 10,000 shares a minute are usual. The close before is 20.00, so that 1 % is nearer than 0.3 ATR: red means 19.80.
KNOWN: Known = {"prior_close": 20.0, "adv": 3_900_000.0, "curve": LINEAR}
DIP = [(20.1, 20.2, 20.0, 20.1), (20.1, 20.1, 19.75, 19.8), (19.8, 19.9, 19.7, 19.9)]
CROSS = (19.9, 20.05, 19.9, 20.03)


def play(
    *bars: tuple[float, float, float, float],
    known: Known | None = None,
    spy: tuple[float, float] = (500.0, 500.1),
    volume: float = 15_000.0,
    prints: bool = False,
    atr: float = 2.0,
    **params: Any,
) -> Stage:
    """SPY falls to its low in the first minute and then stands where it is told; AAA makes its bars."""
    on = Stage(
        strategy("red_to_green", params),
        atr=atr,
        known={**KNOWN, **(known or {})},
        symbols=("AAA", "SPY"),
        prints=prints,
    )
    low, last = spy
    on.feed(minute(0, low, low, low, low, sym=1), minute(1, last, last, last, last, sym=1))
    for n, (o, h, low, c) in enumerate(bars):
        on.feed(minute(n, o, h, low, c, volume))
    return on


def test_it_buys_the_cross_after_the_dip_with_the_nearer_of_two_stops() -> None:
    on = play(*DIP, CROSS, (20.04, 20.05, 20.0, 20.04))
    signal = on.only(Signal)
    # The low of the day is 19.70, and 0.35 ATR below the close before is 19.30.
    assert (signal.price, signal.stop, signal.reason) == (20.03, 19.7, "crossed the close before after a dip")
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == [at(4)]
    assert on.only(Filled).execution.price == Decimal("20.04")


def test_a_low_far_away_gives_a_stop_at_a_share_of_the_atr() -> None:
    assert play(DIP[0], (20.1, 20.1, 19.0, 19.5), CROSS).only(Signal).stop == pytest.approx(20.0 - 0.35 * 2.0)


def test_on_prints_it_buys_the_first_cent_above() -> None:
    on = play(prints=True, rvol=0.0)
    for second, price in enumerate((20.1, 19.81, 20.01, 19.80, 20.0)):
        on.feed(trade(at(3, second), 0, price, 100))
    assert on.all(Signal) == []
    on.feed(trade(at(3, 10), 0, 20.01, 100))
    assert on.only(Signal).price == 20.01


def test_with_confirmation_it_waits_for_a_close_above() -> None:
    on = play(*DIP, (19.9, 20.05, 19.9, 20.0), confirm=True)
    assert on.all(Signal) == []
    on.feed(minute(4, 20.0, 20.05, 19.95, 20.01, 15_000))
    assert on.only(Signal).price == 20.01


SHALLOW = [(20.1, 20.2, 20.0, 20.1), (20.1, 20.1, 19.81, 19.85), (19.85, 19.9, 19.85, 19.9)]


@pytest.mark.parametrize(
    ("what", "bars", "more", "enters"),
    [
        ("a dip of less than 1 %", [*SHALLOW, CROSS], {}, False),
        ("a dip of 0.3 ATR where that is nearer", [*SHALLOW, CROSS], {"atr": 0.6}, True),
        ("no cent above", [*DIP, (19.9, 20.0, 19.9, 20.0)], {}, False),
        ("volume of 1.5 times the usual", [*DIP, CROSS], {"volume": 15_000.0}, True),
        ("volume a little below", [*DIP, CROSS], {"volume": 14_900.0}, False),
        ("SPY at its low", [*DIP, CROSS], {"spy": (500.0, 500.0)}, False),
        ("SPY at its low, and nobody asks", [*DIP, CROSS], {"spy": (500.0, 500.0), "with_spy": False}, True),
        ("volume unknown", [*DIP, CROSS], {"known": {"adv": nan}}, False),
        ("close before unknown", [*DIP, CROSS], {"known": {"prior_close": nan}}, False),
        ("ATR unknown", [*DIP, CROSS], {"atr": nan}, False),
        ("a dividend makes it green: no dip below 19.60", [*DIP, CROSS], {"known": {"dividend": 0.4}}, False),
        ("at the last minute", [*DIP, CROSS], {"cutoff_min": 5}, True),
        ("too late", [*DIP, CROSS], {"cutoff_min": 4}, False),
    ],
)
def test_what_is_a_cross_and_what_nearly(what: str, bars: list[Any], more: dict[str, Any], enters: bool) -> None:
    assert bool(play(*bars, **more).all(Signal)) is enters, what


def test_a_cross_without_volume_must_be_red_again_before_it_counts() -> None:
    on = play(*DIP, CROSS, (20.03, 20.2, 20.02, 20.2), volume=14_000.0)
    row = (20.2, 20.3, 20.1, 20.25)
    on.feed(minute(5, *row, 90_000.0))
    assert on.all(Signal) == []
    on.feed(minute(6, 20.2, 20.2, 19.95, 19.98), minute(7, 19.98, 20.05, 19.98, 20.05))
    assert len(on.all(Signal)) == 1


def test_taken_over_when_it_is_red_already_it_waits_for_the_cross() -> None:
    on = Stage(strategy("red_to_green", {"with_spy": False}), known=KNOWN, assigned={})
    for n, (o, h, low, c) in enumerate(DIP):
        on.feed(minute(n, o, h, low, c, 15_000))
    on.core.book.state(Assigned("red_to_green", ("AAA",)))
    on.core.trading.start("red_to_green", [0])
    on.feed(minute(3, *CROSS, 15_000))
    assert on.only(Signal).price == 20.03


def test_without_spy_in_the_session_it_says_so_instead_of_waiting_for_ever() -> None:
    on = Stage(strategy("red_to_green"), known=KNOWN)
    assert on.only(Released).reason == "SPY is not in this session; with_spy=false does without"


def test_it_gives_up_at_half_past_eleven() -> None:
    on = play(*DIP).pass_time(119)
    assert on.all(Released) == []
    on.pass_time(120)
    assert on.only(Released).reason == "no cross within 120 minutes"


def test_two_closes_below_the_close_before_end_it() -> None:
    row = (20.04, 20.05, 20.0, 20.04)
    on = play(*DIP, CROSS, row, (20.0, 20.0, 19.9, 19.95), (19.95, 20.0, 19.9, 20.0), (20.0, 20.0, 19.9, 19.99))
    assert on.all(TradeClosed) == []
    on.feed(minute(8, 19.99, 19.99, 19.9, 19.9), minute(9, 19.9, 19.9, 19.9, 19.9))
    assert on.only(TradeClosed).reason == "2 closes below the close before"


ASKS_NOTHING: dict[str, Any] = {"rvol": 0, "dip_atr": 0, "stop_atr": 0}
"""Of earlier sessions, but the close before."""


def test_without_earlier_sessions_it_trades_when_it_is_told_to_ask_nothing_of_them() -> None:
    on = play(*DIP, CROSS, known={"adv": nan}, atr=nan, **ASKS_NOTHING)
    assert (on.only(Signal).price, on.only(Signal).stop) == (20.03, 19.7)


def test_a_dip_and_a_cross_before_the_open_are_none() -> None:
    on = Stage(strategy("red_to_green", {"with_spy": False, "rvol": 0}), known=KNOWN, prints=True)
    on.feed(trade(at(-20), 0, 19.7, 500.0), trade(at(-10), 0, 20.1, 500.0), trade(at(1), 0, 20.2, 5e6))
    assert (on.all(StrategyFailed), on.all(Signal)) == ([], [])
    on.feed(trade(at(2), 0, 19.7, 500.0), trade(at(3), 0, 20.1, 500.0))
    assert on.only(Signal).stop == 19.7
