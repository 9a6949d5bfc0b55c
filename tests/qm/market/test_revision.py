"""What is told otherwise later: the market must look as if it had been told right at first, as far as that is known."""

from __future__ import annotations

from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.market.features import NAMES
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.instrument import SymbolTable
from qm.model.market import Kind, Print, bar, cancel, correction, events, trade
from tests.qm.strategies.stage import SESSION, at

Record = tuple[Any, ...]

NOT_PUT_RIGHT = {
    "avwap_pm_high",
    "avwap_pm_high_dist_pct",
    "revised",
    "highs_today",
    "new_high",
    "high_age_s",
    "mins_below_vwap",
}
"""What a mistake leaves behind, as the module says."""
OF_MINUTES = ("or_", "bb_", "mom_", "range_exp", "red_", "green_", "rsi2", "new_5m")
OF_PRINTS = {
    "tape_speed",
    "prints_per_min",
    "velocity",
    "chg_1_ago_pct",
    *(name for name in NAMES if name.startswith(OF_MINUTES)),
}
"""What follows from the prices of single minutes, which a cancelled print leaves at open and close."""


def empty(symbols: int = 1) -> Market:
    reference = Reference.empty(symbols)
    reference.prior_close[:] = 10.0
    reference.adv[:], reference.atr[:], reference.or_volume[:] = 1e6, 0.5, 1e4
    reference.curve[:] = np.arange(1, 391) / 390
    return Market(SymbolTable([f"S{n}" for n in range(symbols)]), SESSION, reference)


def live(records: list[Record], until: int) -> Market:
    """Consume records and mark every minute, as the core does."""
    market = empty()
    tape = events(sorted(records, key=lambda record: record[0]))
    for boundary in range(SESSION.open_ns - 5 * MINUTE, until + 1, MINUTE):
        due = (
            (tape["ts"] > market.now) & (tape["ts"] <= boundary)
            if market.now != SESSION.pre_ns
            else (tape["ts"] <= boundary)
        )
        market.replay(tape[due])
        market.now = boundary
        market.mark_minute(boundary)
    return market


def agree(found: Market, wanted: Market, besides: set[str]) -> None:
    mine, clean = features_of(found, 0), features_of(wanted, 0)
    for name in NAMES:
        if name not in besides:
            assert mine.get(name, nan) == pytest.approx(clean.get(name, nan), rel=1e-9, abs=1e-7, nan_ok=True), name


cents = st.integers(990, 1010).map(lambda c: c / 100)
sizes = st.integers(1, 50).map(lambda s: 100.0 * s)


@st.composite
def told_bars(draw: st.DrawFn) -> tuple[list[Record], list[Record], int]:
    """Bars of up to thirty minutes, some told again up to four minutes later; and as they should have been told."""
    told, right = [], []
    first, count = draw(st.sampled_from([-4, 0])), draw(st.integers(1, 30))
    for k in range(first, first + count):
        if not draw(st.integers(0, 5)):
            continue
        versions = []
        for n in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            low, o, c, h = sorted(draw(cents) for _ in range(4))
            late = MINUTE * draw(st.integers(0, 4)) * n + n * 1_000_000
            versions.append((at(k + 1) + late, *bar(at(k + 1), 0, o, h, low, c, draw(sizes))[1:]))
        told += versions
        final = max(versions, key=lambda version: version[0])
        right.append((at(k + 1), *final[1:]))
    return told, right, at(first + count + 12)


@settings(max_examples=200, deadline=None)
@given(told_bars())
def test_a_bar_told_again_takes_the_place_of_the_one_before(tape: tuple[list[Record], list[Record], int]) -> None:
    told, right, until = tape
    agree(live(told, until), live(right, until), NOT_PUT_RIGHT)


def test_the_same_bar_told_twice_counts_once() -> None:
    one = bar(at(1), 0, 10.0, 10.2, 9.9, 10.1, 500.0)
    market = live([one, (one[0] + 1, *one[1:])], at(3))
    assert (market.rows["volume"][0], market.rows["revised"][0]) == (500.0, 0)


def test_a_bar_that_arrives_late_is_counted_in_its_place() -> None:
    first, late, last = (bar(at(k), 0, 10.0, 10.0 + k / 10, 10.0, 10.0, 100.0 * k) for k in (1, 2, 3))
    market = live([first, last, (at(5), *late[1:])], at(6))
    agree(market, live([first, late, last], at(6)), NOT_PUT_RIGHT)
    assert market.rows["volume"][0] == 600.0
    assert market.rows["last"][0] == 10.0


def test_a_bar_of_long_ago_is_not_counted_because_nobody_knows_whether_it_was() -> None:
    first, late, last = (bar(at(k), 0, 10.0, 10.0, 10.0, 10.0, 100.0) for k in (1, 2, 50))
    assert live([first, last, (at(51), *late[1:])], at(52)).rows["volume"][0] == 200.0


@st.composite
def tapes(draw: st.DrawFn, mistakes: int) -> tuple[list[Record], list[Record], int]:
    """Prints of a few minutes, some taken back or corrected later; and the tape as it should have been."""
    count = draw(st.integers(1, 25))
    begin = draw(st.sampled_from([-3, 0]))
    times = sorted(draw(st.lists(st.integers(0, 300), min_size=count, max_size=count, unique=True)))
    told = [trade(at(begin, 0.5 + s), 0, draw(cents), draw(sizes)) for s in times]
    right: list[Record | None] = list(told)
    later: list[Record] = []
    for n in draw(st.lists(st.integers(0, count - 1), max_size=mistakes, unique=True)):
        ts = told[n][0] + 1_000_000 + draw(st.integers(0, 200)) * SECOND
        if draw(st.booleans()):
            later.append(cancel(ts, told[n]))
            right[n] = None
        else:
            price, size = draw(cents), draw(sizes)
            later.append(correction(ts, told[n], price, size))
            right[n] = (*told[n][:6], price, size, *told[n][8:])
    return told + later, [record for record in right if record is not None], at(begin + 12)


