"""The workstation with a fake link, at a size, with everything drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.tui.fakes import FakeLink
from tui.app import Workstation


class Stage:
    """What a test looks at."""

    def __init__(self, app: Workstation, link: FakeLink, pilot: Pilot[int]) -> None:
        self.app = app
        self.link = link
        self.pilot = pilot

    async def draw(self) -> None:
        """Draw a frame, and whatever it made necessary."""
        await self.pilot.pause()
        self.app.draw()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def enter(self, text: str) -> None:
        """Give a command; the text is put in at once, because typing it key by key takes long."""
        await self.press("colon")
        self.app.main.prompt.input.value = text
        await self.press("enter")
        await self.answered()

    async def answered(self) -> None:
        """Wait until the link has answered everything."""
        if asks := [each for each in self.app.workers if each.name != "link"]:
            await self.app.workers.wait_for_complete(asks)
        await self.draw()

    def text(self) -> list[str]:
        """The screen as plain lines."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def has(self, text: str) -> bool:
        return any(text in line for line in self.text())


@asynccontextmanager
async def staged(
    width: int = 120, height: int = 40, *, link: FakeLink | None = None, theme: str = "qm-dark", attached: bool = True
) -> AsyncIterator[Stage]:
    link = link or FakeLink()
    if attached:
        link.attach()
    app = Workstation(link, theme=theme, hz=0.2)
    async with app.run_test(size=(width, height)) as pilot:
        stage = Stage(app, link, pilot)
        await stage.draw()
        await stage.draw()
        yield stage
