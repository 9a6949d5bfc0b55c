"""What a strategy declares besides its signals: the data that it needs, and its rules in words."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Need(StrEnum):
    """Something that a feed must tell, or a strategy cannot decide."""

    BARS = "bars"
    """Minute bars; every feed has them."""
    PRINTS = "prints"
    """Single trades: what happens inside a minute."""
    QUOTES = "quotes"
    """Bid and ask."""
    STATUS = "status"
    """Halts, pauses and resumptions."""
    PREMARKET = "premarket"
    """Bars or prints from 04:00 on."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a strategy, one sentence each, with the numbers of its parameters; empty is "none"."""

    universe: str = ""
    """Which symbols it takes, besides the scans' own conditions."""
    trigger: str = ""
    """What makes it enter, and whether a tick or the close of a bar decides."""
    entry: str = ""
    """The order that it enters with, and how long that works."""
    stop: str = ""
    targets: str = ""
    trail: str = ""
    time_stop: str = ""
    invalidation: str = ""
    """What makes it leave, or give up, before stop, target and time."""
    sizing: str = ""
