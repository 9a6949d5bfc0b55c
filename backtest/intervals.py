"""How sure a mean is: bootstrap intervals that resample whole sessions, for the trades of a day share its luck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from qm.errors import UsageError

REPS = 5_000
SIZE = 0.9
LEAST_SESSIONS = 15
LEAST_TRADES = 30
"""With fewer nothing may be concluded."""
FEW_TRADES = 100
"""With fewer there may be a hypothesis, and no proof."""
_BATCH = 500
"""Resamples in memory at once."""

Array = npt.NDArray[np.float64]


class Interval(msgspec.Struct, frozen=True):
    """An estimate and where the truth lies with the given confidence; bias-corrected and accelerated (BCa)."""

    value: float
    low: float
    high: float
    size: float = SIZE
    reps: int = REPS

    @property
    def sign_known(self) -> bool:
        """Both ends lie on the same side of zero."""
        return self.low > 0 or self.high < 0


def tier(trades: int, sessions: int) -> str:
    """Say what so many trades on so many sessions can carry."""
    if trades < LEAST_TRADES or sessions < LEAST_SESSIONS:
        return "anecdote"
    if trades < FEW_TRADES:
        return "hypothesis"
    if trades < 300 or sessions < 60:
        return "tentative" if sessions >= 40 else "hypothesis"
    return "supported within the sample"


def too_few(trades: int) -> str:
    """Say that so many trades prove nothing; empty where there are enough to prove something."""
    if trades >= FEW_TRADES:
        return ""
    return f"{trades} {'trade proves' if trades == 1 else 'trades prove'} nothing; {FEW_TRADES} are the least that may."


def of_mean(results: Sequence[float], days: Sequence[object], seed: int = 0, reps: int = REPS) -> Interval | None:
    """Return the interval of the mean result of a trade, `days` naming the session of each.

    None below 30 trades or 15 sessions with a trade, or where the results do not vary.
    """
    names, codes = np.unique(np.asarray([str(day) for day in days]), return_inverse=True)
    if len(results) < LEAST_TRADES or len(names) < LEAST_SESSIONS:
        return None
    values = np.asarray(results, np.float64)
    sums = np.bincount(codes, values, len(names)).astype(np.float64)
    counts = np.bincount(codes, minlength=len(names)).astype(np.float64)
    return _interval(lambda s, n, axis: s.sum(axis) / n.sum(axis), (sums, counts), seed, reps)


def of_difference(first: Array, second: Array, seed: int = 0, reps: int = REPS) -> Interval | None:
    """Return the interval of the mean difference `second - first` of a session's results, sessions in pairs.

    None below 15 sessions, or where the differences do not vary. ValueError unless the two are equally long.
    """
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} sessions cannot be paired with {len(second)}")
    if len(first) < LEAST_SESSIONS:
        return None
    return _interval(lambda d, axis: d.mean(axis), (second - first,), seed, reps)


def of_sharpe(returns: Array, seed: int = 0, reps: int = REPS) -> Interval | None:
    """Return the interval of the Sharpe ratio of a session, of whose `returns` each is one; None below 15 of them."""
    if len(returns) < LEAST_SESSIONS:
        return None

    def ratio(r: Array, axis: int) -> Array:
        spread = r.std(axis, ddof=1)
        out: Array = np.divide(r.mean(axis), spread, out=np.zeros_like(spread), where=spread > 0)
        return out

    return _interval(ratio, (returns,), seed, reps)


def _interval(statistic: Any, data: tuple[Array, ...], seed: int, reps: int) -> Interval | None:
    if all(float(np.ptp(each)) == 0.0 for each in data):
        return None
    try:
        from scipy.stats import bootstrap
    except ImportError as error:
        raise UsageError(
            "Intervals need the package scipy.", "Install it: pip install 'quantmatrix[stats]'."
        ) from error
    found = bootstrap(
        data,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=reps,
        batch=_BATCH,
        confidence_level=SIZE,
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    if not np.isfinite([found.low, found.high]).all():
        return None
    return Interval(float(statistic(*data, axis=0)), float(found.low), float(found.high), SIZE, reps)
