"""A stopped run and the rules with which it began: it is taken up with these, whatever the settings say today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qm.engine.settings import EngineSettings, StrategyChoice
from qm.errors import ConfigError, NotFoundError
from qm.model.events import SessionStarted
from qm.risk.limits import RiskSettings
from qm.runtime.run import Run, Setup
from qm.runtime.strategy_files import find
from qm.store.journal import Journal
from qm.strategies.api import Strategy
from tests.qm.engine.drive import day, run_settings, setup

FILE = """
from qm.strategies.api import *

class Mine(Params, frozen=True):
    minutes: int = 15

class Buy(EntrySignals):
    def __init__(self, params):
        self.params = params

    def on_start(self, group):
        return [Plan(rows=group.rows.tolist(), wake_at=group.open_ns + self.params.minutes * MINUTE)]

def strategy(params=None):
    p = params or Mine()
    return Strategy("x", "1", "experimental", "x", p, Buy(p), ExitSignals(), ("momentum",))
"""


@pytest.fixture
def folder(own_folders: Path) -> Path:
    made = own_folders / "config" / "strategies"
    made.mkdir(parents=True)
    for each in (made.parent, made):
        each.chmod(0o700)
    (made / "orb_mine.py").write_text(FILE)
    (made / "orb_mine.py").chmod(0o600)
    return made


def settings(minutes: int = 20) -> EngineSettings:
    chosen = (StrategyChoice("orb_mine", {"minutes": minutes}),)
    return EngineSettings(strategies=chosen, scans=("momentum",), risk=RiskSettings(risk_per_trade=0.002))


def made(of: EngineSettings, folder: Path) -> dict[str, Strategy]:
    return {each.name: find(each.name, folder, each.params) for each in of.strategies}


def of_today(tmp_path: Path, folder: Path, minutes: int = 20) -> Setup:
    """What a start today would run: today's settings, today's files."""
    engine = settings(minutes)
    base = setup(tmp_path / "recordings", day(symbols=20, minutes=10), run_settings(EngineSettings(strategies=())))
    return replace(
        base,
        settings=run_settings(engine),
        strategies=made(engine, folder),
        remake=lambda of: made(of, folder),
    )


def begun(tmp_path: Path, folder: Path) -> Journal:
    """A run that was stopped after ten minutes."""
    journal = Journal.open(tmp_path / "journal.db", "sim")
    with journal:
        run = Run.begin(of_today(tmp_path, folder), journal)
        for batch in run.setup.day.batches:
            run.feed(batch)
        run.close()
    return Journal.open(tmp_path / "journal.db", "sim")


def test_it_goes_on_with_the_parameters_with_which_it_began(tmp_path: Path, folder: Path) -> None:
    with begun(tmp_path, folder) as journal:
        header = journal.last_run()
        assert header is not None
        run = Run.resume(of_today(tmp_path, folder, minutes=5), journal, header)
        assert run.core.book.desk.strategies["orb_mine"].params.minutes == 20  # type: ignore[attr-defined]
        run.close()
        (started,) = [e.body for e in journal.read(header.id) if isinstance(e.body, SessionStarted)]
        assert started.strategies[0].source == find("orb_mine", folder).source


def test_a_file_that_changed_is_refused_and_putting_it_back_is_enough(tmp_path: Path, folder: Path) -> None:
    path = folder / "orb_mine.py"
    with begun(tmp_path, folder) as journal:
        header = journal.last_run()
        assert header is not None
        path.write_text(FILE + "# changed\n")
        with pytest.raises(ConfigError, match="rules of orb_mine are not those with which run sim-1 began") as error:
            Run.resume(of_today(tmp_path, folder), journal, header)
        (kept,) = (tmp_path / "strategies").iterdir()
        assert str(kept) in error.value.remedy
        path.write_bytes(kept.read_bytes())
        run = Run.resume(of_today(tmp_path, folder), journal, header)
        assert run.resumed > 0
        run.close()


def test_a_file_that_is_gone_is_refused(tmp_path: Path, folder: Path) -> None:
    setup_of_today = of_today(tmp_path, folder)
    with begun(tmp_path, folder) as journal:
        header = journal.last_run()
        assert header is not None
        (folder / "orb_mine.py").unlink()
        with pytest.raises(NotFoundError, match="orb_mine"):
            Run.resume(setup_of_today, journal, header)
