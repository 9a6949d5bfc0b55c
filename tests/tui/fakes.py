"""A link without a socket: frames come when the test says so, and so does the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from qm.wire.client import UnavailableError
from qm.wire.protocol import CommandReply, Delta, Explanation, Frame, Snapshot
from qm.wire.replica import Replica
from tests.tui import market
from tui.link import LinkState


class FakeLink:
    """Replay a snapshot and the changes after it; remember the commands."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.replica = Replica()
        self.state = LinkState()
        self.time = 1000.0
        self.sent: list[Mapping[str, Any]] = []
        self.asked: list[str] = []
        self.snapshot = snapshot or market.opening()
        self.deltas: Iterator[Delta] = market.deltas(self.snapshot)

    def now(self) -> float:
        return self.time

    async def run(self) -> None:
        await asyncio.Event().wait()

    def attach(self) -> None:
        self.state = LinkState(up=True, frame_at=self.time)
        self.take(self.snapshot)

    def take(self, frame: Frame) -> None:
        self.replica.apply(frame)
        self.state.frame_at = self.time

    def step(self, frames: int = 1, seconds: float = 0.2) -> None:
        for delta in islice(self.deltas, frames):
            self.time += seconds
            self.take(delta)

    def lose(self, seconds_ago: float = 0.0) -> None:
        self.state.up = False
        self.state.lost_at = self.time - seconds_ago
        self.state.problem, self.state.remedy = "The connection to the engine broke.", "See qm status."

    async def command(self, body: Mapping[str, Any]) -> CommandReply:
        if self.state.lost:
            raise UnavailableError(self.state.problem, self.state.remedy)
        self.sent.append(body)
        return CommandReply(id="1", accepted=True, outcome="as asked", seq=len(self.sent))

    async def explain(self, what: str) -> Explanation:
        self.asked.append(what)
        return Explanation(f"Why {what}", [f"{n:2d}  {what}: because of number {n - 1}" for n in range(1, 41)])
