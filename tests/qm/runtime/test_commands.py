"""Commands over a real Unix socket: carried out once, refused in words, and not too many of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from qm.errors import DiskFullError
from qm.model.commands import AnyCommand, Flatten, Pin, StopEntries
from qm.model.events import Commanded, EntriesStopped
from qm.runtime import gateway as gateway_module
from qm.runtime.gateway import COMMANDS_PER_S, JOURNAL_COST, QUERIES_PER_S, Gateway
from qm.wire.client import Client
from qm.wire.protocol import Problem
from qm.wire.queries import Stopping
from tests.qm.runtime.asking import ask, refusal, send
from tests.qm.runtime.raw import Raw
from tests.qm.runtime.rig import LIMIT_S, RUN, Rig


@pytest.fixture
def rig() -> Rig:
    """An engine before its first record, to give commands to."""
    return Rig(symbols=40, minutes=0)


@pytest.fixture
def path(own_folders: Path) -> Path:
    return own_folders / "run" / "gateway.sock"


@pytest.fixture
async def gateway(rig: Rig, path: Path) -> AsyncIterator[Gateway]:
    serving = rig.gateway(path)
    await serving.start()
    yield serving
    await serving.stop()


@pytest.mark.usefixtures("gateway")
async def test_a_command_is_carried_out_once_per_id(rig: Rig, path: Path) -> None:
    body = b'{"id": "a-1", "do": "stop_entries", "reason": "news"}'
    replies = await asyncio.gather(*(send(path, body) for _ in range(5)))
    assert len(set(map(msgspec.json.encode, replies))) == 1
    (reply,) = replies[:1]
    assert (reply.id, reply.accepted, reply.outcome) == ("a-1", True, "accepted")
    journaled = rig.journal.entry(RUN, reply.seq).body
    assert isinstance(journaled, Commanded)
    assert journaled.command == StopEntries("a-1", "news")
    assert journaled.who == f"pid {os.getpid()}"
    assert [e.body for e in rig.entries() if isinstance(e.body, EntriesStopped)] == [EntriesStopped("news")]
    assert (await ask(path, "/v1/status"))[1]["entries"] == "news"


@pytest.mark.usefixtures("gateway")
async def test_an_id_cannot_stand_for_two_commands(rig: Rig, path: Path) -> None:
    symbol = rig.market.table.names[0].encode()
    await send(path, b'{"id": "1", "do": "pin", "symbol": "%s"}' % symbol)
    status, problem = await refusal(path, "/v1/commands", "POST", b'{"id": "1", "do": "flatten"}')
    assert (status, problem.error) == (409, "The id '1' was used by another command.")
    assert not any(isinstance(e.body, Commanded) and isinstance(e.body.command, Flatten) for e in rig.entries())


@pytest.mark.usefixtures("gateway")
async def test_a_command_that_the_engine_refuses_is_answered_with_why(path: Path) -> None:
    reply = await send(path, b'{"id": "1", "do": "pin", "symbol": "QQQQQ"}')
    assert (reply.accepted, reply.outcome) == (False, "refused: QQQQQ is not in this session")
    assert reply.seq > 0


@pytest.mark.usefixtures("gateway")
async def test_the_houses_client_gives_commands(rig: Rig, path: Path) -> None:
    symbol = rig.market.table.names[0]
    async with Client(path) as client:
        reply = await client.command({"do": "pin", "symbol": symbol})
        assert reply.accepted
        assert [row["symbol"] for row in await client.get("/v1/watchlist")] == [symbol]
    assert [type(command) for command, _ in rig.commanded] == [Pin]


async def test_a_full_disk_is_told_in_its_own_words(
    gateway: Gateway, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(command: AnyCommand, who: str) -> Commanded:
        raise DiskFullError("No space is left for the journal.", "Free some.")

    monkeypatch.setattr(gateway, "_on_command", full)
    status, problem = await refusal(path, "/v1/commands", "POST", b'{"id": "1", "do": "flatten"}')
    assert (status, problem) == (500, Problem("No space is left for the journal.", "Free some."))


@pytest.mark.usefixtures("gateway")
async def test_a_flood_of_commands_is_turned_away(rig: Rig, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "monotonic_ns", lambda: 0)
    async with asyncio.timeout(LIMIT_S), Raw(path) as raw:
        statuses = []
        for n in range(int(COMMANDS_PER_S) + 3):
            body = b'{"id": "%d", "do": "resume_entries"}' % n
            raw.request("POST /v1/commands", f"Content-Length: {len(body)}")
            raw.send(body)
            statuses.append((await raw.answer())[0])
    assert statuses == [200] * int(COMMANDS_PER_S) + [429] * 3
    assert len(rig.commanded) == COMMANDS_PER_S


@pytest.mark.usefixtures("gateway")
async def test_a_flood_of_queries_is_turned_away_and_leaves_commands_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "monotonic_ns", lambda: 0)
    dear = int(QUERIES_PER_S / JOURNAL_COST)
    async with asyncio.timeout(LIMIT_S), Raw(path) as raw:
        for n in range(dear + 1):
            raw.request("GET /v1/events?limit=1")
            status, body = await raw.answer()
            assert (status, b"more slowly" in body or b"/v1/stream" in body) == (
                (200, False) if n < dear else (429, True)
            )
    assert (await refusal(path, "/v1/status"))[0] == 429
    assert (await send(path, b'{"id": "1", "do": "stop_entries"}')).accepted


async def test_a_shutdown_is_answered_before_it_begins(rig: Rig, path: Path) -> None:
    asked = asyncio.Event()
    serving = rig.gateway(path, asked.set)
    await serving.start()
    status, answer = await ask(path, "/v1/shutdown", "POST")
    assert (status, msgspec.convert(answer, Stopping)) == (202, Stopping(True, os.getpid()))
    assert asked.is_set()
    await serving.stop()
