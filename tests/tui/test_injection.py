"""Nothing that comes from outside is obeyed: no markup, no escape sequence, no clipboard."""

from __future__ import annotations

import msgspec
import pytest

from qm.wire.protocol import Explanation, Snapshot
from tests.tui import market
from tests.tui.fakes import FakeLink
from tests.tui.stage import staged
from tui.layout import ORDER

NASTY = {
    "markup": "[/AAPL]",
    "open markup": "[bold red]X",
    "escape": "\x1b[2J\x1b[31mRED",
    "osc 52": "\x1b]52;c;c3RlYWw=\x07",
    "c1": "\x9b31m\x90q\x9c",
    "lines": "A\r\nB\x0bC\x85D\u2028E",
    "bidi": "\u202eLAP\u202c",
    "wide": "日本株",
    "joined": "A\u0301\u200d\ufe0f",
    "lone surrogate": "A\udc80",
    "link": "[@click=app.quit]go[/]",
}


def poisoned(text: str) -> Snapshot:
    """The usual state with the text wherever a text may come from outside."""
    start = market.opening()
    swap = msgspec.structs.replace
    return swap(
        start,
        status=swap(start.status, feed=text, session=text, version=text, state_hash=text, phase=text, entries=text),
        radar=[swap(row, symbol=text, flags=text, why=text) if row.rank == 1 else row for row in start.radar],
        watch=[swap(start.watch[0], symbol=text, strategy=text, state=text, reason=text)],
        positions=[swap(start.positions[0], symbol=text, strategy=text, protected_qty=0)],
        orders=[
            swap(start.orders[0], id=text, symbol=text, side=text, type=text, status=text, purpose=text, note=text)
        ],
        trades=[swap(start.trades[0], symbol=text, reason=text, side=text, strategy=text)],
        log=[swap(start.log[0], symbol=text, text=text, level=text)],
    )


def harmless(lines: list[str], width: int) -> bool:
    return all(line.isprintable() and len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("name", "width", "height"), [*((name, 200, 60) for name in NASTY), ("markup", 80, 24), ("escape", 80, 24)]
)
async def test_nothing_from_outside_is_obeyed(name: str, width: int, height: int) -> None:
    text = NASTY[name]
    async with staged(width, height, link=FakeLink(poisoned(text))) as stage:
        # At the large size every pane is on the screen.
        assert len(stage.app.main.visible_panes) == (len(ORDER) if width == 200 else 1)
        assert harmless(stage.text(), width)
        await stage.press("j", "m", "y")
        stage.app.say(f"{text} {text}", "warn")
        await stage.draw()
        assert harmless(stage.text(), width)


async def test_markup_is_shown_as_it_came() -> None:
    async with staged(80, 24, link=FakeLink(poisoned("[/AAPL]"))) as stage:
        assert stage.text()[4].startswith("[/AAP… ")
        stage.link.step()
        await stage.draw()
        assert stage.has("[/AAP…")


@pytest.mark.parametrize("name", ["markup", "osc 52", "lines", "wide"])
async def test_an_explanation_is_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = NASTY[name]

    async def explain(what: str) -> Explanation:
        return Explanation(text, [text, text * 30])

    async with staged(80, 24) as stage:
        monkeypatch.setattr(stage.link, "explain", explain)
        await stage.enter("explain ABCD")
        assert harmless(stage.text(), 80)


async def test_a_symbol_is_copied_without_what_could_end_the_sequence() -> None:
    async with staged(80, 24, link=FakeLink(poisoned("AB\x07CD"))) as stage:
        await stage.press("j", "y")
        assert stage.app.clipboard == "ABCD"
