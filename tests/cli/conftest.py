"""Ten sessions of made bars: imported once, and copied into the folders of each test that asks for them."""

import datetime as dt
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from qm.rules.calendar import sessions
from tests.cli.made import bars_file
from tests.cli.program import qm

# Ten: an average volume needs eight.
SESSIONS = sessions(dt.date(2025, 2, 21), dt.date(2025, 3, 6))


class Imported(NamedTuple):
    file: Path
    data: Path
    """The folder of data after the import."""
    rows: int


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """Import the file by the command that a person types, as the dataset `made`."""
    folder = tmp_path_factory.mktemp("made")
    file = folder / "bars.parquet"
    rows = bars_file(file, SESSIONS)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "RUNTIME"):
            patch.setenv(f"QM_{name}_DIR", str(folder / name.lower()))
        done = qm("data", "import", str(file), "--dataset", "made", "--json")
    assert done.err == ""
    report = done.json
    assert [each["session"] for each in report["sessions"]] == [each.date.isoformat() for each in SESSIONS]
    assert {each["state"] for each in report["sessions"]} == {"new"}
    assert report["parts"][0]["rows_kept"] == rows
    return Imported(file, folder / "data", rows)


@pytest.fixture
def made(imported: Imported, own_folders: Path) -> Imported:
    """Put the dataset `made` into the folders of this test."""
    shutil.copytree(imported.data, own_folders / "data")
    return imported
