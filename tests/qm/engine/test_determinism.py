"""Same inputs, same journal: whatever the batches, the process, the clock or the zone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.engine.core import Core
from qm.engine.session import Session
from qm.market.kernel import run as kernel_run
from qm.market.market import Market, Run
from qm.model.events import Entry, TradeClosed
from qm.model.market import Events
from qm.store.chain import Chain, RunHeader
from tests.qm.engine.drive import cut, day, joined, run_settings, setup, venue

DAY = day()
GENESIS = RunHeader(id="t", mode="sim", session="2025-03-12", started=0).genesis()


class Kept:
    """A journal that keeps entries in a list."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        self.entries += entries


def decide(batches: Sequence[Events], run: Run = kernel_run) -> tuple[Core, list[Entry]]:
    chosen = setup(Path(), DAY).strategies
    market = Market(DAY.table, DAY.session, DAY.reference, prints=True, run=run)
    core = Core(run_settings().engine, chosen, market, "sim", 1)
    kept = Kept()
    session = Session(core, venue(market, run_settings()), kept)
    session.start(market, run_settings().equity)
    for batch in batches:
        session.feed(batch)
    return core, kept.entries


def digest(entries: Sequence[Entry]) -> str:
    chain = Chain(GENESIS)
    chain.extend(entries)
    return chain.head.hex()


@cache
def records() -> Events:
    return joined(iter(DAY.batches))


@cache
def whole() -> list[Entry]:
    return decide([records()])[1]


def test_the_session_trades_at_all() -> None:
    assert any(isinstance(entry.body, TradeClosed) for entry in whole())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.deferred(lambda: st.integers(0, len(records()))), max_size=40))
def test_cutting_batches_anywhere_changes_nothing(places: list[int]) -> None:
    assert digest(decide(list(cut(records(), places)))[1]) == digest(whole())


@settings(max_examples=10, deadline=None)
@given(st.deferred(lambda: st.integers(1, len(records()) - 1)))
def test_cutting_off_the_future_changes_no_earlier_event(end: int) -> None:
    early = decide([records()[:end]])[1]
    assert early == whole()[: len(early)]


@settings(max_examples=5, deadline=None)
@given(st.deferred(lambda: st.integers(len(records()) // 2, len(records()) - 1)), st.integers(0, 2**32 - 1))
def test_shuffling_the_future_changes_no_earlier_event(end: int, seed: int) -> None:
    later = records()[end:].copy()
    order = np.random.default_rng(seed).permutation(len(later))
    for name in ("sym", "a", "b"):
        later[name] = later[name][order]
    early = decide([records()[:end]])[1]
    assert decide([records()[:end], later])[1][: len(early)] == early


@settings(max_examples=10, deadline=None)
@given(st.deferred(lambda: st.integers(1, len(records()) - 1)))
def test_folding_the_journal_gives_the_state_that_deciding_gave(end: int) -> None:
    decided, entries = decide([records()[:end]])
    chosen = setup(Path(), DAY).strategies
    market = Market(DAY.table, DAY.session, DAY.reference, prints=True)
    folded = Core(run_settings().engine, chosen, market, "sim", 1)
    Session(folded, venue(market, run_settings()), Kept()).resume(entries, records()[:end])
    assert folded.book.digest() == decided.book.digest()


def test_the_kernel_as_plain_python_decides_the_same() -> None:
    part = records()[: len(records()) // 8]
    with np.errstate(all="ignore"):
        plain = decide([part], run=kernel_run.py_func)[1]
    assert plain == decide([part])[1]


ELSEWHERE = """
import json, sys
from tests.qm.engine.test_determinism import digest, whole
print(json.dumps([len(whole()), digest(whole())]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "zone"), [("0", "UTC"), ("1", "Asia/Singapore"), ("4711", "America/Los_Angeles")])
def test_another_process_with_another_hash_seed_and_zone_decides_the_same(seed: str, zone: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, env=environment, check=True
    )
    assert json.loads(answer.stdout) == [len(whole()), digest(whole())]
