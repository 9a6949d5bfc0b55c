"""What runs beside a backtest in other processes: the same under other assumptions, and sessions made ready ahead.

Market data is shared: every process maps the same files of the day cache. What a backtest comes to never depends on how
many processes there are.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Self

from backtest.bounds import Bound, bound
from backtest.runner import run
from backtest.workers import spare
from cli import trial
from cli.markets import catalogue
from cli.trial import Order
from qm.errors import QmError


class Beside:
    """Other processes for the time of a backtest; a context manager. With one worker there is none."""

    def __init__(self, orders: Sequence[Order], workers: int) -> None:
        self.orders = orders
        self._pool: ProcessPoolExecutor | None = None
        self._begun: dict[Order, Future[Bound]] = {}
        if workers > 1:
            # A fork would copy the locks of the compiler's threads in whatever state they are.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers - 1, mp_context=spawn, initializer=spare)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self.stop() if kind is not None else self._pool.shutdown(cancel_futures=True)

    def begin(self, planned: trial.Trial) -> None:
        """Begin: first what the backtest itself will need, then its other assumptions."""
        if self._pool is None:
            return
        order, dates = planned.order, planned.chosen.dates
        if not made_up(order.dataset):
            # The first is being read already.
            for date in dates[1:]:
                self._pool.submit(prepare, order.dataset, order.kind, date)
        self._begun = {each: self._pool.submit(bound_of, each) for each in self.orders}

    def found(self, order: Order) -> Bound | None:
        """Wait for what an order came to in another process; None when no process began it: run it yourself."""
        future = self._begun.get(order)
        return None if future is None or future.cancel() else future.result()

    def stop(self) -> None:
        """End the other processes now, whatever they do: nothing of theirs is kept."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()


def bound_of(order: Order) -> Bound:
    """Run a backtest, in whatever process, and return what it came to."""
    planned = trial.plan(order)
    outcome = run(planned.plan, planned.days(), planned.header())
    return bound(planned.fills, outcome.summary, order.stress)


def prepare(dataset: str, kind: str | None, date: dt.date) -> None:
    """Bring a session into the day cache; what is wrong with it is told by who runs it."""
    try:
        catalogue().load(dataset, date, kind)
    except QmError:
        return


def made_up(dataset: str) -> bool:
    """Say whether a dataset is generated, not stored."""
    return dataset == "synthetic" or dataset.startswith("synthetic:")
