"""What Alpaca tells beside bars and prints, from the local server into the catalogue, and what is made of it there."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from qm.clock import MINUTE, at_ny
from qm.history.actions import Actions
from qm.history.assets import universe
from qm.history.auctions import official
from qm.model.market import Kind
from qm.rules.calendar import session
from tests.brokers.alpaca.history_server import HistoryServer
from tests.cli.alpaca_market import QUOTES, SYMBOLS, alpaca, asset
from tests.cli.flat_market import DATES, FIRST, LAST, catalogue, contents
from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]
RANGE = ("--since", str(FIRST), "--until", str(LAST))


def load(capsys: Run, kinds: str, *more: str, symbols: str = ",".join(SYMBOLS)) -> Done:
    named = ("--symbols", symbols) if symbols else ()
    return inside(capsys, "data", "download", "alpaca", "-d", "mine", "--kind", kinds, "--json", *named, *more)


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> int:
    """It is 03:30 in New York, before the first session begins."""
    now = at_ny(FIRST, "03:30")
    monkeypatch.setattr("qm.history.download.driver.now_ns", lambda: now)
    monkeypatch.setattr("brokers.alpaca.history.now_ns", lambda: now)
    return now


def test_quotes_become_one_book_in_shares(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=7)) as server:
        done = load(capsys, "quotes", *RANGE)
        assert (done.code, len(done.json["fetched"]), done.json["rows"]) == (0, 3, 3 * len(SYMBOLS) * QUOTES)
        assert {(each["feed"], each["asof"][:7], each["limit"]) for each in server.asked} == {
            ("sip", "2025-01", "10000")
        }
    data = catalogue(own_folders).load("mine", FIRST, "quotes")
    mine = data.events[data.events["sym"] == data.symbols.row("AAPL")]
    assert set(mine["kind"].tolist()) == {Kind.QUOTE}
    assert mine["ts"][0] == session(FIRST).open_ns + 7
    # Until November 2025 the tapes told lots of a hundred shares; a side of price 0 is not there.
    sides = [tuple(mine[name][i].item() for name in "abcd") for i in range(2)]
    assert sides == [(9.99, 10.01, 300.0, 200.0), (9.98, 0.0, 100.0, 0.0)]
    # What nobody has to honour ends the quote before it.
    assert mine["ts"][-1] == session(FIRST).open_ns + (QUOTES - 1) * MINUTE + 7
    assert [mine[name][-1] for name in "abcd"] == [0.0] * 4


def test_without_a_universe_exchanges_must_agree_on_an_official_price(own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        server.auctions["NA"][0]["c"] = server.auctions["NA"][0]["c"][:1]
        assert load(capsys, "auctions", *RANGE).json["fetched"] == [f"auctions {date}" for date in DATES]
    store = catalogue(own_folders)
    # Nobody says who lists them: where two exchanges differ, no close is known.
    assert {name: each.price for name, each in official(store, "mine", FIRST, "close").items()} == {"NA": 23.0}


def test_assets_say_which_close_is_official(own_folders: Path, capsys: Run, morning: int) -> None:
    with alpaca() as server:
        assert load(capsys, "assets", "--until", str(FIRST), symbols="").json["fetched"] == [f"assets {FIRST}"]
        assert [each["status"] for each in server.asked] == ["active", "inactive"]
        assert {each["asset_class"] for each in server.asked} == {"us_equity"}
        with pytest.MonkeyPatch.context() as later:
            later.setattr("qm.history.download.driver.now_ns", lambda: at_ny(LAST, "23:00"))
            assert load(capsys, "auctions", *RANGE).code == 0
    store = catalogue(own_folders)
    closes = official(store, "mine", FIRST, "close")
    assert {name: each.price for name, each in closes.items()} == {"AAPL": 10.0, "NA": 20.0, "TSLA": 30.0}
    assert closes["AAPL"].known_at == session(FIRST).close_ns + 12_345_678
    assert official(store, "mine", FIRST, "open")["AAPL"].price == 9.0


def test_the_universe_is_known_from_when_it_was_asked(own_folders: Path, capsys: Run, morning: int) -> None:
    with alpaca():
        done = load(capsys, "assets", "--until", str(FIRST), symbols="")
        # Of yesterday nobody can ask any more.
        assert (done.code, done.json["expected"]) == (0, 1)
        assert load(capsys, "assets", "--until", str(FIRST), symbols="").json["there"] == 1
        refused = load(capsys, "assets", "--since", "2024-12-30", "--until", "2024-12-31", symbols="")
        assert refused.code == 2
        assert "as they are today" in refused.json["error"]
    store = catalogue(own_folders)
    assert universe(store, "mine", morning - 1) is None
    found = universe(store, "mine", session(FIRST).pre_ns)
    assert found is not None
    assert (found.of, found.known_at) == (FIRST, morning)
    # The name of a company that is no more belongs to the one that has it now.
    assert (found.assets["TSLA"].active, found.assets["TSLA"].listing) == (True, "Q")
    hard = found.assets["HARD"]
    assert (hard.tradable, hard.shortable, hard.easy_to_borrow, hard.fractionable) == (True, False, False, True)
    assert sorted(found.assets) == ["AAPL", "HARD", "NA", "TSLA"]


def test_corporate_actions_by_the_session_from_which_they_hold(own_folders: Path, capsys: Run) -> None:
    with alpaca(HistoryServer(largest=1)) as server:
        done = load(capsys, "actions", *RANGE, symbols="")
        # That nothing happened on the first day is known, too.
        assert (done.code, done.json["fetched"], done.json["missing"]) == (0, [f"actions {date}" for date in DATES], [])
        for asked in server.asked:
            assert (asked["region"], asked["data_quality"], asked["limit"]) == ("us", "complete", "1000")
            assert asked["start"] < asked["end"]
        before = contents(own_folders / "data" / "history")
        assert load(capsys, "actions", *RANGE, symbols="").json["there"] == 3
        assert contents(own_folders / "data" / "history") == before
    told = Actions(catalogue(own_folders), "mine")
    assert [(each.symbol, each.date, each.factor) for each in told.splits] == [("TSLA", LAST, 0.5)]
    assert told.splits[0].known_at == session(LAST).pre_ns
    assert told.dividends(DATES[1], session(DATES[1]).pre_ns) == {"AAPL": 0.25}
    assert told.dividends(DATES[1], session(DATES[1]).pre_ns - 1) == {}
    assert [(each.symbol, each.becomes, each.date) for each in told.renamed] == [
        ("GONE", "", DATES[1]),
        ("OLD", "NA", LAST),
    ]


def test_an_action_that_is_told_late_is_found_on_another_day(own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        late = server.actions.pop(0)
        load(capsys, "actions", *RANGE)
        assert Actions(catalogue(own_folders), "mine").splits == []
        server.actions.append(late)
        assert load(capsys, "actions", *RANGE).json["there"] == 3
        with pytest.MonkeyPatch.context() as tomorrow:
            tomorrow.setattr("brokers.alpaca.history.now_ns", lambda: at_ny(dt.date(2030, 1, 2), "09:00"))
            done = load(capsys, "actions", *RANGE)
        assert (done.code, done.json["replaced"], done.json["there"]) == (0, [f"actions {LAST}"], 2)
    assert [each.symbol for each in Actions(catalogue(own_folders), "mine").splits] == ["TSLA"]


def test_a_universe_that_grew_between_two_sessions(own_folders: Path, capsys: Run, morning: int) -> None:
    with alpaca() as server:
        load(capsys, "assets", "--until", str(FIRST), symbols="")
        server.assets.append(asset("LATE", number=11))
        with pytest.MonkeyPatch.context() as tomorrow:
            for where in ("qm.history.download.driver.now_ns", "brokers.alpaca.history.now_ns"):
                tomorrow.setattr(where, lambda: at_ny(DATES[1], "03:30"))
            assert load(capsys, "assets", "--until", str(DATES[1]), symbols="").json["fetched"] == [
                f"assets {DATES[1]}"
            ]
    store = catalogue(own_folders)
    first, second = (universe(store, "mine", session(date).pre_ns) for date in DATES[:2])
    assert first is not None
    assert second is not None
    assert "LATE" not in first.assets
    assert "LATE" in second.assets


def test_prints_of_another_day_are_no_official_prices(own_folders: Path, capsys: Run) -> None:
    with alpaca() as server:
        for row in server.auctions["AAPL"]:
            row["d"] = str(FIRST)
        assert load(capsys, "auctions", *RANGE, symbols="AAPL").json["rows_refused"] == 2 * 6
    rows = catalogue(own_folders).fact("mine", "auctions", FIRST)
    assert np.isin(rows["ts"] // MINUTE, [session(FIRST).open_ns // MINUTE, session(FIRST).close_ns // MINUTE]).all()
