"""What the Sharpe ratio of a run proves, given how long it was and how many others were tried before it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec
import numpy as np

from backtest.intervals import Interval, of_sharpe
from backtest.ledger import Ledger, Trial
from backtest.measures import SESSIONS_A_YEAR, Array, moments
from backtest.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    overfitting_probability,
    probabilistic_sharpe,
    shortest_track_record,
    trials_in_effect,
)
from backtest.space import Params

ALONE = "One trial, as far as is recorded: trials made past the ledger of sweeps are not known and not counted."


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of the search that a run's parameters came from."""

    sweep: str
    """Name of the sweep that holds the same parameters; empty when none does."""
    number: int | None
    """Of its trial."""
    trials: int
    """Ever made of the strategy, in whatever sweep."""
    returns: tuple[tuple[float, ...], ...] = ()
    """Of the trials of the sweep that came to something, session by session."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a Sharpe ratio may be luck; ratios are a year's, what cannot be said is None."""

    sharpe: float | None
    interval: Interval | None
    """Of `sharpe`, sessions resampled."""
    probabilistic: float | None
    """Probability that the true ratio is above zero."""
    luck: float | None
    """The ratio that the best of so many worthless trials is expected to show."""
    deflated: float | None
    """Probability that the true ratio is above `luck`."""
    trials: int
    """Counted for `luck`, this one among them."""
    in_effect: float | None
    """Independent ones that the trials of the sweep are worth, by their mean correlation."""
    overfitting: float | None
    """Probability that the best trial of the sweep is below its median on other sessions (CSCV)."""
    least_sessions: int | None
    """Sessions after which such a ratio shows to be above zero with 95 %; None when none do."""
    sweep: str
    number: int | None
    note: str
    """Where the number of trials comes from."""


def evidence(returns: Array, tried: Tried | None = None) -> Evidence:
    """Judge the returns of a run's sessions; without `tried` it counts as the only trial."""
    n = len(returns)
    spread = float(returns.std(ddof=1)) if n > 1 else 0.0
    ratio = float(returns.mean()) / spread if spread > 0 else None
    skew, kurtosis = moments(returns)
    year = SESSIONS_A_YEAR**0.5
    trials = max(1, tried.trials if tried else 1)
    matrix = _matrix(tried)
    variance = _variance(matrix, trials)
    best = None if variance is None else expected_best_sharpe(variance, trials)
    probabilistic = deflated = least = interval = None
    if ratio is not None and skew is not None and kurtosis is not None:
        probabilistic = probabilistic_sharpe(ratio, 0.0, n, skew, kurtosis)
        deflated = None if variance is None else deflated_sharpe(ratio, variance, trials, n, skew, kurtosis)
        least = shortest_track_record(ratio, 0.0, skew, kurtosis)
        interval = of_sharpe(returns)
    return Evidence(
        sharpe=None if ratio is None else ratio * year,
        interval=None if interval is None else _yearly(interval, year),
        probabilistic=probabilistic,
        luck=None if best is None else best * year,
        deflated=deflated,
        trials=trials,
        in_effect=None if matrix is None else trials_in_effect(matrix.shape[1], _correlation(matrix)),
        overfitting=None if matrix is None else overfitting_probability(matrix),
        least_sessions=None if least is None else ceil(least),
        sweep=tried.sweep if tried else "",
        number=tried.number if tried else None,
        note=_note(tried, matrix),
    )


def of_best(sweep: str, best: Trial, trials: Sequence[Trial], tried: int) -> Evidence:
    """Judge the best trial of a sweep among all of its trials; `tried` were ever made of the strategy."""
    alike = [each.returns for each in trials if each.summary is not None and len(each.returns) == len(best.returns)]
    of = Tried(sweep=sweep, number=best.number, trials=max(tried, len(alike)), returns=tuple(alike))
    return evidence(np.asarray(best.returns, np.float64), of)


def recorded(ledger: Ledger, strategy: str, run: str, params: Params) -> Tried | None:
    """Return what a ledger holds of the search that led to a run; None when the strategy was never in a sweep.

    `params` are all parameters and settings of the run as typed. A trial is the run itself when it has its name, and a
    match when its parameters are the run's. Of several the nearest, then the latest counts.
    """
    total = ledger.tried(strategy)
    if not total:
        return None
    found: tuple[int, str, Trial, list[Trial]] | None = None
    for of, _ in ledger.sweeps():
        if of.strategy != strategy:
            continue
        fixed = dict(each.partition("=")[::2] for each in of.fixed)
        trials = ledger.trials(of.id)
        for trial in trials:
            same = 2 if trial.run == run else int(_values({**fixed, **trial.params}) == _values(params))
            if same and (found is None or same >= found[0]):
                found = (same, of.id, trial, trials)
    if found is None:
        return Tried(sweep="", number=None, trials=total)
    _, sweep, chosen, trials = found
    known = [trial.returns for trial in trials if trial.summary is not None]
    alike = tuple(each for each in known if len(each) == len(known[0])) if known else ()
    return Tried(sweep=sweep, number=chosen.number, trials=total, returns=alike)


def _values(params: Params) -> dict[str, float | str]:
    """Return the values of parameters, equal however a number was typed."""
    found: dict[str, float | str] = {}
    for name, text in params.items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = text
    return found


def _matrix(tried: Tried | None) -> Array | None:
    if tried is None or len(tried.returns) < 2:
        return None
    return np.array(tried.returns, np.float64).T


def _variance(matrix: Array | None, trials: int) -> float | None:
    """Return how much the Sharpe ratios of trials vary; None where it is not known, although there were several."""
    if matrix is None:
        return 0.0 if trials == 1 else None
    spread = matrix.std(axis=0, ddof=1)
    ratios = np.divide(matrix.mean(axis=0), spread, out=np.zeros(matrix.shape[1]), where=spread > 0)
    return float(ratios.var(ddof=1))


def _correlation(matrix: Array) -> float:
    varied = matrix[:, matrix.std(axis=0) > 0]
    if varied.shape[1] < 2:
        return 1.0
    n = varied.shape[1]
    return float((np.corrcoef(varied.T).sum() - n) / (n * (n - 1)))


def _yearly(of: Interval, year: float) -> Interval:
    return Interval(of.value * year, of.low * year, of.high * year, of.size, of.reps)


def _note(tried: Tried | None, matrix: Array | None) -> str:
    if tried is None:
        return ALONE
    told = f"{tried.trials:,} {'trial' if tried.trials == 1 else 'trials'} of this strategy in the ledger of sweeps"
    if not tried.sweep:
        return f"{told}, none of them with these parameters: how much they differ is not known, nor what is luck."
    if matrix is None:
        return f"{told}; {tried.sweep} holds too few to tell how much they differ."
    return f"{told}; trial {tried.number} of {tried.sweep} has these parameters."
