"""Kept runs: read back, held against each other, drawn again."""

from decimal import Decimal

import numpy as np
import pytest

from backtest.compare import compare
from backtest.kept import KeptRun, kept_run
from backtest.montecarlo import futures
from backtest.summary import DayResult
from qm.errors import UsageError
from qm.model.events import AnyEvent, Entry, SessionEnded, SessionStarted


def run(name: str, results: list[float], first: int = 0, start: float = 100_000.0) -> KeptRun:
    equity = np.cumsum([start, *results])[1:]
    days = [DayResult(f"session {first + n:03}", Decimal(str(round(e, 2))), 0) for n, e in enumerate(equity.tolist())]
    return KeptRun(name, Decimal(str(start)), days, [[] for _ in days])


def test_a_run_is_read_out_of_its_entries() -> None:
    bodies: list[AnyEvent] = [
        SessionStarted("2025-03-12", "backtest", Decimal(1000), 3, "", ()),
        SessionEnded("2025-03-12", Decimal(1100)),
        SessionStarted("2025-03-13", "backtest", Decimal(1100), 3, "", ()),
        SessionEnded("2025-03-13", Decimal(990)),
        SessionStarted("2025-03-14", "backtest", Decimal(990), 3, "", ()),
    ]
    found = kept_run("r", [Entry(n, n, n, 0, body) for n, body in enumerate(bodies, 1)])
    assert found.start == 1000
    assert [day.session for day in found.days] == ["2025-03-12", "2025-03-13"]
    assert found.returns().tolist() == pytest.approx([0.1, -0.1])
    assert found.results().tolist() == pytest.approx([100, -110])


def test_equal_runs_are_said_to_be_equal() -> None:
    results = np.random.default_rng(1).normal(0, 100, 30).tolist()
    found = compare(run("a", results), run("b", results))
    assert (found.better_sessions, found.worse_sessions, found.difference_usd) == (0, 0, 0.0)
    assert "the same in every session" in found.verdict


def test_a_steady_gain_is_seen_and_a_lucky_one_is_not() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(0, 500, 60)
    steady = compare(run("a", base.tolist()), run("b", (base + 50 + rng.normal(0, 10, 60)).tolist()))
    assert steady.interval is not None
    assert steady.interval.low > 0
    assert "The second is better" in steady.verdict
    lucky = compare(run("a", base.tolist()), run("b", rng.normal(20, 500, 60).tolist()))
    assert "may well be luck" in lucky.verdict


def test_only_sessions_that_both_have_are_compared() -> None:
    found = compare(run("a", [10.0] * 20), run("b", [20.0] * 20, first=15))
    assert (found.sessions, found.left_out) == (5, 30)
    assert (found.first.net_usd, found.second.net_usd) == (50, 100)
    assert "too little" in found.verdict
    with pytest.raises(UsageError, match="no session in common"):
        compare(run("a", [1.0]), run("b", [1.0], first=7))


def test_the_paths_are_those_of_the_textbook() -> None:
    # Sessions of +1 % and -1 %, independent: after n of them the log return has deviation 0.01 sqrt(n).
    results, equity = [], 100_000.0
    for sign in np.random.default_rng(5).choice([1.0, -1.0], 100).tolist():
        results.append(equity * 0.01 * sign)
        equity += results[-1]
    found = futures(run("r", results), paths=4_000)
    assert found.sessions == 100
    wide = found.total_return["95"] - found.total_return["5"]
    assert wide == pytest.approx(2 * 1.645 * 0.1, rel=0.2)
    assert found.max_drawdown["5"] < found.max_drawdown["50"] < found.max_drawdown["95"]
    assert futures(run("r", results), paths=200, seed=3) == futures(run("r", results), paths=200, seed=3)


def test_a_run_that_cannot_lose_shows_no_loss() -> None:
    found = futures(run("r", [100.0, 200.0] * 10), paths=200)
    assert (found.loss, found.ruin, found.max_drawdown["95"]) == (0.0, 0.0, 0.0)


def test_too_little_is_not_drawn_from() -> None:
    with pytest.raises(UsageError, match="14 sessions"):
        futures(run("r", [1.0] * 14))
    with pytest.raises(UsageError, match="too little"):
        futures(run("r", [0.0] * 30))
