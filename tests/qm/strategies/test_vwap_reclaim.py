"""VWAP reclaim on hand-made tapes: 15 of 20 minutes below the line, a higher low, and two closes above."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import nan
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from qm.clock import SECOND
from qm.model.events import Filled, NotStarted, Refused, Released, Signal, TradeClosed
from qm.model.market import trade
from qm.strategies.presets import strategy
from tests.qm.strategies.stage import LINEAR, WIDE, Row, Stage, at, minute

# With this volume a day and a straight curve, 10,000 shares a minute are usual.
Known = Mapping[str, float | npt.NDArray[np.float64]]
KNOWN: Known = {"prior_close": 19.0, "adv": 3_900_000.0, "curve": LINEAR}


def flat(n: int, price: float, volume: float = 10_000.0, sym: int = 0) -> Row:
    """A bar of one price, so that its mean is that price."""
    return minute(n, price, price, price, price, volume, sym)


def tape(
    below_from: int = 10, deepest: float = 19.6, second: float = 19.7, crossing: tuple[float, float] = (30_000, 30_000)
) -> list[Row]:
    """Ten minutes at 20.00, then below VWAP until 10:00 with lows at minutes 15 and 20, then two minutes above it."""
    prices = [20.0] * 10 + [20.2] * (below_from - 10) + [19.8] * (30 - below_from)
    prices[max(15, below_from)], prices[20] = deepest, second
    rows = [flat(n, price) for n, price in enumerate(prices)]
    return [*rows, flat(30, 20.0, crossing[0]), flat(31, 20.1, crossing[1])]


def play(rows: list[Row], known: Known | None = None, atr: float = 2.0, **params: Any) -> Stage:
    return Stage(strategy("vwap_reclaim", params), atr=atr, known={**KNOWN, **(known or {})}).feed(*rows)


def test_it_buys_the_second_close_above_vwap_with_a_stop_below_the_line() -> None:
    on = play([*tape(), flat(32, 20.1)])
    signal = on.only(Signal)
    # 100,000 shares at 20.00, 200,000 at 395.7 / 20, then 30,000 each at 20.00 and 20.10: the line stands at 19.8889.
    line = (2_000_000 + 3_957_000 + 600_000 + 603_000) / 360_000
    assert signal.stop == pytest.approx(line - 0.15 * 2.0)
    assert (signal.price, signal.reason) == (20.1, "2 closes above VWAP")
    assert [entry.ts for entry in on.entries if isinstance(entry.body, Signal)] == [at(32)]
    assert on.only(Filled).execution.price == Decimal("20.10")


def test_the_stop_is_below_the_bars_of_the_reclaim_where_these_went_lower() -> None:
    rows = tape(deepest=19.0)
    # Its mean stays 20.00: the line does not move.
    rows[30] = minute(30, 20.0, 20.7, 19.3, 20.0, 30_000)
    assert play(rows).only(Signal).stop == 19.3


@pytest.mark.parametrize(
    ("what", "rows", "enters"),
    [
        ("15 of 20 minutes below", tape(below_from=15), True),
        ("14 of 20 minutes below", tape(below_from=16), False),
        # At minute 15 the line stands at 19.87, so that a low of 18.90 is 0.485 ATR below it and one of 18.80 0.53.
        ("as deep as it may be", tape(deepest=18.9), True),
        ("too deep", tape(deepest=18.8), False),
        ("no second low", tape(second=19.8), False),
        ("a second low as low as the first", tape(second=19.6), False),
        ("a volume of 1.5 times the usual", tape(crossing=(20_000, 25_000)), True),
        ("a volume of 1.48 times the usual", tape(crossing=(20_000, 24_000)), False),
        ("one close above VWAP", [*tape()[:31], flat(31, 19.8, 30_000)], False),
        ("a close above, one below, one above", [*tape()[:31], flat(31, 19.8, 30_000), flat(32, 20.1, 30_000)], False),
    ],
)
def test_what_is_a_reclaim_and_what_nearly(what: str, rows: list[Row], enters: bool) -> None:
    assert bool(play(rows).all(Signal)) is enters, what


@pytest.mark.parametrize(
    ("known", "params", "enters"),
    [
        ({"prior_close": 20.0}, {}, True),
        ({"prior_close": 20.1}, {}, False),
        ({"prior_close": 20.1}, {"up_day": False}, True),
        ({"prior_close": nan}, {}, False),
        ({"adv": nan}, {}, False),
        ({"curve": LINEAR * nan}, {}, False),
        ({}, {"first_min": 32}, True),
        ({}, {"first_min": 33}, False),
        ({}, {"last_min": 32}, True),
        ({}, {"hold_closes": 1, "rvol5": 1.4}, True),
    ],
)
def test_what_else_it_asks_for(known: Known, params: dict[str, Any], enters: bool) -> None:
    assert bool(play(tape(), known, **params).all(Signal)) is enters


def test_without_an_atr_there_is_no_setup() -> None:
    assert play(tape(), atr=nan).all(Signal) == []


def test_a_down_day_will_do_when_spy_is_above_its_vwap() -> None:
    for last, enters in ((500.2, True), (499.8, False)):
        on = Stage(
            strategy("vwap_reclaim"),
            known={**KNOWN, "prior_close": 30.0},
            symbols=("AAA", "SPY"),
        )
        on.feed(flat(0, 500.0, sym=1), flat(1, last, sym=1)).feed(*tape())
        assert bool(on.all(Signal)) is enters


def test_late_in_the_day_it_lets_go() -> None:
    on = play(tape(), last_min=31)
    assert on.only(Released).reason == "too late in the day"


# --- prints: the retest --------------------------------------------------------------------------------------------


def prints(rows: list[Row]) -> list[Row]:
    """The same minutes as one print each, a second before their ends."""
    return [trade(row[0] - SECOND, row[2], row[9], row[10]) for row in rows]


def retested(price: float) -> Stage:
    # After the close at 20.00 the line is at 19.87 and the retest armed at 19.97, and the volume is there already.
    on = Stage(strategy("vwap_reclaim", {"rvol5": 1.2}), known=KNOWN, prints=True)
    on.feed(*prints(tape()[:31])).pass_time(31)
    return on.feed(trade(at(31, 20), 0, price, 100))


@pytest.mark.parametrize(("price", "enters"), [(19.98, False), (19.96, True), (19.86, False)])
def test_with_prints_it_buys_a_retest_that_stays_above_the_line(price: float, enters: bool) -> None:
    on = retested(price)
    assert [signal.reason for signal in on.all(Signal)] == ["held the retest of VWAP"] * enters


def test_a_retest_that_was_bought_is_not_bought_again_at_the_close() -> None:
    on = retested(19.96).feed(trade(at(31, 30), 0, 20.1, 30_000)).pass_time(33)
    assert len(on.all(Signal)) == 1


# --- leaving -------------------------------------------------------------------------------------------------------


def bought() -> Stage:
    """920 shares at 20.10 with 51 cents at risk each; the high of the day is 20.60, two risks are 21.12."""
    rows = [minute(0, 20.0, 20.6, 19.4, 20.0, 10_000), *tape()[1:], flat(32, 20.1)]
    on = play(rows)
    assert on.held() == 920
    return on


def test_half_at_the_high_of_the_day_and_half_at_two_risks() -> None:
    on = bought().feed(minute(33, 20.1, 20.6, 20.1, 20.5), flat(34, 20.5))
    assert on.held() == 460
    on.feed(flat(35, 21.12), flat(36, 21.12))
    assert on.held() == 460
    on.feed(minute(37, 21.1, 21.13, 21.1, 21.1), flat(38, 21.1))
    assert on.held() == 0
    assert [s.reason for s in on.all(Signal) if not s.entry] == ["the high of the day reached, half", "2 R reached"]


def test_two_closes_below_vwap_end_it_and_one_does_not() -> None:
    on = bought().feed(flat(33, 19.7), flat(34, 20.1), flat(35, 19.7))
    assert on.held() == 920
    # Known at the end of minute 36, sold at the open of minute 37.
    on.feed(flat(36, 19.7), flat(37, 19.7))
    closed = on.only(TradeClosed)
    assert (closed.reason, closed.closed) == ("2 closes below VWAP", at(37))


def test_once_a_day() -> None:
    on = bought().feed(flat(33, 19.0), flat(34, 19.0))
    assert on.only(Released).reason == "no attempts left today"


ASKS_NOTHING: dict[str, Any] = {"rvol5": 0, "depth_atr": 0, "retest_atr": 0, "buf_atr": 0}
"""Of earlier sessions, but the close before."""


def test_without_earlier_sessions_it_trades_when_it_is_told_to_ask_nothing_of_them() -> None:
    on = play(tape(), known={"adv": nan}, atr=nan, **ASKS_NOTHING)
    # The lower of the two closes above the line is 20.00.
    assert on.only(Signal).price == 20.1
    assert on.only(Signal).stop == pytest.approx(19.99)


@pytest.mark.parametrize("still", ASKS_NOTHING)
def test_whatever_still_asks_for_them_is_why_it_is_not_started(still: str) -> None:
    params = {name: value for name, value in ASKS_NOTHING.items() if name != still}
    on = play(tape(), known={"adv": nan}, atr=nan, **params)
    lacks = "average volumes" if still == "rvol5" else "average ranges"
    assert on.only(NotStarted).reason.startswith(f"it needs {lacks}")


def test_a_reclaim_that_was_refused_does_not_use_up_the_day() -> None:
    # The second reclaim begins after twenty more minutes below the line.
    again = [flat(32 + n, price) for n, price in enumerate([19.7, 19.5, 19.7, 19.6] + [19.7] * 14)]
    rows = [*tape(), *again, flat(50, 20.1, 40_000), flat(51, 20.1, 40_000)]
    refused = Stage(
        strategy("vwap_reclaim", {}), known={**KNOWN}, risk=msgspec.structs.replace(WIDE, max_price=20.05)
    ).feed(*rows)
    assert len(refused.all(Signal)) == 2
    assert len(refused.all(Refused)) == 2
    assert len(play(rows).all(Signal)) == 1
