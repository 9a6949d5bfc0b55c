"""Starting an engine: what was asked for, the process that becomes the daemon, and the wait until it answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Final

from cli.feeds import Feed, Recorded, parse_feed
from cli.link import tell
from cli.output import Progress, say
from cli.places import answers, held, place
from qm.clock import SECOND, monotonic_ns
from qm.config import Paths, create
from qm.errors import DataError, DivergedError, LockedError, QmError, UnavailableError, UsageError

if TYPE_CHECKING:
    from qm.runtime.daemon import Service

DEFAULT_FEED: Final = "synthetic:500:seed=1@30x"
START_S: Final = 180.0
"""The first start compiles the kernel; later ones take two seconds."""
STOP_S: Final = 30.0
POLL_S: Final = 0.02
TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Request:
    """An engine that is to be started."""

    name: str
    """Its mode, or `demo`."""
    feed: Feed
    equity: float | None = None
    overrides: tuple[str, ...] = ()
    fresh: bool = False

    @property
    def paths(self) -> Paths:
        """Its folders."""
        return place(self.name)

    def arguments(self) -> list[str]:
        """Return the command line of the process that will be the daemon."""
        made = ["serve", "--mode", self.name, "--feed", self.feed.text]
        made += ["--equity", str(self.equity)] if self.equity is not None else []
        made += [part for text in self.overrides for part in ("--set", text)]
        return [*made, *(["--fresh"] if self.fresh else [])]


def request(name: str, feed: str | None, equity: float | None, overrides: Sequence[str], *, fresh: bool) -> Request:
    """Check what can be checked before anything heavy is loaded; UsageError."""
    place(name)
    if name == "live":
        raise UsageError(
            "This version trades with no broker, so there is no live mode yet.",
            "Use --mode paper with a replay, or --mode sim.",
        )
    if feed is None:
        if name == "paper":
            raise UsageError(
                "Paper mode needs a market, and this version has no live one.",
                "Replay one: --feed replay:DATASET/DATE@10x. `qm data ls` lists the datasets.",
            )
        feed = DEFAULT_FEED
    found = parse_feed(feed)
    if isinstance(found.source, Recorded):
        # The daemon has another working folder.
        whole = found.source.path.absolute()
        speed = "max" if not found.speed else f"{found.speed:g}x"
        found = Feed(Recorded(whole), found.speed, f"replay:{whole}@{speed}")
    return Request(name, found, equity, tuple(overrides), fresh)


def start(asked: Request) -> None:
    """Start the daemon and wait until it answers.

    Raises LockedError when one is there, and otherwise whatever kept it from starting, in its own words.
    """
    of = asked.paths
    if answers(of):
        raise LockedError(
            f"An engine of mode {asked.name} is running already.", "Use `qm attach` to see it, or `qm down` to stop it."
        )
    output = create(of.state) / "daemon.out"
    # -P keeps a folder of the user's that happens to be called cli from being taken for ours.
    command = [sys.executable, "-P", "-m", "cli.app", *asked.arguments()]
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd="/", start_new_session=True
        )
    try:
        _wait(process, of, output)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        say("The start was broken off.")
        raise


def stop(of: Paths, wait_s: float = STOP_S) -> None:
    """Ask the daemon of a place to end, and wait until it has; UnavailableError when it does not."""
    pid = tell(of, "/v1/shutdown")["pid"]
    until = monotonic_ns() + int(wait_s * SECOND)
    while held(of):
        if monotonic_ns() > until:
            raise UnavailableError(
                f"The engine (process {pid}) did not end within {wait_s:g} s.", f"See {of.log_file}."
            )
        sleep(POLL_S)


def serve_here(asked: Request, *, foreground: bool) -> int:
    """Be the daemon until it is stopped; returns its exit code."""
    from qm.log import configure, logger
    from qm.runtime.daemon import serve

    of = asked.paths
    create(of.state)
    configure(of.log_file, stderr_level="info" if foreground else "warning")
    try:
        return serve(service(asked))
    except Exception:
        logger("cli").exception("the engine failed")
        raise


def service(asked: Request) -> Service:
    """Put together what the daemon serves; raises what is wrong with settings, strategies or feed."""
    from cli.services import made

    return made(asked)


def _wait(process: subprocess.Popen[bytes], of: Paths, output: Path) -> None:
    started = monotonic_ns()
    with Progress() as progress:
        while not answers(of):
            code = process.poll()
            waited_s = (monotonic_ns() - started) / SECOND
            if code is not None:
                raise _failed(code, output, of)
            if waited_s > START_S:
                process.terminate()
                raise UnavailableError(f"The engine did not answer within {START_S:g} s.", f"See {of.log_file}.")
            compiling = "; the first start compiles the kernel" if waited_s > 5 else ""
            progress.show(f"starting the engine ... {waited_s:.1f} s{compiling}")
            sleep(POLL_S)


def _failed(code: int, output: Path, of: Paths) -> QmError:
    """Return the error that the process told as it ended, under its own exit code."""
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    said = [line for line in lines if line.startswith("qm: ")]
    problem = said[-1].removeprefix("qm: ") if said else f"The engine ended with code {code} while starting."
    after = lines[lines.index(said[-1]) + 1 :] if said else []
    remedy = " ".join(line.strip() for line in after if line.startswith("    ")) or f"See {of.log_file}."
    known = (UsageError, DataError, LockedError, UnavailableError, DivergedError)
    kinds: dict[int, type[QmError]] = {kind.exit_code: kind for kind in known}
    return kinds.get(code, QmError)(problem, remedy)
