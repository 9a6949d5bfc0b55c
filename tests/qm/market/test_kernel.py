"""The compiled loop against plain Python written from the meaning of the records."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.market import kernel
from qm.market.features import features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.rows import Rows, new_rows
from qm.market.timers import NEVER
from qm.model.instrument import SymbolTable
from qm.model.market import Kind, Print, Status, bands, bar, cancel, clock, correction, events, quote, status, trade
from tests.qm.market.reference import Reference as Expected
from tests.qm.market.reference import Symbol
from tests.qm.strategies.stage import SESSION, at

SYMBOLS = 3
HOURS = (SESSION.pre_ns, SESSION.open_ns, SESSION.close_ns)
WIDE = (1.05, 0.95)
Record = tuple[Any, ...]


def fresh(symbols: int = SYMBOLS) -> Rows:
    """Rows in which prices more than 5 % away are far."""
    made = new_rows(symbols)
    made["wide_up"], made["wide_down"] = WIDE
    return made


rows = st.integers(0, SYMBOLS - 1)
cents = st.integers(900, 1100).map(lambda c: c / 100)
prices = st.one_of(cents, cents, cents, cents, st.sampled_from([0.0, nan, -1.0]))
sizes = st.one_of(st.integers(0, 5000).map(float), st.just(nan))


@st.composite
def bars(draw: st.DrawFn) -> Record:
    o, h, low, c = (draw(prices) for _ in range(4))
    if draw(st.integers(0, 9)):
        low, o, c, h = sorted((o, h, low, c))
    return bar(0, draw(rows), o, h, low, c, draw(sizes))


@st.composite
def trades(draw: st.DrawFn) -> Record:
    made = trade(0, draw(rows), draw(prices), draw(sizes), draw(st.integers(0, 7)))
    # Some are told late: they happened up to three minutes ago.
    return (0, -draw(st.sampled_from([0, 0, 0, 1, 40, 70, 180])) * SECOND, *made[2:])


bandings = st.builds(lambda row, low, high: bands(0, row, low, high, 10.0), rows, prices, prices)
quotes = st.builds(lambda row, bid, ask: quote(0, row, bid, ask), rows, prices, prices)
statuses = st.builds(lambda row, code: status(0, row, code), rows, st.sampled_from(Status))
steps = st.sampled_from([0, 1, SECOND, 20_000_000_000, 61_000_000_000])
tapes = st.lists(st.tuples(steps, st.one_of(trades(), trades(), bars(), quotes, statuses, bandings)), max_size=40)
levels = st.tuples(
    st.one_of(st.just(inf), cents), st.one_of(st.just(-inf), cents), st.one_of(st.just(inf), cents),
    st.one_of(st.just(-inf), cents), st.integers(0, 1), st.integers(0, 1),
)  # fmt: skip


def timed(tape: list[tuple[int, Record]], start: int) -> list[Record]:
    """Put records one after the other; what they say of time was relative."""
    now, timed = start, []
    for step, record in tape:
        now += step
        known = now + MINUTE if record[3] == Kind.BAR else now
        happened = now if record[3] == Kind.BAR else now + record[1]
        timed.append((known, happened, *record[2:]))
    return sorted(timed, key=lambda record: record[0])


def arm(row: Any, symbol: Any, level: tuple[Any, ...]) -> None:
    for name, value in zip(("up", "down", "close_up", "close_down", "follow", "next"), level, strict=True):
        row[name] = value
        setattr(symbol, name, value)


@settings(max_examples=400)
@given(tapes, st.lists(levels, min_size=SYMBOLS, max_size=SYMBOLS), st.sampled_from([-330, -2, 0, 388, 389]))
def test_rows_and_wakes_are_those_of_plain_python(
    tape: list[tuple[int, Record]], armed: list[tuple[Any, ...]], start: int
) -> None:
    market, expected = fresh(), Expected(SYMBOLS, HOURS, WIDE)
    for k in range(SYMBOLS):
        arm(market[k], expected.symbols[k], armed[k])
    records = timed(tape, at(start))
    whys = [expected.consume(record) for record in records]

    woken, index, batch = [], 0, events(records)
    while index < len(batch):
        index, why = kernel.run(market, batch, index, NEVER, *HOURS)
        if why:
            woken.append((index - 1, why))
    assert woken == [(n, why) for n, why in enumerate(whys) if why]

    for k, symbol in enumerate(expected.symbols):
        for name, value in symbol.fields().items():
            assert market[k][name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


@st.composite
def revised(draw: st.DrawFn) -> list[Record]:
    """A tape in which some prints are taken back or corrected, and some bars are told again."""
    records = timed(draw(tapes), at(draw(st.sampled_from([-30, 0, 385]))))
    for told in draw(st.lists(st.sampled_from(records), max_size=5)) if records else []:
        ts = records[-1][0] + draw(steps)
        if told[3] == Kind.TRADE:
            records.append(draw(st.sampled_from([cancel(ts, told), correction(ts, told, draw(prices), draw(sizes))])))
        elif told[3] == Kind.BAR:
            records.append((ts, *told[1:6], *draw(bars())[6:]))
    return records


@settings(max_examples=100)
@given(revised(), st.lists(levels, min_size=SYMBOLS, max_size=SYMBOLS))
def test_compiled_and_plain_the_loop_does_the_same(records: list[Record], armed: list[tuple[Any, ...]]) -> None:
    batch, states = events(records), []
    for run in (kernel.run, kernel.run.py_func):
        market, index, woken = fresh(), 0, []
        for k in range(SYMBOLS):
            arm(market[k], Symbol(), armed[k])
        while index < len(batch):
            index, why = run(market, batch, index, NEVER, *HOURS)
            woken.append((int(index), int(why)))
        states.append((woken, market.tobytes()))
    assert states[0] == states[1]


@settings(max_examples=200)
@given(revised())
def test_a_day_keeps_its_bounds_whatever_is_told(records: list[Record]) -> None:
    market = Market(SymbolTable([f"S{k}" for k in range(SYMBOLS)]), SESSION, Reference.empty(SYMBOLS))
    market.backfill(events(records))
    for k, row in enumerate(market.rows):
        for part in ("", "pre_"):
            high, low, volume = row[part + "high"], row[part + "low"], row[part + "volume"]
            assert np.isnan(high) == np.isnan(low)
            assert not high < low
            assert volume >= 0
            assert not row[part + "second_high"] > high or np.isinf(row[part + "second_high"])
            mean = row[part + "pv"] / volume if volume > 0 else nan
            # What may set no high and low counts in the volume all the same.
            if all(record[4] == Print.ALL for record in records if record[3] != Kind.BAR and record[2] == k):
                assert not mean > high * (1 + 1e-9)
                assert not mean < low * (1 - 1e-9)
        assert row["last"] > 0 or np.isnan(row["last"])
        assert row["pdd"] >= -1e-6
        assert not (row["bar_start"] > 0 and row["bar_high"] < row["bar_low"])
    assert not np.isinf(features(market).matrix).any()


@given(tapes, st.lists(st.integers(0, 40), max_size=3))
def test_a_timer_fires_before_the_first_record_that_is_later(tape: list[tuple[int, Record]], dues: list[int]) -> None:
    records = events(timed(tape, at(0)))
    market, index = fresh(), 0
    for due in sorted(at(0, 3 * due) for due in dues):
        while index < len(records):
            index, why = kernel.run(market, records, index, due, *HOURS)
            if why == kernel.TIMER:
                assert records["ts"][index] > due
                break
        assert (records["ts"][:index] <= due).all()


@given(tapes, st.lists(levels, min_size=SYMBOLS, max_size=SYMBOLS))
def test_bars_of_prints_end_at_their_boundary(tape: list[tuple[int, Record]], armed: list[tuple[Any, ...]]) -> None:
    market, expected = fresh(), Expected(SYMBOLS, HOURS, WIDE)
    records = timed(tape, at(0))
    for k in range(SYMBOLS):
        arm(market[k], expected.symbols[k], armed[k])
        market[k]["next"] = expected.symbols[k].next = 0
    for record in records:
        expected.consume(record)
        kernel.run(market, events([record]), 0, NEVER, *HOURS)
    ended, whys = np.empty(SYMBOLS, np.int64), np.empty(SYMBOLS, np.int64)
    for boundary in {s.bar_start + MINUTE for s in expected.symbols if s.bar}:
        n = kernel.ended_minutes(market, boundary, ended, whys)
        wanted = []
        for k, s in enumerate(expected.symbols):
            if s.source == 2 and s.bar and s.bar_start + MINUTE == boundary:
                beyond = s.bar["close"] > s.close_up or s.bar["close"] <= s.close_down
                why = (kernel.CLOSE if beyond else 0) | (kernel.BAR if s.follow else 0)
                wanted += [(k, why)] if why else []
        assert list(zip(ended[:n].tolist(), whys[:n].tolist(), strict=True)) == wanted


@pytest.mark.parametrize("price", [0.0, nan, -1.0])
@pytest.mark.parametrize("kind", ["print", "bar"])
def test_what_is_no_price_changes_nothing(price: float, kind: str) -> None:
    market = new_rows(1)
    good = trade(at(1), 0, 10.0, 100.0) if kind == "print" else bar(at(1), 0, 10.0, 10.1, 9.9, 10.0, 100.0)
    bad = trade(at(2), 0, price, 100.0) if kind == "print" else bar(at(2), 0, 10.0, 10.1, price, price, 100.0)
    kernel.run(market, events([good]), 0, NEVER, *HOURS)
    before = market.copy()
    kernel.run(market, events([bad]), 0, NEVER, *HOURS)
    assert market.tobytes() == before.tobytes()


def test_only_what_a_print_may_change_is_changed() -> None:
    market = new_rows(1)
    for flag in (0, Print.LAST, Print.HIGH_LOW, Print.VOLUME):
        kernel.run(market, events([trade(at(1), 0, 10.0 + flag, 100.0, flag)]), 0, NEVER, *HOURS)
    row = market[0]
    assert (row["last"], row["high"], row["low"], row["open"], row["volume"]) == (11.0, 12.0, 12.0, 12.0, 100.0)


def test_bands_are_kept_and_wake_nobody() -> None:
    table = new_rows(1)
    table["next"] = 1
    records = events([bands(10, 0, 9.0, 11.0, 10.0), clock(11)])
    assert kernel.run(table, records, 0, 1 << 62, 0, 0, 1 << 62) == (2, 0)
    assert [table[name][0] for name in ("band_low", "band_high", "band_ref")] == [9.0, 11.0, 10.0]
    assert np.isnan(table["last"][0])
