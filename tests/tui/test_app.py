"""The workstation: what it shows, what keys do, and what it says when things go wrong."""

from __future__ import annotations

import msgspec
import pytest

from qm.wire.protocol import CommandReply
from tests.tui import market
from tests.tui.fakes import FakeLink
from tests.tui.stage import staged
from tui.layout import ORDER
from tui.screens.help import HelpScreen
from tui.screens.text import TextScreen

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize(("width", "height"), [(40, 10), *SIZES])
async def test_what_must_be_known_is_said_in_words_at_every_size(width: int, height: int) -> None:
    async with staged(width, height) as stage:
        head = "  ".join(stage.text()[:2])
        for words in ("PAPER", "09:41:07 ET", "entries on", "loss left 388", "feed 12ms", "link ok"):
            assert words in head


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_no_line_is_longer_than_the_screen_and_the_bottom_has_hints(width: int, height: int) -> None:
    async with staged(width, height) as stage:
        lines = stage.text()
        assert len(lines) == height
        assert max(map(len, lines)) <= width
        assert ": command  X PANIC  ? help  q detach" in lines[-1]


async def test_the_narrow_screen_shows_one_table_and_numbers_switch_it() -> None:
    async with staged(80, 24) as stage:
        for number, name in enumerate(ORDER, 1):
            await stage.press(str(number))
            await stage.draw()
            assert [pane.NAME for pane in stage.app.main.visible_panes] == [name]
            assert f"━━ {number} " in stage.text()[2]
        assert stage.text()[-2].startswith("POS ABCD +1000 +210  QRST -250 -20  KLMN +400 +3")


async def test_wider_screens_show_more_panes() -> None:
    async with staged(120, 40) as stage:
        assert len(stage.app.main.visible_panes) == 6
    async with staged(200, 60) as stage:
        assert len(stage.app.main.visible_panes) == 8


async def test_a_terminal_that_grows_and_shrinks() -> None:
    async with staged(120, 40) as stage:
        for width, height in [(20, 5), (80, 24), (39, 40), (200, 60), (40, 10)]:
            await stage.pilot.resize_terminal(width, height)
            await stage.draw()
            await stage.draw()
            lines = stage.text()
            if width < 40:
                assert "needs 40x10" in lines[0]
                assert not any(lines[1:])
            else:
                assert lines[0].startswith("PAPER  09:41:07 ET")
                assert any("ABCD" in line for line in lines)
                assert any(line.startswith("━━ 1 RADAR") for line in lines)
                await stage.press("g")
                assert stage.app.main.symbol == "ABCD"


async def test_a_burst_of_keys_acts_in_its_order() -> None:
    async with staged() as stage:
        for key in ("4", "j", "c"):
            stage.app.simulate_key(key)
        await stage.pilot.pause()
        await stage.draw()
        assert stage.app.main.current == "orders"
        assert stage.text()[-1].startswith(":cancel s1-0001")


async def test_frames_follow_the_link() -> None:
    async with staged() as stage:
        before = stage.text()
        stage.link.step(5, seconds=1.0)
        await stage.draw()
        assert stage.text() != before
        assert stage.has("09:41:08 ET")


async def test_a_lost_link_is_told_with_its_age_and_prices_are_dim() -> None:
    async with staged() as stage:
        price = stage.app.main.panes["radar"].core.render_line(1)._segments
        stage.link.lose(seconds_ago=7)
        await stage.draw()
        await stage.draw()
        assert stage.text()[1].startswith(
            "ENGINE LINK LOST 00:07 — data frozen 09:41:07   The connection to the engine"
        )
        assert "feed –     link LOST" in stage.text()[0]  # noqa: RUF001
        dimmed = stage.app.main.panes["radar"].core.render_line(1)._segments
        assert "".join(part.text for part in price) == "".join(part.text for part in dimmed)
        assert len({part.style.color for part in dimmed if part.style and part.text.strip()}) == 1
        stage.link.attach()
        await stage.draw()
        assert not stage.has("LOST")


async def test_before_the_first_snapshot_nothing_is_made_up() -> None:
    async with staged(attached=False) as stage:
        assert stage.text()[0] == "QuantMatrix  link ..."
        assert stage.has("no symbol passes the radar yet")
        stage.link.lose()
        await stage.draw()
        await stage.draw()
        assert stage.text()[1].startswith("ENGINE LINK LOST 00:00 — no data yet")


async def test_a_quiet_link_is_told() -> None:
    async with staged() as stage:
        stage.link.time += 5
        await stage.draw()
        assert "feed 5.0s  link quiet 5s" in stage.text()[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entries": "daily loss limit reached"}, "ENTRIES STOPPED: daily loss limit reached"),
        ({"flattening": True}, "FLATTENING: cancelling orders and closing positions"),
    ],
)
async def test_what_must_be_read_first_has_a_line_of_its_own(change: dict[str, object], says: str) -> None:
    start = market.opening()
    link = FakeLink(msgspec.structs.replace(start, status=msgspec.structs.replace(start.status, **change)))
    async with staged(link=link) as stage:
        await stage.draw()
        assert says in stage.text()[1]
        assert "NO STOP ON KLMN" in stage.text()[1]


async def test_panic_needs_the_word() -> None:
    async with staged() as stage:
        await stage.press("X")
        await stage.draw()
        assert stage.text()[-1].startswith("FLATTEN EVERYTHING? type flat, then enter:")
        await stage.press("enter")
        assert stage.link.sent == []
        await stage.press("X", "y", "e", "s", "enter")
        assert stage.link.sent == []
        assert stage.has("Nothing was flattened")
        await stage.press("X", "f", "l", "a", "t", "escape")
        assert stage.link.sent == []
        await stage.press("X", "f", "l", "a", "t", "enter")
        await stage.draw()
        assert stage.link.sent == [{"do": "flatten", "symbol": None, "reason": "panic key"}]
        assert stage.text()[-1] == "flatten accepted: as asked"


