"""What a frame costs on the terminal: a hundred frames through a pseudo-terminal, counted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.tui.play import KEYS
from tui.layout import MID_WIDTH

FRAMES = 100
ROOT = Path(__file__).parents[2]
MARK = re.compile(rb"\x1b\]7777;([^\x07]*)\x07")
CLEARS = (b"\x1b[2J", b"\x1b[3J", b"\x1bc")


def played(width: int, height: int, theme: str) -> tuple[bytes, list[bytes], list[bytes]]:
    """Return what was written to paint the whole screen, for each frame, and for each key."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "COLUMNS", "LINES", "SSH_CONNECTION"}
    } | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.tui.play", str(FRAMES), theme],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        written = _everything(ours)
        assert process.wait(timeout=60) == 0, written[-2000:].decode(errors="replace")
    pieces = MARK.split(written)
    # Before the first mark is the start, after it the whole screen; then each piece ends with the mark of its frame.
    keys = 4 + 2 * FRAMES
    return pieces[2], pieces[4:keys:2], pieces[keys : keys + 2 * len(KEYS) : 2]


def _everything(terminal: int) -> bytes:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            # Linux says EIO once the last writer of a pseudo-terminal is gone.
            piece = b""
        if not piece:
            os.close(terminal)
            return b"".join(pieces)
        pieces.append(piece)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height", "theme", "budget"),
    [
        (80, 24, "qm-dark", 2000),
        (120, 40, "qm-dark", 3000),
        (120, 40, "qm-ansi", 1600),
        (200, 60, "qm-dark", 4300),
    ],
)
def test_a_frame_costs_little_and_never_repaints_the_screen(width: int, height: int, theme: str, budget: int) -> None:
    """At five frames a second this is 15 KB/s at 120x40 in 24-bit colour, and 8 KB/s in 16 colours."""
    whole, frames, keys = played(width, height, theme)
    sizes = [len(frame) for frame in frames]
    assert len(sizes) == FRAMES
    assert min(sizes) > 0
    assert sum(sizes) / FRAMES <= budget
    # Even a re-sort, which moves most rows of a pane, costs far less than painting everything.
    assert len(whole) > width * height
    assert max(sizes) < len(whole) / 2
    # A key must be seen to act at once, however slow the line is.
    for key, painted in zip(KEYS, keys, strict=True):
        # Where one pane shows at a time, the next one must be painted whole.
        assert len(painted) < (len(whole) if key == "tab" and width < MID_WIDTH else 2500), key
    assert not any(clear in frame for frame in frames for clear in CLEARS)
