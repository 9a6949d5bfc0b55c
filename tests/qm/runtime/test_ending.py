"""How an engine ended is known after it is gone."""

from pathlib import Path

import pytest

from qm.errors import DiskFullError
from qm.runtime.ending import FILE, begun, ended, last


def test_nothing_is_known_where_no_engine_ran(tmp_path: Path) -> None:
    assert last(tmp_path) is None


def test_one_that_never_ended_was_killed(tmp_path: Path) -> None:
    begun(tmp_path, "sim-7", 4711)
    ending = last(tmp_path)
    assert ending is not None
    assert "(sim-7, process 4711) was killed" in ending.sentence()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "(sim-7) was stopped at "),
        (DiskFullError("The disk is full.", "Free some space."), ": The disk is full."),
        (ValueError("x" * 5000), ": ValueError: xxx"),
    ],
)
def test_the_cause_is_kept(tmp_path: Path, error: Exception | None, said: str) -> None:
    ended(tmp_path, begun(tmp_path, "sim-7", 4711), error)
    ending = last(tmp_path)
    assert ending is not None
    assert said in ending.sentence()
    assert oct((tmp_path / FILE).stat().st_mode & 0o777) == "0o600"


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    begun(tmp_path / "missing", "sim-7", 4711)
    assert last(tmp_path / "missing") is None


def test_what_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    assert last(tmp_path) is None
