"""`qm backtest check`: one strategy after the other, each alone, on as many processes as there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import Final

import msgspec

from backtest.check import Report, check
from backtest.workers import spare
from cli import trial
from cli.output import Progress, emit, say, table
from cli.result import show_check
from cli.trial import Order
from qm.config import paths
from qm.errors import UsageError
from qm.runtime.strategy_files import own_names
from qm.strategies.presets import PRESETS

SCHEMA: Final = 1
MADE_UP: Final = "synthetic:400:seed=1"
"""Where strategies are checked again that had no signal in the data: prints, quotes and pauses of a whole market."""
FIRST, LAST = "2025-03-10", "2025-03-11"
LOOSE: Final = {
    "halt_resumption": ("trade=true", "wait_min=60"),
    "parabolic_short": ("enabled=true", "chg=10", "sigma=0.5", "accel_bars=2", "slip_max_r=5"),
}
"""Parameters for that, of those whose rules are switched off as shipped, or ask for what hardly ever comes."""
PAST_SCANS: Final = ("parabolic_short",)
"""Handed all symbols there, for their scan lets hardly one through."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of several strategies."""

    schema: int = SCHEMA
    clean: bool
    strategies: dict[str, Report]
    made_up: dict[str, Report] = {}
    """On a made-up market, what came of those that had no signal to be compared in the data, or could not be run."""
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
    size = workers or os.cpu_count() or 1
    found = check_each(able, moments, seed, size, progress)
    silent = [order for order in orders if every and (order.strategy in left_out or not found[order.strategy].signals)]
    elsewhere, _ = possible([on_made_up(order) for order in silent])
    again = check_each(elsewhere, moments, seed, size, progress) if elsewhere else {}
    clean = all(each.clean for each in (*found.values(), *again.values()))
    return Checked(clean=clean, strategies=found, made_up=again, left_out=left_out)


def on_made_up(order: Order) -> Order:
    """Return the same check on the made-up market, where more of the strategy's rules are met."""
    loose = LOOSE.get(order.strategy, ())
    return Order(
        strategy=order.strategy,
        dataset=MADE_UP,
        since=FIRST,
        until=LAST,
        params=(*loose, *order.params),
        overrides=order.overrides,
    )


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
    return _told(order, cuts, seed, Progress(quiet=True))


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
    for reason in of.left_out.values():
        emit(f"Not on the data: {reason}")
    every = [(name, "the data", each) for name, each in of.strategies.items()]
    every += [(name, MADE_UP, each) for name, each in of.made_up.items()]
    if len(every) > 1:
        heads = ("strategy", "on", "", "runs", "decisions", "signals")
        rows = [
            (
                name,
                where,
                "clean" if each.clean else "PEEKS",
                f"{each.trials:,}",
                f"{each.entries:,}",
                f"{each.signals:,}" if each.signals else "none",
            )
            for name, where, each in every
        ]
        table(heads, rows, ("strategy", "on", ""))
        emit()
    for name, _, each in every:
        if len(every) == 1 or not each.clean:
            show_check(name, each)
    heard = {name for name, _, each in every if each.signals}
    silent = [name for name in (*of.strategies, *of.left_out) if name not in heard]
    if silent:
        say(
            f"qm: no signal of {', '.join(silent)} came up to be compared, so that this says little of them: "
            "other sessions or data may ask more of them."
        )


def _told(order: Order, cuts: int, seed: int, progress: Progress) -> Report:
    planned = trial.plan(order)
    past = {order.strategy: ()} if order.dataset == MADE_UP and order.strategy in PAST_SCANS else {}
    return check(
        replace(planned.plan, assigned={**planned.plan.assigned, **past}),
        planned.chosen.days,
        cuts,
        seed,
        lambda n, of: progress.show(f"{order.strategy}: {n}/{of} runs compared"),
    )
