"""How alike symbols moved, on made minutes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.market.market import KEPT_MINUTES, Market
from qm.strategies.likeness import RETURNS, RETURNS_MIN, alike, correlation
from tests.qm.radar.day import OPEN, market_of

UP_DOWN = (0.01, -0.01, 0.01, -0.01)
UP_UP_DOWN_DOWN = (0.01, 0.01, -0.01, -0.01)
THREE_AS_ONE = (0.01, -0.01, 0.01, 0.01)
"""Of four moves three go with `UP_DOWN`."""


def moved(*patterns: Sequence[float], returns: int = RETURNS) -> Market:
    """A market an hour and a half after the open whose symbols repeat their moves; earlier minutes are not known."""
    market = market_of(len(patterns))
    market.now = OPEN + 90 * MINUTE + 20
    market.closes[:] = np.nan
    last = market.now // MINUTE
    for row, pattern in enumerate(patterns):
        path = 10 * np.exp(np.concatenate([[0.0], np.cumsum(np.resize(pattern, returns))]))
        for k, price in enumerate(path[::-1]):
            market.closes[(last - k) % KEPT_MINUTES, row] = price
    return market


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (UP_DOWN, 1.0),
        ((-0.02, 0.02, -0.02, 0.02), -1.0),
        (UP_UP_DOWN_DOWN, 0.0),
        # cov = mean(xy) - mean(x) mean(y) = 0.5 - 0 * 0.5, sd 1 and sqrt(1 - 0.25): 0.5 / sqrt(0.75).
        (THREE_AS_ONE, 0.5 / 0.75**0.5),
    ],
)
def test_a_correlation_is_that_of_the_last_hour(pattern: Sequence[float], expected: float) -> None:
    assert correlation(moved(UP_DOWN, pattern), 0, 1) == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), unknown=st.integers(0, 40))
def test_it_is_the_plain_correlation_of_the_minutes_that_both_know(seed: int, unknown: int) -> None:
    rng = np.random.default_rng(seed)
    market = moved(UP_DOWN, UP_DOWN)
    last = market.now // MINUTE
    slots = [(last - RETURNS + k) % KEPT_MINUTES for k in range(RETURNS + 1)]
    paths = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, (RETURNS + 1, 2)), axis=0))
    paths[rng.integers(0, RETURNS + 1, unknown), rng.integers(0, 2, unknown)] = np.nan
    market.closes[slots] = paths
    moves = np.diff(np.log(paths), axis=0)
    known = moves[~np.isnan(moves).any(axis=1)]
    found = correlation(market, 0, 1)
    if len(known) < RETURNS_MIN:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(known.T)[0, 1], abs=1e-9)


def test_too_few_minutes_say_nothing_nor_does_what_did_not_move() -> None:
    assert correlation(moved(UP_DOWN, UP_DOWN, returns=RETURNS_MIN), 0, 1) == pytest.approx(1)
    assert correlation(moved(UP_DOWN, UP_DOWN, returns=RETURNS_MIN - 1), 0, 1) is None
    assert correlation(moved(UP_DOWN, (0.0,)), 0, 1) is None


def test_the_most_alike_is_named_and_so_are_those_not_known() -> None:
    market = moved(UP_DOWN, UP_UP_DOWN_DOWN, THREE_AS_ONE, (0.0,), THREE_AS_ONE)
    assert alike(market, 0, [1, 2, 3, 4]) == ("S002", 0.5774, ("S003",))
    assert alike(market, 0, [3]) == ("", None, ("S003",))
