"""An S3-compatible store of flat files that speaks as the vendor's does, and can fail in each way that one can."""

import asyncio
import gzip
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

KEY_ID, SECRET = "AKID-of-the-test", "secret-of-the-test"
PUBLISHED = "Fri, 03 Jan 2025 16:02:11 GMT"
PIECE = 2_048
"""Bytes that are sent at once."""


@dataclass
class Fault:
    """What goes wrong with the next request; `cut` sends so many bytes of the body and breaks off, or goes silent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = -1
    silent: bool = False
    method: str = "GET"


class FlatStore:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, str]] = []
        """Method, path and range of every request."""
        self.sent = 0
        """Bytes of bodies, of all requests."""
        self.on_sent: Callable[[int], None] = lambda sent: None
        self.ranges = True

    def put(self, path: str, text: str) -> None:
        self.files[f"/flatfiles/us_stocks_sip/{path}"] = gzip.compress(text.encode(), mtime=0)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path, request.headers.get("Range", "")))
        if (why := refused(request)) is not None:
            return web.Response(status=403, text=f"<Error><Code>{why}</Code></Error>", content_type="application/xml")
        fault = Fault()
        if self.faults and self.faults[0].method == request.method:
            fault = self.faults.pop(0)
        if fault.status:
            text = f"<Error><Code>Status{fault.status}</Code></Error>"
            return web.Response(status=fault.status, headers=fault.headers, text=text, content_type="application/xml")
        body = self.files.get(request.path)
        if body is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if request.headers.get("If-Match", etag) != etag:
            return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
        return await self._send(request, body, {"ETag": etag, "Last-Modified": PUBLISHED}, fault)

    async def _send(
        self, request: web.Request, body: bytes, headers: dict[str, str], fault: Fault
    ) -> web.StreamResponse:
        status, start = 200, 0
        wanted = request.headers.get("Range", "")
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return web.Response(status=416)
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers |= {"Content-Length": str(len(body) - start), "Content-Type": "application/gzip"}
        answer = web.StreamResponse(status=status, headers=headers)
        await answer.prepare(request)
        if request.method == "HEAD":
            return answer
        end = len(body) if fault.cut < 0 else min(len(body), start + fault.cut)
        for at in range(start, end, PIECE):
            piece = body[at : min(at + PIECE, end)]
            await answer.write(piece)
            self.sent += len(piece)
            self.on_sent(self.sent)
        if fault.silent:
            # Until the client gives up and its connection ends this handler.
            await asyncio.Event().wait()
        if end < len(body) and request.transport is not None:
            request.transport.close()
        return answer


def refused(request: web.Request) -> str | None:
    """Check the signature of a request as AWS documents it, from what came over the line."""
    told = request.headers.get("Authorization", "")
    if not told.startswith("AWS4-HMAC-SHA256 "):
        return "AccessDenied"
    parts = dict(part.strip().split("=", 1) for part in told.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    key_id, date, region, service, kind = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    stamp, digest = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
    must = {"host", "x-amz-date", "x-amz-content-sha256"} | {"range"} & {name.lower() for name in request.headers}
    if key_id != KEY_ID or not must <= set(names) or names != sorted(names) or kind != "aws4_request":
        return "InvalidAccessKeyId"
    listed = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = f"{request.method}\n{quote(request.path)}\n\n{listed}\n{';'.join(names)}\n{digest}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{date}/{region}/{service}/{kind}\n"
    to_sign += hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in (date, region, service, kind):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(signature, parts["Signature"]) else "SignatureDoesNotMatch"
