"""The measures of a run: what its trades and its days came to, each unknown where it has no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import sqrt

import msgspec
import numpy as np
import numpy.typing as npt

SESSIONS_A_YEAR = 252
KELLY_MOST = 0.25
"""Nobody should bet more, whatever the past says."""
SQN_TRADES = 100
"""More trades do not raise the system quality number."""
BEST_SHARE = 0.05
"""Share of the trades, the best ones, whose part in the profit is told."""

Array = npt.NDArray[np.float64]


class TradeMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """Of single trades, in units of the risk taken at entry (R) unless said otherwise; None where undefined."""

    trades: int
    win_rate: float | None
    mean_r: float | None
    """Expectancy of a trade."""
    sd_r: float | None
    profit_factor: float | None
    """Sum of the wins over the sum of the losses; None without a loss."""
    payoff: float | None
    """Mean win over mean loss."""
    sqn: float | None
    """System quality number: the root of the number of trades, at most 100, times mean over deviation."""
    kelly: float | None
    """Share of capital that would have grown fastest, between 0 and a quarter."""
    best_share: float | None
    """Part of the net profit that the best twentieth of the trades made; above 1 the rest lost."""
    longest_wins: int
    longest_losses: int


class DayMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the equity at the ends of sessions, all sessions counted, those without a trade too; None where undefined."""

    sessions: int
    total_return: float
    cagr: float | None
    """A year's return at the same pace; None below 20 sessions."""
    volatility: float | None
    """Deviation of daily returns, a year's."""
    sharpe: float | None
    """Mean over deviation of daily returns, a year's; no interest is subtracted, for nothing is held overnight."""
    sharpe_se: float | None
    """Standard error of `sharpe` (Lo 2002, returns independent, with skew and kurtosis)."""
    sortino: float | None
    """Mean over the deviation below zero, a year's."""
    max_drawdown: float
    """Largest fall from an earlier peak, as a share of the peak."""
    max_drawdown_usd: float
    drawdown_sessions: int
    """The longest time below an earlier peak, whether or not it came back."""
    calmar: float | None
    """`cagr` over `max_drawdown`."""
    ulcer: float
    """Root of the mean squared fall from the peak, as a share."""
    tail_ratio: float | None
    """The 95th percentile of daily returns over the size of the 5th."""
    skew: float | None
    kurtosis: float | None
    """Of daily returns; 3 for a normal distribution."""
    winning_days: float | None


def of_trades(results: Sequence[float]) -> TradeMeasures:
    """Measure trades by their results in R, or in any other unit, in the order in which they were closed."""
    r = np.asarray(results, np.float64)
    wins, losses = r[r > 0], r[r < 0]
    n = len(r)
    sd = float(r.std(ddof=1)) if n > 1 else None
    mean = float(r.mean()) if n else None
    win_rate = len(wins) / n if n else None
    payoff = float(wins.mean() / -losses.mean()) if len(wins) and len(losses) else None
    kelly = None
    if payoff is not None and win_rate is not None:
        kelly = min(KELLY_MOST, max(0.0, win_rate - (1 - win_rate) / payoff))
    return TradeMeasures(
        trades=n,
        win_rate=win_rate,
        mean_r=mean,
        sd_r=sd,
        profit_factor=float(wins.sum() / -losses.sum()) if len(losses) else None,
        payoff=payoff,
        sqn=sqrt(min(n, SQN_TRADES)) * mean / sd if mean is not None and sd else None,
        kelly=kelly,
        best_share=_best_share(r),
        longest_wins=_longest(r > 0),
        longest_losses=_longest(r < 0),
    )


def of_days(equity: Sequence[float]) -> DayMeasures:
    """Measure an equity curve, $: its start, then the end of each session; ValueError unless it starts above zero."""
    curve = np.asarray(equity, np.float64)
    if not (len(curve) and curve[0] > 0):
        raise ValueError("an equity curve starts above zero")
    returns = curve[1:] / curve[:-1] - 1.0
    n = len(returns)
    falls = drawdowns(curve)
    sd = float(returns.std(ddof=1)) if n > 1 else 0.0
    mean = float(returns.mean()) if n else 0.0
    below = sqrt(float((np.minimum(returns, 0.0) ** 2).mean())) if n else 0.0
    year = sqrt(SESSIONS_A_YEAR)
    skew, kurtosis = moments(returns)
    cagr = float((curve[-1] / curve[0]) ** (SESSIONS_A_YEAR / n) - 1) if n >= 20 and curve[-1] > 0 else None
    worst = float(falls.max())
    low, high = np.percentile(returns, (5, 95)) if n else (0.0, 0.0)
    return DayMeasures(
        sessions=n,
        total_return=float(curve[-1] / curve[0] - 1),
        cagr=cagr,
        volatility=sd * year if n > 1 else None,
        sharpe=mean / sd * year if sd > 0 else None,
        sharpe_se=_sharpe_se(mean / sd, n, skew, kurtosis) if sd > 0 else None,
        sortino=mean / below * year if below > 0 else None,
        max_drawdown=worst,
        max_drawdown_usd=float((np.maximum.accumulate(curve) - curve).max()),
        drawdown_sessions=_longest(falls > 0),
        calmar=cagr / worst if cagr is not None and worst > 0 else None,
        ulcer=sqrt(float((falls**2).mean())),
        tail_ratio=float(high / -low) if low < 0 else None,
        skew=skew,
        kurtosis=kurtosis,
        winning_days=float((returns > 0).mean()) if n else None,
    )


def drawdowns(curve: Array) -> Array:
    """Return the fall from the highest value so far, as a share of it, at each point of an equity curve."""
    peaks = np.maximum.accumulate(curve)
    out: Array = (peaks - curve) / peaks
    return out


def moments(returns: Array) -> tuple[float | None, float | None]:
    """Return skew and kurtosis (3 for a normal distribution) of a sample; None where it does not vary."""
    if len(returns) < 2:
        return None, None
    away = returns - returns.mean()
    variance = float((away**2).mean())
    if not variance > 0:
        return None, None
    return float((away**3).mean()) / variance**1.5, float((away**4).mean()) / variance**2


def _sharpe_se(sharpe: float, n: int, skew: float | None, kurtosis: float | None) -> float | None:
    if skew is None or kurtosis is None:
        return None
    variance = (1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (n - 1)
    return sqrt(variance * SESSIONS_A_YEAR) if variance > 0 else None


def _best_share(r: Array) -> float | None:
    total = float(r.sum())
    if not total > 0:
        return None
    count = max(1, round(len(r) * BEST_SHARE))
    return float(np.sort(r)[-count:].sum()) / total


def _longest(flags: npt.NDArray[np.bool_]) -> int:
    return max((sum(1 for _ in run) for set_, run in groupby(flags.tolist()) if set_), default=0)
