"""The features that are kept up record by record equal plain pandas on real sessions, lived through or filled in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from qm.clock import MINUTE, SECOND
from qm.market.features import NAMES, F, Features, features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.inputs import Why
from qm.model.instrument import SymbolTable
from qm.model.market import Events
from qm.rules.calendar import Session
from tests.qm.market import real
from tests.qm.market.frames import Tape, expected

TOLERANCE = 1e-9
"""Relative; sums are taken in another order."""
ELSEWHERE = {"spread_bps", "book_imb", "quote_age_s", "halted", "halts_today", "mins_since_resume", "quarantined"} | {
    "revised",
    "rs_spy_pct",
    "avwap_resume",
    "avwap_resume_dist_pct",
    *("halt_reason", "halt_price", "luld_ref", "halt_at", "quotes_at", "trades_at"),
}
"""What these sessions do not tell; tested on records of its own."""
MINUTES = (-60, -1, 1, 5, 6, 31, 106, 240, 390)
"""Boundaries at which everything is compared, after the open."""

Day = tuple[SymbolTable, Session, Events, Reference]


@cache
def day(name: str) -> Day:
    if name == "runners":
        symbols, of, records = real.runner_prints()
    else:
        date = dt.date(2025, 1, 6) if name == "us99_1m" else dt.date(2025, 10, 2)
        symbols, of, records = real.bars(name, date)
    return symbols, of, records, real.drawn(symbols, records)


def lived(of: Day) -> Iterator[tuple[Market, int]]:
    """Let a session pass as the core does, record by record and minute by minute; yields every minute, marked."""
    symbols, hours, records, reference = of
    market = Market(symbols, hours, reference)
    market.timers.set(hours.pre_ns + MINUTE, "minute")
    for batch in np.array_split(records, 50):
        index = 0
        while True:
            index, wake = market.run(batch, index)
            if wake is None:
                break
            assert wake.why == Why.TIMER
            due, _ = market.timers.pop()
            if due > hours.close_ns:
                return
            market.mark_minute(due)
            yield market, due
            market.timers.set(due + MINUTE, "minute")


@pytest.mark.parametrize("name", ["us99_1m", "ib59_1m", "runners"])
def test_features_equal_plain_pandas_on_real_sessions(name: str) -> None:
    symbols, of, records, reference = day(name)
    rows = np.random.default_rng(2).permutation(len(symbols))[:7].tolist()
    tapes = {row: Tape.of(records, row) for row in rows}
    spy = Tape.of(records, symbols.row("SPY")) if "SPY" in symbols else None
    checks = {of.open_ns + minute * MINUTE for minute in MINUTES}
    compared = dict.fromkeys(NAMES, 0)
    for market, now in lived(day(name)):
        if now not in checks:
            continue
        seen = features(market)
        for row in rows:
            wanted = expected(tapes[row], spy, of, reference, row, now)
            for each in wanted:
                if each == "high_age_s" and not seen["high"][row] > 0:
                    continue
                found = float(seen[each][row])
                place = (symbols.names[row], each, (now - of.open_ns) // MINUTE)
                assert found == pytest.approx(wanted[each], rel=TOLERANCE, abs=1e-7, nan_ok=True), place
                compared[each] += bool(np.isfinite(found))
    assert compared["rs_spy_pct"] > 0 or spy is None
    never = {name for name, count in compared.items() if not count}
    assert never <= ELSEWHERE | ({"prints_per_min", "tape_speed"} if name != "runners" else set()) | (
        {f for f in NAMES if f.startswith(("pre_", "avwap_"))} if name == "ib59_1m" else set()
    )


@pytest.mark.parametrize("name", ["us99_1m", "runners"])
def test_a_market_filled_in_after_a_restart_is_the_one_that_was_lived(name: str) -> None:
    symbols, of, records, reference = day(name)
    end = of.open_ns + 137 * MINUTE
    market = next(market for market, now in lived(day(name)) if now == end)
    again = Market(symbols, of, reference)
    again.backfill(records[records["ts"] <= end])
    again.now = end
    again.mark_minute(end)
    assert again.rows.tobytes() == market.rows.tobytes()
    assert features(again).matrix.tobytes() == features(market).matrix.tobytes()


@pytest.mark.parametrize("name", ["us99_1m", "runners"])
def test_what_comes_later_changes_no_feature_of_now(name: str) -> None:
    symbols, of, records, reference = day(name)
    moments = np.random.default_rng(3).integers(-60, 390, 12).tolist()
    whole = {
        (now - of.open_ns) // MINUTE: features(market).matrix.copy()
        for market, now in lived(day(name))
        if (now - of.open_ns) // MINUTE in moments
    }
    rng = np.random.default_rng(4)
    for minute, matrix in whole.items():
        now = of.open_ns + minute * MINUTE
        other = records.copy()
        later = other["ts"] > now
        # Another future: prices and sizes of somebody else.
        for field in "abcde":
            other[field][later] = rng.permutation(other[field][later])
        for market, boundary in lived((symbols, of, other, reference)):
            if boundary == now:
                assert features(market).matrix.tobytes() == matrix.tobytes(), minute
                break


def at_once(of: Day, now: int) -> Market:
    """The market of a moment inside a minute: filled in up to the boundary before it, then record by record."""
    symbols, hours, records, reference = of
    boundary = now // MINUTE * MINUTE
    market = Market(symbols, hours, reference)
    market.backfill(records[records["ts"] <= boundary])
    market.now = boundary
    market.mark_minute(boundary)
    rest = records[(records["ts"] > boundary) & (records["ts"] <= now)]
    assert market.run(rest, 0)[1] is None
    market.now = now
    return market


def test_inside_a_minute_nothing_of_later_is_known_and_a_restart_changes_nothing() -> None:
    symbols, of, records, reference = day("runners")
    rng = np.random.default_rng(8)
    moments = sorted(of.open_ns + int(second * SECOND) for second in rng.uniform(-3600, 390 * 60, 6))
    market = Market(symbols, of, reference)
    market.timers.set(of.pre_ns + MINUTE, "minute")
    index = 0
    for now in moments:
        market.timers.set(now, "look")
        while True:
            index, wake = market.run(records, index)
            assert wake is not None
            due, what = market.timers.pop()
            if what == "look":
                break
            market.mark_minute(due)
            market.timers.set(due + MINUTE, "minute")
        seen = features(market).matrix
        other = records.copy()
        later = other["ts"] > now
        for field in "ab":
            other[field][later] = rng.permutation(other[field][later])
        # What was lived, and what is filled in after a restart on a day with another future.
        again = at_once((symbols, of, other, reference), now)
        assert again.rows.tobytes() == market.rows.tobytes()
        assert features(again).matrix.tobytes() == seen.tobytes()


def test_what_is_asked_for_is_what_would_have_been_computed() -> None:
    market = next(m for m, now in lived(day("us99_1m")) if now == m.session.open_ns + 61 * MINUTE)
    whole = features(market)
    rng = np.random.default_rng(5)
    for _ in range(20):
        wanted = rng.permutation(NAMES)[: rng.integers(1, 12)].tolist()
        some = features(market, needed=wanted)
        assert set(some.names) == set(wanted)
        for name in NAMES:
            assert np.array_equal(some[name], whole[name], equal_nan=True), name
    for row in (0, 50):
        assert features_of(market, row) == whole.of(row)


def test_a_feature_asked_for_alone_is_what_it_is_among_all() -> None:
    market = next(m for m, now in lived(day("us99_1m")) if now == m.session.open_ns + 61 * MINUTE)
    whole = features(market)
    for name in NAMES:
        assert np.array_equal(features(market, needed=[name])[name], whole[name], equal_nan=True), name


def test_what_was_not_asked_for_in_time_is_not_known() -> None:
    market = next(m for m, now in lived(day("us99_1m")) if now == m.session.open_ns + 61 * MINUTE)
    seen: Features = features(market, needed=["last"])
    last = seen["last"].copy()
    market.now += 1
    assert np.isnan(seen["vwap"]).all()
    assert np.array_equal(seen["last"], last)
    assert len(F) == len(NAMES)
