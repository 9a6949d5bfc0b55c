"""Endpoints of Alpaca that go wrong: one clear error or a repair, the documented code, and the catalogue as it was."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from qm.clock import at_ny
from qm.history.download.lock import only_one
from qm.history.files import write_whole
from tests.brokers.alpaca.history_server import HistoryServer, Silent
from tests.cli.alpaca_market import SYMBOLS, alpaca
from tests.cli.flat_market import FIRST, catalogue, contents
from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]
KINDS = ("quotes", "auctions", "actions", "assets")
Answer = Callable[[], web.StreamResponse]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(autouse=True)
def evening(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 21:00 in New York, when all of the day can be had."""
    for where in ("qm.history.download.driver.now_ns", "brokers.alpaca.history.now_ns"):
        monkeypatch.setattr(where, lambda: at_ny(FIRST, "21:00"))


def load(capsys: Run, kind: str, *more: str) -> Done:
    named = ("--symbols", ",".join(SYMBOLS), "--since", str(FIRST), "--until", str(FIRST))
    return inside(capsys, "data", "download", "alpaca", "-d", "mine", "--kind", kind, "--json", *named, *more)


def refused(status: int, text: str = "no", **headers: str) -> Answer:
    return lambda: web.json_response({"message": text}, status=status, headers=headers)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (refused(401, "request is not authorized"), 6, "does not accept the key"),
        (refused(403, "subscription does not permit"), 6, "subscription does not permit"),
        (refused(404), 3, "alpaca has no /v"),
        (refused(400, "invalid symbol: NA"), 3, "invalid symbol: NA"),
        (lambda: web.Response(text="<html>busy</html>"), 3, "sent what is no page"),
        (lambda: web.json_response([{"symbol": "AAPL"}]), 3, "sent what is no page"),
        (refused(429, "slow down", **{"Retry-After": "3600"}), 7, "is not available"),
    ],
    ids=["401", "403", "404", "400", "html", "another shape", "429 for an hour"],
)
def test_refusals(answer: Answer, code: int, said: str, kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        server.failures = [answer()]
        done = load(capsys, kind)
        assert (done.code, done.json["exit_code"], len(done.out.splitlines())) == (code, code, 1)
        assert said in done.json["error"] + "".join(done.json["failed"].values())
        assert contents(own_folders / "data" / "history" / "mine") == {}
        assert load(capsys, kind).json["fetched"] == [f"{kind} {FIRST}"]


@pytest.mark.parametrize(
    "answers",
    [
        [refused(429, **{"Retry-After": "0"})],
        [refused(500), refused(503)],
        [refused(429)],
    ],
    ids=["429", "500 and 503", "429 without a time"],
)
def test_what_passes_is_tried_again(answers: list[Answer], kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        server.failures = [answer() for answer in answers]
        done = load(capsys, kind)
        assert (done.code, done.json["fetched"]) == (0, [f"{kind} {FIRST}"])
        assert server.failures == []


def test_a_vendor_that_stays_down_ends_with_7(kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        server.failures = [web.Response(status=502) for _ in range(3)]
        assert load(capsys, kind).code == 7


def test_a_socket_that_goes_silent_is_given_up(kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QM_DOWNLOAD__STALL_S", "0.2")
        server.failures = [Silent() for _ in range(3)]
        done = load(capsys, kind)
        assert done.code == 7
        assert "it went silent" in "".join(done.json["failed"].values())
        server.failures = [Silent()]
        assert load(capsys, kind).code == 0


@pytest.mark.parametrize("kind", ["quotes", "auctions", "actions"], indirect=True)
def test_a_page_token_that_repeats_ends_the_unit(kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=1, repeat_token=True)) as server:
        # Two of them are processed on the days that are asked about.
        server.actions *= 2
        done = load(capsys, kind)
        assert done.code == 3
        assert "twice" in done.json["failed"][f"{kind} {FIRST}"]
        assert contents(own_folders / "data" / "history" / "mine") == {}
        server.repeat_token = False
        assert load(capsys, kind).json["fetched"] == [f"{kind} {FIRST}"]


def test_a_full_disk_leaves_the_catalogue_as_it_was(kind: str, own_folders: Path, capsys: Run) -> None:
    def full(path: Path, write: Callable[[Path], None]) -> None:
        def fails(part: Path) -> None:
            write(part)
            raise OSError(errno.ENOSPC, "No space left on device")

        write_whole(path, fails)

    with alpaca(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("qm.history.catalogue.write_whole", full)
        done = load(capsys, kind)
        assert done.code == 1
        assert "The disk is full" in done.json["error"]
        assert contents(own_folders / "data" / "history" / "mine") == {}
    with alpaca():
        assert load(capsys, kind).json["fetched"] == [f"{kind} {FIRST}"]


def test_a_disk_without_room_is_refused(kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QM_DOWNLOAD__RESERVE_MB", "1000000000000")
        assert load(capsys, kind).code == 1
        assert server.asked == []


def test_a_second_download_is_told_so(kind: str, own_folders: Path, capsys: Run) -> None:
    async def beside() -> Done:
        async with only_one(own_folders / "data" / "history" / ".downloads" / "lock", lambda: False):
            return await asyncio.to_thread(load, capsys, kind)

    with alpaca() as server, pytest.MonkeyPatch.context() as patch:
        # Signals can be caught in the main thread alone.
        patch.setattr("cli.download._on_signals", lambda loop, stopper: None)
        assert asyncio.run(beside()).code == 5
        assert server.asked == []


def test_what_is_there_stays_when_the_vendor_goes_wrong(kind: str, own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        load(capsys, kind)
        before = contents(own_folders / "data" / "history" / "mine")
        server.failures = [web.Response(text="[")]
        assert load(capsys, kind, "--repair").code in (0, 3)
        assert contents(own_folders / "data" / "history" / "mine") == before
        assert catalogue(own_folders).sound("mine", kind, FIRST)
