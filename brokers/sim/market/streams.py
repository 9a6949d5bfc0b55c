"""Where the synthetic market's chance comes from: one independent stream per (seed, date, purpose, minute)."""

from __future__ import annotations

import datetime as dt
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream is drawn for; a new purpose never disturbs the numbers of another."""

    UNIVERSE = 0
    DAY = 1
    PATHS = 2
    PREMARKET = 3
    MINUTE = 4
    PAUSES = 5
    HISTORY = 6
    DIRT = 7
    EVENT_PATHS = 8


def stream(seed: int, date: dt.date | None, purpose: Stream, minute: int = 0) -> np.random.Generator:
    """Return the generator of a purpose on a date, the same in every process; `minute` counts from 04:00."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, date, purpose, minute)))


def number(seed: int, date: dt.date | None, purpose: Stream, minute: int = 0) -> int:
    """Return 64 bits instead, as a seed for a generator of one's own."""
    return int(_sequence(seed, date, purpose, minute).generate_state(1, np.uint64)[0])


def _sequence(seed: int, date: dt.date | None, purpose: Stream, minute: int) -> np.random.SeedSequence:
    ordinal = 0 if date is None else date.toordinal()
    return np.random.SeedSequence(seed, spawn_key=(ordinal, int(purpose), minute))
