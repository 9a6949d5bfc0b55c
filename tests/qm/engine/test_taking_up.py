"""A run that was cut off and taken up decides what it would have decided without the cut."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qm.engine.settings import EngineSettings, StrategyChoice
from qm.model.events import CancelAsked, Entry, Signal, StopMoved, TradeClosed, Triggered
from qm.model.market import Events
from qm.risk.limits import RiskSettings
from qm.runtime.run import Run, Setup
from qm.store.memory import MemoryJournal
from tests.qm.engine.drive import day, joined, run_settings, setup

DAY = day(100, 390, seed=7)
SMALL = RiskSettings(risk_per_trade=0.002)
FOLLOWS_BARS = EngineSettings(strategies=(StrategyChoice("thrust"),), scans=("momentum",), risk=SMALL)
WAITS_AT_STOPS = EngineSettings(
    strategies=(StrategyChoice("orb_robust", {"limit_off": 0.0, "cutoff_min": 390, "top_n": 20, "rv_min": 0.0}),),
    scans=("stocks_in_play",),
    risk=SMALL,
)
"""Many of its entries meet their stop, find the limit too tight, and wait."""
LOOSE = {"chg_min": 0.0, "rvol_min": 0.0, "brk_vol": 0.0, "depth_max": 1.0, "vol_contract": 2.0, "base_bars": 2}
SELLS_PARTS = EngineSettings(
    strategies=(StrategyChoice("hod_break", {**LOOSE, "trail_bars": 3, "tries": 5, "t1_r": 0.1, "t2_r": 0.3}),),
    scans=("momentum",),
    risk=SMALL,
)
"""Takes entries back, sells parts and moves stops."""
ENGINES = {"bars": FOLLOWS_BARS, "stops": WAITS_AT_STOPS, "parts": SELLS_PARTS}
SHARES = [0.02, 0.05, 0.1, 0.15, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95]


def chosen(folder: Path, engine: str) -> Setup:
    return setup(folder, DAY, run_settings(ENGINES[engine]))


def entries(journal: MemoryJournal, run: Run) -> list[Entry]:
    return list(journal.read(run.header.id))


@cache
def records() -> Events:
    return joined(iter(DAY.batches))


@cache
def uncut(engine: str) -> list[Entry]:
    journal = MemoryJournal()
    with TemporaryDirectory() as folder:
        run = Run.begin(chosen(Path(folder), engine), journal)
        run.feed(records())
        run.close()
    return entries(journal, run)


def test_the_days_have_what_is_to_be_brought_back() -> None:
    assert sum(isinstance(entry.body, TradeClosed) for entry in uncut("bars")) > 5
    assert sum(isinstance(entry.body, Triggered) for entry in uncut("stops")) >= 1
    parts = [entry.body for entry in uncut("parts")]
    assert any(isinstance(body, StopMoved) for body in parts)
    assert any(isinstance(body, Signal) and body.shares is not None for body in parts)
    assert any(isinstance(body, CancelAsked) and body.reason.startswith("the base") for body in parts)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("share", SHARES)
def test_going_on_after_a_stop_makes_no_difference(tmp_path: Path, engine: str, share: float) -> None:
    at = int(len(records()) * share)
    journal = MemoryJournal()
    first = Run.begin(chosen(tmp_path, engine), journal)
    first.feed(records()[:at])
    first.recorder.close()
    second = Run.resume(chosen(tmp_path, engine), journal, first.header)
    assert second.core.book.digest() == first.core.book.digest()
    second.feed(records()[at:])
    second.close()
    assert entries(journal, second) == uncut(engine)
