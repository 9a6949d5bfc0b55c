"""The page of a sweep: what it says of the best trial, of those beside it, and of what failed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import unescape

import pytest

from backtest.evidence import of_best
from backtest.ledger import Definition, Trial, best_first
from backtest.sheet.search import SweepSheet, render_sweep
from backtest.summary import DayResult, summarize

COUNTS = {"symbols": 1, "records": 1, "wakes": 1}


def trial(number: int, net: float, **params: str) -> Trial:
    days = [DayResult(f"d{n}", Decimal(str(100_000 + net * (n + 1) * (1 + n % 3))), 0) for n in range(5)]
    returns = tuple(0.001 * ((n * 5) % 7 - 3 + net / 500) for n in range(40))
    summary = summarize("r", [], days, Decimal(100_000), COUNTS, f"{number}", 1.0)
    return Trial(number=number, params=params, run=f"run{number}", summary=summary, returns=returns)


def page(trials: Sequence[Trial], planned: int | None = None, tried: int = 500) -> str:
    of = Definition(
        strategy="orb",
        dataset="made",
        first="2025-01-02",
        last="2025-01-17",
        vary=("a=1,2",),
        method="grid",
        trials=planned or len(trials),
        seed=0,
        objective="",
    )
    best = best_first(list(trials), "total_return")
    evidence = of_best("s", best[0], trials, tried) if best else None
    sheet = SweepSheet("a sweep", [("sweep", "s")], of, trials, "total_return", evidence, "qm backtest run orb -p a=2")
    return unescape(render_sweep(sheet))


GRID = [trial(3 * n + m, 100.0 * (n + 1) - 10 * m, a=str(n), b=str(m)) for n in range(3) for m in range(3)]


def test_the_best_is_told_with_how_to_run_it_and_what_luck_shows() -> None:
    text = page(GRID)
    assert "total_return of the best trial, number 6" in text
    assert "<b>a=2</b>, <b>b=0</b>" in text
    assert "qm backtest run orb -p a=2" in text
    assert "<b>500</b><span>trials ever made of this strategy" in text
    # Two neighbours: one step less of a, one more of b.
    assert "(2 neighbours)" in text
    assert "The sweep is not finished" not in text


def test_every_trial_is_listed_and_two_parameters_make_a_table() -> None:
    text = page(GRID)
    assert text.count("total_return by ") >= 2
    for each in GRID:
        assert each.summary is not None
        assert each.summary.result_hash[:8] in text


def test_one_that_was_interrupted_says_so() -> None:
    assert "The sweep is not finished: 9 of 12 trials were made." in page(GRID, planned=12)


def test_what_failed_is_told_and_is_never_the_best() -> None:
    failed = Trial(number=9, params={"a": "9", "b": "9"}, error="out of <bounds>")
    text = page([failed, *GRID])
    assert "1 failed" in text
    assert "out of <bounds>" in text
    assert "number 6" in text


@pytest.mark.parametrize("trials", [[], [Trial(number=0, params={"a": "1"}, error="no")]])
def test_a_sweep_that_came_to_nothing_has_a_page(trials: list[Trial]) -> None:
    text = page(trials, planned=3)
    assert "<html" in text
    assert "of the best trial" not in text


def test_it_needs_nothing_else_and_runs_no_script() -> None:
    text = page(GRID)
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
