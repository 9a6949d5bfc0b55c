"""The gateway: queries, commands and the stream over a Unix socket that only the user can reach."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import msgspec
from aiohttp import hdrs, web

from qm.clock import monotonic_ns
from qm.errors import UsageError, did_you_mean, nearest
from qm.log import logger
from qm.model.commands import AnyCommand
from qm.model.events import Commanded
from qm.runtime.answers import Handler, RefusedError, Route, answer, parser_log, readable
from qm.runtime.clients import ENCODINGS, MAX_CLIENTS, Audience, Client, open_stream
from qm.runtime.intake import MAX_BODY_BYTES, Allowance, command_of, parameters
from qm.runtime.projector import Projector, Running
from qm.runtime.queries import Queries
from qm.runtime.socketfile import Peer, identity, listen, peer_of
from qm.store.port import JournalPort
from qm.wire.protocol import CommandReply, Snapshot
from qm.wire.queries import Stopping
from qm.wire.views import HealthView

COMMANDS_PER_S: Final = 50.0
QUERIES_PER_S: Final = 100.0
JOURNAL_COST: Final = 10.0
"""A query that reads the journal counts as so many."""
IDLE_S: Final = 30.0
"""A connection that asks nothing for so long is closed."""
MAX_CONNECTIONS: Final = 128
BODY_S: Final = 5.0

log = logger(__name__)


class Gateway:
    """Serves the engine's state to the user's own processes; lives in the daemon's loop and never waits for a client.

    `on_command` carries a command out and has handed its entries to `projector.entries` when it returns.
    """

    def __init__(
        self,
        socket_path: Path,
        projector: Projector,
        journal: JournalPort,
        run: str,
        on_command: Callable[[AnyCommand, str], Commanded],
        health: Callable[[], HealthView],
        running: Callable[[], Running],
        on_shutdown: Callable[[], None],
    ) -> None:
        self.path, self.projector, self.journal, self.run = socket_path, projector, journal, run
        self.audience = Audience(self._frame, projector.delta)
        self._on_command, self._health, self._running, self._on_shutdown = on_command, health, running, on_shutdown
        self._uid = os.getuid()
        self._commands, self._queries = Allowance(COMMANDS_PER_S), Allowance(QUERIES_PER_S)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.AbstractServer | None = None
        self._file: tuple[int, int] | None = None

    async def start(self) -> None:
        """Listen; what can go wrong is told by ConfigError, LockedError and UnavailableError."""
        sock = listen(self.path)
        self._file = identity(self.path)
        routes = self._routes()
        names = tuple(f"{method} {path}" for method, path, _ in routes)
        app = web.Application(middlewares=[readable(names), self._guarded], client_max_size=MAX_BODY_BYTES)
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=parser_log(),
            keepalive_timeout=IDLE_S,
            shutdown_timeout=1.0,
            handle_signals=False,
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._protocol, sock=sock)
        log.info("the gateway listens", path=str(self.path))

    def publish(self) -> None:
        """Make the next frame and queue it for everybody who watches; never waits."""
        self.audience.publish()

    async def stop(self) -> None:
        """Say goodbye to everybody, stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.audience.dismiss()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._file is not None and identity(self.path) == self._file:
            self.path.unlink()
        self._file = None

    def _routes(self) -> list[Route]:
        queries = Queries(self.projector, self.journal, self.run, self._measured, self._running, self._pay)
        return [
            *queries.routes(),
            ("GET", "/v1/stream", self._stream),
            ("POST", "/v1/commands", self._command),
            ("POST", "/v1/shutdown", self._shutdown),
        ]

    # --- who may ask, and how often ------------------------------------------------------------------------------

    def _protocol(self) -> asyncio.BaseProtocol:
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= MAX_CONNECTIONS:
            return _Full()
        protocol: asyncio.BaseProtocol = server()
        return protocol

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = self._peer(request)
        if peer.uid != self._uid:
            log.warning("another user's process was refused", pid=peer.pid, uid=peer.uid)
            raise RefusedError(403, "This engine belongs to another user.", "Only its owner may talk to it.")
        if request.path != "/v1/commands" and not self._queries.take(peer.pid, monotonic_ns()):
            raise RefusedError(429, f"More than {QUERIES_PER_S:g} queries a second.", "Watch /v1/stream instead.")
        return await handler(request)

    def _peer(self, request: web.Request) -> Peer:
        connection = None if request.transport is None else request.transport.get_extra_info("socket")
        if connection is None:
            raise RefusedError(403, "The connection does not say whose it is.", "Connect again.")
        return peer_of(connection)

    def _pay(self, request: web.Request) -> None:
        if not self._queries.take(self._peer(request).pid, monotonic_ns(), JOURNAL_COST - 1):
            raise RefusedError(429, "More questions about the journal than it answers in a second.", "Ask more slowly.")

    def _frame(self, seq: int) -> Snapshot:
        return self.projector.frame(seq, self._measured(), self._running())

    def _measured(self) -> HealthView:
        audience = self.audience
        return msgspec.structs.replace(self._health(), clients=len(audience), queue_depth=audience.queue_depth)

    # --- what changes something ----------------------------------------------------------------------------------

    async def _command(self, request: web.Request) -> web.Response:
        peer = self._peer(request)
        parameters(request.query)
        if not self._commands.take(peer.pid, monotonic_ns()):
            raise RefusedError(429, f"More than {COMMANDS_PER_S:g} commands a second.", "Send it again, same id.")
        command = command_of(await self._body(request))
        done = self._on_command(command, f"pid {peer.pid}")
        if done.command != command:
            raise RefusedError(
                409, f"The id {command.id!r} was used by another command.", "Choose a new id for each command."
            )
        accepted = done.outcome == "accepted"
        return answer(CommandReply(done.id, accepted, done.outcome, self.projector.seq_of(done.id)))

    async def _body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_S):
                return await request.read()
        except TimeoutError:
            raise RefusedError(408, "The request did not arrive in time.", "Send it again, same id.") from None

    async def _shutdown(self, request: web.Request) -> web.Response:
        parameters(request.query)
        log.info("asked to stop", pid=self._peer(request).pid)
        asyncio.get_running_loop().call_soon(self._on_shutdown)
        return answer(Stopping(stopping=True, pid=os.getpid()), 202)

    # --- the stream ----------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        encoding = parameters(request.query, "encoding").get("encoding", "json")
        if encoding not in ENCODINGS:
            close = did_you_mean(nearest(encoding, ENCODINGS))
            raise UsageError(f"No encoding is called {encoding[:40]!r}.", close or f"One of: {', '.join(ENCODINGS)}.")
        if len(self.audience) >= MAX_CLIENTS:
            raise RefusedError(503, f"{MAX_CLIENTS} clients watch already.", "Detach one.")
        socket = open_stream()
        if not socket.can_prepare(request):
            raise RefusedError(426, "The stream is a WebSocket.", "Ask for an upgrade; or poll /v1/status.")
        transport = request.transport
        assert transport is not None
        await socket.prepare(request)
        try:
            await self.audience.attend(Client(socket, encoding, self._peer(request)))
        finally:
            # A connection with bytes that nobody reads would linger until the other process ends.
            if transport.get_write_buffer_size():
                transport.abort()
        return socket


class _Full(asyncio.Protocol):
    """Turns a connection away when there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop are not of asyncio's classes.
        writer = cast("asyncio.WriteTransport", transport)
        body = msgspec.json.encode({"error": "Too many connections.", "remedy": "Close some."}) + b"\n"
        head = f"HTTP/1.1 503 Service Unavailable\r\n{hdrs.CONTENT_TYPE}: application/json\r\n"
        writer.write(f"{head}{hdrs.CONTENT_LENGTH}: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        writer.close()
