"""What a Sharpe ratio proves depends on how many others were tried, and the page says where that number is from."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from backtest.evidence import ALONE, Tried, evidence, recorded
from backtest.ledger import Definition, Ledger, Trial
from backtest.overfitting import expected_best_sharpe, probabilistic_sharpe
from backtest.summary import DayResult, summarize

RNG = np.random.default_rng(11)
MATRIX = RNG.normal(0.0005, 0.01, (60, 20))
MINE = MATRIX[:, 3]


def test_a_run_without_a_ledger_counts_as_one_trial_and_says_so() -> None:
    found = evidence(MINE)
    assert (found.trials, found.note, found.luck) == (1, ALONE, 0.0)
    assert found.deflated == found.probabilistic
    assert found.overfitting is None
    assert found.interval is not None
    assert found.sharpe is not None
    assert found.interval.low < found.sharpe < found.interval.high


def test_the_more_were_tried_the_less_it_proves() -> None:
    rows = tuple(tuple(column) for column in MATRIX.T.tolist())
    few = evidence(MINE, Tried(sweep="s", number=3, trials=20, returns=rows))
    many = evidence(MINE, Tried(sweep="s", number=3, trials=2000, returns=rows))
    assert few.deflated is not None
    assert many.deflated is not None
    assert few.probabilistic is not None
    assert many.deflated < few.deflated < few.probabilistic
    assert few.overfitting is not None
    assert few.in_effect == pytest.approx(20, abs=3)
    assert "20 trials" in few.note
    assert "trial 3 of s" in few.note


def test_the_deflated_ratio_is_that_of_the_formula() -> None:
    rows = tuple(tuple(column) for column in MATRIX.T.tolist())
    found = evidence(MINE, Tried(sweep="s", number=3, trials=50, returns=rows))
    ratios = MATRIX.mean(axis=0) / MATRIX.std(axis=0, ddof=1)
    best = expected_best_sharpe(float(ratios.var(ddof=1)), 50)
    assert found.luck == pytest.approx(best * 252**0.5)
    away = MINE - MINE.mean()
    skew, kurtosis = (away**3).mean() / MINE.std() ** 3, (away**4).mean() / MINE.std() ** 4
    ratio = float(MINE.mean() / MINE.std(ddof=1))
    assert found.deflated == pytest.approx(probabilistic_sharpe(ratio, best, 60, float(skew), float(kurtosis)))


def test_days_that_do_not_differ_prove_nothing() -> None:
    found = evidence(np.zeros(40))
    assert (found.sharpe, found.probabilistic, found.deflated, found.interval) == (None, None, None, None)


def trial(number: int, value: str) -> Trial:
    counts = {"symbols": 1, "records": 1, "wakes": 1}
    summary = summarize("r", [], [DayResult("2025-03-12", Decimal(100_100), 0)], Decimal(100_000), counts, value, 1.0)
    returns = tuple(MATRIX[:, number].tolist())
    return Trial(number=number, params={"x": value}, run=f"run{number}", summary=summary, returns=returns)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    of = Definition(
        strategy="thrust",
        dataset="made",
        first="2025-03-12",
        last="2025-03-12",
        vary=("x=1,2",),
        method="grid",
        trials=2,
        seed=0,
        objective="",
        fixed=("y=5",),
    )
    ledger = Ledger.open(tmp_path / "sweeps.db")
    ledger.begin(of)
    ledger.record(of, trial(0, "1"))
    ledger.record(of, trial(1, "2"))
    return ledger


def test_the_sweep_is_found_by_the_run_or_by_its_parameters_however_typed(book: Ledger) -> None:
    with book:
        by_name = recorded(book, "thrust", "run1", {})
        by_params = recorded(book, "thrust", "other", {"x": "2.0", "y": "5"})
        neither = recorded(book, "thrust", "other", {"x": "3", "y": "5"})
        unknown = recorded(book, "orb_robust", "run1", {})
    assert by_name is not None
    assert by_params is not None
    assert by_name.number == by_params.number == 1
    assert len(by_name.returns) == by_name.trials == 2
    assert neither == Tried(sweep="", number=None, trials=2)
    assert evidence(MINE, neither).deflated is None
    assert "none of them with these parameters" in evidence(MINE, neither).note
    assert unknown is None
