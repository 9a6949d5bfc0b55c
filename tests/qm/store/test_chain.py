from hashlib import sha256

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qm.model.events import Entry
from qm.store.chain import Chain, body_of, encoded_from
from tests.qm.store.flows import header, number, round_trip, runs


@given(runs())
def test_each_link_is_the_hash_of_the_one_before_and_the_encoded_entry(entries: list[Entry]) -> None:
    chain = Chain(header().genesis())
    head = header().genesis()
    for entry in entries:
        data, link = chain.add(entry)
        head = sha256(head + msgspec.json.encode(entry)).digest()
        assert (link, chain.head, chain.seq) == (head, head, entry.seq)
        assert msgspec.json.decode(data, type=Entry) == entry


@given(runs())
def test_adding_at_once_is_adding_one_by_one(entries: list[Entry]) -> None:
    one, all_at_once = Chain(b"x"), Chain(b"x")
    links = [one.add(entry) for entry in entries]
    assert all_at_once.extend(entries) == links
    assert (one.head, one.seq) == (all_at_once.head, all_at_once.seq)


@given(runs())
def test_an_entry_can_be_encoded_again_from_its_columns(entries: list[Entry]) -> None:
    for entry in entries:
        data, _ = Chain(b"").add(entry)
        assert encoded_from(entry.seq, entry.ts, entry.at, entry.cause, body_of(data)) == data


@given(st.integers(0, 11), st.sampled_from(["seq", "ts", "at", "cause"]))
def test_another_entry_anywhere_gives_another_head(which: int, field: str) -> None:
    entries = number(round_trip())
    changed = list(entries)
    changed[which] = msgspec.structs.replace(entries[which], **{field: getattr(entries[which], field) + 1})
    assert Chain(b"").extend(entries)[-1] != Chain(b"").extend(changed)[-1]


def test_genesis_covers_what_decides_and_nothing_else() -> None:
    base = header()
    assert base.genesis() == msgspec.structs.replace(base, id="live-7", mode="live", started=5, feed="x").genesis()
    for change in ({"session": "2025-01-03"}, {"settings": '{"a":1}'}, {"symbols": "cd"}):
        assert base.genesis() != msgspec.structs.replace(base, **change).genesis()


def test_the_seal_covers_the_whole_header() -> None:
    base = header()
    for change in ({"id": "other"}, {"mode": "live"}, {"started": 5}, {"feed": "x"}, {"code": "2"}):
        assert base.seal(b"", b"") != msgspec.structs.replace(base, **change).seal(b"", b"")
    assert base.seal(b"a", b"") != base.seal(b"", b"")
