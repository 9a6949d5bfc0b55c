"""The one table of keys: no clash, no accident, and everything in it does something."""

from __future__ import annotations

import pytest
from textual.keys import _character_to_key

from tui.app import Workstation
from tui.keymap import KEYS, Key, bindings, careless, clashes, hints
from tui.panes.orders import OrdersPane
from tui.screens.help import help_lines
from tui.screens.main import MainScreen
from tui.screens.text import TextScreen
from tui.widgets.livetable import LiveTable

OWNERS: dict[str, type] = {
    "app": Workstation,
    "main": MainScreen,
    "table": LiveTable,
    "orders": OrdersPane,
    "text": TextScreen,
}


def test_no_key_means_two_things_at_once() -> None:
    assert clashes() == []


def test_the_clash_test_sees_a_clash() -> None:
    keys = [Key("a", ("x",), "app", "a", ""), Key("b", ("x", "y"), "table", "b", ""), Key("c", ("y",), "text", "c", "")]
    assert [(one.id, other.id) for one, other in clashes(keys)] == [("a", "b")]
    two = [Key("a", ("x",), "table", "a", ""), Key("b", ("x",), "orders", "b", "")]
    assert len(clashes(two)) == 1


def test_nothing_dangerous_is_one_stray_key_away() -> None:
    assert careless() == []
    assert {key.id for key in KEYS if key.dangerous} == {"panic", "order.cancel"}


def test_the_careless_test_sees_carelessness() -> None:
    assert careless([Key("sell", ("s",), "table", "sell", "", dangerous=True)])
    assert not careless([Key("sell", ("s",), "table", "sell", "", dangerous=True, confirm="sell")])


def test_ids_are_unique() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_starts_something(key: Key) -> None:
    name = key.action.partition("(")[0]
    owner = Workstation if name.startswith("app.") else OWNERS[key.pane]
    assert callable(getattr(owner, f"action_{name.removeprefix('app.')}"))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_keys_need_no_modern_terminal(key: Key) -> None:
    """No function keys, and no combination that only newer keyboard protocols can tell apart."""
    for name in key.keys:
        assert not name.startswith("f1")
        if name.startswith("ctrl+"):
            assert name in {"ctrl+d", "ctrl+u", "ctrl+q", "ctrl+c"}
        assert name.isalnum() or len(name) > 1, f"{name} should be {_character_to_key(name)}"


def test_help_has_every_key_of_the_place() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_lines("orders", table=True))
    for key in KEYS:
        if key.pane in {"app", "main", "table", "orders"}:
            assert f"  {key.label:<14}{key.help}" in text
    assert "(type flat, then enter)" in text
    assert "cancel the chosen order  (then enter)" in text
    assert ":flat [SYMBOL]" in text


def test_hints_come_from_the_table_of_keys() -> None:
    assert ("X", "PANIC") in hints(["app", "main"])
    assert ("c", "cancel") in hints(["app", "main", "orders"])
    assert ("c", "cancel") not in hints(["app", "main", "table"])


def test_keys_of_the_workstation_act_before_the_focused_widget() -> None:
    assert all(getattr(binding, "priority") for binding in bindings("main"))  # noqa: B009
    assert not any(getattr(binding, "priority") for binding in bindings("table"))  # noqa: B009
