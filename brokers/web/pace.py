"""How fast a vendor may be asked: a bucket of tokens, and what its answers say about more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from qm.clock import MINUTE, SECOND, monotonic_ns, now_ns

_BURST: Final = 10
"""Requests that may follow each other at once."""


class Pace:
    """Lets `per_minute` requests through; `longest_s` bounds what a vendor's answer can make us wait."""

    def __init__(self, per_minute: int, longest_s: float) -> None:
        self._every = MINUTE // per_minute
        self._longest = int(longest_s * SECOND)
        self._next = 0
        """When a bucket that is never full would let the next one through, monotonic ns."""
        self._shut_until = 0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = monotonic_ns()
        self._next = max(self._next, now - (_BURST - 1) * self._every)
        wait = max(self._next, self._shut_until) - now
        self._next += self._every
        if wait > 0:
            await asyncio.sleep(wait / SECOND)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Read `X-RateLimit-Limit`, `-Remaining` and `-Reset` (unix seconds) of an answer."""
        limit = _whole(headers.get("X-RateLimit-Limit"))
        if limit is not None and limit > 0:
            self._every = max(self._every, MINUTE // limit)
        reset = _whole(headers.get("X-RateLimit-Reset"))
        if _whole(headers.get("X-RateLimit-Remaining")) == 0 and reset is not None:
            wait = min(max(0, reset * SECOND - now_ns()), self._longest)
            self._shut_until = monotonic_ns() + wait


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) <= 12 else None
