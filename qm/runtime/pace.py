"""Past or made-up markets at a trader's pace: records cut into slices, each due at a time on the wall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import numpy as np

from qm.clock import monotonic_ns
from qm.model.market import EVENT, Events, clock, events

SLICE_NS = 50_000_000
"""Wall time between slices: the screen and the timers are never later than this."""


def skipped(batches: Iterable[Events], count: int) -> Iterator[Events]:
    """Yield what follows the first `count` records."""
    for batch in batches:
        if count >= len(batch):
            count -= len(batch)
            continue
        yield batch[count:]
        count = 0


def sliced(batches: Iterable[Events], width_ns: int, start_ns: int, end_ns: int) -> Iterator[Events]:
    """Cut records into slices of market time that each end with a CLOCK record, from `start_ns` to `end_ns`.

    A start of 0 is the first record.

    The clock is what lets timers fire when nothing trades; being a record, it is kept and replayed like any other.
    """
    edge = start_ns + width_ns if start_ns else 0
    held: list[Events] = []
    for whole in batches:
        batch = whole
        if not edge and len(batch):
            edge = int(batch["ts"][0]) + width_ns
        while len(batch):
            n = int(np.searchsorted(batch["ts"], edge, side="right"))
            held.append(batch[:n])
            if n == len(batch):
                break
            batch = batch[n:]
            yield _joined(held, edge)
            held = []
            edge += width_ns
    edge = edge or end_ns
    while edge < end_ns:
        yield _joined(held, edge)
        held = []
        edge += width_ns
    yield _joined(held, max(edge, end_ns))


async def paced(slices: Iterable[Events], speed: float, from_ns: int = 0) -> AsyncIterator[Events]:
    """Yield slices when they are due: market time passes `speed` times as fast as the clock, 0 for no waiting.

    What lies before `from_ns` comes without waiting. A consumer that falls behind gets the next slice at once, never
    two in one.
    """
    first = begun = 0
    for part in slices:
        ts = int(part["ts"][-1])
        if not first and ts >= from_ns:
            first, begun = ts, monotonic_ns()
        wait = begun + int((ts - first) / speed) - monotonic_ns() if speed and first else 0
        await asyncio.sleep(max(0, wait) / 1e9)
        yield part


def _joined(held: list[Events], edge: int) -> Events:
    tick = events([clock(edge)])
    return np.concatenate([*held, tick]) if held else tick.astype(EVENT, copy=False)
