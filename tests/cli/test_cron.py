"""`qm cron print`: what cron and systemd read, read back as they do."""

import configparser
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]


def printed(capsys: Run, *arguments: str) -> Done:
    return inside(capsys, "cron", "print", *arguments)


def test_a_crontab_runs_by_the_clock_of_new_york(capsys: Run) -> None:
    lines = printed(capsys).out.splitlines()
    assert lines[2] == "CRON_TZ=America/New_York"
    assert lines[3].startswith("30 11 * * 2-6 ")
    assert lines[3].endswith(
        "data download massive -d us --kind bars_1m,bars_1d --days 10 --wait --max-runtime 3h --json"
    )
    assert len(lines) == 4


def test_what_must_be_known_before_a_session_runs_on_its_day(capsys: Run) -> None:
    assert printed(capsys, "--weekdays", "--at", "03:30").out.splitlines()[-1].startswith("30 3 * * 1-5 ")
    assert (
        "OnCalendar=Mon..Fri 03:30 America/New_York"
        in printed(capsys, "--weekdays", "--for", "systemd", "--at", "03:30").out
    )


def test_its_line_runs_the_command_with_keys_and_folders(own_folders: Path, capsys: Run) -> None:
    keys = own_folders / "config" / "keys.env"
    keys.parent.mkdir(exist_ok=True)
    keys.write_text("QM_MASSIVE_SECRET=of-the-file\n")
    line = printed(capsys, "--at", "9:05", "--", "data", "ls", "it's 100% $HOME").out.splitlines()[-1]
    minute, hour, _, _, days, command = line.split(" ", 5)
    assert (minute, hour, days) == ("5", "9", "2-6")
    # What cron gives to the shell: an escaped % is one.
    command = command.replace(r"\%", "%")
    program = shlex.split(command)[shlex.split(command).index("exec") + 1]
    command = command.replace(
        f"exec {shlex.quote(program)}", """exec sh -c 'printf "%s\\n" "$QM_DATA_DIR" "$QM_MASSIVE_SECRET" "$@"' sh"""
    )
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, env={})
    assert done.stdout.splitlines() == [os.environ["QM_DATA_DIR"], "of-the-file", "data", "ls", "it's 100% $HOME"]


def test_units_of_systemd(own_folders: Path, capsys: Run) -> None:
    told = printed(capsys, "--for", "systemd", "--at", "12:00", "--name", "bars", "--", "data", "ls", "a b", "5%$x").out
    service, timer = told.split("# ~/.config/systemd/user/bars.timer")
    units = []
    for text in (service, timer.partition("\n")[2]):
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        units.append(parser)
    assert units[0]["Service"]["ExecStart"].endswith(' data ls "a b" "5%%$$x"')
    assert units[0]["Service"]["EnvironmentFile"] == f"-{own_folders / 'config' / 'keys.env'}"
    assert units[1]["Timer"]["OnCalendar"] == "Tue..Sat 12:00 America/New_York"


@pytest.mark.parametrize("arguments", [("--at", "25:00"), ("--at", "noon"), ("--name", "../x"), ("--", "data\nls")])
def test_what_cannot_be_a_line_is_refused(arguments: tuple[str, ...], capsys: Run) -> None:
    assert printed(capsys, *arguments).code == 2
