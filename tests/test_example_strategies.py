"""The examples of own strategies: each is found as a file of the user's, and does what it says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from backtest.runner import Outcome, Plan, run
from brokers.sim.settings import HOUSE
from cli.feeds import Synthetic
from cli.markets import synthetic_day
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.errors import ConfigError
from qm.model.events import Signal, StopMoved, StrategyFailed
from qm.risk.limits import RiskSettings
from qm.runtime.strategy_files import find
from qm.strategies.api import Strategy

EXAMPLES = sorted((Path(__file__).parent.parent / "examples" / "strategies").glob("*.py"))
NAMES = [path.stem for path in EXAMPLES]
LINES_MAX = 110


@pytest.fixture
def folder(own_folders: Path) -> Path:
    made = own_folders / "config" / "strategies"
    made.mkdir(parents=True)
    for each in (made.parent, made):
        each.chmod(0o700)
    for path in EXAMPLES:
        shutil.copyfile(path, made / path.name)
        (made / path.name).chmod(0o600)
    return made


@cache
def day() -> Day:
    made = synthetic_day(Synthetic(symbols=200, seed=1))
    return replace(made, batches=list(made.batches))


@cache
def ran(of: Strategy) -> Outcome:
    engine = EngineSettings(strategies=(), scans=of.scans, risk=RiskSettings(risk_per_trade=0.001, max_of_volume=1.0))
    return run(Plan(engine, {of.name: of}, exchange=HOUSE), [day()])


def test_there_are_three_and_each_fits_on_a_screen_or_two() -> None:
    assert NAMES == ["orb_laddered", "range_break", "two_bar_dip"]
    sizes = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES}
    assert {name: size for name, size in sizes.items() if size > LINES_MAX} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params", "reasons"),
    [
        ("range_break", {}, {"1 R reached, half", "held for 90 minutes"}),
        ("two_bar_dip", {}, {"closed below the bar before"}),
        (
            "orb_laddered",
            # More of a small market than it takes of a whole one, and targets that some of it reach.
            {"top_n": 20, "rv_min": 0.0, "first_r": 0.1, "second_r": 0.3},
            {"0.1 R reached", "0.3 R reached", "less than 0 R after 45 minutes", "end of day"},
        ),
    ],
)
def test_it_trades_and_leaves_for_its_reasons(
    folder: Path, name: str, params: dict[str, float], reasons: set[str]
) -> None:
    outcome = ran(find(name, folder, params))
    bodies = [entry.body for entry in outcome.journal.read(outcome.header.id)]
    assert [body for body in bodies if isinstance(body, StrategyFailed)] == []
    assert outcome.trades
    assert {trade.strategy for trade in outcome.trades} == {name}
    said = {body.reason for body in bodies if isinstance(body, Signal) and not body.entry}
    # Which of them come depends on the made-up day; no other may.
    assert said
    assert said <= reasons
    moved = {body.reason for body in bodies if isinstance(body, StopMoved)}
    assert moved <= {"to the entry", "beyond the swing of 20 bars"}


@pytest.mark.parametrize("name", NAMES)
def test_its_parameters_have_bounds(folder: Path, name: str) -> None:
    params = find(name, folder).params
    for field, value in msgspec.structs.asdict(params).items():
        if not isinstance(value, bool):
            with pytest.raises(ConfigError, match=field):
                find(name, folder, {field: -1})


def test_parameters_are_also_checked_against_each_other(folder: Path) -> None:
    with pytest.raises(ConfigError, match="first_r must be less than second_r"):
        find("orb_laddered", folder, {"first_r": 3.0})
