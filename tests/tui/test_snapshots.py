"""Pictures of the layouts; `pytest --snapshot-update tests/tui` draws them anew.

What the screen says is asserted as text elsewhere: a picture only shows that it still looks as it did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.fakes import FakeLink
from tui.app import Workstation

Act = Callable[[Workstation, FakeLink, Pilot[Any]], Awaitable[None]]


async def nothing(app: Workstation, link: FakeLink, pilot: Pilot[Any]) -> None:
    del app, link, pilot


async def lose_the_link(app: Workstation, link: FakeLink, pilot: Pilot[Any]) -> None:
    link.lose(seconds_ago=7)


async def choose_a_row(app: Workstation, link: FakeLink, pilot: Pilot[Any]) -> None:
    await pilot.press("j", "j", "j")
    link.step(3)


async def ask_for_help(app: Workstation, link: FakeLink, pilot: Pilot[Any]) -> None:
    await pilot.press("question_mark")


async def panic(app: Workstation, link: FakeLink, pilot: Pilot[Any]) -> None:
    await pilot.press("X", "f", "l")


PICTURES: dict[str, tuple[tuple[int, int], str, Act]] = {
    "narrow": ((80, 24), "qm-dark", choose_a_row),
    "mid": ((120, 40), "qm-dark", choose_a_row),
    "wide": ((200, 60), "qm-dark", nothing),
    "mono": ((120, 40), "qm-mono", choose_a_row),
    "ansi": ((80, 24), "qm-ansi", choose_a_row),
    "colour_blind": ((80, 24), "qm-cvd", nothing),
    "link_lost": ((120, 40), "qm-dark", lose_the_link),
    "panic": ((80, 24), "qm-dark", panic),
    "help": ((80, 24), "qm-dark", ask_for_help),
    "too_small": ((20, 5), "qm-dark", nothing),
    "smallest": ((40, 10), "qm-dark", nothing),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_screen_looks_as_it_did(name: str, snap_compare: Callable[..., bool]) -> None:
    size, theme, act = PICTURES[name]
    link = FakeLink()
    link.attach()
    app = Workstation(link, theme=theme, hz=0.2)

    async def prepare(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        app.draw()
        await pilot.pause()
        await act(app, link, pilot)
        for _ in range(2):
            await pilot.pause()
            app.draw()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)
