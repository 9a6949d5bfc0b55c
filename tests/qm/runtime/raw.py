"""A client that speaks bytes: what a library would never send, and silence where it would answer."""

from __future__ import annotations

import asyncio
import base64
import struct
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
FINAL, MASKED = 0x80, 0x80
KEY = base64.b64encode(b"0123456789abcdef").decode()


class Message(NamedTuple):
    """One frame of the server."""

    opcode: int
    data: bytes

    @property
    def code(self) -> int:
        """The reason in numbers of a closing frame."""
        return int(struct.unpack("!H", self.data[:2])[0])


class Raw:
    """One connection; use as an async context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_unix_connection(str(self.path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def request(self, head: str, *headers: str) -> None:
        self.send("\r\n".join([f"{head} HTTP/1.1", "Host: qm", *headers, "", ""]).encode())

    async def answer(self) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        return int(head.split()[1]), body

    async def upgrade(self, target: str = "/v1/stream?encoding=msgpack") -> int:
        """Ask for the stream; returns the status."""
        self.request(
            f"GET {target}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
        )
        return (await self.answer())[0]

    async def message(self) -> Message:
        """Return the next frame; IncompleteReadError when the connection ends."""
        first, size = await self.reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return Message(first & 0x0F, await self.reader.readexactly(size))

    async def closing(self) -> Message:
        """Return the closing frame, whatever comes before it."""
        while (message := await self.message()).opcode != CLOSE:
            pass
        return message

    async def ended(self) -> bytes:
        """Return what is left when the other end has hung up."""
        return await self.reader.read()


def frame(first: int, data: bytes, masked: int = MASKED) -> bytes:
    """Return a frame as a client sends it, under a mask of zeros."""
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + data
