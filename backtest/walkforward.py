"""Choosing on the past, earning on what follows: what a sweep would have brought if its best had been traded on.

Every trial of a sweep was run over all sessions, with equity carried over. A fold chooses by the returns of its
training sessions alone and takes the returns of its test sessions; nothing is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from backtest.ledger import Trial
from backtest.measures import DayMeasures, of_days
from backtest.space import Params
from qm.errors import UsageError

SCHEMA: Final = 1

Array = npt.NDArray[np.floating[Any]]


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One choice, and what came of it."""

    train: tuple[int, int]
    """Sessions by their place in the sweep, first and one after the last."""
    test: tuple[int, int]
    trial: int
    params: Params
    train_sharpe: float | None
    test_return: float
    rank: float
    """Place of the choice among all trials in its test sessions: 1 the best, 0 the worst."""


class WalkForward(msgspec.Struct, frozen=True, kw_only=True):
    """What the choices of all folds came to, one after the other."""

    schema: int = SCHEMA
    sweep: str
    folds: tuple[Fold, ...]
    chosen: DayMeasures
    """Of the test sessions, under the parameters chosen before each."""
    hindsight: DayMeasures
    """Of the same sessions under the one trial that is the best on them: what nobody could have known."""
    efficiency: float | None
    """Sharpe of the test sessions over that of the training sessions; well below 1 the choice learned noise."""
    changes: int
    """Folds that chose otherwise than the one before."""


def folds(
    sessions: int, train: int, test: int, purge: int, *, rolling: bool
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return (training, test) spans; the last sessions that fill no test are left out.

    `purge` sessions between the two are used by neither. UsageError when not one fold fits.
    """
    found = []
    start = train + purge
    while start + test <= sessions:
        first = start - purge - train if rolling else 0
        found.append(((first, start - purge), (start, start + test)))
        start += test
    if not found:
        raise UsageError(
            f"{sessions} sessions hold no fold of {train} + {purge} + {test}.",
            "Take fewer, or sweep over more sessions.",
        )
    return found


def walk_forward(
    sweep: str, trials: Sequence[Trial], train: int, test: int, purge: int = 1, *, rolling: bool = False
) -> WalkForward:
    """Choose by the Sharpe ratio of each training span and take the test span; UsageError where there is too little."""
    known = [trial for trial in trials if trial.summary is not None and trial.returns]
    if len(known) < 2:
        raise UsageError(f"{sweep} has {len(known)} trials that came to something; a choice needs two.", "Sweep more.")
    returns = np.array([trial.returns for trial in known])
    taken: list[Array] = []
    trained: list[float] = []
    out: list[Fold] = []
    for training, testing in folds(returns.shape[1], train, test, purge, rolling=rolling):
        ratios = _sharpes(returns[:, slice(*training)])
        # Of equals the one that was tried first.
        best = int(np.argmax(ratios))
        after = returns[:, slice(*testing)]
        totals = (1 + after).prod(axis=1) - 1
        taken.append(after[best])
        trained.append(float(ratios[best]))
        out.append(
            Fold(
                train=training,
                test=testing,
                trial=known[best].number,
                params=known[best].params,
                train_sharpe=float(ratios[best]) if ratios[best] > -np.inf else None,
                test_return=float(totals[best]),
                rank=float((totals < totals[best]).sum() / (len(known) - 1)),
            )
        )
    whole = slice(out[0].test[0], out[-1].test[1])
    chosen = _measured(np.concatenate(taken))
    mean = float(np.mean(trained)) * float(np.sqrt(252)) if np.isfinite(trained).all() else 0.0
    return WalkForward(
        sweep=sweep,
        folds=tuple(out),
        chosen=chosen,
        hindsight=_measured(returns[int(np.argmax(_sharpes(returns[:, whole]))), whole]),
        efficiency=chosen.sharpe / mean if chosen.sharpe is not None and mean > 0 else None,
        changes=sum(1 for one, other in pairwise(out) if one.trial != other.trial),
    )


def _sharpes(returns: Array) -> Array:
    spread = returns.std(axis=1)
    out: Array = np.divide(returns.mean(axis=1), spread, out=np.full(len(returns), -np.inf), where=spread > 0)
    return out


def _measured(returns: Array) -> DayMeasures:
    return of_days([1.0, *np.cumprod(1 + returns).tolist()])
