"""The program on a terminal of its own: it attaches, obeys, leaves, and leaves the terminal as it was."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.tui.gateway import Gateway

LIMIT_S = 30.0
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from qm.errors import QmError
from tui.app import run
try:
    sys.exit(run(sys.argv[1], None, 10.0))
except QmError as error:
    print(type(error).__name__, error, error.remedy)
    sys.exit(error.exit_code)
"""


class Terminal:
    """A program on a pseudo-terminal, and all it wrote."""

    def __init__(self, ours: int, process: asyncio.subprocess.Process) -> None:
        self.ours = ours
        self.process = process
        self.written = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(ours, self._read)

    def _read(self) -> None:
        try:
            piece = os.read(self.ours, 65536)
        except OSError:
            piece = b""
        if not piece:
            asyncio.get_running_loop().remove_reader(self.ours)
        self.written += piece
        self._more.set()

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(LIMIT_S):
            while text.encode() not in self.written:
                self._more.clear()
                await self._more.wait()

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    async def ended(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()


@asynccontextmanager
async def terminal(socket: Path) -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(socket),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    attached = Terminal(ours, process)
    try:
        yield attached
        assert termios.tcgetattr(theirs) == before
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(theirs)
        os.close(ours)


@pytest.fixture
async def gateway(own_folders: Path) -> AsyncIterator[Gateway]:
    async with Gateway(own_folders / "qm.sock") as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("leave", ["q", "\x03", "\x11"], ids=["q", "ctrl+c", "ctrl+q"])
async def test_it_attaches_and_leaves(gateway: Gateway, leave: str) -> None:
    async with terminal(gateway.path) as screen:
        await screen.shows("RADAR 40/3114")
        screen.type(leave)
        assert await screen.ended() == 0
        assert b"\x1b[?1049l" in screen.written
    assert gateway.commands == []


@pytest.mark.slow
async def test_a_command_typed_in_one_burst_is_carried_out(gateway: Gateway) -> None:
    async with terminal(gateway.path) as screen:
        await screen.shows("RADAR 40/3114")
        screen.type(":flat ABCD\r")
        await screen.shows("flatten accepted")
        screen.written = b""
        screen.type("Xflat\r")
        await screen.shows("flatten accepted")
        screen.type("q")
        assert await screen.ended() == 0
    assert [(body["do"], body["symbol"]) for body in gateway.commands] == [("flatten", "ABCD"), ("flatten", None)]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_in_good_order(gateway: Gateway, sent: signal.Signals) -> None:
    async with terminal(gateway.path) as screen:
        await screen.shows("RADAR 40/3114")
        screen.process.send_signal(sent)
        assert await screen.ended() == 0
        assert b"\x1b[?1049l" in screen.written


@pytest.mark.slow
async def test_the_engine_may_go_and_come_back(gateway: Gateway) -> None:
    async with terminal(gateway.path) as screen:
        await screen.shows("RADAR 40/3114")
        await gateway.stop()
        await screen.shows("ENGINE LINK LOST 00:0")
        written = len(screen.written)
        async with Gateway(gateway.path) as again:
            async with asyncio.timeout(LIMIT_S):
                await again.attached.wait()
            screen.type(":stop\r")
            await screen.shows("stop entries accepted")
            assert len(screen.written) > written
            screen.type("q")
            assert await screen.ended() == 0


@pytest.mark.slow
async def test_without_an_engine_the_terminal_is_not_touched(own_folders: Path) -> None:
    async with terminal(own_folders / "no.sock") as screen:
        assert await screen.ended() == 7
        await screen.shows("Start it: qm up.")
        assert b"\x1b" not in screen.written
        assert b"UnavailableError No engine answers at" in screen.written
