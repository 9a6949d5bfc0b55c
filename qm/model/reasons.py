"""The reasons that events carry: what was compared, what it was made of, what was not chosen."""

from __future__ import annotations

from typing import Any

import msgspec

Features = tuple[float | None, ...] | dict[str, float]
"""Values in the order that the start of the session tells, None where one was not known; by name in older journals."""


class Check(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One thing that was compared with a limit, and what came of it."""

    name: str
    value: float | None
    """None when the value is not known; an unknown value never passes."""
    limit: float | None
    passed: bool
    unit: str = ""


class Contribution(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What one feature added to a radar score."""

    name: str
    value: float | None
    points: float


class RadarRow(msgspec.Struct, frozen=True, gc=False):
    """A symbol's place on the radar at one beat."""

    symbol: str
    rank: int
    """1 is the strongest."""
    score: float
    """0 to 100."""
    last: float
    parts: tuple[Contribution, ...]
    rank_change: int | None = None
    """Places gained (+) or lost (-) over the last minute."""
    velocity: float | None = None
    """Places gained (+) or lost (-) per minute, over the last five."""
    listed_s: float | None = None
    """Time on the radar's list, s; None for a symbol that is not on it."""
    new_high: bool = False
    """It made a new high within the last minute."""
    halted: bool = False


class Sizing(msgspec.Struct, frozen=True, gc=False):
    """How the number of shares came about; each cap in shares, the smallest binds."""

    shares: int
    risk_usd: float
    """What is lost, costs included, if the stop is hit."""
    risk_per_share: float
    caps: dict[str, int]
    binding: str


class Alternative(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A strategy that the allocator did not choose, and why."""

    strategy: str
    why: str
    expected_r: float | None = None
    """What it is expected to earn per trade, R; None when it was out of the question."""
    size: float | None = None
    """Share of the full budget that it would have got."""


class Factor(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What one consideration made of a budget."""

    name: str
    size: float
    """Share of the budget that it leaves, 0 to 1."""
    value: float | None
    """What was measured; None when it is not known, or no number."""
    told: str
    """In words, with the limit that it was compared with."""


class StrategyUsed(msgspec.Struct, frozen=True, gc=False):
    """A strategy of the session, exactly as it was used."""

    name: str
    version: str
    params: dict[str, Any]
    source: str = ""
    """sha256 of the source of its rules; empty when nobody read it."""