@settings(max_examples=300, deadline=None)
@given(tapes(mistakes=1))
def test_one_mistaken_print_leaves_nothing_behind(tape: tuple[list[Record], list[Record], int]) -> None:
    told, right, until = tape
    # Where the last price was mistaken, what follows from it is the one before; where the open was, it stays.
    opened = {"open", "chg_open_pct", "gap_pct", "move_atr", "rs_spy_pct"}
    if right:
        agree(live(told, until), live(right, until), NOT_PUT_RIGHT | OF_PRINTS | opened)


@settings(max_examples=300, deadline=None)
@given(tapes(mistakes=8))
def test_the_sums_are_those_of_the_prints_that_stand(tape: tuple[list[Record], list[Record], int]) -> None:
    told, right, until = tape
    row = live(told, until).rows[0]
    regular = [r for r in right if r[1] >= SESSION.open_ns]
    early = [r for r in right if r[1] < SESSION.open_ns]
    assert row["volume"] == pytest.approx(sum(r[7] for r in regular))
    assert row["pv"] == pytest.approx(sum(r[6] * r[7] for r in regular))
    assert row["pre_volume"] == pytest.approx(sum(r[7] for r in early))
    assert row["pre_pv"] == pytest.approx(sum(r[6] * r[7] for r in early))
    assert not row["high"] < row["low"]
    if regular and len({r[6] for r in regular}) > 1:
        volume = sum(r[7] for r in regular)
        vwap = sum(r[6] * r[7] for r in regular) / volume
        wanted = sqrt(sum(r[7] * (r[6] - vwap) ** 2 for r in regular) / volume)
        found = sqrt(row["pdd"] / row["volume"] - (row["pv"] / row["volume"] - row["anchor"]) ** 2)
        assert found == pytest.approx(wanted, rel=1e-6)


def told(*records: Record) -> Market:
    market = empty()
    market.replay(events(list(records)))
    return market


def test_the_high_falls_back_to_the_print_before_it() -> None:
    prints = [trade(at(1) + n, 0, price, 100.0) for n, price in enumerate((10.0, 10.4, 9.8, 10.3))]
    market = told(*prints, cancel(at(1) + 9, prints[1]))
    assert (market.rows["high"][0], market.rows["low"][0], market.rows["last"][0]) == (10.3, 9.8, 10.3)
    assert features_of(market, 0)["revised"] == 1
    assert "high_age_s" not in features_of(market, 0)


def test_the_last_price_falls_back_to_the_one_before() -> None:
    prints = [trade(at(1) + n, 0, price, 100.0) for n, price in enumerate((10.0, 10.4))]
    assert told(*prints, cancel(at(1) + 9, prints[1])).rows["last"][0] == 10.0
    assert told(*prints, correction(at(1) + 9, prints[1], 10.1, 200.0)).rows["last"][0] == 10.1
    assert told(*prints, cancel(at(1) + 9, prints[0])).rows["last"][0] == 10.4


def test_the_bar_being_built_loses_what_was_taken_back() -> None:
    prints = [trade(at(1) + n, 0, price, 100.0) for n, price in enumerate((10.0, 10.4, 10.1))]
    row = told(*prints, cancel(at(1) + 9, prints[1])).rows[0]
    assert (row["bar_high"], row["bar_close"], row["bar_volume"]) == (10.1, 10.1, 200.0)


def test_a_print_that_was_set_aside_cannot_be_taken_out() -> None:
    good, bad = trade(at(1), 0, 10.0, 100.0), trade(at(1) + 1, 0, 30.0, 900.0)
    market = told(good, bad, cancel(at(1) + 2, bad))
    assert (market.rows["volume"][0], market.rows["quarantined"][0], market.rows["revised"][0]) == (100.0, 1, 0)


def test_the_bar_that_a_strategy_sees_is_put_right() -> None:
    market = empty()
    market.levels.follow(0, "me")
    market.run(events([bar(at(1), 0, 10.0, 10.2, 9.9, 10.1, 500.0)]), 0)
    index, wake = market.run(events([bar(at(1), 0, 10.0, 10.3, 9.9, 10.2, 600.0)]), 0)
    assert (index, wake) == (1, None)
    (seen,) = market.bars.of(0)
    assert (seen.high, seen.close, seen.volume) == (10.3, 10.2, 600.0)


@pytest.mark.parametrize("kind", [Kind.CANCEL, Kind.CORRECTION])
@pytest.mark.parametrize("price", [0.0, nan, -1.0])
def test_a_mistake_without_a_price_changes_nothing(kind: Kind, price: float) -> None:
    market = told(trade(at(1), 0, 10.0, 100.0))
    before = market.rows.tobytes()
    record = (at(2), at(1), 0, kind, Print.ALL, Print.ALL, price, 100.0, price, 100.0, 0.0)
    market.replay(events([record]))
    assert market.rows.tobytes() == before
    assert not isnan(market.rows["last"][0])
