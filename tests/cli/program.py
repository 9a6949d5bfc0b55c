"""The program as a person or a script would start it, in a process of its own or, if that is all the same, in this."""

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.app import main

PROGRAM = str(Path(sys.executable).with_name("qm"))
LONGEST_S = 300.0
"""The first start of all compiles the kernel."""


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def qm(*arguments: str, check: int | None = 0) -> Done:
    """Run it in this process to its end; `check` is the exit code that it must have, None for any.

    What it loads and compiles is loaded once for all tests; a start of its own costs seconds of a processor.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        patch.setattr(sys, "argv", ["qm", *arguments])
        patch.setattr(sys, "stdin", io.StringIO())
        done = Done(_code(), out.getvalue(), err.getvalue())
    assert check in (None, done.code), f"{done.code}: {done.out}\n{done.err}"
    return done


def _code() -> Any:
    try:
        return main()
    except SystemExit as end:
        return end.code


def started(*arguments: str, check: int | None = 0, **environ: str) -> Done:
    """Run it to its end in a process of its own, for what is about the process; `check` as in `qm`."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environ},
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert check in (None, done.returncode), f"{done.returncode}: {done.stdout}\n{done.stderr}"
    return Done(done.returncode, done.stdout, done.stderr)


def inside(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """Run it in this process: what it loads is loaded once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["qm", *arguments])
        code = _code()
    return Done(code, *capsys.readouterr())


class Watched:
    """A running program whose stderr is a terminal, so that it draws its progress."""

    def __init__(self, process: "subprocess.Popen[str]", terminal: int) -> None:
        self.process, self._terminal = process, terminal
        self.seen = ""

    def until(self, text: str) -> None:
        """Read what it draws until `text` was there."""
        while text not in self.seen:
            ready, _, _ = select.select([self._terminal], [], [], LONGEST_S)
            assert ready, f"it went silent after {self.seen[-500:]!r}"
            try:
                self.seen += os.read(self._terminal, 65_536).decode(errors="replace")
            except OSError as error:
                raise AssertionError(f"it ended after {self.seen[-500:]!r}") from error

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Wait for its end; returns exit code and stdout."""
        out, _ = self.process.communicate(timeout=LONGEST_S)
        while select.select([self._terminal], [], [], 0)[0]:
            try:
                self.seen += os.read(self._terminal, 65_536).decode(errors="replace")
            except OSError:
                break
        return self.process.returncode, out


@contextmanager
def watched(*arguments: str) -> Iterator[Watched]:
    """Start it with its stderr on a terminal of its own."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has what it starts in the background ignore Ctrl-C; what is started here would take that over.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=its, text=True
    )
    os.close(its)
    try:
        yield Watched(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        os.close(ours)