async def test_panic_is_reachable_from_a_page_of_text() -> None:
    async with staged() as stage:
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)
        await stage.press("X", "f", "l", "a", "t", "enter")
        assert len(stage.link.sent) == 1


async def test_only_what_makes_things_safer_is_tried_while_the_link_is_lost() -> None:
    async with staged() as stage:
        stage.link.lose()
        await stage.enter("pin ABCD")
        assert stage.text()[-1].startswith("Not sent, the engine link is lost: The connection")
        await stage.enter("flat")
        assert stage.text()[-1].startswith("flatten FAILED: The connection to the engine broke. See qm status.")


async def test_a_refused_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(body: object) -> CommandReply:
        return CommandReply("1", accepted=False, outcome="ZZZZ is not a symbol of this session", seq=3)

    async with staged() as stage:
        monkeypatch.setattr(stage.link, "command", refuse)
        await stage.enter("pin zzzz")
        assert stage.text()[-1] == "pin REFUSED: ZZZZ is not a symbol of this session"


async def test_commands_reach_the_engine_and_mistakes_do_not() -> None:
    async with staged() as stage:
        await stage.enter("flat abcd")
        await stage.enter("stop lunch")
        await stage.enter("flta")
        assert stage.text()[-1].startswith("No command is called 'flta'. Did you mean flat")
        assert stage.link.sent == [
            {"do": "flatten", "symbol": "ABCD"},
            {"do": "stop_entries", "reason": "lunch"},
        ]


async def test_keys_act_on_the_chosen_symbol() -> None:
    async with staged() as stage:
        await stage.press("m")
        assert stage.link.sent == []
        await stage.press("j", "j", "m")
        assert stage.link.sent == [{"do": "pin", "symbol": "EFGH"}]
        await stage.press("enter")
        await stage.draw()
        assert stage.link.asked == ["EFGH"]
        assert isinstance(stage.app.screen, TextScreen)
        assert stage.text()[1].startswith("━━ Why EFGH ━")
        assert stage.text()[0].startswith("PAPER")
        await stage.press("escape")
        assert stage.app.screen_stack == [stage.app.main]


async def test_cancel_is_typed_for_you_and_sent_by_enter() -> None:
    async with staged() as stage:
        await stage.press("4", "j", "c")
        assert stage.link.sent == []
        await stage.press("enter")
        assert stage.link.sent == [{"do": "cancel_order", "order": "s1-0001"}]


async def test_filter_sort_and_freeze_are_told_in_the_rule() -> None:
    async with staged() as stage:
        await stage.press("slash", *"rvol", "greater_than_sign", "5", "enter", "o", "f")
        await stage.draw()
        rule = stage.text()[2]
        kept = sum(1 for row in stage.link.snapshot.radar if row.rvol is not None and row.rvol > 5)
        assert f"/rvol>5 {kept} of 40  by SYM▲  FROZEN" in rule
        await stage.press("slash", "b", "e", "t", "a", "greater_than_sign", "1", "enter")
        assert stage.has("No column is called 'beta'")
        await stage.press("5", "slash")
        assert stage.has("There is nothing to filter in this pane.")


async def test_zoom_step_and_back() -> None:
    async with staged() as stage:
        await stage.press("tab", "z")
        await stage.draw()
        assert [pane.NAME for pane in stage.app.main.visible_panes] == ["watch"]
        await stage.press("z", "minus")
        await stage.draw()
        assert stage.app.main.current == "radar"
        assert len(stage.app.main.visible_panes) == 6
        await stage.press("h")
        assert stage.app.main.current == "log"


async def test_themes_and_pace_change_on_the_fly() -> None:
    async with staged() as stage:
        for theme in ("cvd", "ansi", "mono", "dark"):
            await stage.enter(f"theme {theme}")
            assert stage.app.theme == f"qm-{theme}"
            assert stage.has("ABCD")
        await stage.enter("hz 2")
        assert stage.app.pace.hz == 2
        assert stage.text()[-1] == "2 frames a second"


async def test_earlier_commands_come_back() -> None:
    async with staged() as stage:
        await stage.enter("hz 2")
        await stage.press("colon", "up")
        assert stage.app.main.prompt.input.value == "hz 2"
        await stage.press("down")
        assert stage.app.main.prompt.input.value == ""


@pytest.mark.parametrize(
    "keys", [("q",), ("ctrl+c",), ("colon", "ctrl+c"), ("X", "ctrl+q"), ("question_mark", "ctrl+q")]
)
async def test_detaching_ends_the_screen_and_nothing_else(keys: tuple[str, ...]) -> None:
    async with staged() as stage:
        await stage.press(*keys)
        assert stage.app.return_value == 0
        assert stage.link.sent == []


async def test_q_in_a_page_closes_the_page_only() -> None:
    async with staged() as stage:
        await stage.press("question_mark", "q")
        assert stage.app.screen is stage.app.main
        assert stage.app.is_running
        assert stage.app._exit is False


async def test_long_pages_scroll() -> None:
    async with staged(80, 24) as stage:
        await stage.enter("explain ABCD")
        assert " 1-21 of 40 ━" in stage.text()[1]
        await stage.press("space", "space", "space", "j")
        await stage.draw()
        assert stage.has("40  ABCD: because of number 39")
