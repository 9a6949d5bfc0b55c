"""One vendor over HTTP: GET and HEAD, retried within bounds, each failure as the error that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
import stamina
from yarl import URL

from brokers.web.pace import Pace
from qm.clock import SECOND, now_ns
from qm.errors import AccessError, DataError, UnavailableError
from qm.log import clean

_CHUNK: Final = 1 << 17
_CONNECT_S: Final = 15.0
_MOST: Final = 1 << 28
"""Bytes of an answer that is kept in memory."""
_SAID: Final = 200
"""Letters of a refusal that are passed on."""
FOUND: Final = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
NONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)
"""Nothing is there, or nothing of the version that was asked for."""

Sign = Callable[[], Mapping[str, str]]
"""Returns the headers of one try; a signature carries the time at which it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a vendor is asked."""

    per_minute: int
    attempts: int
    first_wait_s: float
    longest_wait_s: float
    stall_s: float


class _TransientError(UnavailableError):
    """It may work on another try, after `wait_s` where the vendor said so."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem, "Try again later; what was fetched stays, and is not fetched again.")
        self.wait_s = wait_s


class Client:
    """Asks one vendor, by its `name` in errors."""

    def __init__(self, name: str, patience: Patience) -> None:
        self._name = name
        self._patience = patience
        self._pace = Pace(patience.per_minute, patience.longest_wait_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._patience.stall_s)
        # Bytes are kept as they come: a .gz that is unpacked on the way could not be resumed.
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def attempts(self) -> int:
        """Tries of anything."""
        return self._patience.attempts

    async def head(self, url: URL, sign: Sign) -> Mapping[str, str] | None:
        """Return the headers of what is at `url`, None when nothing is."""
        async with self.opened("HEAD", url, sign) as answer:
            return None if answer is None else answer.headers

    async def whole(self, url: URL, sign: Sign) -> bytes | None:
        """Return what is at `url`, None when nothing is; a connection that breaks is tried again like a refused one.

        DataError where an answer without end would fill the memory.
        """
        async for attempt in self._tries():
            with attempt:
                answer = await self._ask("GET", url, sign)
                if answer is None:
                    return None
                body = bytearray()
                async with answer:
                    async for chunk in self.chunks(answer):
                        body += chunk
                        if len(body) > _MOST:
                            raise DataError(f"{self._name} sends more than {_MOST:,} bytes at once for {url.path}.")
                return bytes(body)
        raise AssertionError

    @asynccontextmanager
    async def opened(self, method: str, url: URL, sign: Sign) -> AsyncIterator[aiohttp.ClientResponse | None]:
        """Open an answer, None when nothing is at `url`; its body is read by `chunks`, without another try."""
        answer: aiohttp.ClientResponse | None = None
        async for attempt in self._tries():
            with attempt:
                answer = await self._ask(method, url, sign)
        try:
            yield answer
        finally:
            if answer is not None:
                # What was not read of the body is not wanted.
                answer.close()

    async def chunks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the body; UnavailableError when it stalls or breaks off."""
        try:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._broken(error) from error

    async def pause(self, failures: int) -> None:
        """Wait before a further try of something that broke off for the n-th time without progress."""
        wait = min(self._patience.first_wait_s * 2 ** (failures - 1), self._patience.longest_wait_s)
        await asyncio.sleep(wait)

    def _tries(self) -> AsyncIterator[stamina.Attempt]:
        patience = self._patience
        tries = stamina.retry_context(
            on=_when_again,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.first_wait_s,
            wait_max=patience.longest_wait_s,
            wait_jitter=patience.first_wait_s,
        )
        return tries.__aiter__()

    async def _ask(self, method: str, url: URL, sign: Sign) -> aiohttp.ClientResponse | None:
        assert self._session is not None
        await self._pace.turn()
        # Bytes are counted as they lie there.
        headers = {**sign(), "Accept-Encoding": "identity"}
        try:
            answer = await self._session.request(method, url, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._broken(error) from error
        self._pace.heed(answer.headers)
        if answer.status in FOUND:
            return answer
        async with answer:
            if answer.status in NONE:
                return None
            raise await self._refused(answer)

    def _broken(self, error: Exception) -> _TransientError:
        why = "it went silent" if isinstance(error, TimeoutError) else clean(str(error)) or type(error).__name__
        return _TransientError(f"The connection to {self._name} failed: {why}.")

    async def _refused(self, answer: aiohttp.ClientResponse) -> AccessError | DataError | UnavailableError:
        status, path = answer.status, answer.url.path
        try:
            text = (await answer.content.read(_SAID * 4)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError):
            text = ""
        said = f"{status}: {text}" if (text := clean(" ".join(text.split()), _SAID)) else str(int(status))
        if status == HTTPStatus.UNAUTHORIZED:
            return AccessError(f"{self._name} does not accept the key ({said}).", "Check or renew the key.")
        if status == HTTPStatus.FORBIDDEN:
            return AccessError(
                f"{self._name} does not let this key read {path} ({said}).",
                "Check the key, and what its plan includes: kinds of data, and how far back.",
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(answer.headers.get("Retry-After"))
            problem = f"{self._name} is not available ({said})."
            if wait is not None and wait > self._patience.longest_wait_s:
                return UnavailableError(problem, f"It asks to wait {wait:,.0f} s; then try again.")
            return _TransientError(problem, wait)
        return DataError(f"{self._name} did not understand the request for {path} ({said}).")


def retry_after(text: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, told as seconds or as a date; None without a sound one."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_ns() / SECOND)
    except ValueError:
        return None


def _when_again(error: Exception) -> bool | float:
    if not isinstance(error, _TransientError):
        return False
    return True if error.wait_s is None else error.wait_s
