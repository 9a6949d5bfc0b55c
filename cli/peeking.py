"""`qm backtest check`: one strategy after the other, each alone, on as many processes as there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

import msgspec

from backtest.check import Report, check
from backtest.workers import spare
from cli import trial
from cli.output import Progress, emit, table
from cli.result import show_check
from cli.trial import Order
from qm.config import paths
from qm.errors import UsageError
from qm.runtime.strategy_files import own_names
from qm.strategies.presets import PRESETS

SCHEMA: Final = 1


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of several strategies."""

    schema: int = SCHEMA
    clean: bool
    strategies: dict[str, Report]
    left_out: dict[str, str]
    """Why some were not asked."""


def every_name() -> list[str]:
    """Return the names of all strategies, shipped ones and the user's."""
    return list(dict.fromkeys([*PRESETS, *own_names(paths("sim").strategies)]))


def ask(
    shared: Order,
    names: Sequence[str],
    cuts: int | None,
    seed: int,
    workers: int | None,
    progress: Progress,
    *,
    every: bool,
) -> Checked:
    """Check the strategies that are named, or every one that the data allow; UsageError for both and for neither."""
    if every == bool(names):
        raise UsageError("It is not clear what to check.", "Name strategies, or write --all.")
    wanted = every_name() if every else list(dict.fromkeys(names))
    orders = [
        msgspec.structs.replace(shared, strategy=name, params=trial.own_params(shared.params, name, wanted))
        for name in wanted
    ]
    able, left_out = possible(orders) if every else (orders, {})
    if not able:
        trial.plan(orders[0])
    moments = cuts or (10 if len(orders) == 1 else 4)
    found = check_each(able, moments, seed, workers or os.cpu_count() or 1, progress)
    return Checked(clean=all(each.clean for each in found.values()), strategies=found, left_out=left_out)


def possible(orders: Sequence[Order]) -> tuple[list[Order], dict[str, str]]:
    """Part the strategies that can be run on the data from those that cannot, with the reason of each."""
    able: list[Order] = []
    left_out: dict[str, str] = {}
    for order in orders:
        try:
            trial.plan(order)
        except UsageError as error:
            left_out[order.strategy] = error.problem
        else:
            able.append(order)
    return able, left_out


def check_one(order: Order, cuts: int, seed: int) -> Report:
    """Check one strategy, in whatever process."""
    planned = trial.plan(order)
    return check(planned.plan, planned.chosen.days, cuts, seed)


def check_each(orders: Sequence[Order], cuts: int, seed: int, workers: int, progress: Progress) -> dict[str, Report]:
    """Check strategies, each alone; the result does not depend on the number of workers."""
    if len(orders) == 1 or workers == 1:
        return {order.strategy: _told(order, cuts, seed, progress) for order in orders}
    spawn = multiprocessing.get_context("spawn")
    found: dict[str, Report] = {}
    progress.show(f"0/{len(orders)} strategies", force=True)
    with ProcessPoolExecutor(min(workers, len(orders)), mp_context=spawn, initializer=spare) as pool:
        try:
            running = {pool.submit(check_one, order, cuts, seed): order for order in orders}
            for future in as_completed(running):
                found[running[future].strategy] = future.result()
                progress.show(f"{len(found)}/{len(orders)} strategies", force=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return {order.strategy: found[order.strategy] for order in orders}


def show_checks(of: Checked) -> None:
    """Write what came of looking for peeking to stdout."""
    found = of.strategies
    for reason in of.left_out.values():
        emit(f"Left out: {reason}")
    if len(found) > 1:
        heads = ("strategy", "", "runs", "decisions", "signals")
        rows = [
            (
                name,
                "clean" if each.clean else "PEEKS",
                f"{each.trials:,}",
                f"{each.entries:,}",
                f"{each.signals:,}" if each.signals else "none",
            )
            for name, each in found.items()
        ]
        table(heads, rows, ("strategy", ""))
        emit()
    for name, each in found.items():
        if len(found) == 1 or not each.clean:
            show_check(name, each)
    silent = [name for name, each in found.items() if not each.signals]
    if silent:
        emit(f"No signal of {', '.join(silent)} came up to be compared: other sessions or data may ask more of it.")


def _told(order: Order, cuts: int, seed: int, progress: Progress) -> Report:
    planned = trial.plan(order)
    return check(
        planned.plan,
        planned.chosen.days,
        cuts,
        seed,
        lambda n, of: progress.show(f"{order.strategy}: {n}/{of} runs compared"),
    )
