"""The link between the daemon and the replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest

from qm.errors import NotFoundError
from qm.wire.client import Client
from qm.wire.protocol import Delta, RadarDelta
from tests.tui import market
from tests.tui.gateway import Gateway
from tui.link import QUIET_S, LinkState, SocketLink

LIMIT_S = 20.0


@pytest.fixture
async def gateway(own_folders: Path) -> AsyncIterator[Gateway]:
    async with Gateway(own_folders / "qm.sock") as running:
        yield running


@asynccontextmanager
async def linked(gateway: Gateway) -> AsyncIterator[SocketLink]:
    link = SocketLink(Client(gateway.path))
    running = asyncio.create_task(link.run())
    try:
        await until(lambda: link.state.up and link.replica.ready)
        yield link
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until something holds; fail when it never does."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - the replica is plain data and has no event to wait for
            await asyncio.sleep(0.001)


async def test_the_replica_follows_the_daemon(gateway: Gateway) -> None:
    async with linked(gateway) as link:
        assert link.replica.snapshot() == market.opening()
        frames = list(islice(market.deltas(market.opening()), 5))
        await gateway.push(*frames)
        await until(lambda: link.replica.seq == frames[-1].seq)
        whole = market.follow(market.opening())
        states = [whole(frame) for frame in frames]
        assert link.replica.snapshot() == states[-1]
        assert link.state.word(link.now()) == "ok"


async def test_a_loss_keeps_what_was_known_and_says_since_when(gateway: Gateway) -> None:
    async with linked(gateway) as link:
        await gateway.stop()
        await until(lambda: link.state.lost)
        assert link.replica.ready
        assert link.state.word(link.now()) == "LOST"
        assert link.state.lost_at is not None
        assert link.state.lost_at <= link.now()
        async with Gateway(gateway.path):
            await until(lambda: link.state.up)
            assert not link.state.lost
            assert link.state.problem == ""


async def test_a_frame_that_does_not_fit_leads_to_a_fresh_snapshot(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.link.LONGEST_WAIT_S", 0.0)
    async with linked(gateway) as link:
        await gateway.push(Delta(seq=market.opening().seq + 1, radar=RadarDelta(order=["ABCD"])))
        await until(lambda: len(gateway.sockets) == 2)
        await until(lambda: link.state.up)
        assert link.replica.snapshot() == market.opening()


async def test_dropped_frames_are_counted(gateway: Gateway) -> None:
    async with linked(gateway) as link:
        one, _, three = islice(market.deltas(market.opening()), 3)
        await gateway.push(one, three, market.opening())
        await until(lambda: link.state.gaps == 1)


async def test_commands_and_questions_go_through(gateway: Gateway) -> None:
    async with linked(gateway) as link:
        assert (await link.command({"do": "flatten", "symbol": None})).accepted
        assert (await link.explain("ABCD")).title == "Why ABCD"
        with pytest.raises(NotFoundError, match="NOPE"):
            await link.explain("NOPE")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (LinkState(), "..."),
        (LinkState(up=True, frame_at=10.0), "ok"),
        (LinkState(up=True, frame_at=10.0 - QUIET_S), "ok"),
        (LinkState(up=True, frame_at=6.6), "quiet 3s"),
        (LinkState(up=True, frame_at=-9e9), "quiet 999s"),
        (LinkState(lost_at=9.0), "LOST"),
    ],
)
def test_the_state_in_a_word(state: LinkState, word: str) -> None:
    assert state.word(10.0) == word
