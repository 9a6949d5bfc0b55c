"""A stand-in for the daemon's gateway on a real Unix socket: `python -m tests.tui.gateway SOCKET` serves a live market.

Tests push frames by hand; as a program it makes five a second, so that the real screen can be looked at.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import WSMsgType, web

from qm.wire.protocol import VERSION, CommandReply, Explanation, Frame, Hello, Problem
from tests.tui import market


class Gateway:
    """Serve a snapshot to whoever attaches, then the frames that are pushed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hello = Hello(protocol=VERSION, version="0.1.0")
        self.first: Frame = market.opening()
        self.sockets: list[web.WebSocketResponse] = []
        self.attached = asyncio.Event()
        self.commands: list[dict[str, Any]] = []
        self.drop_replies = 0
        """So many commands are carried out without an answer: the connection just ends."""
        self.problem: tuple[int, Problem] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/version", self.version)
        app.router.add_get("/v1/stream", self.stream)
        app.router.add_get("/v1/explain", self.explain)
        app.router.add_post("/v1/commands", self.command)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.path)).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        if self._runner is not None:
            await self.hang_up()
            await self._runner.cleanup()
            self._runner = None
            self.path.unlink(missing_ok=True)

    async def hang_up(self) -> None:
        for socket in self.sockets:
            await socket.close()
        self.sockets.clear()
        self.attached.clear()

    async def push(self, *frames: Frame) -> None:
        for frame in frames:
            for socket in list(self.sockets):
                try:
                    await socket.send_bytes(msgspec.msgpack.encode(frame))
                except ConnectionError:
                    self.sockets.remove(socket)

    async def version(self, request: web.Request) -> web.Response:
        return _json(self.hello)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        assert request.query["encoding"] == "msgpack"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(msgspec.msgpack.encode(self.first))
        self.sockets.append(socket)
        self.attached.set()
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    async def explain(self, request: web.Request) -> web.Response:
        what = request.query["what"]
        if what == "NOPE":
            return _json(Problem("Nothing is known about NOPE.", "See qm journal list."), status=404)
        return _json(Explanation(f"Why {what}", [f"{n:3d}  cause of number {n}" for n in range(60)]))

    async def command(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read())
        self.commands.append(body)
        if self.problem is not None:
            return _json(self.problem[1], status=self.problem[0])
        if self.drop_replies:
            self.drop_replies -= 1
            assert request.transport is not None
            request.transport.abort()
        return _json(CommandReply(id=body["id"], accepted=True, outcome="done", seq=len(self.commands)))


def _json(value: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", status=status)


async def serve(path: Path, hz: float = 5.0) -> None:
    async with Gateway(path) as gateway:
        state = market.opening()
        whole = market.follow(state)
        for frame in market.deltas(state):
            await asyncio.sleep(1 / hz)
            gateway.first = whole(frame)
            await gateway.push(frame)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 5.0))
