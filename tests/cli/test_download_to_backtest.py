"""From a vendor to a backtest: what was downloaded beside the prints decides what is known before a session."""

from pathlib import Path
from typing import Any

import pytest

from qm.clock import SECOND, at_ny
from qm.rules.calendar import Session, session
from tests.brokers.alpaca.history_server import HistoryServer, Row
from tests.cli.alpaca_market import alpaca, asset, auctions, stamp
from tests.cli.flat_market import DATES, FIRST, LAST
from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]
CLOSES = {"AAPL": (9.80, 9.90, 10.00), "TSLA": (30.0, 31.0, 15.8), "OLD": (20.0, 20.4, 0.0), "NA": (0.0, 0.0, 20.5)}
MINUTES = 60


def path(base: float) -> list[float]:
    """A price every ten seconds: up for forty minutes, then down."""
    steps = [min(i, 2 * 240 - i) for i in range(6 * MINUTES)]
    return [round(base + step * base * 0.0002, 2) for step in steps]


def rows(of: Session, base: float) -> tuple[list[Row], list[Row]]:
    """Prints, and before each of them the quote that it took."""
    prints: list[Row] = []
    quotes: list[Row] = []
    for i, price in enumerate(path(base)):
        second = stamp(of.open_ns + (10 * i + 1) * SECOND)[:-1]
        prints.append({"t": f"{second}.5Z", "p": price, "s": 900, "x": "Q", "c": ["@"], "i": i, "z": "C"})
        sides = {"bp": round(price - 0.01, 2), "bs": 9, "ap": round(price + 0.01, 2), "as": 9}
        quotes.append({"t": f"{second}.4Z", "ax": "Q", "bx": "Q", "c": ["R"], "z": "C", **sides})
    return prints, quotes


def market() -> HistoryServer:
    server = HistoryServer(largest=500)
    server.trades, server.quotes, server.auctions = {}, {}, {}
    for symbol, closes in CLOSES.items():
        for date, close in zip(DATES, closes, strict=True):
            if close:
                prints, quotes = rows(session(date), close)
                server.trades.setdefault(symbol, []).extend(prints)
                server.quotes.setdefault(symbol, []).extend(quotes)
                server.auctions.setdefault(symbol, []).append(auctions(session(date), close))
    return server


def load(capsys: Run, kinds: str, *more: str) -> Done:
    dates = more or ("--since", str(FIRST), "--until", str(LAST))
    named = ("--symbols", ",".join(CLOSES))
    done = inside(capsys, "data", "download", "alpaca", "-d", "mine", "--kind", kinds, "--json", *named, *dates)
    assert done.code == 0, done.out
    return done


def known(capsys: Run) -> dict[str, dict[str, Any]]:
    done = inside(capsys, "data", "known", "mine", "--kind", "trades+quotes", "--session", str(LAST), "--json")
    return {each["symbol"]: each for each in done.json["symbols"]}


def test_what_was_downloaded_is_what_a_backtest_knows(
    own_folders: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with alpaca() as server:
        ready = market()
        server.trades, server.quotes, server.auctions = ready.trades, ready.quotes, ready.auctions
        server.assets = [asset(symbol, number=i) for i, symbol in enumerate(CLOSES)]
        load(capsys, "trades,quotes")
        before = known(capsys)
        # A half of the prior close is no crash of 50 %, but nobody has told of a split yet.
        assert (before["TSLA"]["prior_close"], before["NA"]["prior_close"]) == (None, None)
        assert before["AAPL"]["prior_close"] == pytest.approx(path(9.9)[-1])

        with monkeypatch.context() as morning:
            for where in ("qm.history.download.driver.now_ns", "brokers.alpaca.history.now_ns"):
                morning.setattr(where, lambda: at_ny(FIRST, "03:30"))
            load(capsys, "assets", "--until", str(FIRST))
        load(capsys, "auctions,actions")

    after = known(capsys)
    told = inside(capsys, "data", "known", "mine", "--kind", "trades+quotes", "--session", str(LAST)).out
    assert f"mine before {LAST}: official closes of 3 symbols, else closes of its own history" in told
    assert (after["AAPL"]["prior_close"], after["AAPL"]["split_factor"]) == (9.9, 1.0)
    assert (after["TSLA"]["prior_close"], after["TSLA"]["split_factor"]) == (15.5, 0.5)
    assert after["NA"]["prior_close"] == 20.4
    assert after["AAPL"]["known_at"] == session(DATES[1]).close_ns + 12_345_678
    assert {each["doubt"] for each in after.values()} == {None}

    profile = inside(
        capsys, "data", "profile", "mine", "--kind", "trades+quotes", "--session", str(LAST), "--json"
    ).json["symbols"]
    assert {each["symbol"]: each["prior_close"] for each in profile}["TSLA"] == 15.5
    audit = inside(capsys, "data", "audit", "mine", "--kind", "trades+quotes", "--json")
    assert "look split" not in audit.out
    concerns = {each["code"]: each for each in inside(capsys, "data", "audit", "mine", "--json").json["concerns"]}
    # On the first two days nobody is called NA, on the last nobody OLD; both are in the universe of the first morning.
    assert (concerns["absent:trades"]["count"], concerns["absent:trades"]["example"]["symbol"]) == (3, "NA")
    assert "strangers:trades" not in concerns
    universe = own_folders / "data" / "history" / "mine" / "assets" / f"{FIRST}.parquet"
    whole = universe.read_bytes()
    universe.write_bytes(whole[:-1])
    damaged = inside(capsys, "data", "audit", "mine", "--json").json["concerns"]
    assert [each["level"] for each in damaged if each["kind"] == "assets"] == ["bad"]
    universe.write_bytes(whole)
    assert inside(capsys, "data", "verify", "mine", "--json").code == 0

    run = ("backtest", "run", "thrust", "-d", "mine", "--kind", "trades+quotes", "--from", str(LAST), "--json")
    # The tape of the local vendor is thin and creeps: by the usual limits its stops are too near, its volume too small.
    wide = ("max_of_volume=1", "max_spread_of_stop=1", "min_stop_spreads=0", "min_stop_atr=0")
    thin = [word for limit in wide for word in ("-s", f"risk.{limit}")]
    loose = ("-p", "min_stop_atr=0", "-p", "max_stop_atr=0", "--symbols", "AAPL,TSLA,NA", *thin)
    first, again = (inside(capsys, *run, *loose).json for _ in range(2))
    assert first["trades"] > 0
    assert first["result_hash"] == again["result_hash"]
