"""Requests are taken strictly, and whatever is not a command is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import SECOND
from qm.errors import UsageError
from qm.model.commands import CancelOrder, Flatten, Pin, ResumeEntries, StopEntries, Unpin
from qm.runtime.intake import MAX_DEPTH, Allowance, command_of, count, parameters

ORDER = "S1-thrust-20250312-A-9E"


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ('{"id": "1", "do": "stop_entries"}', StopEntries("1")),
        ('{"id": "a.b:c-d_e", "do": "resume_entries", "reason": "calm"}', ResumeEntries("a.b:c-d_e", "calm")),
        ('{"do": "flatten", "id": "1"}', Flatten("1")),
        ('{"do": "flatten", "id": "1", "symbol": null}', Flatten("1")),
        ('{"id": "1", "do": "flatten", "symbol": "BRK.B"}', Flatten("1", "BRK.B")),
        ('{"id": "1", "do": "cancel_order", "order": "S1-thrust-20250312-A-9E"}', CancelOrder("1", ORDER)),
        (' \n{"id": "1", "do": "pin", "symbol": "A"}\n', Pin("1", "A")),
        ('{"id": "1", "do": "unpin", "symbol": "A"}', Unpin("1", "A")),
    ],
)  # fmt: skip
def test_commands(body: str, command: object) -> None:
    assert command_of(body.encode()) == command


@pytest.mark.parametrize(
    ("body", "problem", "remedy"),
    [
        (b"", "not JSON", "stop_entries"),
        (b"hello", "not JSON", "stop_entries"),
        (b'{"id": "1", "do": "pin"', "not JSON", "stop_entries"),
        (b'{"id": "1", "do": "pin"} {}', "not JSON", "stop_entries"),
        (b"[]", "one JSON object", "stop_entries"),
        (b'"flatten"', "one JSON object", "stop_entries"),
        (b"\xff\xfe", "not UTF-8", "one JSON object"),
        (b'{"id": "\xed\xa0\x80", "do": "flatten"}', "not UTF-8", "one JSON object"),
        (b"{}", "what to `do`", "stop_entries, resume_entries, flatten"),
        (b'{"id": "1", "do": null}', "what to `do`", "flatten"),
        (b'{"id": "1", "do": "flaten"}', "'flaten'", "Did you mean flatten?"),
        (b'{"id": "1", "do": 7}', "'7'", "One of"),
        (b'{"id": "1", "do": ["flatten"]}', "'flatten'", "Did you mean"),
        (b'{"do": "flatten"}', "missing required field `id`", "It takes: id, symbol, reason."),
        (b'{"id": 1, "do": "flatten"}', "Expected `str`, got `int`", "It takes"),
        (b'{"id": "1", "do": "flatten", "symbl": "A"}', "no 'symbl'", "Did you mean symbol?"),
        (b'{"id": "1", "do": "flatten", "symbol": "a b"}', "cannot be the symbol", "as the exchange does"),
        (b'{"id": "1", "do": "pin", "symbol": "A\xc3\x81"}', "cannot be the symbol", "as the exchange does"),
        (b'{"id": "1", "do": "cancel_order", "order": "../x"}', "cannot be the order", "See /v1/orders."),
        (b'{"id": "", "do": "flatten"}', "cannot be the id", "up to 64"),
        (b'{"id": "1\\n", "do": "flatten"}', "cannot be the id", "up to 64"),
        (b'{"id": "%s", "do": "flatten"}' % (b"x" * 65), "cannot be the id", "up to 64"),
        (b'{"id": "1", "id": "2", "do": "flatten"}', "'id' stands twice", "once"),
        (b'{"id": "1", "do": "pin", "do": "flatten"}', "'do' stands twice", "once"),
        (b'{"id": "1", "do": "pin", "symbol": NaN}', "NaN is not a number", "not known"),
        (b'{"id": "1", "do": "pin", "symbol": -Infinity}', "-Infinity is not a number", "not known"),
        (b'{"id": "1", "do": "pin", "symbol": %s}' % (b"9" * 5000), "not JSON", "stop_entries"),
        (b'{"a":' * (MAX_DEPTH + 1), "nested deeper", "one flat object"),
        (b"[" * 200_000, "nested deeper", "one flat object"),
        (b'\\"' * 125_000, "not JSON", "stop_entries"),
        (b'"' + b"\\" * 250_000, "not JSON", "stop_entries"),
    ],
    ids=range(31),
)  # fmt: skip
def test_what_is_no_command_is_refused_with_what_would_be_one(body: bytes, problem: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        command_of(body)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert (caught.value.problem + caught.value.remedy).isprintable()


def test_brackets_in_a_text_are_no_nesting() -> None:
    reason = r"\"[" * 100
    assert command_of(f'{{"id": "1", "do": "flatten", "reason": "{reason}"}}'.encode()).id == "1"


def test_a_reason_is_made_safe_for_the_journal_and_the_screen() -> None:
    body = json.dumps({"id": "1", "do": "flatten", "reason": "\x1b[31mfire\u202e\n" + "x" * 999}).encode()
    command = command_of(body)
    assert isinstance(command, Flatten)
    assert command.reason.isprintable()
    assert command.reason.startswith("fire")
    assert len(command.reason) == 200


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("flatten")
KEYS = st.sampled_from(["id", "do", "symbol", "order", "reason", "x"])
JSON = st.dictionaries(KEYS, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=5))


@given(JSON)
def test_any_json_is_a_command_or_refused(value: Any) -> None:
    body = json.dumps(value).encode()
    try:
        command = command_of(body)
    except UsageError:
        return
    assert command.id == value["id"]
    assert set(value) <= {"do", *command.__struct_fields__}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(UsageError):
        command_of(body)


def test_parameters_are_known_or_named() -> None:
    assert parameters({"limit": "5"}, "limit", "after") == {"limit": "5"}
    with pytest.raises(UsageError, match="no 'limt'") as caught:
        parameters({"limt": "5"}, "limit", "after")
    assert caught.value.remedy == "Did you mean limit? It takes: limit, after."
    with pytest.raises(UsageError) as caught:
        parameters({"x": "5"})
    assert caught.value.remedy == "It takes none."


@pytest.mark.parametrize("text", ["", "-1", "1_0", " 1", "\uff11\uff12", "1e3", "1001", "9" * 30, "x\x1b"])
def test_a_count_is_digits_within_bounds(text: str) -> None:
    with pytest.raises(UsageError, match="limit is") as caught:
        count({"limit": text}, "limit", 5, 1000)
    assert caught.value.problem.isprintable()


def test_a_count_that_is_given_or_not() -> None:
    assert [count(given, "limit", 5, 1000) for given in ({}, {"limit": "0"}, {"limit": "1000"})] == [5, 0, 1000]


def test_an_allowance_is_a_clients_own_and_comes_back_with_time() -> None:
    allowance = Allowance(50)
    assert sum(allowance.take(1, 0) for _ in range(200)) == 50
    assert allowance.take(2, 0)
    assert not allowance.take(1, 0)
    assert sum(allowance.take(1, SECOND // 10) for _ in range(20)) == 5
    assert sum(allowance.take(1, 100 * SECOND) for _ in range(200)) == 50


def test_an_allowance_remembers_so_many_clients() -> None:
    allowance = Allowance(1)
    for client in range(10_000):
        assert allowance.take(client, 0)
    assert len(allowance._left) == Allowance.CLIENTS


def test_a_costly_request_waits_until_it_can_be_paid() -> None:
    allowance = Allowance(10)
    assert allowance.take(1, 0, cost=8)
    assert not allowance.take(1, 0, cost=8)
    assert allowance.take(1, 0, cost=2)
    assert allowance.take(1, SECOND, cost=8)
