"""`qm backtest sweep` and `sweeps`: many trials of one strategy, and what the best of them proves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np

from backtest.ledger import Definition, Ledger, Trial, best_first, figure
from backtest.measures import DayMeasures
from backtest.runner import run
from backtest.space import Axis, Params, axes, grid
from backtest.sweep import Workers, luck, sweep
from backtest.walkforward import WalkForward
from backtest.workers import Cluster, Processes
from cli import trial as trials
from cli.conditions import names
from cli.ledger import ledger
from cli.output import Progress, emit, facts, say, table, usd
from cli.trial import Order
from qm.errors import NotFoundError, QmError

SCHEMA: Final = 1
METHODS: Final = ("grid", "random", "optuna")
SHOWN: Final = 10
PBO_MOST, DSR_LEAST = 0.1, 0.95


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
        inputs=f"{first.digest()} {first.code}",
    )


def make(order: Order, of: Definition, objective: str, workers: int | None, dask: str | None) -> dict[str, Any]:
    """Make what is left of a sweep and return what `--json` prints."""
    whole = axes(of.vary)
    job = partial(run_one, order)
    with ledger() as book, Progress() as progress:
        before = _made(book, of)
        if before:
            say(f"{before} of {of.trials} trials of {of.id} were made before.")
        place: Any = Cluster(job, dask) if dask else Processes(job, workers or os.cpu_count() or 1)
        with place as somewhere:
            found = _sweep(of, whole, book, somewhere, progress, objective)
        return _told(of, found, objective, book.tried(of.strategy))


def show(found: dict[str, Any]) -> None:
    """Write what came of a sweep as tables to stdout."""
    emit(f"{found['sweep']}: {found['made']} of {found['planned']} trials, {found['failed']} failed")
    emit()
    best = found["best"]
    if best:
        params = list(best[0]["params"])
        heads = ("trial", *params, found["objective"], "trades", "net $", "mean R", "Sharpe", "drawdown")
        table(heads, [_row(each, params) for each in best], heads[:1], spare=("drawdown", "Sharpe"))
        emit()
        facts(
            [
                ("deflated Sharpe", _judged(found["deflated_sharpe"], DSR_LEAST, above=True)),
                ("overfitting", _judged(found["overfitting"], PBO_MOST, above=False)),
                ("trials ever", f"{found['tried']:,} of this strategy; each makes the best one prove less"),
            ]
        )
    for error, count in found["errors"].items():
        say(f"{count} failed: {error}")


def show_all(rows: Sequence[dict[str, Any]]) -> None:
    """Write the sweeps of the ledger as a table to stdout."""
    heads = ("sweep", "dataset", "from", "to", "varied", "trials", "made")
    table(
        heads,
        [
            (r["sweep"], r["dataset"], r["first"], r["last"], " ".join(r["vary"]), str(r["trials"]), str(r["made"]))
            for r in rows
        ],
        ("sweep", "dataset", "varied"),
        spare=("to", "from"),
    )


def show_walk(found: WalkForward) -> None:
    """Write what came of choosing ahead to stdout."""
    params = list(found.folds[0].params)
    heads = ("sessions", *params, "trial", "Sharpe before", "return after", "better than")
    rows = [
        (
            f"{fold.test[0] + 1}-{fold.test[1]}",
            *(fold.params[name] for name in params),
            str(fold.trial),
            "?" if fold.train_sharpe is None else f"{fold.train_sharpe * 252**0.5:.2f}",
            f"{fold.test_return:+.2%}",
            f"{fold.rank:.0%}",
        )
        for fold in found.folds
    ]
    table(heads, rows, heads[:1], spare=("trial",))
    emit()
    facts(
        [
            ("chosen ahead", _days(found.chosen)),
            ("by hindsight", _days(found.hindsight)),
            ("efficiency", "not known" if found.efficiency is None else f"{found.efficiency:.0%} of the Sharpe before"),
            ("changes", f"{found.changes} of {len(found.folds) - 1} choices were other than the one before"),
        ]
    )


def _days(of: DayMeasures) -> str:
    sharpe = "unknown" if of.sharpe is None else f"{of.sharpe:.2f}"
    return f"{of.total_return:+.2%}, Sharpe {sharpe}, drawdown {of.max_drawdown:.2%}, {of.sessions} sessions"


def _sweep(
    of: Definition, whole: tuple[Axis, ...], book: Ledger, workers: Workers, progress: Progress, objective: str
) -> list[Trial]:
    best: list[float] = []

    def tell(done: int, planned: int, trial: Trial) -> None:
        value = figure(trial, objective)
        if value is not None:
            best[:] = [max([value, *best])]
        progress.show(f"{done}/{planned} trials" + (f", best {objective} {best[0]:,.3f}" if best else ""))

    return sweep(of, whole, book, workers, tell)


def _made(book: Ledger, of: Definition) -> int:
    return next((made for known, made in book.sweeps() if known.id == of.id), 0)


def _end(of: Sequence[Axis], *, last: bool) -> Params:
    return {
        axis.name: axis.values[-1 if last else 0] if axis.values else axis.text(axis.high if last else axis.low)
        for axis in of
    }


def _told(of: Definition, found: list[Trial], objective: str, tried: int) -> dict[str, Any]:
    best = best_first(found, objective)
    deflated, overfitted = luck(best[0], found, tried) if best else (None, None)
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
        "deflated_sharpe": deflated,
        "overfitting": overfitted,
        "best": [
            {"number": t.number, "params": t.params, "run": t.run, "summary": msgspec.to_builtins(t.summary)}
            | {"objective": figure(t, objective)}
            for t in best[:SHOWN]
        ],
    }


def _row(each: dict[str, Any], params: Sequence[str]) -> tuple[str, ...]:
    s = each["summary"]
    return (
        str(each["number"]),
        *(each["params"][name] for name in params),
        f"{each['objective']:,.3f}",
        f"{s['trades']:,}",
        usd(s["net_usd"]),
        "?" if s["by_trade"]["mean_r"] is None else f"{s['by_trade']['mean_r']:+.3f}",
        "?" if s["by_day"]["sharpe"] is None else f"{s['by_day']['sharpe']:.2f}",
        f"{s['by_day']['max_drawdown']:.2%}",
    )


def _judged(value: float | None, limit: float, *, above: bool) -> str:
    if value is None:
        return "not known: too few sessions or trials"
    good = value >= limit if above else value <= limit
    sign = "at least" if above else "at most"
    word = "passes" if good else "does not pass"
    return f"{value:.1%}, {word}: {sign} {limit:.0%} is wanted"
