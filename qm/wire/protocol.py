"""Frames of the gateway's WebSocket, and the version of everything that crosses the socket.

A client opens `/v1/stream`, gets one `Snapshot`, then `Delta` frames whose `seq` goes up by one. A gap means that
frames were dropped because the client was slow: the server then sends a new `Snapshot` by itself.
"""

from __future__ import annotations

import msgspec

from qm.wire.views import (
    HealthView,
    LogView,
    OrderView,
    PnlView,
    PositionView,
    RadarView,
    StatusView,
    TradeView,
    WatchView,
)

VERSION = 1
"""Goes up when an older client could misread a frame; the daemon states it at `/v1/version`."""
MAX_FRAME_BYTES = 256 * 1024
"""Largest message taken from a client; a longer one closes the connection."""

LOG_LINES = 200
"""Lines of the decisions feed that a snapshot carries and a client keeps."""


class Hello(msgspec.Struct, frozen=True):
    """What `/v1/version` answers."""

    protocol: int
    """`VERSION` of the daemon."""
    version: str
    """Version of the program."""


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """Everything a client shows, at once."""

    seq: int
    status: StatusView
    health: HealthView
    pnl: PnlView
    radar: list[RadarView]
    watch: list[WatchView]
    positions: list[PositionView]
    orders: list[OrderView]
    trades: list[TradeView]
    log: list[LogView]
    """Oldest first, at most `LOG_LINES`."""


class RadarDelta(msgspec.Struct, frozen=True):
    """Changes of the radar since the frame before."""

    put: list[RadarView] = []
    gone: list[str] = []
    order: list[str] | None = None


class WatchDelta(msgspec.Struct, frozen=True):
    """Changes of the watchlist."""

    put: list[WatchView] = []
    gone: list[str] = []
    order: list[str] | None = None


class PositionDelta(msgspec.Struct, frozen=True):
    """Changes of the positions."""

    put: list[PositionView] = []
    gone: list[str] = []
    order: list[str] | None = None


class OrderDelta(msgspec.Struct, frozen=True):
    """Changes of the orders."""

    put: list[OrderView] = []
    gone: list[str] = []
    order: list[str] | None = None


class Delta(msgspec.Struct, frozen=True, tag_field="type", tag="delta", omit_defaults=True):
    """What changed since the frame numbered `seq - 1`; None means nothing did."""

    seq: int
    status: StatusView | None = None
    health: HealthView | None = None
    pnl: PnlView | None = None
    radar: RadarDelta | None = None
    watch: WatchDelta | None = None
    positions: PositionDelta | None = None
    orders: OrderDelta | None = None
    trades: list[TradeView] = []
    """New closed trades; they never change."""
    log: list[LogView] = []
    """New lines."""


Frame = Snapshot | Delta


class CommandReply(msgspec.Struct, frozen=True):
    """The answer to a command; the same for every repetition of its id."""

    id: str
    accepted: bool
    outcome: str
    seq: int
    """Journal entry of the command."""


class Problem(msgspec.Struct, frozen=True):
    """An error as the gateway reports it."""

    error: str
    remedy: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """What `/v1/explain?what=<symbol or trade>` answers: the chain of causes in plain text."""

    title: str
    lines: list[str]
