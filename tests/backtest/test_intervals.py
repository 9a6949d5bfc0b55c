"""Intervals over sessions."""

import numpy as np
import pytest

from backtest.intervals import Interval, of_difference, of_mean, tier


def test_the_interval_of_independent_sessions_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(3)
    results = rng.normal(0.2, 1.0, 400)
    found = of_mean(results.tolist(), list(range(400)), seed=1)
    assert found is not None
    half = 1.645 * results.std(ddof=1) / 20
    assert found.value == pytest.approx(results.mean())
    assert found.low == pytest.approx(results.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(results.mean() + half, abs=0.15 * half)


def test_trades_that_share_a_day_are_not_counted_as_many() -> None:
    rng = np.random.default_rng(4)
    day_luck = rng.normal(0.0, 1.0, 40)
    results = np.repeat(day_luck, 10)
    clustered = of_mean(results.tolist(), np.repeat(np.arange(40), 10).tolist())
    alone = of_mean(results.tolist(), list(range(400)))
    assert clustered is not None
    assert alone is not None
    # Ten copies of forty draws are forty draws: the interval is about sqrt(10) times as wide.
    assert 2.5 < (clustered.high - clustered.low) / (alone.high - alone.low) < 4.0


def test_the_same_seed_gives_the_same_interval() -> None:
    results, days = np.sin(np.arange(60)).tolist(), [n // 3 for n in range(60)]
    assert of_mean(results, days, seed=5) == of_mean(results, days, seed=5)


def test_too_little_gives_none() -> None:
    assert of_mean([0.5] * 29, list(range(29))) is None
    assert of_mean([0.5, 1.0] * 30, [n // 10 for n in range(60)]) is None
    assert of_mean([0.5] * 60, list(range(60))) is None
    assert of_difference(np.zeros(14), np.ones(14)) is None
    with pytest.raises(ValueError, match="paired"):
        of_difference(np.zeros(20), np.zeros(21))


def test_pairs_see_a_small_steady_gain_through_large_swings() -> None:
    swings = np.random.default_rng(6).normal(0, 500, 60)
    gain = of_difference(swings, swings + 5 + np.tile([1.0, -1.0], 30))
    assert gain is not None
    assert gain.sign_known
    assert gain.value == pytest.approx(5.0)


def test_a_sign_is_known_when_zero_lies_outside() -> None:
    assert Interval(1, 0.5, 2).sign_known
    assert Interval(-1, -2, -0.1).sign_known
    assert not Interval(1, -0.5, 2).sign_known


@pytest.mark.parametrize(
    ("trades", "sessions", "said"),
    [
        (29, 100, "anecdote"),
        (500, 14, "anecdote"),
        (99, 50, "hypothesis"),
        (150, 39, "hypothesis"),
        (150, 40, "tentative"),
        (300, 59, "tentative"),
        (300, 60, "supported within the sample"),
    ],
)
def test_tiers(trades: int, sessions: int, said: str) -> None:
    assert tier(trades, sessions) == said
