"""`qm backtest sweep` and `sweeps`: many trials of one strategy, and what the best of them proves."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from backtest.evidence import Evidence, of_best
from backtest.ledger import Definition, Ledger, Trial, best_first, figure
from backtest.runner import run
from backtest.space import Axis, Params, axes, grid
from backtest.sweep import sweep
from backtest.workers import Cluster, Processes
from cli import trial as trials
from cli.conditions import names
from cli.interrupts import Interrupts
from cli.ledger import ledger
from cli.output import Progress, say
from cli.trial import Order
from qm.clock import monotonic_ns
from qm.errors import NotFoundError, QmError, UsageError

SCHEMA: Final = 1
METHODS: Final = ("grid", "random", "optuna")
SHOWN: Final = 10


def run_one(order: Order, number: int, params: Params) -> Trial:
    """Run one trial, in whatever process; one that fails says why."""
    try:
        planned = trials.plan(order, params)
        outcome = run(planned.plan, planned.days(), planned.header())
    except QmError as error:
        return Trial(number=number, params=params, error=error.problem)
    curve = np.array([float(planned.plan.equity), *(float(day.equity_usd) for day in outcome.days)])
    return Trial(
        number=number,
        params=params,
        run=planned.name(outcome.summary.sessions),
        summary=outcome.summary,
        returns=tuple((curve[1:] / curve[:-1] - 1.0).tolist()),
    )


def define(order: Order, vary: Sequence[str], method: str, count: int, seed: int, objective: str) -> Definition:
    """Say what a sweep is; NotFoundError for an unknown method or figure, and what is wrong with any bound of it."""
    from backtest.summary import Summary

    if order.fills == trials.ALL:
        raise UsageError(
            "A sweep chooses under one assumption about bars.",
            "Write --fills pessimistic, path or optimistic, and run the best alone with --fills all.",
        )
    if method not in METHODS:
        raise NotFoundError.of("method of a sweep", method, METHODS)
    if objective not in names(Summary):
        raise NotFoundError.of("figure of a result", objective, names(Summary))
    of = axes(vary)
    # Both ends of every axis must be within the bounds of the strategy before anything runs.
    trials.plan(order, _end(of, last=False))
    first = trials.plan(order, _end(of, last=True))
    combinations = len(grid(of)) if method == "grid" else count
    return Definition(
        strategy=order.strategy,
        dataset=order.dataset,
        first=first.chosen.dates[0].isoformat(),
        last=first.chosen.dates[-1].isoformat(),
        vary=tuple(vary),
        method=method,
        trials=combinations,
        seed=seed if method != "grid" else 0,
        objective=objective if method == "optuna" else "",
        fixed=(*order.params, *order.overrides),
        costs=order.costs,
        equity=order.equity,
        inputs=f"{first.digest()} {first.code} {sha256(first.settings.text().encode()).hexdigest()[:16]}",
        fills=first.fills,
        stress=order.stress,
    )


def make(
    order: Order, of: Definition, objective: str, workers: int | None, dask: str | None, report: Path | None = None
) -> dict[str, Any]:
    """Make what is left of a sweep, draw its page, and return what `--json` prints.

    The first Ctrl-C lets the trials that run come to their end, and begins no other.
    """
    whole = axes(of.vary)
    job = partial(run_one, order)
    promise = "finishing the trials that run; Ctrl-C again stops at once"
    with ledger() as book, Interrupts(promise) as interrupts, Progress(quiet=not sys.stderr.isatty()) as progress:
        before = _made(book, of)
        if before:
            say(f"{before} of {of.trials} trials of {of.id} were made before.")
        elif other := _alike(book, of):
            say(f"{other} asked for the same of other data, settings or code: its trials do not count for this one.")
        place: Any = Cluster(job, dask) if dask else Processes(job, workers or os.cpu_count() or 1)
        with place as somewhere:
            teller = _Teller(progress, objective, before)
            found = sweep(of, whole, book, somewhere, teller.tell, lambda: interrupts.asked)
        progress.clear()
        tried = book.tried(of.strategy)
        best = best_first(found, objective)
        judged = of_best(of.id, best[0], found, tried) if best else None
        if report is not None:
            _draw(report, order, of, found, objective, judged)
        told = _told(of, found, objective, tried, judged)
        return {**told, "interrupted": interrupts.asked and len(found) < of.trials}


class _Teller:
    """Tells how far a sweep is."""

    def __init__(self, progress: Progress, objective: str, before: int) -> None:
        self._progress, self._objective, self._before = progress, objective, before
        self._started = monotonic_ns()
        self._best: float | None = None
        self._trades = 0

    def tell(self, done: int, planned: int, trial: Trial) -> None:
        value = figure(trial, self._objective)
        if value is not None:
            self._best = value if self._best is None else max(self._best, value)
        self._trades += trial.summary.trades if trial.summary is not None else 0
        took_s = (monotonic_ns() - self._started) / 1e9
        rate = (done - self._before) / took_s
        best = "" if self._best is None else f", best {self._objective} {self._best:,.3f}"
        left = f"{(planned - done) / rate:,.0f} s left"
        self._progress.show(f"{done}/{planned} trials, {rate:.1f}/s, {left}, {self._trades:,} trades made{best}")


def _draw(
    report: Path, order: Order, of: Definition, found: list[Trial], objective: str, judged: Evidence | None
) -> None:
    from backtest.sheet.search import render_sweep
    from cli.sheet import put
    from cli.sweep_sheet import sheet_of

    put(report, render_sweep(sheet_of(order, of, found, objective, judged)))
    say(f"The tear sheet is {report}.")


def _made(book: Ledger, of: Definition) -> int:
    return next((made for known, made in book.sweeps() if known.id == of.id), 0)


def _alike(book: Ledger, of: Definition) -> str:
    """Return the last sweep that differs by its inputs alone, which nobody sees; empty when there is none."""
    same = [
        known.id for known, made in book.sweeps() if made and msgspec.structs.replace(known, inputs=of.inputs) == of
    ]
    return same[-1] if same else ""


def _end(of: Sequence[Axis], *, last: bool) -> Params:
    return {
        axis.name: axis.values[-1 if last else 0] if axis.values else axis.text(axis.high if last else axis.low)
        for axis in of
    }


def _told(of: Definition, found: list[Trial], objective: str, tried: int, judged: Evidence | None) -> dict[str, Any]:
    best = best_first(found, objective)
    errors: dict[str, int] = {}
    for trial in found:
        if trial.error:
            errors[trial.error] = errors.get(trial.error, 0) + 1
    return {
        "schema": SCHEMA,
        "sweep": of.id,
        "definition": msgspec.to_builtins(of),
        "planned": of.trials,
        "made": len(found),
        "failed": sum(errors.values()),
        "errors": errors,
        "objective": objective,
        "tried": tried,
        "deflated_sharpe": None if judged is None else judged.deflated,
        "overfitting": None if judged is None else judged.overfitting,
        "evidence": judged,
        "best": [
            {"number": t.number, "params": t.params, "run": t.run, "summary": msgspec.to_builtins(t.summary)}
            | {"objective": figure(t, objective)}
            for t in best[:SHOWN]
        ],
    }
