"""What a person waits for: the help, a daemon that answers, and the first picture of the workstation.

Everything runs as the program itself, in folders of its own that are removed afterwards. The first start of the daemon
is not counted: it compiles the kernel where no cache has it yet.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import pin, report, seconds

QM = str(Path(sys.executable).with_name("qm"))
FEED = "synthetic:500:seed=1@30x"
ROWS, COLUMNS = 40, 120
PAINT_S = 20.0
QUIET_S = 0.05
"""A pause as long as this ends a picture; frames are 0.2 s apart."""
TARGETS_MS = {"qm --help": 200.0, "daemon ready": 3_000.0, "attach to first paint": 1_000.0}


@contextmanager
def places() -> Iterator[dict[str, str]]:
    """Yield an environment in which the program keeps everything in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="qm-bench-") as folder:
        own = {f"QM_{kind}_DIR": f"{folder}/{kind.lower()}" for kind in ("CONFIG", "DATA", "RUNTIME")}
        yield os.environ | own | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def qm(environment: dict[str, str], *arguments: str) -> None:
    """Run the program to its end; CalledProcessError when it fails."""
    subprocess.run([QM, *arguments], env=environment, check=True, capture_output=True)


def ready(environment: dict[str, str]) -> float:
    """Start a daemon, wait until it answers, and stop it; returns the seconds of the start."""
    took = seconds(lambda: qm(environment, "up", "--fresh", "--feed", FEED))
    qm(environment, "down")
    return took


def painted(environment: dict[str, str]) -> float:
    """Attach in a terminal of our own; returns the seconds until the first picture with symbols in it."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    start = time.perf_counter()
    with subprocess.Popen(
        [QM, "attach"], env=environment, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    ) as screen:
        os.close(follower)
        try:
            took = picture(leader, start)
        finally:
            screen.terminate()
            os.close(leader)
    return took


def picture(terminal: int, start: float) -> float:
    """Return the seconds from `start` to the end of the first burst of output that shows the radar."""
    seen, last = b"", start
    while last - start < PAINT_S:
        shown = b"RADAR" in seen.upper()
        if not select.select([terminal], [], [], QUIET_S if shown else PAINT_S)[0]:
            if shown:
                return last - start
            break
        seen += os.read(terminal, 65_536)
        last = time.perf_counter()
    raise TimeoutError(f"no picture within {PAINT_S:g} s; the terminal got {len(seen)} bytes")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", type=int, default=-1, help="-1: let the system choose, as a person would")
    arguments = parser.parse_args()
    pin(None if arguments.cpu < 0 else arguments.cpu)
    took: dict[str, list[float]] = {}
    with places() as environment:
        qm(environment, "--help")
        ready(environment)
        took["qm --help"] = [seconds(lambda: qm(environment, "--help")) for _ in range(arguments.rounds)]
        took["daemon ready"] = [ready(environment) for _ in range(arguments.rounds)]
        qm(environment, "up", "--fresh", "--feed", FEED)
        try:
            took["attach to first paint"] = [painted(environment) for _ in range(arguments.rounds)]
        finally:
            qm(environment, "down")
    figures = {
        name: {"median_ms": statistics.median(each) * 1e3, "max_ms": max(each) * 1e3} for name, each in took.items()
    }
    lines = [
        [name, f"{figure['median_ms']:,.0f}", f"{figure['max_ms']:,.0f}", f"{TARGETS_MS[name]:,.0f}"]
        for name, figure in figures.items()
    ]
    report("startup", ["", "median ms", "max ms", "target ms"], lines, figures)


if __name__ == "__main__":
    main()
