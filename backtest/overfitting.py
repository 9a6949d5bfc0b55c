"""How much of a good result is luck: probabilistic and deflated Sharpe ratios, and the probability of overfitting.

Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The Deflated Sharpe Ratio" (2014);
Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting" (2015).
"""

from __future__ import annotations

from itertools import combinations
from math import e, log, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

EULER = 0.5772156649015329
BLOCKS = 16
"""Parts into which the sessions are cut; 16 give 12,870 ways to choose half of them."""

Array = npt.NDArray[np.float64]

_NORMAL = NormalDist()


def probabilistic_sharpe(sharpe: float, benchmark: float, n: int, skew: float, kurtosis: float) -> float | None:
    """Return the probability that the true Sharpe ratio is above `benchmark`; None for fewer than two returns.

    Both ratios are per period, `n` is the number of periods, `kurtosis` is 3 for a normal distribution.
    """
    spread = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if n < 2 or not spread > 0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * sqrt(n - 1) / sqrt(spread))


def expected_best_sharpe(variance: float, trials: int) -> float:
    """Return the Sharpe ratio that the best of so many worthless trials is expected to show, per period.

    `variance` is that of the trials' Sharpe ratios. ValueError unless there is a trial.
    """
    if trials < 1 or not variance >= 0:
        raise ValueError(f"{trials} trials with variance {variance}")
    if trials == 1:
        return 0.0
    most = (1 - EULER) * _NORMAL.inv_cdf(1 - 1 / trials) + EULER * _NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(variance) * most


def deflated_sharpe(sharpe: float, variance: float, trials: int, n: int, skew: float, kurtosis: float) -> float | None:
    """Return the probability that the chosen trial is better than the best of `trials` worthless ones."""
    return probabilistic_sharpe(sharpe, expected_best_sharpe(variance, trials), n, skew, kurtosis)


def shortest_track_record(
    sharpe: float, benchmark: float, skew: float, kurtosis: float, confidence: float = 0.95
) -> float | None:
    """Return how many periods show `sharpe` to be above `benchmark` with this confidence; None when none do."""
    if not sharpe > benchmark:
        return None
    spread = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    return 1 + spread * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def trials_in_effect(trials: int, correlation: float) -> float:
    """Return how many independent trials so many are worth; `correlation` is their mean pairwise one."""
    rho = min(1.0, max(0.0, correlation))
    return rho + (1 - rho) * trials


def overfitting_probability(returns: Array, blocks: int = BLOCKS) -> float | None:
    """Return the probability that the best trial in one half of the sessions is below the median in the other (CSCV).

    `returns` is float64[session, trial], in order of time. None for fewer than two trials, or fewer than two sessions
    a block. The performance of a trial is its Sharpe ratio. ValueError for a number of blocks that has no half.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"{blocks} blocks cannot be halved")
    sessions, trials = returns.shape
    if trials < 2 or sessions < 2 * blocks:
        return None
    # Sums over blocks are all that a Sharpe ratio needs.
    parts = np.array_split(returns, blocks)
    count = np.array([len(part) for part in parts], np.float64)
    sums = np.array([part.sum(axis=0) for part in parts])
    squares = np.array([(part**2).sum(axis=0) for part in parts])
    below = ways = 0
    for chosen in combinations(range(blocks), blocks // 2):
        rows = list(chosen)
        mask = np.zeros(blocks, np.bool_)
        mask[rows] = True
        inside = _sharpes(count[mask].sum(), sums[mask].sum(axis=0), squares[mask].sum(axis=0))
        outside = _sharpes(count[~mask].sum(), sums[~mask].sum(axis=0), squares[~mask].sum(axis=0))
        best = int(np.argmax(inside))
        rank = float((outside < outside[best]).sum() + 0.5 * ((outside == outside[best]).sum() - 1) + 1)
        share = rank / (trials + 1)
        below += log(share / (1 - share)) <= 0
        ways += 1
    return below / ways


def _sharpes(n: float, sums: Array, squares: Array) -> Array:
    mean = sums / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    out: Array = np.where(variance > 0, mean / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)
    return out
