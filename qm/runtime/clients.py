"""Those who watch: one bounded queue of frames each, so that a slow one loses frames and slows nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from qm.clock import monotonic_ns
from qm.log import logger
from qm.runtime.socketfile import Peer
from qm.wire.protocol import MAX_FRAME_BYTES, Frame, Snapshot

ENCODINGS: Final = ("json", "msgpack")
QUEUE_FRAMES: Final = 16
"""Frames kept for a client that does not read: about three seconds of a full screen."""
MAX_CLIENTS: Final = 32
HEARTBEAT_S: Final = 10.0
"""A client is pinged after so much silence, and cut off when it does not answer within half of it."""
CLOSE_S: Final = 1.0
"""How long a client gets to say goodbye."""

log = logger(__name__)


class Encoded:
    """A frame, encoded at most once for each encoding in use."""

    __slots__ = ("_bytes", "frame")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._bytes: dict[str, bytes] = {}

    def __getitem__(self, encoding: str) -> bytes:
        data = self._bytes.get(encoding)
        if data is None:
            encode = msgspec.json.encode if encoding == "json" else msgspec.msgpack.encode
            data = self._bytes[encoding] = encode(self.frame)
        return data


class Client:
    """One who watches."""

    def __init__(self, socket: web.WebSocketResponse, encoding: str, peer: Peer) -> None:
        self.socket, self.encoding, self.peer = socket, encoding, peer
        self.queue: deque[Encoded] = deque()
        self.needs_snapshot = True
        """The next thing it gets is a snapshot, and what was queued before is void."""
        self.gaps = 0
        """Times that it was too slow."""
        self.sent = 0
        self.sent_bytes = 0
        self.wake = asyncio.Event()

    def offer(self, frame: Encoded) -> None:
        """Queue a frame; when there is no room the client loses all of them and gets a snapshot instead."""
        if self.needs_snapshot:
            return
        if len(self.queue) >= QUEUE_FRAMES:
            self.queue.clear()
            self.needs_snapshot = True
            self.gaps += 1
            return
        self.queue.append(frame)
        self.wake.set()

    async def write(self, snapshot: Callable[[], Encoded]) -> None:
        """Send what is queued for as long as the connection lives; `snapshot` is asked when one is due."""
        while not self.socket.closed:
            if self.needs_snapshot:
                # Nothing may come between taking the snapshot and taking deltas again, or a frame would be missing.
                frame = snapshot()
                self.queue.clear()
                self.needs_snapshot = False
            elif self.queue:
                frame = self.queue.popleft()
            else:
                self.wake.clear()
                await self.wake.wait()
                continue
            await self._send(frame)

    async def _send(self, frame: Encoded) -> None:
        data = frame[self.encoding]
        if self.encoding == "json":
            await self.socket.send_frame(data, WSMsgType.TEXT)
        else:
            await self.socket.send_frame(data, WSMsgType.BINARY)
        self.sent += 1
        self.sent_bytes += len(data)

    async def read(self) -> None:
        """Listen until the client is gone; one that talks is sent away, for a stream takes no messages."""
        while True:
            message = await self.socket.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                log.warning("a client talked on the stream", pid=self.peer.pid)
                await self.socket.close(
                    code=WSCloseCode.POLICY_VIOLATION,
                    message=b"The stream takes no messages; POST commands to /v1/commands.",
                )
                return
            if message.type is WSMsgType.ERROR:
                log.warning("a client sent a malformed frame", pid=self.peer.pid, why=str(message.data))
            if message.type not in (WSMsgType.PING, WSMsgType.PONG):
                return


class Audience:
    """All who watch, and the frames they have in common."""

    def __init__(self, frame: Callable[[int], Snapshot], delta: Callable[[Snapshot, Snapshot], Frame]) -> None:
        self._frame, self._delta = frame, delta
        self._clients: dict[int, Client] = {}
        self._seq = 0
        self._shown: Encoded | None = None
        """The state that the next delta starts from; None while nobody watches."""
        self.frame_ns = 0
        """What the last frame took to make and encode."""

    def __len__(self) -> int:
        return len(self._clients)

    def clients(self) -> list[Client]:
        """Return those who watch now, the longest there first."""
        return list(self._clients.values())

    @property
    def queue_depth(self) -> int:
        """Frames that wait for the slowest client."""
        return max((len(client.queue) for client in self._clients.values()), default=0)

    def publish(self) -> None:
        """Make the next frame and queue it for everybody; does nothing while nobody watches, and never waits."""
        if not self._clients:
            self._shown = None
            return
        begun = monotonic_ns()
        before = self._shown
        now = self._next()
        if before is not None:
            assert isinstance(before.frame, Snapshot)
            assert isinstance(now.frame, Snapshot)
            change = self._delta(before.frame, now.frame)
            frame = now if change is now.frame else Encoded(change)
            for client in self._clients.values():
                client.offer(frame)
                if not client.needs_snapshot:
                    frame[client.encoding]
        self.frame_ns = monotonic_ns() - begun

    def snapshot(self) -> Encoded:
        """Return the state that the next delta starts from."""
        return self._shown or self._next()

    def _next(self) -> Encoded:
        self._seq += 1
        self._shown = Encoded(self._frame(self._seq))
        return self._shown

    async def attend(self, client: Client) -> None:
        """Serve a client until it leaves, whoever ends it."""
        self._clients[id(client)] = client
        writing = asyncio.ensure_future(client.write(self.snapshot))
        reading = asyncio.ensure_future(client.read())
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._clients[id(client)]
            for task in (writing, reading):
                task.cancel()
            for ended in await asyncio.gather(writing, reading, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, ConnectionError):
                    log.error("a client's stream failed", pid=client.peer.pid, why=repr(ended))

    async def dismiss(self) -> None:
        """Say goodbye to everybody; those who do not answer are cut off."""
        await asyncio.gather(*(_close(client.socket) for client in self.clients()), return_exceptions=True)


async def _close(socket: web.WebSocketResponse) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"The daemon ends.")
    except TimeoutError:
        log.warning("a client did not say goodbye")


def open_stream() -> web.WebSocketResponse:
    """Return the server's end of a stream: what a client sends is bounded, and its silence noticed."""
    return web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, timeout=CLOSE_S, compress=False, max_msg_size=MAX_FRAME_BYTES, autoclose=True
    )
