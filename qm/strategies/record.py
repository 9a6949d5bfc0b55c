"""What strategies are expected to earn, from the few trades that they closed: shrunk to each other, and to nothing.

Of strategy g there are n trades with the mean x, in R. With the variance s2 within strategies and t2 between them,

    expected = (n / s2 * x + m / t2) / (n / s2 + 1 / t2)

s2 is that of the trades, counted together with `PRIOR_TRADES` of variance `SIGMA_R` squared; t2 is the estimate of
DerSimonian and Laird, 0 where the strategies differ no more than chance lets them, or where there are fewer than two;
m is their common mean, itself held to 0 by a doubt of `SKEPTIC_R`. Without trades everything is expected to earn 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import erf, fsum, sqrt
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from qm.model.events import Entry, Event, TradeClosed

SIGMA_R: Final = 1.5
"""Usual standard deviation of a trade's result, R."""
PRIOR_TRADES: Final = 20
"""Trades' worth of `SIGMA_R`: a few results that are alike do not make a strategy certain."""
SKEPTIC_R: Final = 0.2
"""How far from 0 the mean of a strategy can be believed to lie, as a standard deviation, R."""


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a strategy from before, e.g. from a backtest."""

    mean_r: Annotated[float, Meta(ge=-5, le=5)]
    """Mean result of a trade, R."""
    trades: Annotated[int, Meta(ge=1, le=1000)]
    """Trades that it counts as."""


class Estimate(NamedTuple):
    """What a strategy is expected to earn per trade."""

    trades: int
    """Trades behind it, those of its prior included."""
    mean_r: float | None
    """Their plain mean; None without any."""
    expected_r: float
    """The mean after shrinkage."""
    deviation_r: float
    """Standard deviation of what is expected."""

    @property
    def chance(self) -> float:
        """Probability that the strategy earns anything."""
        return 0.5 * (1 + erf(self.expected_r / self.deviation_r / sqrt(2)))


class TrackRecord:
    """Keeps the last results of each strategy."""

    def __init__(self, strategies: Sequence[str], priors: Mapping[str, Prior], kept: int) -> None:
        self._priors = dict(priors)
        self._results: dict[str, deque[float]] = {name: deque(maxlen=kept) for name in strategies}
        self._estimates: dict[str, Estimate] | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Return what each strategy is expected to earn."""
        if self._estimates is None:
            self._estimates = estimate(self._results, self._priors)
        return self._estimates

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {TradeClosed: self._apply_closed}

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins."""
        return [[name, list(results)] for name, results in self._results.items()]

    def _apply_closed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, TradeClosed)
        results = self._results.get(body.strategy)
        # A result that was not measured in R says nothing here.
        if results is not None and body.r is not None:
            results.append(body.r)
            self._estimates = None


def estimate(results: Mapping[str, Sequence[float]], priors: Mapping[str, Prior]) -> dict[str, Estimate]:
    """Return what strategies with these results, in R, are expected to earn."""
    counted = {name: _counted(some, priors.get(name)) for name, some in results.items()}
    variance = _variance_within(list(results.values()))
    groups = [(n, mean) for n, mean in counted.values() if n]
    between = _variance_between(groups, variance)
    weights = [1 / (variance / n + between) for n, _ in groups]
    doubt = 1 / SKEPTIC_R**2
    precision = fsum(weights) + doubt
    common = fsum(w * mean for w, (_, mean) in zip(weights, groups, strict=True)) / precision
    out = {}
    for name, (n, mean) in counted.items():
        if between > 0:
            own, other = n / variance, 1 / between
            expected = (own * mean + other * common) / (own + other)
            # The common mean is only estimated, too.
            spread = 1 / (own + other) + (other / (own + other)) ** 2 / precision
        else:
            expected, spread = common, 1 / precision
        out[name] = Estimate(n, mean if n else None, expected, sqrt(spread))
    return out


def _counted(results: Sequence[float], prior: Prior | None) -> tuple[int, float]:
    n, total = len(results), fsum(results)
    if prior is not None:
        n, total = n + prior.trades, total + prior.trades * prior.mean_r
    return n, total / n if n else 0.0


def _variance_within(results: Sequence[Sequence[float]]) -> float:
    squares, free = PRIOR_TRADES * SIGMA_R**2, PRIOR_TRADES
    for some in results:
        if some:
            mean = fsum(some) / len(some)
            squares += fsum((r - mean) ** 2 for r in some)
            free += len(some) - 1
    return squares / free


def _variance_between(groups: Sequence[tuple[int, float]], variance: float) -> float:
    if len(groups) < 2:
        return 0.0
    weights = [n / variance for n, _ in groups]
    whole = fsum(weights)
    mean = fsum(w * x for w, (_, x) in zip(weights, groups, strict=True)) / whole
    q = fsum(w * (x - mean) ** 2 for w, (_, x) in zip(weights, groups, strict=True))
    return max(0.0, (q - (len(groups) - 1)) / (whole - fsum(w * w for w in weights) / whole))
