"""Trials by the dozen: proposed, run by workers, entered in the ledger, and gone on with after whatever interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from backtest.ledger import Definition, Ledger, Trial, figure
from backtest.space import Axis, Params, draw, grid, ordered
from qm.errors import UsageError

Progress = Callable[[int, int, Trial], None]
"""Called after each trial with how many are done, how many there will be, and the trial."""


class Workers(Protocol):
    """Runs trials somewhere else."""

    @property
    def size(self) -> int:
        """How many trials may run at once."""

    def submit(self, number: int, params: Params) -> None:
        """Begin a trial."""

    def next(self) -> Trial:
        """Wait for a trial that has ended; its worker may have died and been replaced in between."""


class Proposer(Protocol):
    """Says what to try next."""

    def propose(self, number: int) -> Params | None:
        """Return the parameters of a trial; None when there are no more."""

    def learn(self, trial: Trial) -> None:
        """Hear what came of one."""


class Listed:
    """Tries a list from its start to its end."""

    def __init__(self, params: Sequence[Params]) -> None:
        self._params = params

    def propose(self, number: int) -> Params | None:
        """Return the parameters of a trial; None after the last."""
        return self._params[number] if number < len(self._params) else None

    def learn(self, trial: Trial) -> None:
        """Hear what came of one: a list learns nothing."""


class Guided:
    """Lets Optuna's tree-structured Parzen estimator propose what looks promising."""

    def __init__(self, of: Definition, axes: Sequence[Axis]) -> None:
        try:
            import optuna
        except ImportError as error:
            raise UsageError(
                "A guided sweep needs the package optuna.", "Install it: pip install 'quantmatrix[optuna]'."
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna: Any = optuna
        self._of = of
        self._axes = axes
        self._kinds = {axis.name: self._kind(axis) for axis in axes}
        # Liars keep workers that run at once from being sent to the same place.
        sampler = optuna.samplers.TPESampler(seed=of.seed, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._asked: dict[int, Any] = {}

    def propose(self, number: int) -> Params | None:
        """Return the parameters of a trial; None when all were proposed."""
        if number >= self._of.trials:
            return None
        asked = self._study.ask(self._kinds)
        self._asked[number] = asked
        return {axis.name: _typed(axis, asked.params[axis.name]) for axis in self._axes}

    def learn(self, trial: Trial) -> None:
        """Hear what came of a trial, made now or before an interruption."""
        value = figure(trial, self._of.objective)
        asked = self._asked.pop(trial.number, None)
        if asked is not None:
            failed = self._optuna.trial.TrialState.FAIL
            self._study.tell(asked, value) if value is not None else self._study.tell(asked, state=failed)
        elif value is not None:
            params = {axis.name: _read(axis, trial.params[axis.name]) for axis in self._axes}
            self._study.add_trial(
                self._optuna.trial.create_trial(params=params, distributions=self._kinds, value=value)
            )

    def _kind(self, axis: Axis) -> Any:
        kinds = self._optuna.distributions
        if axis.values:
            return kinds.CategoricalDistribution(axis.values)
        if axis.whole:
            return kinds.IntDistribution(round(axis.low), round(axis.high), step=round(axis.step) or 1)
        return kinds.FloatDistribution(axis.low, axis.high, step=axis.step or None)


def proposer(of: Definition, axes: Sequence[Axis]) -> Proposer:
    """Return who proposes the trials of a sweep."""
    if of.method == "grid":
        return Listed(grid(axes))
    if of.method == "random":
        return Listed(draw(axes, of.trials, of.seed))
    return Guided(of, axes)


def sweep(
    of: Definition,
    axes: Sequence[Axis],
    ledger: Ledger,
    workers: Workers,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Trial]:
    """Make all trials of a sweep that were not made yet, and return all of it; every result is durable at once.

    Once `stopped` says so no trial is begun, and those that run are finished.
    """
    ledger.begin(of)
    made = {trial.number: trial for trial in ledger.trials(of.id)}
    ask = proposer(of, axes)
    for trial in made.values():
        ask.learn(trial)
    number, running, more = 0, 0, True
    while running or more:
        more = more and not stopped()
        while more and running < workers.size:
            while number in made:
                number += 1
            params = ask.propose(number)
            if params is None:
                more = False
                break
            workers.submit(number, params)
            number, running = number + 1, running + 1
        if not running:
            break
        trial = workers.next()
        running -= 1
        ledger.record(of, trial)
        made[trial.number] = trial
        ask.learn(trial)
        if progress is not None:
            progress(len(made), of.trials, trial)
    return ledger.trials(of.id)


def neighbours(chosen: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials one step beside a chosen one: all parameters equal but one, which has the next value tried."""
    values = {name: sorted({trial.params[name] for trial in trials}, key=ordered) for name in chosen.params}
    near: list[Params] = []
    for name, text in chosen.params.items():
        at = values[name].index(text)
        near += [
            {**chosen.params, name: values[name][other]} for other in (at - 1, at + 1) if 0 <= other < len(values[name])
        ]
    return [trial for trial in trials if trial.params in near]


def _typed(axis: Axis, value: Any) -> str:
    return str(value) if axis.values else axis.text(float(value))


def _read(axis: Axis, text: str) -> Any:
    if axis.values:
        return text
    return int(text) if axis.whole else float(text)
