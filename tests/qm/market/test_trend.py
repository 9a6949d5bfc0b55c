"""The slope and the directional index equal plain pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qm.market.trend import adx, slope


def by_pandas(bars: pd.DataFrame, n: int) -> float:
    up, down = bars["high"].diff().iloc[1:], -bars["low"].diff().iloc[1:]
    before = bars["close"].shift().iloc[1:]
    ranges = np.maximum(bars["high"].iloc[1:], before) - np.minimum(bars["low"].iloc[1:], before)

    def wilder(each: pd.Series) -> pd.Series:
        seeded = pd.concat([pd.Series([each.iloc[:n].mean()]), each.iloc[n:]])
        return seeded.ewm(alpha=1 / n, adjust=False).mean()

    plus = 100 * wilder(up.where((up > down) & (up > 0), 0.0)) / wilder(ranges)
    minus = 100 * wilder(down.where((down > up) & (down > 0), 0.0)) / wilder(ranges)
    return float(wilder(100 * (plus - minus).abs() / (plus + minus)).iloc[-1])


def test_the_directional_index_is_wilders() -> None:
    rng = np.random.default_rng(1)
    close = 600 + np.cumsum(rng.normal(0.05, 0.4, 78))
    opened = np.concatenate([[600.0], close[:-1]])
    high, low = np.maximum(opened, close) + rng.random(78) * 0.3, np.minimum(opened, close) - rng.random(78) * 0.3
    frame = pd.DataFrame({"open": opened, "high": high, "low": low, "close": close})
    assert np.isnan(adx(frame.to_numpy()[:27], 14))
    for count in (28, 40, 78):
        assert adx(frame.to_numpy()[:count], 14) == pytest.approx(by_pandas(frame.iloc[:count], 14), rel=1e-9)


def test_the_slope_is_that_of_the_exponential_mean() -> None:
    closes = np.array([10.0, 10.2, 10.1, 10.4, 10.3, 10.6, 10.5, 10.8, 10.7, 11.0])
    means = pd.Series(closes).ewm(span=9, adjust=False).mean()
    assert slope(closes, 9) == pytest.approx(1e4 * (means.iloc[-1] / means.iloc[-2] - 1))
    assert np.isnan(slope(closes[:8], 9))
