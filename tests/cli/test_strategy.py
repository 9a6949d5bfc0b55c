"""`qm strategy`: what there is, what one does, and a file of one's own from its first line to a backtest."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.strategies.presets import PRESETS
from tests.cli.program import inside, qm


@pytest.fixture
def folder(own_folders: Path) -> Path:
    made = own_folders / "config" / "strategies"
    made.mkdir(parents=True)
    for each in (made.parent, made):
        each.chmod(0o700)
    return made


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def new(capsys: pytest.CaptureFixture[str], name: str = "orb_mine") -> Path:
    return Path(inside(capsys, "strategy", "new", name).out.strip())


def test_list_has_all_that_come_with_the_program_and_what_is_wrong_with_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "broken", "x = 1 / 0\n")
    write(folder, "open_to_all", "").chmod(0o666)
    write(folder, "thrust", "")
    new(capsys)
    found = {each["name"]: each for each in inside(capsys, "strategy", "list", "--json").json["strategies"]}
    assert set(found) == {*PRESETS, "broken", "open_to_all", "orb_mine"}
    assert (found["orb_mine"]["own"], found["orb_mine"]["problem"]) == (True, "")
    assert "ZeroDivisionError: division by zero (broken.py line 1)" in found["broken"]["problem"]
    assert "chmod go-w" in found["open_to_all"]["problem"]
    assert "Rename the file" in found["thrust"]["problem"]
    shown = inside(capsys, "strategy", "list").out
    assert all(name in shown for name in found)
    assert "broken: cannot be used." in shown


@pytest.mark.parametrize("name", PRESETS)
def test_show_tells_parameters_with_bounds_and_meaning(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = inside(capsys, "strategy", "show", name, "--json").json
    assert (data["name"], data["own"], len(data["source"])) == (name, False, 64)
    assert all(each["allowed"] for each in data["params"])
    shown = inside(capsys, "strategy", "show", name).out
    assert data["about"] in shown
    assert all(each["name"] in shown for each in data["params"])


def test_show_takes_parameters_and_refuses_wrong_ones(capsys: pytest.CaptureFixture[str]) -> None:
    data = inside(capsys, "strategy", "show", "noise_area", "-p", "vm=1.5", "--json").json
    assert [each["value"] for each in data["params"] if each["name"] == "vm"] == [1.5]
    refused = inside(capsys, "strategy", "show", "noise_area", "-p", "vm=9")
    assert (refused.code, refused.err) == (
        2,
        "qm: Strategy noise_area: vm = 9 is out of bounds.\n    Allowed: number > 0, <= 5.\n",
    )


def test_new_writes_a_file_for_the_user_alone_and_never_over_another(
    own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = new(capsys)
    assert path == own_folders / "config" / "strategies" / "orb_mine.py"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.write_text("mine\n")
    again = inside(capsys, "strategy", "new", "orb_mine")
    assert (again.code, path.read_text()) == (2, "mine\n")
    for name in ("thrust", "Orb", "../x"):
        assert inside(capsys, "strategy", "new", name).code == 2


@pytest.mark.slow
def test_what_new_writes_passes_check_and_runs_in_a_backtest(capsys: pytest.CaptureFixture[str]) -> None:
    path = new(capsys)
    done = inside(capsys, "strategy", "check", "orb_mine", "--json").json
    assert (done["good"], done["warnings"]) == (True, [])
    assert done["tried"]["signals"] > 0
    assert done["tried"]["repeats"]
    ran = qm("backtest", "run", "orb_mine", "-d", "synthetic:60", "-p", "range_min=10", "--json").json
    kept = path.parent.parent.parent / "data" / "backtest" / "strategies"
    assert [each.read_bytes() for each in kept.iterdir()] == [path.read_bytes()]
    path.write_text(path.read_text() + "# another comment\n")
    again = qm("backtest", "run", "orb_mine", "-d", "synthetic:60", "-p", "range_min=10", "--json").json
    # Other rules, another run: the results of one are not taken for those of the other.
    assert ran["run"] != again["run"]


DOUBTFUL = """
import time
from qm.strategies.api import *

class Buy(EntrySignals):
    def on_start(self, group):
        self.seen = len(group.rows)
        return []

def strategy(params=None):
    return Strategy("x", "1", "experimental", "x", Params(), Buy(), ExitSignals(), ("no_such_scan",))
"""


def test_check_names_what_may_differ_and_scans_that_nobody_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "doubtful", DOUBTFUL.replace('("no_such_scan",)', "()"))
    done = inside(capsys, "strategy", "check", "doubtful")
    assert done.code == 0
    assert "line 2: imports time: what it decides may differ in a replay, or wait." in done.err
    assert "line 7: on_start writes self.seen, which a restart forgets: put it into the note of a Plan." in done.err
    write(folder, "doubtful", DOUBTFUL)
    refused = inside(capsys, "strategy", "check", "doubtful")
    assert (refused.code, "No scan is called 'no_such_scan'" in refused.err) == (2, True)


def test_check_of_one_that_loops_says_so_and_ends_with_8(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DOUBTFUL.replace("self.seen = len(group.rows)", "while True: pass").replace('("no_such_scan",)', "()")
    done = inside(capsys, "strategy", "check", str(write(folder, "loops", text)))
    assert done.code == 8
    assert "FAILED: did not come to an end within" in done.out
    assert "(loops.py line 7)" in done.out


def test_check_of_what_decides_by_itself_says_that_it_does_not_repeat(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DOUBTFUL.replace("self.seen = len(group.rows)", "self.n = getattr(self, 'n', 0) + 1").replace(
        "return []", "return [Done(str(self.n), row) for row in group.rows.tolist()]"
    )
    done = inside(capsys, "strategy", "check", str(write(folder, "other", text.replace('("no_such_scan",)', "()"))))
    assert (done.code, "DECIDED OTHERWISE" in done.out) == (8, True)


def test_a_file_that_is_not_there_and_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    missing = inside(capsys, "strategy", "check", "./nowhere.py")
    assert (missing.code, "There is no nowhere.py" in missing.err) == (2, True)
    assert "Did you mean orb_robust" in inside(capsys, "strategy", "show", "orb_robus").err


def test_a_strategy_of_named_symbols_refuses_a_dataset_without_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "two_names", DOUBTFUL.replace('("no_such_scan",)', '(), symbols=("NOSUCH", "NONE")'))
    done = inside(capsys, "backtest", "run", "two_names", "-d", "synthetic:5")
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "qm: two_names works NOSUCH, NONE, and synthetic:5:seed=1 has none of them.",
    )
