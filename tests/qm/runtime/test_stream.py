"""The stream: a snapshot, then changes; who is slow, silent or talks nonsense harms only itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest

from qm.errors import UnavailableError
from qm.runtime import clients as clients_module
from qm.runtime import gateway as gateway_module
from qm.runtime.clients import MAX_CLIENTS, QUEUE_FRAMES, Encoded
from qm.runtime.gateway import Gateway
from qm.wire.client import Client
from qm.wire.protocol import MAX_FRAME_BYTES, Delta, Frame, Snapshot
from qm.wire.replica import Replica
from tests.qm.runtime.raw import BINARY, CLOSE, FINAL, PING, TEXT, Raw, frame
from tests.qm.runtime.rig import LIMIT_S, Rig, until

JSON, MSGPACK = "/v1/stream?encoding=json", "/v1/stream?encoding=msgpack"


@pytest.fixture
def rig() -> Rig:
    """An engine after some minutes, with a full radar."""
    rig = Rig(symbols=120, minutes=10)
    rig.feed(6)
    return rig


@pytest.fixture
def path(own_folders: Path) -> Path:
    return own_folders / "run" / "gateway.sock"


@pytest.fixture
async def gateway(rig: Rig, path: Path) -> AsyncIterator[Gateway]:
    serving = rig.gateway(path)
    await serving.start()
    yield serving
    await serving.stop()


def move(rig: Rig) -> None:
    """Let every price change, so that the next frame is a large one."""
    rig.market.col["last"][:] = np.round(rig.market.col["last"] * 1.001, 4)


async def attached(gateway: Gateway, count: int = 1) -> None:
    await until(lambda: len(gateway.audience) == count)


async def take(raw: Raw) -> Frame:
    message = await raw.message()
    assert message.opcode == BINARY
    decoded: Frame = msgspec.msgpack.decode(message.data, type=Frame)
    return decoded


async def exhaust(frames: AsyncIterator[Frame]) -> None:
    async for _ in frames:
        pass


def limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """End a test that hangs."""

    @wraps(test)
    async def within(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(LIMIT_S):
            await test(*args, **kwargs)

    return within


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@limited
async def test_a_snapshot_and_then_numbered_changes(gateway: Gateway, rig: Rig, path: Path, encoding: str) -> None:
    replica, kinds = Replica(), []
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.ws_connect(f"http://qm/v1/stream?encoding={encoding}") as stream,
    ):
        for _ in range(6):
            message = await stream.receive()
            assert message.type is (aiohttp.WSMsgType.TEXT if encoding == "json" else aiohttp.WSMsgType.BINARY)
            decoder: Any = msgspec.json if encoding == "json" else msgspec.msgpack
            got = decoder.decode(message.data, type=Frame)
            replica.apply(got)
            kinds.append(type(got))
            shown = replica.snapshot()
            assert shown is not None
            assert (shown.radar, shown.orders) == (rig.frame().radar, rig.frame().orders)
            assert shown.health.clients == 1
            move(rig)
            gateway.publish()
    assert kinds == [Snapshot] + [Delta] * 5
    await attached(gateway, 0)


@limited
async def test_the_houses_client_follows(gateway: Gateway, rig: Rig, path: Path) -> None:
    replica = Replica()
    async with Client(path) as client, aclosing(client.frames()) as frames:
        replica.apply(await anext(frames))
        for _ in rig.batches():
            gateway.publish()
            replica.apply(await anext(frames))
    last = rig.frame(replica.seq)
    shown = replica.snapshot()
    assert shown is not None
    assert msgspec.structs.replace(shown, health=last.health) == last
    assert client.gaps == 0


@limited
async def test_who_comes_later_joins_in_the_middle(gateway: Gateway, rig: Rig, path: Path) -> None:
    async with Raw(path) as first, Raw(path) as second:
        await first.upgrade(MSGPACK)
        assert isinstance(await take(first), Snapshot)
        gateway.publish()
        before = await take(first)
        await second.upgrade(MSGPACK)
        joined = await take(second)
        assert isinstance(joined, Snapshot)
        assert joined.seq == before.seq
        gateway.publish()
        after = await take(first)
        assert await take(second) == after
        assert after.seq == joined.seq + 1


@limited
async def test_one_encoding_serves_all_who_use_it(
    gateway: Gateway, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    encode = Encoded.__getitem__

    def counted(self: Encoded, encoding: str) -> bytes:
        if encoding not in self._bytes:
            made.append(encoding)
        return encode(self, encoding)

    monkeypatch.setattr(Encoded, "__getitem__", counted)
    async with Raw(path) as a, Raw(path) as b, Raw(path) as c:
        for raw, target in ((a, MSGPACK), (b, MSGPACK), (c, JSON)):
            await raw.upgrade(target)
            await raw.message()
        made.clear()
        for _ in range(3):
            gateway.publish()
            for raw in (a, b, c):
                await raw.message()
    assert sorted(made) == ["json"] * 3 + ["msgpack"] * 3


@limited
async def test_without_an_audience_no_frame_is_made(
    gateway: Gateway, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(seq: int, *rest: object) -> Snapshot:
        raise AssertionError("a frame was made for nobody")

    async with Raw(path) as raw:
        await raw.upgrade()
        first = await take(raw)
    await attached(gateway, 0)
    with monkeypatch.context() as patch:
        patch.setattr(gateway.projector, "frame", never)
        gateway.publish()
    async with Raw(path) as raw:
        await raw.upgrade()
        again = await take(raw)
    assert isinstance(again, Snapshot)
    assert again.seq > first.seq


# --- the slow and the silent -----------------------------------------------------------------------------------------


@limited
async def test_who_reads_slowly_loses_frames_and_delays_nobody(gateway: Gateway, rig: Rig, path: Path) -> None:
    async with Raw(path) as slow, Raw(path) as quick:
        await slow.upgrade(MSGPACK)
        await attached(gateway)
        (lagging,) = gateway.audience.clients()
        await quick.upgrade(MSGPACK)
        assert isinstance(await take(quick), Snapshot)
        published = 0
        # Until the buffers of the kernel, of the loop and of the gateway are full.
        while not lagging.gaps:
            move(rig)
            gateway.publish()
            published += 1
            assert isinstance(await take(quick), Delta)
            assert len(lagging.queue) <= QUEUE_FRAMES
            assert gateway.audience.queue_depth <= QUEUE_FRAMES
        for _ in range(3 * QUEUE_FRAMES):
            gateway.publish()
            published += 1
            await take(quick)
        assert lagging.gaps == 1
        assert not lagging.queue

        replica, jumps, seen = Replica(), 0, 0
        while replica.seq < gateway.audience._seq:
            got = await take(slow)
            jumps += isinstance(got, Snapshot) and replica.ready
            assert isinstance(got, Snapshot) or replica.follows(got)
            replica.apply(got)
            seen += 1
        assert jumps == 1
        assert seen < published
        shown = replica.snapshot()
        assert shown is not None
        assert shown.radar == rig.frame().radar
        # From here on it is like everybody else.
        gateway.publish()
        assert await take(slow) == await take(quick)


@limited
async def test_who_answers_no_ping_is_let_go(rig: Rig, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "HEARTBEAT_S", 0.05)
    serving = rig.gateway(path)
    await serving.start()
    async with Raw(path) as silent:
        await silent.upgrade()
        await attached(serving)
        await attached(serving, 0)
        await silent.ended()
    await serving.stop()


@limited
async def test_who_reads_nothing_at_all_is_let_go_with_its_connection(
    rig: Rig, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients_module, "HEARTBEAT_S", 0.2)
    serving = rig.gateway(path)
    await serving.start()
    async with Raw(path) as stuck:
        await stuck.upgrade()
        await attached(serving)
        (client,) = serving.audience.clients()
        while not client.gaps and len(serving.audience):
            move(rig)
            serving.publish()
            await asyncio.sleep(0)
        await attached(serving, 0)
        assert serving._runner is not None
        server = serving._runner.server
        assert server is not None
        await until(lambda: not server.connections)
    await serving.stop()


@limited
async def test_who_vanishes_is_forgotten(gateway: Gateway, path: Path) -> None:
    for _ in range(5):
        async with Raw(path) as raw:
            await raw.upgrade()
            await attached(gateway)
            gateway.publish()
        await attached(gateway, 0)
        gateway.publish()


@limited
async def test_who_says_goodbye_is_answered(gateway: Gateway, path: Path) -> None:
    async with Raw(path) as raw:
        await raw.upgrade()
        await raw.message()
        raw.send(frame(FINAL | CLOSE, b"\x03\xe8"))
        assert (await raw.closing()).code == 1000
        await attached(gateway, 0)


# --- nonsense --------------------------------------------------------------------------------------------------------

NONSENSE = {
    "text": (frame(FINAL | TEXT, b'{"do": "flatten", "id": "1"}'), 1008),
    "binary": (frame(FINAL | BINARY, b"\x81"), 1008),
    "long": (frame(FINAL | TEXT, b"x" * (MAX_FRAME_BYTES + 1)), 1009),
    "endless": (frame(TEXT, b"x" * 100_000) + frame(0, b"x" * 100_000) * 3, 1009),
    "not utf-8": (frame(FINAL | TEXT, b"\xff\xfe"), 1007),
    "reserved opcode": (frame(FINAL | 5, b""), 1002),
    "reserved bits": (frame(FINAL | 0x70 | TEXT, b""), 1002),
    "long ping": (frame(FINAL | PING, b"x" * 200), 1002),
    "split ping": (frame(PING, b"x"), 1002),
    "continued nothing": (frame(FINAL, b"x"), 1002),
    "closed with one byte": (frame(FINAL | CLOSE, b"\x03"), 1002),
}


@pytest.mark.parametrize("kind", NONSENSE)
@limited
async def test_nonsense_ends_that_stream_only(gateway: Gateway, rig: Rig, path: Path, kind: str) -> None:
    data, code = NONSENSE[kind]
    async with Raw(path) as bad, Raw(path) as good:
        for raw in (bad, good):
            await raw.upgrade(MSGPACK)
            assert isinstance(await take(raw), Snapshot)
        bad.send(data)
        closing = await bad.closing()
        bad.send(frame(FINAL | CLOSE, closing.data[:2]))
        assert closing.code == code
        if code == 1008:
            assert closing.data[2:] == b"The stream takes no messages; POST commands to /v1/commands."
        await attached(gateway, 1)
        gateway.publish()
        assert isinstance(await take(good), Delta)
    assert rig.commanded == []


@limited
async def test_a_ping_is_answered(gateway: Gateway, path: Path) -> None:
    async with Raw(path) as raw:
        await raw.upgrade()
        await raw.message()
        raw.send(frame(FINAL | PING, b"there?"))
        pong = await raw.message()
        assert (pong.opcode, pong.data) == (10, b"there?")
        gateway.publish()
        assert (await raw.message()).opcode == BINARY


@limited
async def test_the_audience_is_bounded(gateway: Gateway, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "MAX_CLIENTS", 2)
    async with Raw(path) as a, Raw(path) as b, Raw(path) as c:
        assert [await raw.upgrade() for raw in (a, b)] == [101, 101]
        await attached(gateway, 2)
        assert await c.upgrade() == 503
    assert MAX_CLIENTS == 32


# --- the end ---------------------------------------------------------------------------------------------------------


@limited
async def test_at_the_end_everybody_is_told(rig: Rig, path: Path) -> None:
    serving = rig.gateway(path)
    await serving.start()
    async with Raw(path) as raw, Client(path) as client, aclosing(client.frames()) as frames:
        await raw.upgrade()
        await anext(frames)
        await attached(serving, 2)
        stopping = asyncio.create_task(serving.stop())
        closing = await raw.closing()
        raw.send(frame(FINAL | CLOSE, closing.data[:2]))
        assert (closing.code, closing.data[2:]) == (1001, b"The daemon ends.")
        with pytest.raises(UnavailableError, match="closed the connection"):
            await exhaust(frames)
        await stopping


@limited
async def test_the_end_does_not_wait_for_who_does_not_answer(
    rig: Rig, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients_module, "CLOSE_S", 0.05)
    serving = rig.gateway(path)
    await serving.start()
    async with Raw(path) as stuck:
        await stuck.upgrade()
        await attached(serving)
        (client,) = serving.audience.clients()
        while not client.gaps:
            move(rig)
            serving.publish()
            await asyncio.sleep(0)
        await serving.stop()
        assert len(serving.audience) == 0


@limited
async def test_another_session_begins_with_a_snapshot_for_everybody(gateway: Gateway, path: Path) -> None:
    other = Rig(minutes=1)
    async with Raw(path) as raw:
        await raw.upgrade(MSGPACK)
        first = await take(raw)
        assert isinstance(first, Snapshot)
        shown = gateway.audience._shown
        assert shown is not None
        # As if trades had been closed, which the next session does not have.
        ended = Rig()
        ended.feed(60)
        gateway.projector = ended.projector
        gateway.publish()
        assert isinstance(await take(raw), Delta)
        gateway.projector = other.projector
        gateway.publish()
        begun = await take(raw)
        assert isinstance(begun, Snapshot)
        assert begun.seq == first.seq + 2
        assert begun.trades == []
