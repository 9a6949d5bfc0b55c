"""The page of keys and words, made from the tables that also make them work."""

from __future__ import annotations

from collections.abc import Iterable

from tui.commands import VERBS
from tui.format import UNKNOWN
from tui.keymap import KEYS, Key
from tui.screens.text import TextScreen
from tui.widgets.lines import Line

KEY_WIDTH, USAGE_WIDTH = 14, 26
PLACES = {"app": "everywhere", "main": "in the workstation", "table": "in a table"}


class HelpScreen(TextScreen):
    """Show the keys that mean something in a pane, then the words of the command line."""

    def __init__(self, pane: str, *, table: bool) -> None:
        super().__init__("HELP", help_lines(pane, table=table))


def help_lines(pane: str, *, table: bool) -> list[Line]:
    """Return the help for a pane that is, or is not, a table."""
    lines: list[Line] = []
    for place in ("app", pane, *(("table",) if table else ()), "main"):
        keys = [key for key in KEYS if key.pane == place]
        if keys:
            lines += [((f"Keys {PLACES.get(place, f'in {place}')}", "head"),), *key_lines(keys), ()]
    lines.append((("Commands: type : and then", "head"),))
    for verb in VERBS.values():
        lines.append(((f"  {verb.usage:<{USAGE_WIDTH}}", "live"), (verb.help, "")))
    lines += [
        (),
        (("Signs", "head"),),
        ((f"  {UNKNOWN}  not known      4.82?  old price      ▲▼  up, down      #  too wide to show", ""),),
    ]
    return lines


def key_lines(keys: Iterable[Key]) -> list[Line]:
    """Return a line for each key; a dangerous one says what it asks first."""
    lines: list[Line] = []
    for key in keys:
        word = "" if key.confirm == "enter" else f"type {key.confirm}, "
        asks = f"  ({word}then enter)" if key.confirm else ""
        lines.append(
            ((f"  {key.label:<{KEY_WIDTH}}", "live"), (key.help, "warn" if key.dangerous else ""), (asks, "dim"))
        )
    return lines
