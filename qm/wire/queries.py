"""What the gateway answers to queries, where it is more than a view."""

from __future__ import annotations

import msgspec

from qm.model.events import AnyEvent
from qm.wire.protocol import Hello


class Identity(Hello, frozen=True):
    """What `/v1/version` answers: who is there."""

    mode: str
    """sim, paper, live."""
    run: str
    pid: int


class EventLine(msgspec.Struct, frozen=True):
    """An entry of the journal."""

    seq: int
    ts: int
    """The core's time, ns UTC."""
    at: int
    """Market records consumed before it."""
    cause: int
    """`seq` of the entry that led to it; 0 when the market or the clock did."""
    event: AnyEvent


class EventsPage(msgspec.Struct, frozen=True):
    """What `/v1/events` answers: entries in order, without gaps."""

    run: str
    events: list[EventLine]
    last: int
    """Pass it as `after` for the next page."""
    head: int
    """`seq` of the newest entry; there is more when it is above `last`."""


class BanLine(msgspec.Struct, frozen=True):
    """A symbol in which the trader wants no new position, as `/v1/bans` answers."""

    symbol: str
    reason: str
    today: bool
    """It ends with the session."""
    since: int
    """ns UTC."""


class HitLine(msgspec.Struct, frozen=True):
    """An opportunity that is alive, as `/v1/hits` answers."""

    scan: str
    symbol: str
    since: int
    """ns UTC."""
    told: float
    """Price at which it was told last, $."""
    stage: str
    """worked, held, watched, rejected, or over: it was let go, and lives on."""
    strategy: str
    """Who works it; empty when nobody does."""
    rejected: str
    """Why nobody followed it up, in one word; empty when somebody did."""
    seq: int
    """Journal entry of its birth."""


class Stopping(msgspec.Struct, frozen=True):
    """What `/v1/shutdown` answers: the daemon ends after this."""

    stopping: bool
    pid: int
