"""The link to the engine: it feeds the replica as fast as frames come and touches no widget.

The screen reads the replica at its own pace, so a burst of frames costs no paint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from qm.wire.client import LONGEST_WAIT_S, Client, LinkLost, LinkUp, QmError
from qm.wire.protocol import CommandReply, Explanation
from qm.wire.replica import Replica

QUIET_S = 2.0
"""A link that is up but silent for longer is said to be quiet: the daemon sends at least one frame a second."""


@dataclass(slots=True)
class LinkState:
    """What is known about the link; times are seconds of the link's steady clock."""

    up: bool = False
    lost_at: float | None = None
    """None while up, and before the first attempt has failed."""
    frame_at: float = 0.0
    """When the last frame came."""
    problem: str = ""
    remedy: str = ""
    gaps: int = 0
    """Times that frames were dropped because this screen was slow."""

    @property
    def lost(self) -> bool:
        """Say whether the link went down, as opposed to not being there yet."""
        return self.lost_at is not None

    def word(self, now: float) -> str:
        """Return the state in a word or two."""
        if self.lost:
            return "LOST"
        if not self.up:
            return "..."
        quiet = self.quiet_s(now)
        return f"quiet {min(quiet, 999):.0f}s" if quiet else "ok"

    def quiet_s(self, now: float) -> float:
        """Return for how long nothing came, s; 0 while that is usual."""
        quiet = now - self.frame_at
        return quiet if quiet > QUIET_S else 0.0


class Link(Protocol):
    """What the screen needs of a link; tests bring their own."""

    replica: Replica
    state: LinkState

    def now(self) -> float:
        """Return the link's steady clock, s."""
        ...

    async def run(self) -> None:
        """Feed the replica until cancelled."""
        ...

    async def command(self, body: Mapping[str, Any]) -> CommandReply:
        """Send a command; `QmError` when it is refused or nobody answers."""
        ...

    async def explain(self, what: str) -> Explanation:
        """Ask why a symbol or a trade is what it is; errors as for `command`."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What one frame of the screen shows."""

    replica: Replica
    link: LinkState
    now: float
    """The link's clock, s."""


class SocketLink:
    """The link to a daemon over its Unix socket."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.replica = Replica()
        self.state = LinkState()

    def now(self) -> float:
        """Return the event loop's clock, s."""
        return asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Attach, and attach again after each loss, until cancelled."""
        async with self.client:
            while True:
                try:
                    async with aclosing(self.client.stream()) as items:
                        async for item in items:
                            self.take(item)
                except QmError as error:
                    # A frame that does not fit the replica: only a fresh snapshot helps.
                    self.take(LinkLost(self.now(), 1, error.problem, error.remedy))
                    await asyncio.sleep(LONGEST_WAIT_S)

    def take(self, item: object) -> None:
        """Take one item of the stream."""
        state = self.state
        if isinstance(item, LinkUp):
            self.state = LinkState(up=True, frame_at=item.at, gaps=self.client.gaps)
        elif isinstance(item, LinkLost):
            state.up, state.lost_at = False, item.at
            state.problem, state.remedy = item.problem, item.remedy
        else:
            self.replica.apply(item)  # type: ignore[arg-type]
            state.frame_at, state.gaps = self.now(), self.client.gaps

    async def command(self, body: Mapping[str, Any]) -> CommandReply:
        """Send a command."""
        return await self.client.command(body)

    async def explain(self, what: str) -> Explanation:
        """Ask for an explanation."""
        return await self.client.explain(what)
