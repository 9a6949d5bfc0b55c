"""Walking a stored run along its chain, link by link, without decoding what the entries say."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from typing import Final

from qm.model.events import Event
from qm.store.chain import RunHeader, Verdict, encoded_from

_TAG: Final = b'{"%b":"%%b"' % str(Event.__struct_config__.tag_field).encode()
_RUN: Final = "SELECT n, id, mode, session, started, feed, settings, symbols, code FROM runs WHERE id = ?"
_ENTRIES: Final = "SELECT seq, ts, at, cause, type, body, hash FROM entries WHERE run = ? ORDER BY seq"


def verify_run(db: sqlite3.Connection, run: str) -> Verdict:
    """Recompute the seal and the chain of a run; the run exists. Raises sqlite3.Error."""
    n, header = _header(db, run)
    head = header.genesis()
    problem = _broken_seal(db, n, header)
    if problem:
        return Verdict(run, 0, head, 0, problem)
    count = 0
    for seq, ts, at, cause, kind, body, stored in db.execute(_ENTRIES, (n,)):
        if seq != count + 1:
            return Verdict(run, count, head, count + 1, f"entry {count + 1} is missing")
        text = body.encode()
        link = sha256(head + encoded_from(seq, ts, at, cause, text)).digest()
        if link != stored:
            return Verdict(run, count, head, seq, "the entry does not match its hash")
        if not text.startswith(_TAG % kind.encode()):
            return Verdict(run, count, head, seq, "the entry is filed under another type")
        head, count = link, seq
    return Verdict(run, count, head)


def _header(db: sqlite3.Connection, run: str) -> tuple[int, RunHeader]:
    n, *values = db.execute(_RUN, (run,)).fetchone()
    return n, RunHeader(**dict(zip(RunHeader.__struct_fields__, values, strict=True)))


def _broken_seal(db: sqlite3.Connection, n: int, header: RunHeader) -> str:
    after_seq, after_head, seal = db.execute(
        "SELECT after_seq, after_head, seal FROM runs WHERE n = ?", (n,)
    ).fetchone()
    before = db.execute("SELECT seal FROM runs WHERE n = ?", (n - 1,)).fetchone()
    if before is None and n > 1:
        return "the run before it is missing"
    if header.seal(before[0] if before else bytes(32), after_head) != seal:
        return "the header does not match its seal"
    if after_seq:
        last = db.execute("SELECT hash FROM entries WHERE run = ? AND seq = ?", (n - 1, after_seq)).fetchone()
        if last is None or last[0] != after_head:
            return f"entry {after_seq} of the run before it is not what it was"
    return ""
