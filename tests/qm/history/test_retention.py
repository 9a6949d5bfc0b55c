import os
from pathlib import Path

import pytest

from qm.clock import DAY
from qm.history.retention import prune

NOW = 1_764_000_000_000_000_000


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four runs of 100 bytes each, written 1 to 4 days ago."""
    for age in (1, 2, 3, 4):
        file = tmp_path / f"sim-{age}" / "2026-11-20.parquet"
        file.parent.mkdir()
        file.write_bytes(b"x" * 100)
        os.utime(file, ns=(NOW - age * DAY, NOW - age * DAY))
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_young_and_little_stays(runs: Path) -> None:
    assert prune(runs, days=4, max_bytes=400, now=NOW) == []
    assert names(runs) == ["sim-1", "sim-2", "sim-3", "sim-4"]


def test_what_is_too_old_goes(runs: Path) -> None:
    assert prune(runs, days=2, max_bytes=400, now=NOW) == ["sim-4", "sim-3"]
    assert names(runs) == ["sim-1", "sim-2"]


def test_of_too_much_the_oldest_goes(runs: Path) -> None:
    assert prune(runs, days=30, max_bytes=250, now=NOW) == ["sim-4", "sim-3"]


def test_the_run_that_is_taken_up_is_spared(runs: Path) -> None:
    assert prune(runs, days=2, max_bytes=100, now=NOW, spare=["sim-4"]) == ["sim-3", "sim-2", "sim-1"]
    assert names(runs) == ["sim-4"]


def test_nothing_is_nothing_to_remove(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", 1, 1, NOW) == []
