"""The first thing that anybody sees: help, version, and answers to typing errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import HIDDEN, MODULES
from qm.config import paths
from tests.cli.program import inside, qm, started

COMMANDS = [
    *([name] for name in MODULES if name not in HIDDEN),
    ["data", "import"],
    ["data", "ls"],
    ["backtest", "run"],
    ["journal", "list"],
]


def test_help_lists_every_command_with_a_whole_sentence() -> None:
    out = started("--help").out
    for name in MODULES:
        lines = [line for line in out.splitlines() if line.split()[:1] == [name]]
        if name in HIDDEN:
            assert not lines
        else:
            (line,) = lines
            assert line.endswith("."), line
            assert not line.endswith("..."), line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself_and_what_it_takes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = inside(capsys, *command, "-h").out
    assert out.startswith(f"Usage: qm {' '.join(command)}")
    assert "Show this message and exit." in out
    assert "<str>" not in out.split("Options:")[1]
    assert "--install-completion" not in out


def test_version_goes_to_stdout() -> None:
    done = started("--version")
    assert done.out.split()[0] == "qm"
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["backtset"], "'backtest'"),
        (["backtest", "rnu"], "'run'"),
        (["up", "--fed", "x"], "--feed"),
        (["up", "--mode", "liev"], "live"),
        (["status", "--mode", "papr"], "paper"),
        (["backtest", "run", "orb_robus", "-d", "synthetic:5"], "orb_robust"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "--costs", "hose"], "house"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "-p", "stop_art=1"], "stop_atr"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "-p", "stop_atr=9"], "Allowed: number > 0, <= 2."),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "-s", "risk.max_gros=1"], "max_gross"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "-s", "max_gross"], "section.key=value"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "--fail-if", "nett<0"], "net"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "--from", "2025-13-01"], "YYYY-MM-DD"),
        (
            ["backtest", "run", "orb_robust", "-d", "synthetic:5", "--from", "2025-03-04", "--to", "2025-03-03"],
            "--from",
        ),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "--symbols", "NOSUCH"], "NOSUCH"),
        (["backtest", "run", "orb_robust", "-d", "synthetic:5", "--equity", "-3"], "positive"),
        (["backtest", "run", "orb_robust", "-d", "nothing"], "qm data import"),
        (["data", "import", "/nowhere.parquet", "-d", "x"], "/nowhere.parquet"),
        (["up", "--feed", "synthtic:5"], "synthetic"),
        (["up", "--mode", "live"], "no live mode"),
        (["up", "--mode", "paper"], "replay:DATASET"),
        (["explain", "X", "--mode", "simm"], "sim"),
        (["journal", "list"], "qm demo"),
        (["replay"], "qm replay us99_1m"),
        (["attach"], "terminal"),
        ([], "terminal"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_answered_with_exit_code_2_and_what_would_be_right(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = inside(capsys, *arguments)
    if arguments[:1] == ["attach"]:
        assert done.code in (2, 7)
    else:
        assert done.code == 2, done.err
    assert done.out == ""
    assert hint in done.err
    assert 1 <= len(done.err.splitlines()) <= 5


@pytest.mark.parametrize(
    "command", [["status"], ["status", "--json"], ["down"], ["flat"], ["status", "--mode", "demo"]]
)
def test_without_an_engine_its_commands_end_with_7(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = inside(capsys, *command)
    assert done.code == 7
    assert done.out == ""
    assert "Start" in done.err


def test_a_setting_in_a_file_is_refused_with_its_line() -> None:
    file = paths("sim").settings_file
    file.parent.mkdir(parents=True)
    file.write_text("[risk]\nmax_position = 3\n", encoding="utf-8")
    done = qm("backtest", "run", "orb_robust", "-d", "synthetic:5", check=2)
    assert "qm.toml:2" in done.err
    assert "max_positions" in done.err


def test_a_defect_is_told_in_one_line_and_logged() -> None:
    program = (
        "import sys\nfrom cli import app, output\n"
        "sys.argv = ['qm', 'doctor']\n"
        "def broken(*_): raise RuntimeError('broken on purpose')\n"
        "import cli.findings\ncli.findings.examine = broken\n"
        "sys.exit(app.main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "broken on purpose" in line
    log = Path(line.split(" is in ")[1].rstrip("."))
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_no_colour_reaches_a_pipe_or_a_terminal_without_colours() -> None:
    assert "\x1b" not in started("doctor", check=None).out
    assert "\x1b" not in started("--help", FORCE_COLOR="", NO_COLOR="1").out


def test_a_reader_that_has_seen_enough_ends_a_command_with_success() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        program = "import sys; from cli.app import main; sys.argv = ['qm', 'scan', 'list']; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
