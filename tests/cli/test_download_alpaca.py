"""`qm data download alpaca` over real sockets: pages across symbols, explicit questions, and vendors that go wrong."""

from pathlib import Path

import pytest
from aiohttp import web

from qm.model.market import Kind, Print
from qm.rules.calendar import session
from tests.brokers.alpaca.history_server import HistoryServer
from tests.cli.alpaca_market import MINUTES, SYMBOLS, alpaca
from tests.cli.flat_market import DATES, FIRST, LAST, catalogue, contents
from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]
NAMES = [f"bars_1m {date}" for date in DATES]


def load(capsys: Run, *more: str, symbols: str = ",".join(SYMBOLS)) -> Done:
    named = ("--symbols", symbols) if symbols else ()
    return inside(
        capsys,
        "data",
        "download",
        "alpaca",
        "-d",
        "mine",
        "--since",
        str(FIRST),
        "--until",
        str(LAST),
        "--json",
        *named,
        *more,
    )


def test_pages_across_symbols_become_sessions_once(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=17)) as server:
        done = load(capsys)
        assert (done.code, done.json["fetched"]) == (0, NAMES)
        assert done.json["rows"] == 3 * len(SYMBOLS) * MINUTES
        # 120 rows a session in pages of 17 are 8 pages.
        assert len(server.asked) == 3 * 8
        server.asked.clear()
        assert load(capsys).json["there"] == 3
        assert server.asked == []
    data = catalogue(own_folders).load("mine", FIRST)
    assert list(data.symbols) == list(SYMBOLS)
    assert data.events["event_ts"][0] == session(FIRST).open_ns
    assert data.events["a"][:3].tolist() == [10.0, 20.0, 30.0]


def test_feed_adjustment_and_date_of_the_names_are_always_said(own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        load(capsys, "--kind", "bars_1d,trades")
        for asked in server.asked:
            assert (asked["feed"], asked["asof"], asked["limit"]) == ("sip", asked["start"][:10], "10000")
            assert asked.get("adjustment") == ("raw" if "timeframe" in asked else None)
    manifest = catalogue(own_folders).manifest("mine", "bars_1d", FIRST)
    assert manifest is not None
    assert "feed=sip" in manifest.source
    assert "adjustment=raw" in manifest.source
    assert f"asof={FIRST}" in manifest.source


def test_daily_bars_and_prints(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=4)):
        done = load(capsys, "--kind", "bars_1d,trades", symbols="AAPL")
    assert (done.code, len(done.json["fetched"])) == (0, 6)
    days = catalogue(own_folders).load("mine", FIRST, "bars_1d").events
    assert (days["event_ts"].tolist(), days["d"].tolist()) == ([session(FIRST).open_ns], [11.0])
    events = catalogue(own_folders).load("mine", FIRST, "trades").events
    # What was cancelled, or put right later by another print, is left out: nothing says when.
    assert events["a"].tolist() == [10.0, 11.0, 14.0]
    assert events["flag"].tolist() == [Print.ALL, Print.VOLUME, Print.ALL]
    assert set(events["kind"].tolist()) == {Kind.TRADE}
    assert events["ts"][0] == session(FIRST).open_ns + 123


def test_a_page_token_that_repeats_ends_the_unit(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=17, repeat_token=True)) as server:
        done = load(capsys)
        assert (done.code, list(done.json["failed"])) == (3, NAMES)
        assert "twice" in done.json["failed"][NAMES[0]]
        server.repeat_token = False
        assert load(capsys).json["fetched"] == NAMES


def test_an_interrupted_unit_goes_on_at_its_page(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=17)) as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QM_DATA_DIR", str(own_folders / "whole"))
            load(capsys)
        whole = contents(own_folders / "whole" / "history")
        server.asked.clear()
        answer = server._answer

        def fails_after_five(*given: object) -> web.StreamResponse:
            return answer(*given) if len(server.asked) < 5 else web.Response(status=502)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "_answer", fails_after_five)
            assert load(capsys).code == 7
        server.asked.clear()
        assert load(capsys).json["fetched"] == NAMES
        # Five of the eight pages of the first session were there.
        assert len(server.asked) == 3 + 8 + 8
    assert contents(own_folders / "data" / "history") == whole


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (lambda: web.json_response({"message": "forbidden."}, status=401), 6, "does not accept the key"),
        (
            lambda: web.json_response({"message": "subscription does not permit querying recent SIP data"}, status=403),
            6,
            "recent SIP data",
        ),
        (lambda: web.json_response({"message": "invalid symbol: NA"}, status=400), 3, "invalid symbol: NA"),
        (lambda: web.Response(text="<html>busy</html>"), 3, "sent what is no page"),
        (lambda: web.json_response({"bars": {"MSFT": []}, "next_page_token": None}), 3, "was not asked for"),
    ],
    ids=["401", "403", "400", "html", "another symbol"],
)
def test_refusals(answer: object, code: int, said: str, own_folders: Path, capsys: Run) -> None:
    assert callable(answer)
    with alpaca() as server:
        server.failures = [answer()]
        done = load(capsys)
    assert done.code == code
    assert said in done.json["error"] + "".join(done.json["failed"].values())


def test_429_waits_as_long_as_it_is_told(own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        server.failures = [web.Response(status=429, headers={"Retry-After": "0"}), web.Response(status=500)]
        assert load(capsys).json["fetched"] == NAMES


def test_symbols_that_nobody_traded_are_a_gap(own_folders: Path, capsys: Run) -> None:
    with alpaca():
        done = load(capsys, symbols="ZZZZ")
        assert (done.code, done.json["missing"]) == (4, NAMES)


def test_the_whole_market_is_not_asked_for(own_folders: Path, capsys: Run) -> None:
    with alpaca():
        assert load(capsys, symbols="").code == 2
