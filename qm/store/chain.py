"""The hash chain over a run's entries: what makes two runs comparable, and tampering visible."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from qm.model.events import Entry

_encode: Final = msgspec.json.Encoder().encode


class RunHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is about; written once, before its first entry."""

    id: str
    """Unique within a store."""
    mode: str
    session: str
    """Session date, `YYYY-MM-DD`."""
    started: int
    """Wall time, ns UTC; 0 where nobody reads a clock."""
    feed: str = ""
    settings: str = "{}"
    """The settings that decide, JSON."""
    symbols: str = ""
    """sha256 of the symbol table, hex."""
    code: str = ""
    """Version of the program."""

    def genesis(self) -> bytes:
        """Return the first link of the chain.

        It covers what decides (session, settings, symbols) and nothing that differs between a live run and its
        backtest: id, mode, start, feed. Those are sealed by `seal`.
        """
        return sha256(_encode(("qm journal 1", self.session, self.settings, self.symbols))).digest()

    def seal(self, previous: bytes, head: bytes) -> bytes:
        """Return the hash of the whole header, chained to the seal of the run before and to the head that run had."""
        return sha256(previous + head + _encode(self)).digest()


class Chain:
    """The chain of one run: each link is sha256(the link before + the entry's encoded bytes)."""

    __slots__ = ("head", "seq")

    def __init__(self, head: bytes, seq: int = 0) -> None:
        self.head = head
        """Hash of the last entry, 32 bytes; the genesis when there is none."""
        self.seq = seq
        """`seq` of the last entry."""

    def add(self, entry: Entry) -> tuple[bytes, bytes]:
        """Link one entry; returns its canonical encoding and its hash."""
        data = _encode(entry)
        self.head = digest = sha256(self.head + data).digest()
        self.seq = entry.seq
        return data, digest

    def extend(self, entries: Iterable[Entry]) -> list[tuple[bytes, bytes]]:
        """Link several entries; returns their canonical encodings and their hashes."""
        head, encode, digest_of = self.head, _encode, sha256
        links: list[tuple[bytes, bytes]] = []
        for entry in entries:
            data = encode(entry)
            head = digest_of(head + data).digest()
            links.append((data, head))
            self.seq = entry.seq
        self.head = head
        return links


def body_of(encoded: bytes) -> bytes:
    """Return the body's JSON out of an encoded entry, which is `[seq,ts,at,cause,body]`."""
    return encoded.split(b",", 4)[4][:-1]


def encoded_from(seq: int, ts: int, at: int, cause: int, body: bytes) -> bytes:
    """Return the canonical encoding of a stored entry, without decoding its body."""
    return b"[%d,%d,%d,%d,%b]" % (seq, ts, at, cause, body)


class Verdict(msgspec.Struct, frozen=True):
    """What a walk along the chain of a run found."""

    run: str
    entries: int
    """Entries that hold."""
    head: bytes
    """Hash of the last entry that holds."""
    bad: int | None = None
    """`seq` of the first row that does not hold; 0 for the header; None when all do."""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether every row holds."""
        return self.bad is None
