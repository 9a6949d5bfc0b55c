"""Choices made on the past alone."""

from decimal import Decimal

import numpy as np
import pytest

from backtest.ledger import Trial
from backtest.summary import summarize
from backtest.walkforward import folds, walk_forward
from qm.errors import UsageError

SUMMARY = summarize("r", [], [], Decimal(1), {"symbols": 0, "records": 0, "wakes": 0}, "", 1.0)


def trials(*returns: list[float]) -> list[Trial]:
    return [Trial(number=n, params={"x": str(n)}, summary=SUMMARY, returns=tuple(r)) for n, r in enumerate(returns)]


def wobble(level: float, sessions: int) -> list[float]:
    return [level + (0.001 if n % 2 else -0.001) for n in range(sessions)]


def test_anchored_folds_grow_and_rolling_ones_move() -> None:
    assert folds(12, 4, 3, 1, rolling=False) == [((0, 4), (5, 8)), ((0, 7), (8, 11))]
    assert folds(12, 4, 3, 1, rolling=True) == [((0, 4), (5, 8)), ((3, 7), (8, 11))]
    with pytest.raises(UsageError, match=r"7 sessions hold no fold of 4 \+ 1 \+ 3"):
        folds(7, 4, 3, 1, rolling=False)


def test_training_and_test_never_meet() -> None:
    for rolling in (True, False):
        for train, test in folds(100, 20, 7, 2, rolling=rolling):
            assert train[1] + 2 == test[0]
            assert train[0] < train[1]


def test_the_better_half_is_chosen_and_a_change_is_learned_late() -> None:
    # The first is good for twenty sessions and bad after; the second the other way round.
    found = walk_forward(
        "s", trials(wobble(0.01, 20) + wobble(-0.01, 20), wobble(-0.01, 20) + wobble(0.01, 20)), 10, 5, 0
    )
    assert [fold.trial for fold in found.folds[:3]] == [0, 0, 0]
    assert found.folds[0].test_return > 0
    assert found.folds[0].rank == 1.0
    assert found.folds[2].test_return < 0
    assert found.folds[2].rank == 0.0
    rolling = walk_forward(
        "s", trials(wobble(0.01, 20) + wobble(-0.01, 20), wobble(-0.01, 20) + wobble(0.01, 20)), 10, 5, 0, rolling=True
    )
    assert rolling.folds[-1].trial == 1
    assert rolling.changes == 1


def test_noise_earns_nothing_after_the_choice() -> None:
    noise = np.random.default_rng(8).normal(0, 0.01, (60, 300))
    found = walk_forward("s", trials(*noise.tolist()), 60, 20)
    assert found.efficiency is not None
    assert abs(found.efficiency) < 0.5
    assert found.hindsight.sharpe is not None
    assert found.chosen.sharpe is not None
    assert found.hindsight.sharpe > found.chosen.sharpe


def test_one_trial_is_no_choice() -> None:
    with pytest.raises(UsageError, match="needs two"):
        walk_forward("s", trials(wobble(0.0, 30)), 10, 5)
