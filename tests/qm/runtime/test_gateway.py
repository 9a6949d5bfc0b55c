"""Queries and commands over a real Unix socket, on both event loops."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qm.errors import ConfigError, LockedError, NotFoundError
from qm.runtime import gateway as gateway_module
from qm.runtime.gateway import Gateway
from qm.runtime.socketfile import identity
from qm.store.projections import TradeRow
from qm.wire.client import Client
from qm.wire.protocol import VERSION, Problem
from qm.wire.queries import BanLine, EventsPage, HitLine, Identity
from qm.wire.views import HealthView, LogView, OrderView, PnlView, PositionView, RadarView, StatusView, WatchView
from tests.qm.runtime.asking import ask, refusal
from tests.qm.runtime.raw import Raw
from tests.qm.runtime.rig import LIMIT_S, RUN, RUNNING, Rig, until


@pytest.fixture(scope="module")
def traded() -> Rig:
    """An engine after an hour; tests that share it only look."""
    rig = Rig()
    rig.feed(60)
    return rig


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


@pytest.fixture
async def looking(traded: Rig, path: Path) -> AsyncIterator[Gateway]:
    serving = traded.gateway(path)
    await serving.start()
    yield serving
    await serving.stop()


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("looking")
async def test_every_view_can_be_asked_for(traded: Rig, path: Path) -> None:
    frame = traded.frame()
    expected: list[tuple[str, Any, Any]] = [
        ("/v1/status", StatusView, frame.status),
        ("/v1/health", HealthView, frame.health),
        ("/v1/pnl", PnlView, frame.pnl),
        ("/v1/radar", list[RadarView], frame.radar),
        ("/v1/radar?limit=3", list[RadarView], frame.radar[:3]),
        ("/v1/watchlist", list[WatchView], frame.watch),
        ("/v1/bans", list[BanLine], []),
        ("/v1/positions", list[PositionView], frame.positions),
        ("/v1/orders", list[OrderView], frame.orders),
        ("/v1/orders?limit=2", list[OrderView], frame.orders[:2]),
        ("/v1/log", list[LogView], frame.log),
        ("/v1/trades", list[TradeRow], traded.journal.trades(run=RUN)),
        ("/v1/trades?run=all&limit=1", list[TradeRow], traded.journal.trades(limit=1)),
        ("/v1/trades?symbol=NONE", list[TradeRow], []),
        ("/v1/version", Identity, Identity(VERSION, RUNNING.version, "sim", RUN, os.getpid())),
    ]
    for target, kind, value in expected:
        status, answer = await ask(path, target)
        assert status == 200, target
        # JSON has one kind of number; 1.0 and 1 are the same to it.
        assert msgspec.convert(answer, kind, strict=False) == value, target
    assert frame.positions
    assert frame.trades


@pytest.mark.usefixtures("looking")
async def test_the_watchlist_by_priority_puts_first_what_is_held(traded: Rig, path: Path) -> None:
    rows = msgspec.convert((await ask(path, "/v1/watchlist?by=priority"))[1], list[WatchView], strict=False)
    core = traded.core
    order = core.book.watchlist.by_priority(core.funnel.held(), core.ranking)
    assert [row.symbol for row in rows if row.symbol in order] == order
    assert {row.key for row in rows} == {row.key for row in traded.frame().watch}
    status, answer = await ask(path, "/v1/watchlist?by=name")
    assert (status, answer["remedy"]) == (400, "By age, or by priority.")


@pytest.mark.usefixtures("looking")
async def test_what_is_alive_can_be_asked_for_latest_first(traded: Rig, path: Path) -> None:
    lines = msgspec.convert((await ask(path, "/v1/hits"))[1], list[HitLine], strict=False)
    alive = traded.core.book.scanner.active()
    assert {(line.scan, line.symbol): line.seq for line in lines} == {key: hit.seq for key, hit in alive.items()}
    assert [line.seq for line in lines] == sorted((line.seq for line in lines), reverse=True)
    works = {traded.market.table.names[row]: work.strategy for row, work in traded.core.book.desk.works.items()}
    assert {line.strategy for line in lines} == {works.get(line.symbol, "") for line in lines}
    assert {"worked", "held"} & {line.stage for line in lines}
    assert all(bool(line.rejected) or line.stage != "rejected" for line in lines)
    some = (await ask(path, f"/v1/hits?scan={lines[0].scan}&limit=1"))[1]
    assert [each["seq"] for each in some] == [lines[0].seq]


@pytest.mark.usefixtures("looking")
async def test_the_clients_of_the_house_are_understood(path: Path) -> None:
    async with Client(path) as client:
        assert (await client.hello()).version == RUNNING.version
        assert len(await client.get("/v1/radar", limit="5")) == 5
        with pytest.raises(NotFoundError, match="Nothing was decided about 'NOPE'"):
            await client.get("/v1/explain", what="NOPE")


@pytest.mark.usefixtures("looking")
async def test_events_come_in_pages_and_none_is_lost(traded: Rig, path: Path) -> None:
    head = traded.journal.head(RUN)[0]
    after, seen = head - 200, []
    while True:
        status, answer = await ask(path, f"/v1/events?after={after}&limit=37")
        page = msgspec.convert(answer, EventsPage, strict=False)
        assert (status, page.run, page.head) == (200, RUN, head)
        seen += page.events
        after = page.last
        if not page.events:
            break
    entries = traded.entries()[head - 200 :]
    assert [(e.seq, e.ts, e.at, e.cause, e.event) for e in seen] == [
        (e.seq, e.ts, e.at, e.cause, e.body) for e in entries
    ]
    assert after == head


@pytest.mark.usefixtures("looking")
async def test_a_page_of_events_is_bounded(path: Path) -> None:
    assert len((await ask(path, "/v1/events"))[1]["events"]) == 200
    assert (await ask(path, "/v1/events?limit=0"))[1]["events"] == []
    assert (await refusal(path, "/v1/events?limit=5000"))[1].remedy == "It is a whole number from 0 to 1,000."
    assert (await refusal(path, "/v1/events?run=sim-9"))[1].remedy == "Did you mean sim-1?"
    assert (await refusal(path, "/v1/trades?run=sim-9"))[1].remedy == "Did you mean sim-1?"


@pytest.mark.usefixtures("looking")
async def test_an_explanation_of_a_trade_an_order_and_a_symbol(traded: Rig, path: Path) -> None:
    trade = traded.frame().trades[0]
    answer: Any = None
    for what in (trade.trade, trade.symbol, trade.symbol.lower()):
        status, answer = await ask(path, f"/v1/explain/{what}")
        assert status == 200, answer
        text = "\n".join(answer["lines"])
        assert trade.symbol in answer["title"] or trade.trade in answer["title"]
        assert "hit of" in text
        assert "wants in" in text
        assert trade.reason in text
    assert (await ask(path, f"/v1/explain?what={trade.symbol}"))[1] == answer
    assert (await refusal(path, "/v1/explain"))[0] == 400


@pytest.mark.usefixtures("gateway")
async def test_the_schema_names_everything_that_crosses_the_socket(path: Path) -> None:
    status, schema = await ask(path, "/v1/schema")
    assert status == 200
    assert {"frame", "command", "reply", "problem", "events"} <= set(schema["schemas"])

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}
    assert schema["$defs"]["Flatten"]["properties"]["do"]["enum"] == ["flatten"]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("method", "target", "status", "error", "remedy"),
    [
        ("GET", "/", 404, "Nothing is at /.", "GET /v1/status"),
        ("GET", "/v1/statu", 404, "Nothing is at /v1/statu.", "Did you mean /v1/status, "),
        ("GET", "/v1/%1b%5b2J", 404, "Nothing is at /v1/.", "POST /v1/commands"),
        ("DELETE", "/v1/orders", 405, "takes no DELETE", "It takes GET."),
        ("GET", "/v1/commands", 405, "takes no GET", "It takes POST."),
        ("GET", "/v1/shutdown", 405, "takes no GET", "It takes POST."),
        ("GET", "/v1/radar?limt=5", 400, "no 'limt'", "Did you mean limit?"),
        ("GET", "/v1/radar?limit=-1", 400, "limit is '-1'", "0 to 1,000"),
        ("GET", "/v1/status?x=1", 400, "no 'x'", "It takes none."),
        ("GET", "/v1/stream", 426, "a WebSocket", "upgrade"),
        ("GET", "/v1/stream?encoding=jsn", 400, "'jsn'", "Did you mean json?"),
        ("POST", "/v1/commands", 400, "not JSON", "stop_entries"),
    ],
)
async def test_a_refusal_says_what_would_be_right(
    path: Path, method: str, target: str, status: int, error: str, remedy: str
) -> None:
    got, problem = await refusal(path, target, method)
    assert got == status
    assert error in problem.error
    assert remedy in problem.remedy


@pytest.mark.usefixtures("gateway")
async def test_a_body_that_is_too_large(path: Path) -> None:
    status, problem = await refusal(path, "/v1/commands", "POST", b"x" * (256 * 1024 + 1))
    assert (status, problem.error) == (413, "The request is too large.")


@pytest.mark.usefixtures("gateway")
async def test_a_body_that_never_comes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "BODY_S", 0.01)
    async with asyncio.timeout(LIMIT_S), Raw(path) as raw:
        raw.request("POST /v1/commands", "Content-Length: 50")
        status, body = await raw.answer()
    assert status == 408
    assert b"did not arrive in time" in body


async def test_another_user_is_refused_everything(
    gateway: Gateway, path: Path, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "_uid", os.getuid() + 1)
    for method, target in (
        ("GET", "/v1/status"),
        ("GET", "/nowhere"),
        ("POST", "/v1/commands"),
        ("POST", "/v1/shutdown"),
    ):
        status, problem = await refusal(path, target, method, b'{"id": "1", "do": "flatten"}')
        assert (status, problem.error) == (403, "This engine belongs to another user.")
    async with Raw(path) as raw:
        assert await raw.upgrade() == 403
    assert rig.commanded == []


async def test_a_fault_in_an_answer_stays_in_that_answer(
    gateway: Gateway, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> HealthView:
        raise ZeroDivisionError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "_health", broken)
        status, problem = await refusal(path, "/v1/status")
    assert status == 500
    assert "secret" not in problem.error + problem.remedy
    said = capsys.readouterr()
    assert "secret detail" in said.out + said.err
    assert (await ask(path, "/v1/status"))[0] == 200


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/x.y\r\n\r\n",
        b"GET /" + b"A" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["bytes", "half", "version", "long"],
)
async def test_what_is_not_http_ends_that_connection_only(
    path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(LIMIT_S), Raw(path) as raw, Raw(path) as other:
        raw.send(garbage)
        assert (await raw.ended()).startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        other.request("GET /v1/version")
        assert (await other.answer())[0] == 200
    # Nobody can fill the log by talking nonsense.
    assert sum(len(record.getMessage()) + len(record.exc_text or "") for record in caplog.records) < 300


# --- the socket and its connections ----------------------------------------------------------------------------------


async def test_the_socket_is_gone_after_the_end(rig: Rig, path: Path) -> None:
    serving = rig.gateway(path)
    await serving.start()
    assert identity(path) is not None
    await serving.stop()
    assert identity(path) is None
    await serving.stop()
    await serving.start()
    assert (await ask(path, "/v1/version"))[0] == 200
    await serving.stop()


async def test_another_ones_socket_is_left_at_the_end(rig: Rig, path: Path) -> None:
    serving = rig.gateway(path)
    await serving.start()
    os.unlink(path)  # noqa: PTH108 (a Path in an async function would be refused as blocking)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        theirs = identity(path)
        await serving.stop()
        assert identity(path) == theirs


@pytest.mark.usefixtures("gateway")
async def test_a_second_gateway_does_not_start_and_harms_nobody(rig: Rig, path: Path) -> None:
    with pytest.raises(LockedError):
        await rig.gateway(path).start()
    assert (await ask(path, "/v1/version"))[0] == 200


async def test_a_gateway_that_cannot_start_leaves_nothing_behind(rig: Rig, own_folders: Path) -> None:
    far = own_folders / ("x" * 120)
    serving = rig.gateway(far)
    with pytest.raises(ConfigError):
        await serving.start()
    await serving.stop()
    assert identity(far) is None


@pytest.mark.usefixtures("gateway")
async def test_connections_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "MAX_CONNECTIONS", 2)
    async with asyncio.timeout(LIMIT_S), Raw(path) as first, Raw(path) as second:
        for raw in (first, second):
            raw.request("GET /v1/version")
            assert (await raw.answer())[0] == 200
        async with Raw(path) as third:
            status, body = await third.answer()
            assert (status, msgspec.json.decode(body, type=Problem).error) == (503, "Too many connections.")
            assert await third.ended() == b""
        first.request("GET /v1/version", "Connection: close")
        assert (await first.answer())[0] == 200
        assert await first.ended() == b""
        async with Raw(path) as fourth:
            fourth.request("GET /v1/version")
            assert (await fourth.answer())[0] == 200


async def test_a_connection_that_says_nothing_is_closed(rig: Rig, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "IDLE_S", 0.05)
    serving = rig.gateway(path)
    await serving.start()
    async with asyncio.timeout(LIMIT_S), Raw(path) as silent, Raw(path) as halting:
        halting.send(b"GET /v1/status HT")
        assert await silent.ended() == b""
        await halting.ended()
    await serving.stop()


async def test_whoever_asks_is_known_by_the_kernel(gateway: Gateway, rig: Rig, path: Path) -> None:
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        'b = b\'{"id": "1", "do": "stop_entries"}\'; '
        "s.sendall(b'POST /v1/commands HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(b) + b); print(s.recv(99))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))
    assert await process.wait() == 0
    await until(lambda: len(rig.commanded) == 1)
    assert rig.commanded[0][1] == f"pid {process.pid}"
