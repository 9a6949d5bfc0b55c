"""The grammar of the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.commands import (
    ALIASES,
    VERBS,
    Command,
    CommandError,
    Detach,
    Explain,
    Help,
    Hz,
    Send,
    Show,
    Theme,
    parse,
)
from tui.layout import ORDER


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("flat", Send({"do": "flatten", "symbol": None}, urgent=True)),
        (":flat", Send({"do": "flatten", "symbol": None}, urgent=True)),
        ("flat abcd", Send({"do": "flatten", "symbol": "ABCD"}, urgent=True)),
        ("FLAT BRK.B", Send({"do": "flatten", "symbol": "BRK.B"}, urgent=True)),
        ("pin abcd", Send({"do": "pin", "symbol": "ABCD"})),
        ("unpin ABCD", Send({"do": "unpin", "symbol": "ABCD"})),
        ("ban abcd", Send({"do": "ban", "symbol": "ABCD", "reason": "operator"})),
        ("ban ABCD offering at two", Send({"do": "ban", "symbol": "ABCD", "reason": "offering at two"})),
        ("unban ABCD", Send({"do": "unban", "symbol": "ABCD"})),
        ("stop", Send({"do": "stop_entries", "reason": "operator"}, urgent=True)),
        ("stop news at ten", Send({"do": "stop_entries", "reason": "news at ten"}, urgent=True)),
        ("resume", Send({"do": "resume_entries", "reason": "operator"})),
        ("cancel s1-0001", Send({"do": "cancel_order", "order": "s1-0001"}, urgent=True)),
        ("hz 2", Hz(2.0)),
        ("hz 0.5", Hz(0.5)),
        ("theme mono", Theme("qm-mono")),
        ("theme qm-CVD", Theme("qm-cvd")),
        ("explain t12", Explain("t12")),
        ("why ABCD", Explain("ABCD")),
        ("detach", Detach()),
        ("q", Detach()),
        ("help", Help()),
        *((pane, Show(pane)) for pane in ORDER),
        ("watchlist", Show("watch")),
    ],
)
def test_what_commands_mean(text: str, command: Command) -> None:
    assert parse(text) == command


def test_the_chosen_symbol_is_meant_where_none_is_named() -> None:
    assert parse("pin", "ABCD") == Send({"do": "pin", "symbol": "ABCD"})
    assert parse("explain", "ABCD") == Explain("ABCD")


def test_flat_alone_means_everything_whatever_the_cursor_is_on() -> None:
    assert parse("flat", "ABCD") == Send({"do": "flatten", "symbol": None}, urgent=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Type a command"),
        ("flta", "No command is called 'flta'. Did you mean flat"),
        ("xyzzy", "No command is called 'xyzzy'."),
        ("flat A B", "Usage: :flat"),
        ("flat 12$", "is not a symbol"),
        ("pin", "Usage: :pin SYMBOL"),
        ("pin [/b]", "is not a symbol"),
        ("cancel", "Usage: :cancel ORDER"),
        ("hz", "from 0.2 to 10"),
        ("hz fast", "from 0.2 to 10"),
        ("hz nan", "from 0.2 to 10"),
        ("hz 60", "from 0.2 to 10"),
        ("theme", "dark|cvd|ansi|mono"),
        ("theme pink", "there are dark, cvd, ansi, mono"),
        ("detach now", "Usage: :detach"),
        ("explain", "Usage: :explain"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_would(text: str, says: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(text)
    assert says in str(caught.value)


@given(st.text(), st.text())
def test_no_text_breaks_the_grammar(text: str, chosen: str) -> None:
    _never_breaks(text, chosen)


@given(st.sampled_from([*VERBS, *ALIASES]), st.lists(st.text(max_size=8), max_size=3), st.sampled_from(["", "ABCD"]))
def test_no_words_after_a_command_break_it(verb: str, words: list[str], chosen: str) -> None:
    _never_breaks(" ".join([verb, *words]), chosen)


def _never_breaks(text: str, chosen: str) -> None:
    """Either a command comes out, or a sentence that says what is wrong; anything else fails the test."""
    outcome: object
    try:
        outcome = parse(text, chosen)
    except CommandError as error:
        outcome = str(error)
    assert outcome


def test_every_alias_leads_to_a_command() -> None:
    assert set(ALIASES.values()) <= VERBS.keys()
    assert not ALIASES.keys() & VERBS.keys()
