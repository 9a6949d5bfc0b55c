"""The client against a real server on a Unix socket: answers, refusals, gaps and losses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qm.errors import NotFoundError, ProtocolError, UnavailableError, UsageError
from qm.wire import client as client_module
from qm.wire.client import LONGEST_WAIT_S, Client, LinkLost, LinkUp, StreamItem, wait_s
from qm.wire.protocol import VERSION, Delta, Hello, Problem, Snapshot
from tests.tui import market
from tests.tui.gateway import Gateway

LIMIT_S = 20.0
"""A test that takes longer hangs; it is not how long anything is waited for."""


@pytest.fixture
async def gateway(own_folders: Path) -> AsyncIterator[Gateway]:
    async with Gateway(own_folders / "qm.sock") as running:
        yield running


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    async with Client(gateway.path) as attached:
        yield attached


async def take(items: AsyncIterator[StreamItem], count: int) -> list[Any]:
    async with asyncio.timeout(LIMIT_S):
        return [await anext(items) for _ in range(count)]


async def test_hello_names_the_engine(client: Client) -> None:
    assert await client.hello() == Hello(protocol=VERSION, version="0.1.0")


async def test_another_protocol_is_refused_with_a_remedy(gateway: Gateway, client: Client) -> None:
    gateway.hello = Hello(protocol=VERSION + 1, version="9.0")
    with pytest.raises(ProtocolError, match="9.0") as caught:
        await client.hello()
    assert "qm down" in caught.value.remedy


async def test_nobody_there(own_folders: Path) -> None:
    async with Client(own_folders / "no.sock") as client:
        with pytest.raises(UnavailableError, match="No engine answers at .*no.sock") as caught:
            await client.hello()
    assert caught.value.remedy == "Start it: qm up."


async def test_a_socket_that_nobody_listens_on(own_folders: Path) -> None:
    dead = own_folders / "dead.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(dead))
    async with Client(dead) as client:
        with pytest.raises(UnavailableError, match="No engine answers"):
            await client.get("/v1/orders")


async def test_queries_are_decoded_and_refusals_carry_the_engines_words(client: Client) -> None:
    answer = await client.get("/v1/explain", what="ABCD")
    assert answer["title"] == "Why ABCD"
    with pytest.raises(NotFoundError, match="Nothing is known about NOPE") as caught:
        await client.get("/v1/explain", what="NOPE")
    assert caught.value.remedy == "See qm journal list."


@pytest.mark.parametrize(("status", "kind"), [(400, UsageError), (409, UsageError), (503, UnavailableError)])
async def test_a_refused_command(gateway: Gateway, client: Client, status: int, kind: type[Exception]) -> None:
    gateway.problem = (status, Problem("No symbol is called ZZZZ.", "See the radar."))
    with pytest.raises(kind, match="No symbol is called ZZZZ"):
        await client.command({"do": "pin", "symbol": "ZZZZ"})


async def test_a_command_gets_an_id_of_its_own(gateway: Gateway, client: Client) -> None:
    reply = await client.command({"do": "flatten", "symbol": None})
    other = await client.command({"do": "flatten", "symbol": None})
    assert reply.accepted
    assert reply.id == gateway.commands[0]["id"]
    assert reply.id != other.id
    assert gateway.commands[0] == {"do": "flatten", "symbol": None, "id": reply.id}


async def test_a_command_whose_answer_was_lost_is_sent_again_under_its_id(gateway: Gateway, client: Client) -> None:
    gateway.drop_replies = 2
    reply = await client.command({"do": "stop_entries"})
    assert reply.accepted
    assert {body["id"] for body in gateway.commands} == {reply.id}
    assert len(gateway.commands) == 3


async def test_a_command_that_nobody_answers_fails(gateway: Gateway, client: Client) -> None:
    gateway.drop_replies = 99
    with pytest.raises(UnavailableError, match="broke"):
        await client.command({"do": "stop_entries"})


async def test_the_stream_brings_a_snapshot_and_then_deltas(gateway: Gateway, client: Client) -> None:
    start = market.opening()
    frames = list(islice(market.deltas(start), 3))
    async with aclosing(client.stream()) as items:
        first = await take(items, 2)
        await gateway.push(*frames)
        assert isinstance(first[0], LinkUp)
        assert first[1] == start
        assert await take(items, 3) == frames
    assert client.gaps == 0


async def test_after_a_gap_nothing_passes_until_a_snapshot(gateway: Gateway, client: Client) -> None:
    start = market.opening()
    one, two, three, four = islice(market.deltas(start), 4)
    again = msgspec.structs.replace(start, seq=four.seq + 1)
    following = Delta(seq=again.seq + 1)
    async with aclosing(client.stream()) as items:
        await take(items, 2)
        await gateway.push(one, three, four, again, following)
        assert await take(items, 3) == [one, again, following]
    assert client.gaps == 1
    assert two.seq == one.seq + 1


async def test_a_gap_without_a_snapshot_ends_the_connection(
    gateway: Gateway, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_SKIPPED", 2)
    async with aclosing(client.stream()) as items:
        await take(items, 2)
        await gateway.push(*[Delta(seq=500 + n) for n in range(4)])
        lost, up, snapshot = await take(items, 3)
    assert isinstance(lost, LinkLost)
    assert "sent no snapshot" in lost.problem
    assert isinstance(up, LinkUp)
    assert isinstance(snapshot, Snapshot)


async def test_a_lost_link_is_told_and_comes_back(gateway: Gateway, client: Client) -> None:
    async with aclosing(client.stream()) as items:
        up, _ = await take(items, 2)
        await gateway.stop()
        lost = (await take(items, 1))[0]
        still = (await take(items, 1))[0]
        async with Gateway(gateway.path):
            while not isinstance(back := (await take(items, 1))[0], LinkUp):
                assert isinstance(back, LinkLost)
                assert back.at == lost.at
            assert isinstance((await take(items, 1))[0], Snapshot)
    assert isinstance(lost, LinkLost)
    assert lost.attempts == 1
    assert (still.at, still.attempts) == (lost.at, 2)
    assert up.at <= lost.at <= back.at


async def test_garbage_on_the_stream_ends_the_connection(gateway: Gateway, client: Client) -> None:
    async with aclosing(client.stream()) as items:
        await take(items, 2)
        for each in gateway.sockets:
            await each.send_bytes(b"\xc1 not msgpack")
        lost = (await take(items, 1))[0]
    assert isinstance(lost, LinkLost)
    assert "cannot be read" in lost.problem


async def test_a_client_that_was_closed_says_so(gateway: Gateway) -> None:
    client = Client(gateway.path)
    with pytest.raises(UnavailableError, match="closed"):
        await client.hello()


def test_the_wait_doubles_up_to_a_bound() -> None:
    waits = [wait_s(failures) for failures in range(40)]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(waits) == LONGEST_WAIT_S
    assert waits == sorted(waits)
