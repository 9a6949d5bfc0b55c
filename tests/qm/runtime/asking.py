"""Asking the gateway as curl would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from qm.wire.protocol import CommandReply, Problem
from tests.qm.runtime.rig import LIMIT_S

Answer = tuple[int, Any]


async def ask(path: Path, target: str, method: str = "GET", body: bytes | None = None) -> Answer:
    """Ask as curl would; returns status and decoded JSON."""
    async with (
        asyncio.timeout(LIMIT_S),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.request(method, f"http://qm{target}", data=body) as answer,
    ):
        raw = await answer.read()
        assert answer.content_type == "application/json"
        assert raw.endswith(b"\n")
        return answer.status, msgspec.json.decode(raw)


async def refusal(path: Path, target: str, method: str = "GET", body: bytes | None = None) -> tuple[int, Problem]:
    status, answer = await ask(path, target, method, body)
    assert status >= 400
    return status, msgspec.convert(answer, Problem)


async def send(path: Path, body: bytes) -> CommandReply:
    status, answer = await ask(path, "/v1/commands", "POST", body)
    assert status == 200
    return msgspec.convert(answer, CommandReply)
