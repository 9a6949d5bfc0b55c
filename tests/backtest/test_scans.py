"""What a scan finds and what came after, against the engine's own journal and against plain arithmetic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from backtest.aftermath import (
    ANECDOTE,
    FEW_SESSIONS,
    HYPOTHESIS,
    MANY_SESSIONS,
    TENTATIVE,
    caution,
    fell_silent,
    moves,
    stopped,
)
from backtest.runner import Plan, run
from backtest.scans import After, Found, at, search
from cli.markets import Batches, choose
from qm.clock import MINUTE, SECOND
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.market.reference import Reference
from qm.model.events import Hit
from qm.model.instrument import SymbolTable
from qm.model.market import Events, bar, events, trade
from qm.rules.calendar import session
from qm.scanner.own import ScanSettings
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.text import parse

FIRST, LAST = dt.date(2025, 3, 10), dt.date(2025, 3, 11)
OF = session(FIRST)
RISEN = Scan("risen", parse("chg >= 5"), (0, 390), "chg_pct", cooldown_s=0, hold_s=0)


@cache
def synthetic(detail: str) -> tuple[Day, ...]:
    """Two made-up sessions, made once for all tests, which only read them."""
    days = choose(f"synthetic:60:seed=4:detail={detail}", FIRST, LAST).days()
    return tuple(replace(day, batches=list(day.batches)) for day in days)


@pytest.mark.slow
@pytest.mark.parametrize(("detail", "beat_s"), [("bars", 60), ("trades", 60), ("trades", 20)])
@pytest.mark.parametrize("name", ["momentum_bars", "bars", "own"])
def test_it_finds_what_the_engine_finds(detail: str, beat_s: int, name: str) -> None:
    own = {
        "own": ScanSettings(when="rvol5 >= 2 & mom5 > 0.5", rank_by="mom5", top=3, hold_s=120, cooldown_s=60),
        "bars": ScanSettings(
            when="mins_below_vwap <= 5 & chg >= 1 stay 0.5", rank_by="chg * log(dvol)", top=5, hold_s=0, rearm_pct=0.5
        ),
    }
    engine = EngineSettings(strategies=(), scans=(name,), own_scans=own, beat_s=beat_s)
    outcome = run(Plan(engine, {}), synthetic(detail))
    stated = [entry for entry in outcome.journal.read("backtest") if isinstance(entry.body, Hit)]
    result = search(engine.scan(name), synthetic(detail), engine, after=True)
    assert [(each.ts, each.symbol, each.rank, each.last, each.score) for each in result.found] == [
        (entry.ts, entry.body.symbol, entry.body.row.rank, entry.body.row.last, entry.body.row.score)
        for entry in stated
        if isinstance(entry.body, Hit)
    ]
    assert result.found
    assert result.sessions == ["2025-03-10", "2025-03-11"]
    plain = search(engine.scan(name), synthetic(detail), engine)
    assert [msgspec.structs.replace(each, after=None) for each in result.found] == plain.found


def made(*records: tuple[Any, ...], symbols: int = 2, prior_close: float = 10.0, prints: bool = False) -> Day:
    reference = replace(Reference.empty(symbols), prior_close=np.full(symbols, prior_close))
    table = SymbolTable([f"S{row}" for row in range(symbols)])
    ordered = events(sorted(records, key=lambda record: record[0]))
    return Day(table, OF, reference, prints, Batches(lambda: [ordered]))


def path(row: int, closes: Sequence[float]) -> list[tuple[Any, ...]]:
    """A bar a minute from 09:30 on, its high and low a tenth away."""
    return [
        bar(OF.open_ns + minute * MINUTE, row, close, close + 0.1, close - 0.1, close, 1000.0)
        for minute, close in enumerate(closes, 1)
    ]


def test_what_came_after_is_measured_from_the_find_on() -> None:
    closes = [10.0, 10.6, *[10.6 + 0.01 * k for k in range(1, 101)], 9.0]
    (found,) = search(RISEN, [made(*path(0, closes))], EngineSettings(), after=True).found
    assert (found.symbol, found.ts, found.last) == ("S0", OF.open_ns + 2 * MINUTE, 10.6)
    assert found.values == {"chg_pct": pytest.approx(6.0)}
    after = found.after
    assert after is not None
    for moved, price in {
        after.min_5_pct: 10.65,
        after.min_15_pct: 10.75,
        after.min_60_pct: 11.2,
        after.close_pct: 9.0,
        after.mfe_pct: 11.7,
        after.mae_pct: 8.9,
    }.items():
        assert moved == pytest.approx(100 * (price / 10.6 - 1), abs=1e-5)
    assert after.traded


def test_a_symbol_that_stops_trading_counts_with_its_last_price() -> None:
    day = made(*path(0, [10.0, 10.6]), *path(1, [10.0] * 50))
    result = search(RISEN, [day], EngineSettings(), after=True)
    (found,) = result.found
    # The last trade was told at 09:32, 388 minutes before the close.
    assert found.after == After(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, traded=False, silent_min=388.0)
    assert (stopped(result.found), fell_silent(result.found)) == (1, 0)


def test_a_symbol_that_falls_silent_later_is_told_apart() -> None:
    day = made(*path(0, [10.0, *[10.6] * 360]), *path(1, [10.0, *[10.6] * 361]))
    result = search(replace(RISEN, hold_s=86_400), [day], EngineSettings(), after=True)
    assert [each.after.silent_min for each in result.found if each.after] == [29.0, 28.0]
    assert fell_silent(result.found) == 0
    day = made(*path(0, [10.0, *[10.6] * 359]), *path(1, [10.0, *[10.6] * 361]))
    result = search(replace(RISEN, hold_s=86_400), [day], EngineSettings(), after=True)
    assert (stopped(result.found), fell_silent(result.found)) == (0, 1)


def test_what_the_session_is_too_short_for_is_not_known() -> None:
    closes = [10.0] * 380 + [10.6] * 10
    (found,) = search(RISEN, [made(*path(0, closes))], EngineSettings(), after=True).found
    assert found.after is not None
    assert (found.after.min_5_pct, found.after.min_15_pct, found.after.min_60_pct) == (0.0, None, None)


def test_each_find_of_a_symbol_has_its_own_extremes() -> None:
    closes = [10.6, 9.0, 10.6, 10.6, 12.0, 10.0]
    first, second = search(RISEN, [made(*path(0, closes))], EngineSettings(), after=True).found[:2]
    assert first.after is not None
    assert second.after is not None
    assert first.after.mae_pct == pytest.approx(100 * (8.9 / 10.6 - 1), abs=1e-5)
    assert second.after.mae_pct == pytest.approx(100 * (9.9 / 10.6 - 1), abs=1e-5)
    assert first.after.mfe_pct == second.after.mfe_pct == pytest.approx(100 * (12.1 / 10.6 - 1), abs=1e-5)


def test_between_beats_every_print_counts_for_the_extremes() -> None:
    at_s = {30: 10.6, 70: 10.9, 75: 10.5, 110: 10.6}
    day = made(*(trade(OF.open_ns + s * SECOND, 0, p, 100.0) for s, p in at_s.items()), prints=True)
    (found,) = search(replace(RISEN, hold_s=3600), [day], EngineSettings(), after=True).found
    assert found.ts == OF.open_ns + MINUTE
    assert found.after is not None
    assert found.after.mfe_pct == pytest.approx(100 * (10.9 / 10.6 - 1), abs=1e-5)
    assert found.after.mae_pct == pytest.approx(100 * (10.5 / 10.6 - 1), abs=1e-5)


@pytest.mark.parametrize("minutes", [7, 40, 200])
def test_the_future_changes_no_find_of_the_past(minutes: int) -> None:
    end = OF.open_ns + minutes * MINUTE
    scan = replace(PRESETS["momentum_bars"], cooldown_s=60, hold_s=60)

    def until() -> Iterator[Day]:
        day = synthetic("bars")[0]
        yield replace(day, batches=Batches(lambda: (cut(batch, end) for batch in day.batches)))

    whole = search(scan, [synthetic("bars")[0]], EngineSettings()).found
    assert [each for each in whole if each.ts <= end] == [
        each for each in search(scan, until(), EngineSettings()).found if each.ts <= end
    ]


def cut(batch: Events, end: int) -> Events:
    kept: Events = batch[batch["ts"] <= end]
    return kept


def test_a_moment_is_what_the_scan_sees_at_it() -> None:
    scan = replace(PRESETS["rvol_spike"], hold_s=0, cooldown_s=0)
    found = search(scan, [synthetic("bars")[0]], EngineSettings()).found
    for each in found[:3]:
        seen = at(synthetic("bars")[0], each.ts, EngineSettings())
        row = seen.market.table.row(each.symbol)
        assert seen.ts == each.ts
        assert row in seen.passing(scan)
        assert seen.ranking.rank_of(row) == each.rank
        assert all(check.passed for check in seen.why(scan, row) if not check.name.startswith("mom_5_pct"))
        values = {name: round(value, 6) for name, value in seen.features.of(row).items() if name in each.values}
        assert values == each.values


def test_a_moment_inside_a_minute_is_not_that_of_its_end() -> None:
    day = made(*(trade(OF.open_ns + s * SECOND, 0, 10 + s / 100, 100.0) for s in (10, 20, 40)), prints=True)
    # A print of the same nanosecond comes after the moment, as it comes after every beat.
    for s, last in ((15, 10.1), (20, 10.1), (21, 10.2), (59, 10.4)):
        seen = at(day, OF.open_ns + s * SECOND, EngineSettings())
        assert (seen.ts, seen.features["last"][0]) == (OF.open_ns + s * SECOND, last)


def test_what_the_data_never_tell_is_named() -> None:
    scan = Scan("spread", parse("spread <= 60 | chg >= 5 | float < 1M"), (0, 390))
    assert search(scan, [made(*path(0, [10.0] * 5))], EngineSettings()).never_known == ["spread_bps", "float_shares"]
    outside = replace(scan, window=("04:00", "04:00"))
    assert search(outside, [], EngineSettings()).never_known == []


# --- what it all comes to ----------------------------------------------------------------------------------------


def finds(of: Sequence[float | None], sessions: int = 1) -> list[Found]:
    return [
        Found(f"day {k % sessions}", 0, "S0", 1, 1.0, 10.0, {}, After(value, None, None, 1.0, 2.0, -1.0, traded=True))
        for k, value in enumerate(of)
    ]


def test_the_sum_is_that_of_a_pocket_calculator() -> None:
    five, fifteen, *_ = moves(finds([1.0, -2.0, 4.0, 0.0, None]))
    assert (five.name, five.n, five.mean_pct, five.median_pct, five.positive) == ("min_5_pct", 4, 0.75, 0.5, 0.5)
    assert (fifteen.n, fifteen.mean_pct, fifteen.median_pct, fifteen.positive) == (0, None, None, None)
    assert [move.n for move in moves([])] == [0] * 6


@pytest.mark.parametrize(
    ("n", "sessions", "said"),
    [
        (ANECDOTE - 1, FEW_SESSIONS, "anecdote"),
        (5000, FEW_SESSIONS - 1, "anecdote"),
        (ANECDOTE, FEW_SESSIONS, "hypothesis"),
        (HYPOTHESIS, FEW_SESSIONS, "tentative"),
        (TENTATIVE, MANY_SESSIONS - 1, "tentative"),
        (TENTATIVE, MANY_SESSIONS, "independent"),
    ],
)
def test_few_finds_or_sessions_are_called_what_they_are(n: int, sessions: int, said: str) -> None:
    assert said in caution(finds([1.0] * n, sessions))
    assert caution([]) == ""
