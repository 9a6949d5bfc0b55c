"""What strategies are expected to earn, against arithmetic by hand."""

from __future__ import annotations

from math import erf, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.strategies.record import SKEPTIC_R, Estimate, Prior, estimate


def chance(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))


def test_without_trades_everything_is_expected_to_earn_nothing() -> None:
    assert estimate({"a": [], "b": []}, {}) == {name: Estimate(0, None, 0.0, SKEPTIC_R) for name in "ab"}
    assert estimate({"a": []}, {})["a"].chance == 0.5


def test_a_few_wins_are_believed_a_little() -> None:
    # s2 = (20 * 1.5^2 + 0) / (20 + 4) = 15/8; n/s2 = 8/3; 1/0.2^2 = 25; (8/3) / (8/3 + 25) = 8/83.
    found = estimate({"a": [1.0] * 5}, {})["a"]
    assert (found.trades, found.mean_r) == (5, 1.0)
    assert found.expected_r == pytest.approx(8 / 83)
    assert found.deviation_r == pytest.approx(sqrt(3 / 83))
    assert found.chance == pytest.approx(chance(8 / 83 / sqrt(3 / 83)))


def test_what_differs_no_more_than_by_chance_is_one() -> None:
    # s2 = 45/20 = 9/4; both weights 4/9; no spread between: all get (8/9) / (8/9 + 25) = 8/233.
    found = estimate({"a": [1.0], "b": [1.0], "c": []}, {})
    assert [found[name].expected_r for name in "abc"] == pytest.approx([8 / 233] * 3)
    assert found["a"].expected_r == found["b"].expected_r == found["c"].expected_r


def test_what_clearly_differs_is_shrunk_to_the_common_mean() -> None:
    # s2 = 45/58; n/s2 = w = 232/9; Q = 2w; t2 = (2w - 1)/w = 455/232; weights 1/(9/232 + 455/232) = 1/2;
    # common mean 0 with precision 1/2 + 1/2 + 25 = 26; expected = w / (w + 232/455) = 455/464.
    found = estimate({"a": [1.0] * 20, "b": [-1.0] * 20, "c": []}, {})
    assert found["a"].expected_r == pytest.approx(455 / 464)
    assert found["b"].expected_r == pytest.approx(-455 / 464)
    assert found["c"].expected_r == pytest.approx(0, abs=1e-12)
    assert found["a"].deviation_r == pytest.approx(sqrt(9 * 455 / (232 * 464) + (9 / 464) ** 2 / 26))
    assert found["c"].deviation_r == pytest.approx(sqrt(455 / 232 + 1 / 26))


def test_the_spread_of_the_results_themselves_counts() -> None:
    # SS = 4 * 3^2 = 36; s2 = (45 + 36) / (20 + 3) = 81/23; n/s2 = 92/81; mean 0.
    found = estimate({"a": [3.0, -3.0, 3.0, -3.0]}, {})["a"]
    assert found.expected_r == pytest.approx(0)
    assert found.deviation_r == pytest.approx(sqrt(1 / (92 / 81 + 25)))


def test_what_is_known_from_before_counts_as_so_many_trades() -> None:
    # 20 trades of +1 R: n/s2 = 20 / (9/4) = 80/9; (80/9) / (80/9 + 25) = 16/61. With 5 more of 1 R each: s2 = 15/8.
    prior = {"a": Prior(mean_r=1.0, trades=20)}
    assert estimate({"a": []}, prior)["a"].expected_r == pytest.approx(16 / 61)
    more = estimate({"a": [1.0] * 5}, prior)["a"]
    assert more.trades == 25
    assert more.expected_r == pytest.approx((25 * 8 / 15) / (25 * 8 / 15 + 25))


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.floats(-5, 20), max_size=30), min_size=1))
def test_no_estimate_lies_beyond_the_means_and_nothing(results: dict[str, list[float]]) -> None:
    found = estimate(results, {})
    means = [sum(some) / len(some) for some in results.values() if some]
    for each in found.values():
        assert min(0.0, *means, 0.0) - 1e-9 <= each.expected_r <= max(0.0, *means, 0.0) + 1e-9
        assert each.deviation_r > 0
        assert 0 <= each.chance <= 1
