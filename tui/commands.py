"""The command line's grammar: what was typed becomes one of a few values, or an error with the nearest names."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tui.layout import ORDER as PANES
from tui.pace import MAX_HZ, SLOWEST_HZ
from tui.theme import THEMES

SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,9}([./-][A-Z0-9]{1,4})?")
FLATTEN_WORD = "flat"
"""What is typed to confirm that everything is to be closed."""


class CommandError(Exception):
    """What was typed means nothing; the text says what would."""


@dataclass(frozen=True, slots=True)
class Send:
    """Ask the engine for something."""

    body: dict[str, Any]
    urgent: bool = False
    """Tried even when the link is lost: it makes things safer."""


@dataclass(frozen=True, slots=True)
class Show:
    """Show a pane."""

    pane: str


@dataclass(frozen=True, slots=True)
class Hz:
    """Draw so often."""

    hz: float


@dataclass(frozen=True, slots=True)
class Theme:
    """Wear a theme."""

    name: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Ask why."""

    what: str


@dataclass(frozen=True, slots=True)
class Detach:
    """Leave; the engine keeps running."""


@dataclass(frozen=True, slots=True)
class Help:
    """Show the keys and words."""


Command: TypeAlias = Send | Show | Hz | Theme | Explain | Detach | Help
Parser: TypeAlias = Callable[[Sequence[str], str], Command]


@dataclass(frozen=True, slots=True)
class Verb:
    """A word of the command line."""

    name: str
    usage: str
    help: str
    parse: Parser
    """From the words after it, and the chosen symbol or an empty text, to the command."""


def parse(text: str, chosen: str = "") -> Command:
    """Return the command that `text` means; `chosen` is the symbol under the cursor. Raises `CommandError`."""
    words = text.strip().removeprefix(":").split()
    if not words:
        raise CommandError("Type a command, or ? for help.")
    name = words[0].casefold()
    verb = VERBS.get(ALIASES.get(name, name))
    if verb is None:
        raise CommandError(f"No command is called {words[0]!r}.{suggestion(name, [*VERBS, *ALIASES])}")
    return verb.parse(words[1:], chosen)


def suggestion(name: str, known: Sequence[str]) -> str:
    """Phrase the nearest names as a question with a blank before it, or nothing."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _none(words: Sequence[str], usage: str) -> None:
    if words:
        raise CommandError(f"Usage: {usage}")


def _symbol(words: Sequence[str], chosen: str, usage: str) -> str:
    if len(words) > 1 or not (words or chosen):
        raise CommandError(f"Usage: {usage}")
    symbol = words[0].upper() if words else chosen
    if not SYMBOL.fullmatch(symbol):
        raise CommandError(f"{symbol!r} is not a symbol. Usage: {usage}")
    return symbol


def _flat(words: Sequence[str], chosen: str) -> Command:
    # Never the chosen symbol: `:flat` alone means everything, whatever the cursor is on.
    del chosen
    return Send({"do": "flatten", "symbol": _symbol(words, "", ":flat [SYMBOL]") if words else None}, urgent=True)


def _pin(words: Sequence[str], chosen: str) -> Command:
    return Send({"do": "pin", "symbol": _symbol(words, chosen, ":pin SYMBOL")})


def _unpin(words: Sequence[str], chosen: str) -> Command:
    return Send({"do": "unpin", "symbol": _symbol(words, chosen, ":unpin SYMBOL")})


def _ban(words: Sequence[str], chosen: str) -> Command:
    # Never the chosen symbol: the first word would be taken for its reason.
    del chosen
    usage = ":ban SYMBOL [REASON]"
    return Send({"do": "ban", "symbol": _symbol(words[:1], "", usage), "reason": " ".join(words[1:]) or "operator"})


def _unban(words: Sequence[str], chosen: str) -> Command:
    return Send({"do": "unban", "symbol": _symbol(words, chosen, ":unban SYMBOL")})


def _stop(words: Sequence[str], chosen: str) -> Command:
    del chosen
    return Send({"do": "stop_entries", "reason": " ".join(words) or "operator"}, urgent=True)


def _resume(words: Sequence[str], chosen: str) -> Command:
    del chosen
    return Send({"do": "resume_entries", "reason": " ".join(words) or "operator"})


def _cancel(words: Sequence[str], chosen: str) -> Command:
    del chosen
    if len(words) != 1:
        raise CommandError("Usage: :cancel ORDER, as the ID column of the orders has it")
    return Send({"do": "cancel_order", "order": words[0]}, urgent=True)


def _hz(words: Sequence[str], chosen: str) -> Command:
    del chosen
    try:
        (hz,) = map(float, words)
    except ValueError:
        hz = math.nan
    if not SLOWEST_HZ <= hz <= MAX_HZ:
        raise CommandError(f"Usage: :hz N, frames per second from {SLOWEST_HZ:g} to {MAX_HZ:g}")
    return Hz(hz)


def _theme(words: Sequence[str], chosen: str) -> Command:
    del chosen
    short = [name.removeprefix("qm-") for name in THEMES]
    if len(words) != 1:
        raise CommandError(f"Usage: :theme {'|'.join(short)}")
    name = words[0].casefold().removeprefix("qm-")
    if name not in short:
        raise CommandError(f"No theme is called {words[0]!r}; there are {', '.join(short)}.")
    return Theme(f"qm-{name}")


def _explain(words: Sequence[str], chosen: str) -> Command:
    if len(words) > 1 or not (words or chosen):
        raise CommandError("Usage: :explain SYMBOL, or the id of a trade")
    return Explain(words[0] if words else chosen)


def _plain(usage: str, command: Command) -> Parser:
    def parse_nothing(words: Sequence[str], chosen: str) -> Command:
        del chosen
        _none(words, usage)
        return command

    return parse_nothing


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("flat", ":flat [SYMBOL]", "cancel and close everything, or one symbol", _flat),
        Verb("stop", ":stop [REASON]", "take no new positions", _stop),
        Verb("resume", ":resume [REASON]", "allow new positions again", _resume),
        Verb("cancel", ":cancel ORDER", "cancel one working order", _cancel),
        Verb("pin", ":pin [SYMBOL]", "put a symbol on the watchlist and keep it there", _pin),
        Verb("unpin", ":unpin [SYMBOL]", "take it off", _unpin),
        Verb("ban", ":ban SYMBOL [REASON]", "open no position in it today", _ban),
        Verb("unban", ":unban [SYMBOL]", "lift the ban", _unban),
        Verb("explain", ":explain [SYMBOL|TRADE]", "why it was traded, or not", _explain),
        Verb("hz", ":hz N", "draw N times a second", _hz),
        Verb("theme", ":theme NAME", "dark, cvd (colour-blind), ansi (16 colours), mono", _theme),
        Verb("detach", ":detach", "leave; the engine keeps running", _plain(":detach", Detach())),
        Verb("help", ":help", "keys and words", _plain(":help", Help())),
        *(Verb(pane, f":{pane}", "show that pane", _plain(f":{pane}", Show(pane))) for pane in PANES),
    )
}
ALIASES = {
    "flatten": "flat",
    "q": "detach",
    "quit": "detach",
    "exit": "detach",
    "watchlist": "watch",
    "pos": "positions",
    "ord": "orders",
    "why": "explain",
    "p&l": "pnl",
    "h": "help",
}
