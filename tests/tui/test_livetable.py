"""The live table, as plain text: what stands in each line, where the cursor goes, and what is painted again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tui.format import price
from tui.theme import THEMES
from tui.widgets import filter as row_filter
from tui.widgets.columns import Column, number, words
from tui.widgets.livetable import LiveTable
from tui.widgets.ordering import HOLD_S, RESORT_S


@dataclass(frozen=True)
class Quote:
    symbol: str
    last: float
    why: str = ""

    @property
    def key(self) -> str:
        return self.symbol


COLUMNS: tuple[Column[Quote], ...] = (
    words("symbol", "SYM", 6, lambda row: row.symbol),
    number("last", "LAST", 8, lambda row: row.last, price, lambda last: "up" if last > 5 else "down"),
    words("why", "WHY", 6, lambda row: row.why, rank=1, grow=6),
)
ROWS = [Quote("ABCD", 4.82, "high of day"), Quote("EFGH", 2.11), Quote("IJKL", 0.8125, "gap"), Quote("MNOP", 12.5)]


class Host(App[None]):
    CSS_PATH = "../../tui/app.tcss"

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "qm-dark"
        self.table: LiveTable[Quote] = LiveTable(COLUMNS, empty="nothing yet")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES["qm-mono"].variables

    def compose(self) -> ComposeResult:
        yield self.table


@asynccontextmanager
async def shown(width: int = 30, height: int = 5) -> AsyncIterator[tuple[LiveTable[Quote], Pilot[None]]]:
    app = Host()
    async with app.run_test(size=(width, height)) as pilot:
        app.table.focus()
        await pilot.pause()
        yield app.table, pilot


def text(table: LiveTable[Quote]) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


def symbols(table: LiveTable[Quote]) -> list[str]:
    return [row.symbol for row in table.rows]


async def test_rows_stand_below_their_heads() -> None:
    async with shown() as (table, _):
        table.update(ROWS, 0.0)
        assert text(table) == [
            "SYM        LAST WHY",
            "ABCD       4.82 high of day",
            "EFGH       2.11",
            "IJKL     0.8125 gap",
            "MNOP      12.50",
        ]


async def test_a_narrow_table_drops_the_worst_rank_and_clips_text() -> None:
    async with shown(width=22) as (table, _):
        table.update(ROWS, 0.0)
        assert text(table)[1] == "ABCD       4.82 high …"
    async with shown(width=20) as (table, _):
        table.update(ROWS, 0.0)
        assert text(table)[1] == "ABCD       4.82"


async def test_every_line_is_as_wide_as_the_table() -> None:
    for width in (3, 7, 20, 31):
        async with shown(width=width) as (table, _):
            table.update(ROWS, 0.0)
            assert {table.render_line(y).cell_length for y in range(5)} == {width}


async def test_an_empty_table_says_so() -> None:
    async with shown() as (table, _):
        table.update([], 0.0)
        assert text(table)[:2] == ["SYM        LAST WHY", "nothing yet"]
        assert table.chosen is None


async def test_the_cursor_follows_its_symbol_not_its_row() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("j", "j")
        assert table.chosen == ROWS[1]
        table.update([ROWS[1], ROWS[3], ROWS[0], ROWS[2]], 10.0)
        assert table.chosen == ROWS[1]
        assert table.render_line(1)._segments[0].style != table.render_line(2)._segments[0].style


async def test_a_row_that_left_is_no_longer_chosen_and_nothing_else_is() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("j", "j", "j")
        table.update([ROWS[0], ROWS[1], ROWS[3]], 10.0)
        assert table.cursor == "IJKL"
        assert table.chosen is None
        await pilot.press("j")
        assert table.chosen == ROWS[3]


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ("j", 0),
        ("k", 0),
        ("jj", 1),
        ("jjk", 0),
        ("G", 3),
        ("Gg", 0),
        ("jjjjjjj", 3),
    ],
)
async def test_moves(keys: str, chosen: int) -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press(*keys)
        assert table.chosen == ROWS[chosen]


async def test_the_view_follows_the_cursor_and_escape_goes_back() -> None:
    many = [Quote(f"S{n:03d}", float(n)) for n in range(40)]
    async with shown() as (table, pilot):
        table.update(many, 0.0)
        await pilot.press("G")
        assert text(table)[4].startswith("S039")
        await pilot.press("ctrl+u")
        assert table.chosen == many[37]
        await pilot.press("escape")
        assert table.cursor is None
        assert text(table)[1].startswith("S000")


async def test_fewer_rows_bring_the_view_back() -> None:
    many = [Quote(f"S{n:03d}", float(n)) for n in range(40)]
    async with shown() as (table, pilot):
        table.update(many, 0.0)
        await pilot.press("G")
        table.update(many[:3], 10.0)
        assert text(table)[1:] == ["S000       0.00", "S001       1.00", "S002       2.00", ""]


async def test_rows_hold_their_places_while_a_finger_is_on_them() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("j")
        turned = ROWS[::-1]
        table.update(turned, HOLD_S - 0.1)
        assert symbols(table) == ["ABCD", "EFGH", "IJKL", "MNOP"]
        table.update([Quote("NEWS", 1.0), *turned[1:]], HOLD_S - 0.05)
        assert symbols(table) == ["ABCD", "EFGH", "IJKL", "NEWS"]
        table.update(turned, HOLD_S)
        assert symbols(table) == ["MNOP", "IJKL", "EFGH", "ABCD"]


async def test_a_frozen_table_holds_until_it_is_let_go() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("f")
        table.update([replace(row, last=row.last + 1) for row in ROWS[::-1]], 99.0)
        assert symbols(table) == ["ABCD", "EFGH", "IJKL", "MNOP"]
        assert text(table)[1] == "ABCD       5.82 high of day"
        await pilot.press("f")
        table.update(ROWS[::-1], 99.1)
        assert symbols(table)[0] == "MNOP"


async def test_sorting_by_a_column_and_back_to_the_engines_order() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("o", "o")
        assert symbols(table) == ["MNOP", "ABCD", "EFGH", "IJKL"]
        await pilot.press("O")
        assert symbols(table) == ["IJKL", "EFGH", "ABCD", "MNOP"]
        await pilot.press("o", "o")
        assert symbols(table) == ["ABCD", "EFGH", "IJKL", "MNOP"]


async def test_a_sorted_table_is_sorted_anew_once_a_second_at_most() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        await pilot.press("o", "o")
        risen = [replace(row, last=99.0) if row.symbol == "IJKL" else row for row in ROWS]
        table.update(risen, RESORT_S - 0.1)
        assert symbols(table)[0] == "MNOP"
        table.update(risen, RESORT_S + 0.1)
        assert symbols(table)[0] == "IJKL"


async def test_a_filter_keeps_some_rows() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        table.filter(row_filter.parse("last>2 !mnop", table.columns))
        assert symbols(table) == ["ABCD", "EFGH"]
        await pilot.press("escape")
        assert len(table.rows) == 4


async def test_a_click_chooses_and_the_wheel_scrolls_within_sight_of_the_cursor() -> None:
    many = [Quote(f"S{n:03d}", float(n)) for n in range(40)]
    async with shown() as (table, pilot):
        table.update(many, 0.0)
        await pilot.click(table, offset=(2, 3))
        assert table.chosen == many[2]
        table._scroll(3)
        assert table.top == 2
        assert table.chosen == many[2]


def regions(table: LiveTable[Quote], monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Quote]], list[Region]]:
    """Return what says which regions an update paints; painting happens here, as the compositor would."""
    asked: list[Region] = []
    monkeypatch.setattr(table, "refresh", lambda *areas: asked.extend(areas))

    def update(rows: Sequence[Quote]) -> list[Region]:
        asked.clear()
        table.update(rows, 0.0)
        done = list(asked)
        text(table)
        return done

    return update


async def test_only_spans_that_differ_are_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (table, _):
        update = regions(table, monkeypatch)
        update(ROWS)
        assert update(ROWS) == []
        assert update([replace(row) for row in ROWS]) == []
        moved = [ROWS[0], replace(ROWS[1], last=2.12), *ROWS[2:]]
        assert update(moved) == [Region(7, 2, 8, 1)]
        both = [replace(ROWS[0], last=4.83, why="high"), *moved[1:]]
        assert update(both) == [Region(7, 1, 21, 1)]
        assert update(both[:3]) == [Region(0, 4, 30, 1)]
        assert update([]) == [Region(0, y, 30, 1) for y in (1, 2, 3)]
        assert update([]) == []


async def test_a_change_too_small_to_be_seen_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (table, _):
        update = regions(table, monkeypatch)
        update(ROWS)
        assert update([replace(row, last=row.last + 1e-5) for row in ROWS]) == []


async def test_rows_out_of_sight_paint_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Quote(f"S{n:03d}", float(n)) for n in range(40)]
    async with shown() as (table, _):
        update = regions(table, monkeypatch)
        update(many)
        assert update([*many[:4], *(replace(row, last=0.5) for row in many[4:])]) == []


async def test_a_theme_is_worn_at_once() -> None:
    async with shown() as (table, pilot):
        table.update(ROWS, 0.0)
        before = table.render_line(1)._segments
        pilot.app.theme = "qm-mono"
        await pilot.pause()
        after = table.render_line(1)._segments
        assert "".join(part.text for part in before) == "".join(part.text for part in after)
        assert [part.style for part in before] != [part.style for part in after]
