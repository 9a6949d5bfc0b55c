"""The measures of trades and days, against numbers worked out by hand."""

from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.measures import drawdowns, moments, of_days, of_trades


def test_the_golden_list_of_results() -> None:
    found = of_trades([2, -1, -1, 3, -1, 0.5, -1, -1])
    assert (found.trades, found.win_rate, found.mean_r) == (8, 0.375, 0.0625)
    assert found.profit_factor == pytest.approx(1.10)
    assert found.payoff == pytest.approx((5.5 / 3) / 1.0)
    assert (found.longest_wins, found.longest_losses) == (1, 2)
    # 0.375 - 0.625 / 1.8333 = 0.0341
    assert found.kelly == pytest.approx(0.375 - 0.625 / (5.5 / 3))
    # The best of eight made 3 of the net 0.5.
    assert found.best_share == pytest.approx(6.0)


def test_quality_counts_a_hundred_trades_at_most() -> None:
    few, many = of_trades([1.0, 0.0] * 50), of_trades([1.0, 0.0] * 500)
    assert few.sqn == pytest.approx(10 * 0.5 / sqrt(25 / 99), rel=1e-9)
    assert many.sqn == pytest.approx(few.sqn or 0, rel=0.01)


def test_what_has_no_meaning_is_not_made_up() -> None:
    none = of_trades([])
    assert (none.win_rate, none.mean_r, none.profit_factor, none.sqn, none.kelly) == (None, None, None, None, None)
    assert of_trades([1.0, 2.0]).profit_factor is None
    flat = of_days([100.0, 100.0, 100.0])
    assert (flat.sharpe, flat.sortino, flat.tail_ratio, flat.calmar) == (None, None, None, None)
    assert flat.max_drawdown == 0.0
    with pytest.raises(ValueError, match="above zero"):
        of_days([0.0, 1.0])


def test_days_by_hand() -> None:
    found = of_days([100.0, 110.0, 99.0, 99.0, 108.9])
    # Returns +10 %, -10 %, 0, +10 %: mean 2.5 %, sample deviation sqrt(0.0275 / 3).
    assert found.total_return == pytest.approx(0.089)
    assert found.sharpe == pytest.approx(0.025 / sqrt(0.0275 / 3) * sqrt(252))
    assert found.sortino == pytest.approx(0.025 / sqrt(0.01 / 4) * sqrt(252))
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.max_drawdown_usd == pytest.approx(11.0)
    # Below the peak of 110 from the second session to the last.
    assert found.drawdown_sessions == 3
    assert found.ulcer == pytest.approx(sqrt((0.1**2 + 0.1**2 + 0.01**2) / 5))
    assert found.winning_days == 0.5
    assert found.cagr is None


def test_a_day_without_a_trade_counts() -> None:
    busy, lazy = of_days([100.0, 101.0, 103.0]), of_days([100.0, 101.0, 101.0, 103.0])
    assert busy.sharpe is not None
    assert lazy.sharpe is not None
    assert lazy.sharpe < busy.sharpe


def test_moments_of_a_known_sample() -> None:
    skew, kurtosis = moments(np.array([0.0, 0.0, 0.0, 4.0]))
    # Mean 1: deviations -1, -1, -1, 3: second 3, third 6, fourth 21.
    assert skew is not None
    assert kurtosis is not None
    assert isclose(skew, 6 / 3**1.5)
    assert isclose(kurtosis, 21 / 9)


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=50))
def test_a_fall_is_a_share_and_new_peaks_have_none(curve: list[float]) -> None:
    falls = drawdowns(np.array(curve))
    assert ((falls >= 0) & (falls < 1)).all()
    assert falls[int(np.argmax(curve))] == 0.0
