"""Every key and every word of the command line, in one table each place reads: bindings, hints, help and tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """One action and the keys that start it."""

    id: str
    keys: tuple[str, ...]
    """As Textual names them."""
    pane: str
    """`app`: everywhere; `main`: the workstation; `table`: any table in it; `text`: a page of text; else one pane."""
    action: str
    help: str
    shown: str = ""
    """How help and hints write the keys, when not as they are."""
    hint: str = ""
    """The word in the line of hints at the bottom; none keeps it out."""
    dangerous: bool = False
    """It may cost money or give up control of it."""
    confirm: str = ""
    """What must be typed before it happens; a dangerous key on a bare letter has one."""

    @property
    def label(self) -> str:
        """The keys as the user reads them."""
        return self.shown or " ".join(self.keys)


KEYS: tuple[Key, ...] = (
    Key("command", ("colon",), "app", "ask('command')", "command line", ":", hint="command"),
    Key("help", ("question_mark",), "main", "help", "this page", "?", hint="help"),
    Key(
        "panic",
        ("X",),
        "app",
        "ask('panic')",
        "PANIC: cancel and close everything",
        hint="PANIC",
        dangerous=True,
        confirm="flat",
    ),
    Key("detach", ("q",), "main", "app.detach", "detach; the engine keeps running", hint="detach"),
    Key("leave", ("ctrl+q", "ctrl+c"), "app", "detach", "detach, whatever is open", "^q ^c"),
    Key("pane.radar", ("1",), "main", "pane('radar')", "radar: the whole market, ranked", hint="-8 panes"),
    Key("pane.watch", ("2",), "main", "pane('watch')", "watchlist: symbols that strategies work"),
    Key("pane.positions", ("3",), "main", "pane('positions')", "open positions"),
    Key("pane.orders", ("4",), "main", "pane('orders')", "orders of the session"),
    Key("pane.pnl", ("5",), "main", "pane('pnl')", "profit and loss of the day"),
    Key("pane.log", ("6",), "main", "pane('log')", "decisions and why"),
    Key("pane.trades", ("7",), "main", "pane('trades')", "closed trades"),
    Key("pane.health", ("8",), "main", "pane('health')", "how the engine is doing"),
    Key("pane.next", ("tab", "l"), "main", "step(1)", "next pane", "tab l"),
    Key("pane.before", ("shift+tab", "h"), "main", "step(-1)", "pane before", "shift+tab h"),
    Key("pane.back", ("minus",), "main", "back", "the pane shown before this one", "-"),
    Key("pane.zoom", ("z",), "main", "zoom", "this pane alone, and back", hint="zoom"),
    Key("move.down", ("j", "down"), "table", "move(1)", "down", "j ↓"),
    Key("move.up", ("k", "up"), "table", "move(-1)", "up", "k ↑"),
    Key("move.top", ("g", "home"), "table", "end(-1)", "first row"),
    Key("move.bottom", ("G", "end"), "table", "end(1)", "last row"),
    Key("move.page", ("ctrl+d", "pagedown"), "table", "page(1)", "half a page down", "^d pgdn"),
    Key("move.pageup", ("ctrl+u", "pageup"), "table", "page(-1)", "half a page up", "^u pgup"),
    Key("open", ("enter",), "table", "choose", "explain the chosen row", "↵", hint="explain"),
    Key("filter", ("slash",), "main", "app.ask('filter')", "filter: /abc  /!abc  /rvol>5", "/", hint="filter"),
    Key("release", ("escape",), "table", "release", "choose nothing, clear the filter", "esc"),
    Key("sort", ("o",), "table", "sort", "sort by the next column; after the last, the engine's order", hint="sort"),
    Key("sort.turn", ("O",), "table", "turn", "turn the sort around"),
    Key("freeze", ("f",), "table", "freeze", "hold rows in place, and let go", hint="freeze"),
    Key("copy", ("y",), "table", "app.copy", "copy the symbol (OSC 52)"),
    Key("watch.pin", ("m",), "table", "app.pin", "pin the symbol to the watchlist", hint="pin"),
    Key(
        "order.cancel",
        ("c",),
        "orders",
        "app.cancel",
        "cancel the chosen order",
        hint="cancel",
        dangerous=True,
        confirm="enter",
    ),
    Key("text.down", ("j", "down"), "text", "scroll(1)", "down", "j ↓"),
    Key("text.up", ("k", "up"), "text", "scroll(-1)", "up", "k ↑"),
    Key("text.page", ("ctrl+d", "pagedown", "space"), "text", "scroll(10)", "page down", "^d space"),
    Key("text.pageup", ("ctrl+u", "pageup"), "text", "scroll(-10)", "page up", "^u"),
    Key(
        "text.close",
        ("escape", "enter", "q", "question_mark"),
        "text",
        "close",
        "close the page",
        "q esc",
        hint="close",
    ),
)
FIRST = frozenset({"app", "main"})
"""Their keys are looked at before the focused widget sees them, so that keys typed in a burst act in their order."""


def bindings(pane: str) -> list[BindingType]:
    """Return the Textual bindings of a pane."""
    return [
        Binding(",".join(key.keys), key.action, key.help, show=False, id=key.id, priority=pane in FIRST)
        for key in KEYS
        if key.pane == pane
    ]


def hints(panes: Sequence[str]) -> list[tuple[str, str]]:
    """Return keys and words for the line at the bottom, for what has the keys now, the most wanted first."""
    return [
        (key.label.split(" ")[0], key.hint)
        for key in sorted(KEYS, key=lambda key: panes.index(key.pane) if key.pane in panes else -1)
        if key.pane in panes and key.hint
    ]


def clashes(keys: Iterable[Key] = KEYS) -> list[tuple[Key, Key]]:
    """Return the pairs of entries that one key press could mean at once."""
    listed = list(keys)
    return [
        (one, other)
        for place, one in enumerate(listed)
        for other in listed[place + 1 :]
        if set(one.keys) & set(other.keys) and _together(one.pane, other.pane)
    ]


def careless(keys: Iterable[Key] = KEYS) -> list[Key]:
    """Return the dangerous entries that a single stray key press would carry out."""
    return [key for key in keys if key.dangerous and not key.confirm and any(len(name) == 1 for name in key.keys)]


def _together(one: str, other: str) -> bool:
    places = {one, other}
    if one == other or "app" in places:
        return True
    # A page of text covers the workstation; two panes never have the keys at once, a pane and its table do.
    return "text" not in places and bool(places & {"main", "table"})
