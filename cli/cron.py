"""`qm cron print`: what to give to cron or systemd, so that a command runs by New York's clock."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import typer

from cli.output import emit
from qm.errors import UsageError

app = typer.Typer(
    name="cron", help="Run commands by the clock.", rich_markup_mode=None, add_completion=False, no_args_is_help=True
)

COMMAND: Final = "data download massive -d us --kind bars_1m,bars_1d --days 10 --wait --max-runtime 3h --json"
"""Idempotent, so that a day on which it did not run is made up for by the next."""
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
_FOLDERS: Final = ("QM_CONFIG_DIR", "QM_DATA_DIR", "QM_RUNTIME_DIR")
_NAME: Final = re.compile(r"[a-z][a-z0-9\-]{0,40}\Z")


@app.callback()
def cron() -> None:
    """Run commands by the clock."""


@app.command("print")
def print_(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND]", help="What qm is to do.")] = None,
    kind: Annotated[Literal["crontab", "systemd"], typer.Option("--for", help="Who is to run it.")] = "crontab",
    at: Annotated[str, typer.Option(metavar="HH:MM", help="When, by New York's clock.")] = "11:30",
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the systemd units.")] = "qm-download",
    weekdays: Annotated[bool, typer.Option("--weekdays", help="From Monday to Friday.")] = False,
) -> None:
    """Print lines for crontab, or units for systemd, that run a command of qm from Tuesday to Saturday.

    Those are the days after sessions; what is wanted on the day itself runs with --weekdays.
    Without a command it is the download of yesterday's flat files. Nothing is installed. Keys are read from keys.env in
    the config folder, one NAME=VALUE a line, which only you should be able to read. Folders that the environment names
    now are kept.

    \b
    { crontab -l; qm cron print; } | crontab -
    qm cron print --for systemd --at 12:00
    qm cron print --at 20:30 --weekdays -- data download alpaca -d mine --symbols @~/mine.txt --json
    qm cron print --at 03:30 --weekdays -- data download alpaca -d mine --kind assets,actions --days 1 --json
    """
    from qm.config import paths

    if (match := _TIME.match(at)) is None:
        raise UsageError(f"--at is {at!r}, which is no time of day.", "Write it as HH:MM, e.g. 11:30.")
    if not _NAME.match(name):
        raise UsageError(f"{name!r} cannot name a unit.", "Use lower case letters, digits and -.")
    command = [str(Path(sys.argv[0]).resolve()), *(wanted or COMMAND.split())]
    if any("\n" in part or "\r" in part for part in command):
        raise UsageError("A line of crontab cannot hold a line break.", "Leave it out.")
    hour, minute = int(match[1]), int(match[2])
    keys = paths("sim").config / "keys.env"
    folders = {each: os.environ[each] for each in _FOLDERS if each in os.environ}
    when = When(hour, minute, weekdays)
    emit(crontab(command, when, keys, folders) if kind == "crontab" else systemd(command, when, keys, folders, name))


class When(NamedTuple):
    """A time by New York's clock."""

    hour: int
    minute: int
    weekdays: bool
    """On the days of sessions; else on those after them."""


def crontab(command: list[str], when: When, keys: Path, folders: dict[str, str]) -> str:
    """Return lines for `crontab -`."""
    told = "".join(f"{name}={shlex.quote(value)} " for name, value in folders.items())
    file = shlex.quote(str(keys))
    line = f"set -a; [ ! -r {file} ] || . {file}; set +a; {told}exec {shlex.join(command)}"
    # To cron, % is the end of a line.
    escaped = line.replace("%", r"\%")
    return "\n".join(
        (
            "# By New York's clock. A cron that does not know CRON_TZ (`man 5 crontab`) takes its own: later is right",
            "# for what comes after a session, because what is not there yet is fetched the next time.",
            "CRON_TZ=America/New_York",
            f"{when.minute} {when.hour} * * {'1-5' if when.weekdays else '2-6'} {escaped}",
        )
    )


def systemd(command: list[str], when: When, keys: Path, folders: dict[str, str], name: str) -> str:
    """Return a service and a timer, each under the path where it belongs."""
    environment = [f"Environment={_quoted(f'{key}={value}')}" for key, value in folders.items()]
    service = (
        "[Unit]",
        "Description=QuantMatrix: market history",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"EnvironmentFile=-{str(keys).replace('%', '%%')}",
        *environment,
        f"ExecStart={' '.join(_quoted(part) for part in command)}",
        "# It ends in order within this time, and goes on where it was.",
        "TimeoutStopSec=120",
        "Nice=10",
        "# Partial, or the vendor is not available: again after a while. A wrong key or command stays wrong.",
        "Restart=on-failure",
        "RestartSec=15min",
        "RestartPreventExitStatus=1 2 4 5 6 8",
    )
    timer = (
        "[Unit]",
        "Description=QuantMatrix: market history, by New York's clock",
        "",
        "[Timer]",
        f"OnCalendar={'Mon..Fri' if when.weekdays else 'Tue..Sat'} {when.hour:02d}:{when.minute:02d} America/New_York",
        "# What was missed while the machine was off is made up for.",
        "Persistent=true",
        "RandomizedDelaySec=5min",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    where = "~/.config/systemd/user"
    return "\n".join(
        (
            f"# {where}/{name}.service",
            *service,
            "",
            f"# {where}/{name}.timer; then: systemctl --user enable --now {name}.timer",
            *timer,
        )
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^A-Za-z0-9_@%+=:,./\-]", escaped) else escaped
