"""Draw a fixed number of frames on the terminal, a mark after each: `python -m tests.tui.play FRAMES THEME`.

Run below a pseudo-terminal by the test of what a frame costs; the size comes from the terminal.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from textual.pilot import Pilot

from tests.tui.fakes import FakeLink
from tui.app import Workstation

MARK = "\x1b]7777;%s\x07"
"""An operating system command that no terminal knows: it is skipped, and the test finds it."""

KEYS = ("j", "tab", "X", "escape", "colon", "escape")
"""Pressed after the frames: to move, to change the pane, to open and to close the prompt."""


def play(frames: int, theme: str) -> None:
    link = FakeLink()
    link.attach()
    app = Workstation(link, theme=theme, hz=0.2)

    def mark(name: str) -> None:
        driver = app._driver
        assert driver is not None
        driver.write(MARK % name)

    async def drive(pilot: Pilot[Any]) -> None:
        for _ in range(3):
            app.draw()
            await pilot.pause()
        mark("start")
        app.screen.refresh()
        await pilot.pause()
        mark("whole")
        before = resource.getrusage(resource.RUSAGE_SELF)
        for frame in range(frames):
            link.step()
            app.draw()
            await pilot.pause()
            mark(str(frame))
        for key in KEYS:
            await pilot.press(key)
            await pilot.pause()
            app.draw()
            await pilot.pause()
            mark(f"key {key}")
        after = resource.getrusage(resource.RUSAGE_SELF)
        mark(f"cpu {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.3f}")
        app.exit(0)

    app.run(auto_pilot=drive, mouse=False)


if __name__ == "__main__":
    play(int(sys.argv[1]), sys.argv[2])
