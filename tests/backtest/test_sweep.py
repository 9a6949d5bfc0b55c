"""Sweeps: no trial is lost or made twice, whatever dies in between, and nothing leaves the ledger."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import deque
from decimal import Decimal
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backtest.evidence import of_best
from backtest.ledger import Definition, Ledger, Trial, best_first, figure
from backtest.space import Params, axes
from backtest.summary import DayResult, summarize
from backtest.sweep import neighbours, sweep
from backtest.workers import Cluster, Processes
from qm.errors import DivergedError, NotFoundError, StoreError, UnavailableError, UsageError

COUNTS = {"symbols": 1, "records": 1, "wakes": 1}


def made(number: int, params: Params, net: float | None = None) -> Trial:
    """Come to a result that follows from the parameters."""
    x = float(params["x"])
    net = 1000 - 100 * (x - 3) ** 2 if net is None else net
    days = [DayResult(f"d{n}", Decimal(str(100_000 + net * (n + 1) * (1 + n % 3))), 0) for n in range(5)]
    returns = tuple(0.001 * ((n * 5) % 7 - 3 + x / 10) for n in range(40))
    summary = summarize("r", [], days, Decimal(100_000), COUNTS, f"{x}", 1.0)
    return Trial(number=number, params=params, run=f"run{x}", summary=summary, returns=returns)


def killed_once(folder: Path, number: int, params: Params) -> Trial:
    """Take the worker down the first time that the third trial is tried."""
    mark = folder / "killed"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"{number}-{os.getpid()}").touch()
    return made(number, params)


def always_killed(number: int, params: Params) -> Trial:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return made(number, params)


class Here:
    """Runs trials in this process, the last begun first."""

    size = 3

    def __init__(self, most: int = 1000) -> None:
        self.begun: deque[tuple[int, Params]] = deque()
        self.numbers: list[int] = []
        self.most = most

    def submit(self, number: int, params: Params) -> None:
        self.begun.append((number, params))
        self.numbers.append(number)

    def next(self) -> Trial:
        if self.most == 0:
            raise KeyboardInterrupt
        self.most -= 1
        return made(*self.begun.pop())


def definition(method: str = "grid", trials: int = 6, **more: object) -> Definition:
    of = Definition(
        strategy="thrust",
        dataset="made",
        first="2025-03-10",
        last="2025-03-11",
        vary=("x=1..6",),
        method=method,
        trials=trials,
        seed=1,
        objective="total_return",
    )
    return msgspec.structs.replace(of, **more)


AXES = axes(["x=1..6"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweeps.db"


@pytest.mark.parametrize("method", ["grid", "random", "optuna"])
def test_an_interrupted_sweep_goes_on_and_makes_each_trial_once(path: Path, method: str) -> None:
    of = definition(method)
    with Ledger.open(path) as ledger, pytest.raises(KeyboardInterrupt):
        sweep(of, AXES, ledger, Here(most=2))
    with Ledger.open(path) as ledger:
        before = {trial.number for trial in ledger.trials(of.id)}
        assert len(before) == 2
        again = Here()
        found = sweep(of, AXES, ledger, again)
        assert [trial.number for trial in found] == list(range(6))
        assert set(again.numbers) == set(range(6)) - before
        ledger.verify()
        assert sweep(of, AXES, ledger, Here(most=0)) == found


def test_a_guided_sweep_finds_the_top(path: Path) -> None:
    with Ledger.open(path) as ledger:
        found = sweep(definition("optuna", 25), AXES, ledger, Here())
    assert best_first(found, "total_return")[0].params == {"x": "3"}


def test_nothing_leaves_the_ledger(path: Path) -> None:
    of = definition()
    with Ledger.open(path) as ledger:
        sweep(of, AXES, ledger, Here())
    db = sqlite3.connect(path)
    for order in ("DELETE FROM trials", "UPDATE trials SET body = x''", "DELETE FROM sweeps"):
        with pytest.raises(sqlite3.IntegrityError, match="nothing leaves the ledger"):
            db.execute(order)
    db.execute("DROP TRIGGER trials_no_delete")
    db.execute("DELETE FROM trials WHERE trial = 2")
    db.commit()
    db.close()
    with Ledger.open(path) as ledger, pytest.raises(StoreError, match="changed or removed"):
        ledger.verify()


def test_a_trial_made_twice_must_come_to_the_same(path: Path) -> None:
    of = definition()
    with Ledger.open(path) as ledger:
        ledger.begin(of)
        assert ledger.record(of, made(0, {"x": "1"}))
        assert not ledger.record(of, made(0, {"x": "1"}))
        other = made(0, {"x": "1"})
        assert other.summary is not None
        lying = msgspec.structs.replace(other, summary=msgspec.structs.replace(other.summary, result_hash="else"))
        with pytest.raises(DivergedError, match="something else"):
            ledger.record(of, lying)


def test_trials_are_counted_over_all_sweeps_of_a_strategy(path: Path) -> None:
    with Ledger.open(path) as ledger:
        sweep(definition(), AXES, ledger, Here())
        sweep(definition("random", 4), AXES, ledger, Here())
        sweep(definition(strategy="other"), AXES, ledger, Here())
        assert ledger.tried("thrust") == 10
        assert [made for _, made in ledger.sweeps()] == [6, 4, 6]
        with pytest.raises(NotFoundError):
            ledger.trials("thrust-grid-00000000")


def test_failed_trials_are_kept_and_never_the_best() -> None:
    failed = Trial(number=0, params={"x": "1"}, error="out of bounds")
    assert figure(failed, "sharpe") is None
    assert [trial.number for trial in best_first([failed, made(1, {"x": "1"}), made(2, {"x": "3"})], "net_usd")] == [
        1,
        2,
    ]
    with pytest.raises(UsageError, match="no figure"):
        figure(made(1, {"x": "1"}), "nonsense")


def test_luck_grows_with_the_number_of_trials() -> None:
    found = [made(n, {"x": str(n)}) for n in range(8)]
    few, many = (of_best("s", found[3], found, tried) for tried in (8, 8000))
    assert few.deflated is not None
    assert many.deflated is not None
    assert many.deflated < few.deflated
    assert few.overfitting is not None
    alone = of_best("s", found[3], found[3:4], 1)
    assert (alone.deflated, alone.overfitting) == (alone.probabilistic, None)


def test_neighbours_are_one_step_beside() -> None:
    tried = [made(n, {"x": x, "y": y}) for n, (x, y) in enumerate(product(("1", "2", "10"), ("5", "6")))]
    near = neighbours(tried[2], tried)
    assert [trial.params for trial in near] == [{"x": "1", "y": "5"}, {"x": "2", "y": "6"}, {"x": "10", "y": "5"}]


def test_a_sweep_that_is_asked_to_stop_finishes_what_runs_and_goes_on_later(path: Path) -> None:
    of = definition()
    done: list[int] = []
    with Ledger.open(path) as ledger:
        first = sweep(of, AXES, ledger, Here(), lambda n, *_: done.append(n), lambda: bool(done))
        # Three were running when the first of them ended.
        assert len(first) == 3
        assert [trial.number for trial in sweep(of, AXES, ledger, Here())] == list(range(6))


def test_one_worker_and_two_make_the_same_ledger(tmp_path: Path) -> None:
    of = definition()
    found = []
    for workers in (1, 2):
        with Ledger.open(tmp_path / f"{workers}.db") as ledger, Processes(made, workers) as place:
            sweep(of, AXES, ledger, place)
            found.append([msgspec.structs.replace(trial) for trial in ledger.trials(of.id)])
    assert found[0] == found[1]


def test_a_sweep_keeps_its_name_from_before_costs_could_be_chosen() -> None:
    old = definition()
    assert old.id == "thrust-grid-ef6d44af"
    assert len({old.id, definition(stress=2.0).id, definition(fills="path").id}) == 3


def test_a_worker_that_dies_loses_nothing(path: Path, tmp_path: Path) -> None:
    of = definition()
    with Ledger.open(path) as ledger, Processes(partial(killed_once, tmp_path), 2) as workers:
        found = sweep(of, AXES, ledger, workers)
    assert [(trial.number, trial.error) for trial in found] == [(n, "") for n in range(6)]


def test_a_trial_that_kills_every_worker_fails_alone(path: Path) -> None:
    of = definition(trials=3, vary=("x=1..3",))
    with Ledger.open(path) as ledger, Processes(always_killed, 1) as workers:
        found = sweep(of, axes(of.vary), ledger, workers)
    assert [trial.error for trial in found] == ["", "its worker died 3 times", ""]


@pytest.mark.slow
def test_a_cluster_loses_nothing_when_a_worker_is_killed(path: Path, tmp_path: Path) -> None:
    import distributed

    library: Any = distributed
    of = definition("random", 200)
    kill = partial(killed_once, tmp_path)
    with (
        library.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        Ledger.open(path) as ledger,
        Cluster(kill, cluster.scheduler_address) as workers,
    ):
        found = sweep(of, AXES, ledger, workers)
        ledger.verify()
    assert (tmp_path / "killed").exists()
    assert [(trial.number, trial.error) for trial in found] == [(n, "") for n in range(200)]


def test_an_address_where_nobody_is_says_so() -> None:
    with pytest.raises(UnavailableError, match="No Dask scheduler"):
        Cluster(made, "tcp://127.0.0.1:9")
