"""What is left of a good result after luck, against published and hand-made numbers."""

from math import sqrt

import numpy as np
import pytest

from backtest.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    overfitting_probability,
    probabilistic_sharpe,
    shortest_track_record,
    trials_in_effect,
)


def test_the_golden_probabilistic_ratio() -> None:
    assert probabilistic_sharpe(0.458, 0.0, 24, -2.448, 10.164) == pytest.approx(0.9134, abs=5e-5)


def test_the_golden_deflated_ratio() -> None:
    assert expected_best_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(2.5 / sqrt(250), 0.5 / 250, 100, 1250, -3, 10) == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_is_not_deflated() -> None:
    assert expected_best_sharpe(0.1, 1) == 0.0
    assert deflated_sharpe(0.1, 0.1, 1, 100, 0, 3) == probabilistic_sharpe(0.1, 0.0, 100, 0, 3)
    with pytest.raises(ValueError, match="0 trials"):
        expected_best_sharpe(0.1, 0)


def test_more_trials_deflate_more() -> None:
    found = [deflated_sharpe(0.15, 0.002, n, 500, 0, 3) or 0 for n in (1, 10, 100, 1000)]
    assert found == sorted(found, reverse=True)


def test_a_record_that_is_just_long_enough() -> None:
    n = shortest_track_record(0.1, 0.0, -0.5, 5)
    assert n is not None
    assert probabilistic_sharpe(0.1, 0.0, round(n), -0.5, 5) == pytest.approx(0.95, abs=1e-3)
    assert shortest_track_record(0.0, 0.0, 0, 3) is None


def test_correlated_trials_are_fewer() -> None:
    assert trials_in_effect(100, 0.0) == 100
    assert trials_in_effect(100, 1.0) == 1
    assert trials_in_effect(100, 0.5) == pytest.approx(50.5)


def test_noise_is_overfitted_about_every_second_time_and_skill_is_not() -> None:
    noise = np.random.default_rng(7).normal(0, 0.01, (320, 20))
    found = overfitting_probability(noise, blocks=8)
    assert found is not None
    assert 0.2 < found < 0.8
    noise[:, 3] += 0.01
    assert overfitting_probability(noise, blocks=8) == 0.0


def test_a_trial_that_is_best_in_each_half_and_worst_in_the_other_is_overfitted_for_certain() -> None:
    # Two blocks: trial 0 wins only in the first, trial 1 only in the second.
    first, second = np.tile([0.02, -0.02], (4, 1)), np.tile([-0.02, 0.02], (4, 1))
    wobble = np.tile([[0.001, 0.001], [-0.001, -0.001]], (4, 1))
    assert overfitting_probability(np.vstack([first, second]) + wobble, blocks=2) == 1.0


def test_too_little_says_nothing() -> None:
    assert overfitting_probability(np.zeros((320, 1))) is None
    assert overfitting_probability(np.zeros((31, 5))) is None
    with pytest.raises(ValueError, match="halved"):
        overfitting_probability(np.zeros((320, 5)), blocks=7)
