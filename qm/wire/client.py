"""The async client of the daemon's gateway: queries, commands, and a stream that comes back by itself.

Time here is the event loop's own clock (seconds): it only measures how long a link has been down.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp
import msgspec

from qm.errors import NotFoundError, ProtocolError, QmError, UnavailableError, UsageError
from qm.wire.protocol import VERSION, CommandReply, Delta, Explanation, Frame, Hello, Problem, Snapshot

__all__ = ["LONGEST_WAIT_S", "Client", "LinkLost", "LinkUp", "QmError", "StreamItem", "UnavailableError"]

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""Largest frame taken from the daemon; a snapshot of a full screen is about 100 KB."""
HEARTBEAT_S = 4.0
"""Silence after which the daemon is pinged; no answer within half of it ends the connection."""
REQUEST_S = 5.0
MAX_SKIPPED = 200
"""Deltas dropped after a gap while waiting for the snapshot that the daemon owes; then the client attaches anew."""
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
COMMAND_TRIES = 3


class LinkUp(msgspec.Struct, frozen=True):
    """The stream runs again from here on; a snapshot follows."""

    at: float
    """Loop time, s."""


class LinkLost(msgspec.Struct, frozen=True):
    """The stream is down; said again with the newest problem after each attempt that failed."""

    at: float
    """Loop time, s, at which it went down or was first found down."""
    attempts: int
    problem: str
    remedy: str


StreamItem: TypeAlias = Snapshot | Delta | LinkUp | LinkLost


class Client:
    """Speak to the daemon behind `socket_path`; use as an async context manager.

    Every method raises `UnavailableError` when nobody answers, `ProtocolError` when the answer makes no sense,
    and `UsageError` or `NotFoundError` with the daemon's own words when it refuses the request.
    """

    def __init__(self, socket_path: str | Path) -> None:
        self.path = Path(socket_path)
        self.gaps = 0
        """Times that the daemon dropped frames because this client was slow."""
        self._session: aiohttp.ClientSession | None = None
        self._frame = msgspec.msgpack.Decoder(Frame)
        self._name = secrets.token_hex(4)
        self._count = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            base_url="http://qm",
            connector=aiohttp.UnixConnector(path=str(self.path)),
            timeout=aiohttp.ClientTimeout(total=REQUEST_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def hello(self) -> Hello:
        """Return who answers; `ProtocolError` when it speaks another version of the protocol."""
        with self._translated():
            answer = msgspec.convert(await self.get("/v1/version"), Hello)
        if answer.protocol != VERSION:
            raise ProtocolError(
                f"The engine ({answer.version}) speaks protocol {answer.protocol}; this program speaks {VERSION}.",
                "Restart the engine with the same version: qm down, then qm up.",
            )
        return answer

    async def get(self, path: str, **query: str) -> Any:
        """Return the decoded JSON answer of a query such as `/v1/orders`."""
        return _decoded(await self._request("GET", path, params=query))

    async def explain(self, what: str) -> Explanation:
        """Return why a symbol or a trade is what it is."""
        with self._translated():
            return msgspec.convert(await self.get("/v1/explain", what=what), Explanation)

    async def command(self, command: Mapping[str, Any]) -> CommandReply:
        """Ask for something, e.g. `{"do": "flatten", "symbol": None}`; an `id` is added when there is none.

        The command is sent again, under the same id, when the connection breaks: the daemon carries an id out once.
        """
        body = msgspec.json.encode({"id": self.new_id(), **command})
        for attempt in range(COMMAND_TRIES):
            try:
                raw = await self._request("POST", "/v1/commands", data=body)
                return msgspec.json.decode(raw, type=CommandReply)
            except UnavailableError:
                if attempt == COMMAND_TRIES - 1:
                    raise
                await asyncio.sleep(wait_s(attempt))
            except msgspec.MsgspecError as error:
                raise _nonsense(error) from error
        raise AssertionError("unreachable")

    def new_id(self) -> str:
        """Return an id that no other command of any client carries."""
        return f"{self._name}-{next(self._count)}"

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield the frames of one connection, each following the one before or a snapshot; raise when it ends."""
        with self._translated():
            async with self._open.ws_connect(
                "/v1/stream", params={"encoding": "msgpack"}, heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES
            ) as socket:
                sequence = _Sequence()
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.BINARY:
                        raise ProtocolError("The engine sent text where msgpack was asked for.", "Attach again.")
                    frame = self._frame.decode(message.data)
                    if sequence.takes(frame):
                        yield frame
                    elif sequence.skipped == 1:
                        self.gaps += 1
        raise UnavailableError("The engine closed the connection.", "Start it again: qm up.")

    async def stream(self) -> AsyncGenerator[StreamItem, None]:
        """Yield frames and the state of the link, for ever; after a loss attach again, waiting longer each time."""
        loop = asyncio.get_running_loop()
        lost_at: float | None = None
        attempts = 0
        up = False
        while True:
            try:
                await self.hello()
                async with aclosing(self.frames()) as frames:
                    async for frame in frames:
                        if not up:
                            up, lost_at, attempts = True, None, 0
                            yield LinkUp(loop.time())
                        yield frame
            except QmError as error:
                up = False
                lost_at = loop.time() if lost_at is None else lost_at
                attempts += 1
                yield LinkLost(lost_at, attempts, error.problem, error.remedy)
            await asyncio.sleep(wait_s(attempts - 1))

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise UnavailableError("The client is closed.", "Attach again.")
        return self._session

    async def _request(self, method: str, path: str, **options: Any) -> bytes:
        with self._translated():
            headers = {"Content-Type": "application/json"} if "data" in options else None
            async with self._open.request(method, path, headers=headers, **options) as answer:
                body = await answer.read()
        if answer.status >= 400:
            raise _refusal(answer.status, body)
        return body

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
            raise UnavailableError(f"No engine answers at {self.path}.", "Start it: qm up.") from error
        except aiohttp.WSServerHandshakeError as error:
            raise ProtocolError(f"The engine refused the stream: {error.message}.", "See qm status.") from error
        except TimeoutError as error:
            raise UnavailableError(f"The engine did not answer within {REQUEST_S:g} s.", "See qm doctor.") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise UnavailableError("The connection to the engine broke.", "See qm status.") from error
        except msgspec.MsgspecError as error:
            raise _nonsense(error) from error


class _Sequence:
    """Which frames follow on; after a gap only a snapshot does."""

    def __init__(self) -> None:
        self.last: int | None = None
        self.skipped = 0

    def takes(self, frame: Frame) -> bool:
        if isinstance(frame, Snapshot) or frame.seq == _after(self.last):
            self.last, self.skipped = frame.seq, 0
            return True
        self.last = None
        self.skipped += 1
        if self.skipped > MAX_SKIPPED:
            raise ProtocolError("The engine dropped frames and sent no snapshot.", "Attaching again.")
        return False


def wait_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, s: doubling, and never longer than two seconds."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(max(failures, 0), 10))


def _after(last: int | None) -> int | None:
    return None if last is None else last + 1


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise _nonsense(error) from error


def _nonsense(error: Exception) -> ProtocolError:
    return ProtocolError(f"The engine sent something that cannot be read: {error}.", "Are both of one version?")


def _refusal(status: int, body: bytes) -> QmError:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem(f"The engine answered with HTTP status {status}.")
    if status >= 500:
        return UnavailableError(problem.error, problem.remedy)
    if status == 404:
        return NotFoundError(problem.error, problem.remedy)
    return UsageError(problem.error, problem.remedy)
