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


class Stopping(msgspec.Struct, frozen=True):
    """What `/v1/shutdown` answers: the daemon ends after this."""

    stopping: bool
    pid: int
