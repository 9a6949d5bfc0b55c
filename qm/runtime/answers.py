"""Answers of the gateway: JSON with a line end for `curl`, and every refusal as a readable `Problem`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from qm.errors import (
    ConfigError,
    LockedError,
    NotFoundError,
    ProtocolError,
    QmError,
    UnavailableError,
    UsageError,
    did_you_mean,
    nearest,
)
from qm.log import clean, logger
from qm.runtime.intake import MAX_BODY_BYTES
from qm.wire.protocol import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
"""Method, path and who answers."""

log = logger(__name__)

_STATUS: Final[tuple[tuple[type[QmError], int], ...]] = (
    (NotFoundError, 404),
    (UsageError, 400),
    (ConfigError, 400),
    (ProtocolError, 400),
    (LockedError, 409),
    (UnavailableError, 503),
    (QmError, 500),
)


class RefusedError(QmError):
    """Refuse a request with a status of its own."""

    def __init__(self, status: int, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.args = (status, problem, remedy)
        self.status = status


def parser_log() -> logging.Logger:
    """Return the log for requests that are not HTTP: one line each, without what was sent and without a traceback."""
    found = logging.getLogger(f"{__name__}.parser")
    if not found.filters:
        found.addFilter(_one_line)
    return found


def _one_line(record: logging.LogRecord) -> bool:
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    record.msg, record.args, record.exc_info = "a request could not be read", (), None
    return True


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a value as JSON; what is not known is null."""
    body = msgspec.json.encode(value) + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def problem(status: int, error: str, remedy: str = "", headers: dict[str, str] | None = None) -> web.Response:
    """Return a refusal."""
    return answer(Problem(error, remedy), status, headers)


def readable(routes: tuple[str, ...]) -> Any:
    """Return the middleware that turns whatever a handler raises into a `Problem`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            headers = {"Retry-After": "1"} if error.status == 429 else None
            return problem(error.status, error.problem, error.remedy, headers)
        except QmError as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            return problem(status, error.problem, error.remedy)
        except web.HTTPException as error:
            return _plain(error, request, routes)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request failed", path=clean(request.path), method=request.method)
            return problem(
                500, "The gateway failed to answer.", "The daemon's log has the details; the engine goes on."
            )

    return middleware


def _plain(error: web.HTTPException, request: web.Request, routes: tuple[str, ...]) -> web.Response:
    path = clean(request.path, 80)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods - {"HEAD"}))
        headers = {"Allow": error.headers.get("Allow", allowed)}
        return problem(405, f"{path} takes no {clean(request.method, 20)}.", f"It takes {allowed}.", headers)
    if isinstance(error, web.HTTPNotFound):
        paths = [route.split(" ")[1] for route in routes]
        close = did_you_mean(nearest(path, paths))
        return problem(404, f"Nothing is at {path}.", f"{close} There is: {', '.join(routes)}.".strip())
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem(413, "The request is too large.", f"At most {MAX_BODY_BYTES:,} bytes.")
    return problem(error.status, f"{path} could not be answered: {clean(error.reason)}.")
