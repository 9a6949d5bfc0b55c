"""What holds for every test: folders of its own, and the same random examples on every machine."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

# Two runs of the same commit must agree, and a busy machine is no failure.
hypothesis.settings.register_profile("quantmatrix", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quantmatrix")

ROOT = Path(__file__).parent.parent
ENGINE = """
from dataclasses import replace
from itertools import islice
from pathlib import Path
from backtest.runner import Plan, run
from qm.runtime.warming import warm
from tests.qm.engine.drive import day, setup
of = day(symbols=40, minutes=1)
made = setup(Path(), replace(of, batches=[]))
warm(made)
# What only a session comes to; bars, because prints are made by code that the other part compiles.
bars = of.batches.market.minutes(of.session, of.session.open_ns, "bars")
run(Plan(made.settings.engine, made.strategies), [replace(of, batches=list(islice(bars, 60)))])
"""
MARKET_DATA = """
import numpy as np
from qm.history.consolidate import Venues, consolidated
from tests.qm.engine.drive import day
next(iter(day(symbols=5, minutes=1).batches))
codes, prices = np.arange(2), np.full(2, 10.0)
consolidated(Venues(codes, codes, codes, prices, prices, prices, prices))
"""


def pytest_configure(config: pytest.Config) -> None:
    """Compile on all processors before the workers begin; each of them would compile everything by itself."""
    parallel = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if parallel and not any((ROOT / "qm").rglob("*.nbi")):
        parts = [
            subprocess.Popen([sys.executable, "-c", part], cwd=ROOT, stderr=subprocess.DEVNULL)
            for part in (ENGINE, MARKET_DATA)
        ]
        # What is wrong with one of them, the tests will tell.
        for part in parts:
            part.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one of them at the end would run alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point all folders of the program below a short private one, and forget settings of the environment.

    Short, because the path of a Unix socket has about a hundred characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="qm-"))
    for name in [name for name in os.environ if name.startswith("QM_")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"QM_{name}_DIR", str(folder / name.lower()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Leave the log as it was found: who configures it in one test must not change what the next one sees."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()
