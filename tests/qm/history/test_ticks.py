"""Imported prints and quotes: what they may change, what is told twice, and one book out of several."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.history.checks import Action
from qm.history.importer import ImportReport
from qm.model.market import Kind, Print
from qm.rules.calendar import session
from tests.qm.history.markets import DAY, OPEN, imported, in_order, parquet, real


def findings(report: ImportReport) -> dict[str, tuple[int, Action]]:
    return {found.what: (found.rows, found.action) for part in report.parts for found in part.findings}


def test_real_quotes_by_venue_become_one_book_that_never_crosses(tmp_path: Path) -> None:
    catalogue, report = imported(tmp_path, real("runners_20251114/venue_bbo.parquet"))
    (part,) = report.parts
    assert (part.kind, part.rows_read, part.symbols, report.rows_refused) == ("quotes", 452_126, 11, 0)
    (day,) = catalogue.sessions("made_up")
    quotes = catalogue.load("made_up", day).events
    assert in_order(quotes)
    two_sided = (quotes["a"] > 0) & (quotes["b"] > 0)
    assert not (quotes["a"][two_sided] > quotes["b"][two_sided]).any()
    # What is left of the day is told, and it is most of it.
    (told,) = [each.what for each in part.findings if each.action is Action.KEPT]
    assert "0 crossed" in told
    assert 0.75 < float(told.rpartition("sides ")[2].partition("%")[0]) / 100 < 0.80


def test_real_prints_are_quoted_and_stay_as_told(tmp_path: Path) -> None:
    imported(tmp_path, real("runners_20251114/trades.parquet"))
    catalogue, _ = imported(tmp_path, real("runners_20251114/venue_bbo.parquet"))
    (day,) = catalogue.sessions("made_up")
    whole = catalogue.load("made_up", day).events
    assert in_order(whole)
    bids = np.full(11, np.nan)
    asks = np.full(11, np.nan)
    of = session(day)
    prints = quoted = near = 0
    for ts, sym, kind, a, b in zip(*(whole[name].tolist() for name in ("ts", "sym", "kind", "a", "b")), strict=True):
        if kind == Kind.QUOTE:
            bids[sym], asks[sym] = a, b
        elif of.open_ns <= ts < of.close_ns:
            prints += 1
            if bids[sym] > 0 and asks[sym] > 0:
                quoted += 1
                near += bids[sym] * 0.995 <= a <= asks[sym] * 1.005
    # Prints come from seven venues, quotes from three; so many prints a plain count of the file finds in these hours.
    assert prints == 44_108
    assert quoted / prints > 0.98
    assert near / quoted > 0.96


def trades_of(*rows: tuple[int, float, int], **more: list[Any]) -> dict[str, Any]:
    ts, price, size = zip(*rows, strict=True)
    return {"ts": list(ts), "symbol": ["A"] * len(rows), "price": list(price), "size": list(size), **more}


def flags(tmp_path: Path, columns: dict[str, Any]) -> tuple[list[Print], ImportReport]:
    tmp_path.mkdir(exist_ok=True)
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns))
    return [Print(int(flag)) for flag in catalogue.load("made_up", DAY).events["flag"]], report


def test_a_feed_without_conditions_has_odd_lots_by_their_size(tmp_path: Path) -> None:
    found, report = flags(tmp_path, trades_of((OPEN, 10.0, 99), (OPEN + 1, 10.0, 100), (OPEN + 2, 300.0, 40)))
    assert found == [Print.VOLUME, Print.ALL, Print.VOLUME]
    assert findings(report) == {}
    # From November 2025 on a round lot of a stock above 250 $ is 40 shares.
    day = dt.date(2025, 11, 14)
    start = session(day).open_ns
    columns = trades_of((start, 250.0, 99), (start + 1, 250.01, 40), (start + 2, 250.01, 39), (start + 3, 10_001.0, 1))
    catalogue, _ = imported(tmp_path / "later", parquet(tmp_path / "a.parquet", columns))
    assert catalogue.load("made_up", day).events["flag"].tolist() == [4, 7, 4, 7]


def test_sale_conditions_decide_where_they_are_told(tmp_path: Path) -> None:
    rows = [(OPEN - 1, 10.0, 500), (OPEN, 10.0, 5), *[(OPEN + i, 10.0, 500) for i in range(1, 5)]]
    conditions = ["@ T", "@F", "@  I", "T", "!", None]
    found, report = flags(tmp_path, trades_of(*rows, conditions=conditions))
    assert found == [Print.ALL, Print.ALL, Print.VOLUME, Print.VOLUME, Print.VOLUME, Print.ALL]
    assert findings(report) == {"unknown sale condition '!': sets no price": (1, Action.KEPT)}
    listed = pa.array([["@", "T"], ["@", "F"], ["I"], ["T"], ["!"], []], pa.list_(pa.string()))
    assert flags(tmp_path / "listed", trades_of(*rows, conditions=listed))[0] == found


def test_the_tape_says_whose_letters_they_are(tmp_path: Path) -> None:
    rows = [(OPEN + i, 10.0, 500) for i in range(3)]
    found, _ = flags(tmp_path, trades_of(*rows, conditions=["B"] * 3, tape=["A", "C", ""]))
    assert found == [Print.VOLUME, Print.ALL, Print.VOLUME]


def test_equal_prints_of_one_moment_are_genuine_and_repeats_are_not(tmp_path: Path) -> None:
    sweep = [(OPEN, 10.0, 100), (OPEN, 10.0, 100), (OPEN, 10.0, 100), (OPEN + 5, 10.1, 100)]
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", trades_of(*sweep)))
    assert len(catalogue.load("made_up", DAY).events) == 4
    assert findings(report) == {}
    # After a disconnect the feed goes back to the sweep and tells one print of it that it had not told.
    again = [*sweep, *[(OPEN, 10.0, 100)] * 4, (OPEN + 5, 10.1, 100), (OPEN + 6, 10.2, 100)]
    catalogue, report = imported(tmp_path / "again", parquet(tmp_path / "a.parquet", trades_of(*again)))
    assert catalogue.load("made_up", DAY).events["a"].tolist() == [10.0] * 4 + [10.1, 10.2]
    assert findings(report)["told again"] == (4, Action.REPAIRED)


def test_the_same_prints_in_two_files_count_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    parquet(folder / "1.parquet", trades_of((OPEN, 10.0, 100), (OPEN, 10.0, 100), (OPEN + 1, 10.0, 100)))
    parquet(folder / "2.parquet", trades_of((OPEN + 1, 10.0, 100), (OPEN + 2, 10.0, 100)))
    catalogue, report = imported(tmp_path, folder)
    assert catalogue.load("made_up", DAY).events["ts"].tolist() == [OPEN, OPEN, OPEN + 1, OPEN + 2]
    assert findings(report)["told again"] == (1, Action.REPAIRED)


def test_an_id_tells_whether_a_print_is_told_again(tmp_path: Path) -> None:
    rows = [(OPEN, 10.0, 100), (OPEN, 10.0, 100), (OPEN, 10.0, 100), (OPEN + 1, 10.0, 100)]
    for name, ids in (("whole", [7, 8, 7, 9]), ("text", ["x7", "x8", "x7", "x9"])):
        found, report = flags(tmp_path / name, trades_of(*rows, id=ids))
        assert len(found) == 3
        assert findings(report)["told again"] == (1, Action.REPAIRED)
    # The same number on another venue is another print.
    assert len(flags(tmp_path / "venue", trades_of(*rows, id=[7, 8, 7, 9], exchange=["P", "P", "Q", "P"]))[0]) == 4
    assert len(flags(tmp_path / "none", trades_of(*rows, id=[None, None, None, None]))[0]) == 4


def test_quotes_by_venue_are_checked_before_they_are_joined(tmp_path: Path) -> None:
    columns = {
        "ts": [OPEN, OPEN + 1, OPEN + 2, OPEN + 3],
        "symbol": ["A"] * 4,
        "exchange": ["P", "Q", "Q", "P"],
        "bid": [10.0, -1.0, 9.9, np.nan],
        "ask": [10.2, 10.1, 10.1, 10.3],
        "bid_size": [100, 100, 200, 0],
        "ask_size": [100, 100, 300, 100],
    }
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns))
    assert findings(report)["a price is negative or infinite"] == (1, Action.REFUSED)
    found = catalogue.load("made_up", DAY).events[["a", "b", "c", "d"]].tolist()
    assert found[:3] == [(10.0, 10.2, 100.0, 100.0), (10.0, 10.1, 100.0, 300.0), (9.9, 10.1, 200.0, 300.0)]


def test_a_real_feed_of_single_sides_becomes_a_book(tmp_path: Path) -> None:
    # No row of it has both sides: a rule that takes the other one for gone leaves half of the day without a spread.
    catalogue, report = imported(tmp_path, real("lean/ticks_quotes_IBM_20131007.parquet"))
    assert report.parts[0].rows_read == 109_067
    quotes = catalogue.load("made_up", catalogue.sessions("made_up")[0]).events
    of = session(dt.date(2013, 10, 7))
    regular = quotes[(quotes["ts"] >= of.open_ns) & (quotes["ts"] < of.close_ns)]
    two_sided = (regular["a"] > 0) & (regular["b"] > 0)
    assert two_sided.mean() > 0.99
    assert not (regular["a"] > regular["b"])[two_sided].any()


any_number = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.01, 1000)
any_tick = st.tuples(
    st.integers(OPEN - 10**12, OPEN + 10**12) | st.integers(-(2**62), 2**62),
    st.sampled_from(["A", "B", "bad", ""]),
    any_number,
    any_number,
    st.sampled_from(["", "@", "I", "TI", "?", "\x1b"]),
    st.sampled_from([None, "1", "2", "3"]),
    st.sampled_from(["", "00", "08", "x", "c", "12", "?"]),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(any_tick, min_size=1, max_size=30))
def test_whatever_ticks_come_in_what_is_stored_is_sound(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    names = ("ts", "symbol", "price", "size", "conditions", "id", "correction")
    columns: dict[str, Any] = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns["ts"] = pa.array(columns["ts"], pa.timestamp("ns", "UTC"))
    columns["id"] = pa.array(columns["id"], pa.string())
    catalogue, report = imported(folder, parquet(folder / "a.parquet", columns))
    for date in catalogue.sessions("made_up") if report.sessions else []:
        found = catalogue.load("made_up", date).events
        assert in_order(found)
        assert (found["event_ts"] <= found["ts"]).all()
        for name in "ab":
            assert np.isfinite(found[name]).all()
            assert (found[name] > 0).all()
        assert np.isin(found["kind"], (Kind.TRADE, Kind.CANCEL, Kind.CORRECTION)).all()


a_side = st.sampled_from([0.0, float("nan"), -1.0, 9.9, 10.0, 10.1, float("inf")])
a_venue_quote = st.tuples(st.integers(OPEN, OPEN + 10**12), st.sampled_from("AB"), st.sampled_from("PQ"), *[a_side] * 4)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(a_venue_quote, min_size=1, max_size=30))
def test_whatever_quotes_come_in_the_book_never_crosses(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    names = ("ts", "symbol", "exchange", "bid", "ask", "bid_size", "ask_size")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    catalogue, report = imported(folder, parquet(folder / "a.parquet", columns))
    for date in catalogue.sessions("made_up") if report.sessions else []:
        found = catalogue.load("made_up", date).events
        assert in_order(found)
        assert np.isfinite(found["a"]).all()
        assert np.isfinite(found["b"]).all()
        assert not ((found["a"] > found["b"]) & (found["b"] > 0)).any()
