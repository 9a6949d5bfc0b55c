"""The user's own strategy files: who may write them, what is read, and what is said of a bad one."""

from __future__ import annotations

import hashlib
import os
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from qm.errors import ConfigError, NotFoundError
from qm.model.events import Entry, SessionStarted, StrategyUsed
from qm.runtime.strategy_files import find, keep_sources, kept_sources, own_names, read, refuse_changed, shipped_source
from qm.strategies.api import Strategy
from qm.strategies.presets import PRESETS

GOOD = """
from typing import Annotated
from msgspec import Meta
from qm.strategies.api import EntrySignals, ExitSignals, Params, Strategy

class Mine(Params, frozen=True):
    minutes: Annotated[int, Meta(ge=1, le=60)] = 15

def strategy(params=None):
    p = params or Mine()
    return Strategy("any", "3", "experimental", "mine", p, EntrySignals(), ExitSignals(), ("momentum",))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config" / "strategies"
    made.mkdir(parents=True)
    made.parent.chmod(0o700)
    made.chmod(0o700)
    return made


def write(folder: Path, text: str = GOOD, name: str = "orb_mine") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


# --- finding -------------------------------------------------------------------------------------------------------


def test_a_file_is_a_strategy_by_its_own_name_with_its_hash(folder: Path) -> None:
    path = write(folder)
    found = find("orb_mine", folder, {"minutes": "30"})
    assert (found.name, found.version, found.scans) == ("orb_mine", "3", ("momentum",))
    assert found.params.minutes == 30  # type: ignore[attr-defined]
    assert found.source == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_shipped_strategy_has_a_hash_too_and_no_two_the_same_unless_written_together(folder: Path) -> None:
    sources = {name: find(name, folder).source for name in PRESETS}
    assert all(len(source) == 64 for source in sources.values())
    assert sources["orb_robust"] == sources["orb_paper"] == shipped_source("orb_robust")
    assert sources["thrust"] != sources["orb_robust"]


def test_no_folder_is_no_error_until_a_name_is_missing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert own_names(nowhere) == []
    assert find("thrust", nowhere).name == "thrust"
    with pytest.raises(NotFoundError, match="No strategy is called 'zzz'"):
        find("zzz", nowhere)


def test_a_typo_names_the_nearest_shipped_and_own(folder: Path) -> None:
    write(folder)
    with pytest.raises(NotFoundError) as error:
        find("orb_mina", folder)
    assert "orb_mine" in error.value.nearest


@pytest.mark.parametrize(
    "name", ["../orb_mine", "orb_mine.py", "", "Orb_Mine", "a/b", "_x", "1x", "a" * 33, "ä", "a\n"]
)
def test_a_name_that_is_no_name_finds_no_file(folder: Path, name: str) -> None:
    write(folder)
    with pytest.raises(NotFoundError):
        find(name, folder)
    with pytest.raises(ConfigError, match="cannot be the name of a strategy"):
        read(folder, name)


def test_a_file_with_a_shipped_name_is_refused_and_so_is_the_name(folder: Path) -> None:
    write(folder, name="orb_robust")
    with pytest.raises(ConfigError, match="has the name of a strategy that comes with the program") as error:
        find("orb_robust", folder)
    assert error.value.remedy.startswith("Rename the file")


# --- who may write it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    path = write(folder)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=r"Others may write to .*orb_mine\.py") as error:
        find("orb_mine", folder)
    assert error.value.remedy.endswith(f"chmod go-w {path}")


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o700])
def test_a_file_that_others_may_only_read_is_taken(folder: Path, mode: int) -> None:
    write(folder).chmod(mode)
    assert find("orb_mine", folder).name == "orb_mine"


@pytest.mark.parametrize("where", ["strategies", "config"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_is_refused(folder: Path, where: str, mode: int) -> None:
    write(folder)
    asked = folder if where == "strategies" else folder.parent
    asked.chmod(mode)
    with pytest.raises(ConfigError, match=f"Others may write to .*{where}"):
        find("orb_mine", folder)


@pytest.mark.parametrize("which", ["config", "folder", "file"])
def test_what_belongs_to_another_user_is_refused(folder: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    foreign = {"config": folder.parent, "folder": folder, "file": folder / "orb_mine.py"}[which]
    real, inode = os.fstat, foreign.stat().st_ino

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if status.st_ino != inode:
            return status
        fields = list(status)
        fields[4] = os.getuid() + 1
        return os.stat_result(fields)

    monkeypatch.setattr("qm.runtime.strategy_files.os.fstat", fstat)
    with pytest.raises(ConfigError, match=rf"{foreign} belongs to another user"):
        find("orb_mine", folder)


def test_a_link_in_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    real = write(tmp_path, name="elsewhere")
    (folder / "orb_mine.py").symlink_to(real)
    with pytest.raises(ConfigError, match="symbolic link"):
        find("orb_mine", folder)


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path) -> None:
    write(folder)
    other = folder.with_name("other")
    folder.rename(other)
    folder.symlink_to(other)
    with pytest.raises(ConfigError, match="symbolic link"):
        find("orb_mine", folder)


def test_a_folder_a_pipe_and_a_huge_file_are_no_strategies(folder: Path) -> None:
    (folder / "orb_dir.py").mkdir()
    os.mkfifo(folder / "orb_pipe.py", 0o600)
    write(folder, "#" * 1_000_001, "orb_huge")
    for name in ("orb_dir", "orb_pipe", "orb_huge"):
        with pytest.raises(ConfigError, match="is no file of at most"):
            find(name, folder)


def test_nothing_is_written_beside_the_file_and_no_other_file_is_imported(folder: Path) -> None:
    write(folder, "x = 1\n", "orb_part")
    write(folder, "import orb_part\n" + GOOD)
    with pytest.raises(ConfigError, match=r"ModuleNotFoundError: No module named 'orb_part' \(orb_mine.py line 1\)"):
        find("orb_mine", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["orb_mine.py", "orb_part.py"]


# --- what is in it -------------------------------------------------------------------------------------------------

HEAD = "from qm.strategies.api import *\n"
RETURN = "def strategy(params=None):\n    return "
BAD = {
    "a syntax error": ("def strategy(:", r"SyntaxError: invalid syntax \(orb_mine.py, line 1\)"),
    "a null byte": ("x = '\0'", "null bytes"),
    "no UTF-8": ("# coding: utf-16\n", "SyntaxError"),
    "an error at import": ("x = 1\ny = x / 0", r"ZeroDivisionError: division by zero \(orb_mine.py line 2\)"),
    "an exit at import": ("import sys\nsys.exit(3)", r"SystemExit: 3 \(orb_mine.py line 2\)"),
    "an error without a text": (
        "class E(Exception):\n    def __str__(self): raise self\nraise E",
        r"used: E \(orb_mine.py line 3\)",
    ),
    "an endless import": ("while True: pass", "did not come to an end within 1,000,000 loop turns"),
    "no factory": ("x = 1", "defines no function called strategy"),
    "a factory that is none": ("strategy = 5", "defines no function called strategy"),
    "a factory that wants more": (RETURN.replace("=None", ", more") + "1", "TypeError"),
    "a factory that raises": (RETURN + "1 / 0", r"ZeroDivisionError.* \(orb_mine.py line 2\)"),
    "a factory that gives nothing": (RETURN + "None", "returned nothing, and not a Strategy"),
    "a factory that gives a number": (RETURN + "7", "returned a int, and not a Strategy"),
    "an endless factory": ("def strategy(params=None):\n    while 1: pass", "did not come to an end"),
}
PLAIN = "'x', '1', 'experimental', 'a', Params(), EntrySignals(), ExitSignals()"
FIELDS = {
    "a version in numbers": ("'x', 1, 'experimental', 'a', Params(), EntrySignals(), ExitSignals()", "version"),
    "a status of its own": ("'x', '1', 'best', 'a', Params(), EntrySignals(), ExitSignals()", "status is 'best'"),
    "params in a dict": ("'x', '1', 'experimental', 'a', {}, EntrySignals(), ExitSignals()", "params .* a dict"),
    "entry and exit swapped": ("'x', '1', 'experimental', 'a', Params(), ExitSignals(), EntrySignals()", "entry"),
    "a class for a part": ("'x', '1', 'experimental', 'a', Params(), EntrySignals, ExitSignals()", "entry"),
    "one scan as a text": ("'x', '1', 'experimental', 'a', Params(), EntrySignals(), ExitSignals(), 'gap'", "scans"),
    "a scan that is a number": (
        "'x', '1', 'experimental', 'a', Params(), EntrySignals(), ExitSignals(), (1,)",
        "scans",
    ),
    "a need that no feed knows": (f"{PLAIN}, needs=('smells',)", "'smells' is none of the needs"),
    "needs that are no tuple": (f"{PLAIN}, needs='quotes'", "needs of its Strategy is a str"),
    "a column that is not there": (f"{PLAIN}, columns=('luck',)", "'luck' is none of the columns"),
    "a column that is a number": (f"{PLAIN}, columns=(1,)", "1 is none of the columns"),
    "rules in words only": (f"{PLAIN}, rules='buy low'", "rules of its Strategy is a str"),
    "a risk of all and more": (f"{PLAIN}, risk=1.5", "risk is 1.5"),
    "a risk in words": (f"{PLAIN}, risk='little'", "risk is 'little'"),
    "a symbol that is a number": (f"{PLAIN}, symbols=(5,)", "has symbols"),
    "no entry a day": ("'x', '1', 'experimental', 'a', Params(), EntrySignals(), ExitSignals(), (), 0", "per_day"),
}
BAD |= {what: (f"{HEAD}{RETURN}Strategy({text})", said) for what, (text, said) in FIELDS.items()}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_file_says_what_is_wrong_with_it(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    with pytest.raises(ConfigError, match=said) as error:
        find("orb_mine", folder)
    assert error.value.remedy
    assert "orb_mine.py" in error.value.problem


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"minute": 5}, "Known: minutes."),
        ({"minutes": 0}, "Allowed: whole number >= 1, <= 60."),
        ({"minutes": "soon"}, "Allowed: whole number >= 1, <= 60."),
    ],
)
def test_a_bad_parameter_names_the_nearest_or_the_bounds(folder: Path, params: dict[str, object], said: str) -> None:
    write(folder)
    with pytest.raises(ConfigError, match="orb_mine") as error:
        find("orb_mine", folder, params)
    assert error.value.remedy == said


def test_a_factory_that_ignores_its_parameters_is_refused(folder: Path) -> None:
    write(folder, GOOD.replace("params or Mine()", "Mine()"))
    with pytest.raises(ConfigError, match="does not take over the parameters"):
        find("orb_mine", folder, {"minutes": 5})


def test_a_file_that_changes_is_read_anew(folder: Path) -> None:
    path = write(folder)
    before = find("orb_mine", folder)
    path.write_text(GOOD.replace('"3"', '"4"'))
    after = find("orb_mine", folder)
    assert (before.version, after.version) == ("3", "4")
    assert before.source != after.source


# --- the same rules after a restart --------------------------------------------------------------------------------


def started(strategy: Strategy, source: str | None = None) -> list[Entry]:
    used = StrategyUsed(strategy.name, strategy.version, {}, strategy.source if source is None else source)
    return [Entry(1, 0, 0, 0, SessionStarted("2024-03-05", "sim", Decimal(1), 1, "", (used,)))]


def test_a_run_is_taken_up_with_the_rules_with_which_it_began_and_with_no_others(folder: Path, tmp_path: Path) -> None:
    path, kept = write(folder), kept_sources(tmp_path / "recordings")
    before = find("orb_mine", folder)
    keep_sources([before, find("thrust", folder)], kept)
    refuse_changed(started(before), {"orb_mine": find("orb_mine", folder)}, "sim-1", kept)
    path.write_text(GOOD + "# only a comment\n")
    changed = {"orb_mine": find("orb_mine", folder)}
    with pytest.raises(ConfigError, match="rules of orb_mine are not those with which run sim-1 began") as error:
        refuse_changed(started(before), changed, "sim-1", kept)
    assert before.source[:12] in error.value.problem
    (copy,) = kept.iterdir()
    assert str(copy) in error.value.remedy
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == (GOOD, 0o600)
    # Putting the copy back is all that it takes.
    path.write_bytes(copy.read_bytes())
    refuse_changed(started(before), {"orb_mine": find("orb_mine", folder)}, "sim-1", kept)


def test_a_source_that_was_not_kept_is_still_refused(folder: Path, tmp_path: Path) -> None:
    mine = find("thrust", folder)
    with pytest.raises(ConfigError, match="rules of thrust") as error:
        refuse_changed(started(mine, "cd" * 32), {"thrust": mine}, "sim-1", tmp_path)
    assert "go back to the version of the program" in error.value.remedy


def test_a_run_of_a_version_that_knew_no_sources_is_taken_up(folder: Path) -> None:
    write(folder)
    mine = find("orb_mine", folder)
    refuse_changed(started(mine, ""), {"orb_mine": mine}, "sim-1", folder)
