import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import HOUR, MINUTE, SECOND, at_ny, utc
from qm.errors import DataError, NotFoundError, UsageError
from qm.history.catalogue import Catalogue
from qm.history.checks import Action
from qm.history.importer import ImportReport, State
from tests.qm.history.markets import DAY, NEXT, OPEN, imported, in_order, minute_bars, parquet, real


def findings(report: ImportReport) -> dict[str, tuple[int, Action]]:
    return {found.what: (found.rows, found.action) for part in report.parts for found in part.findings}


def bars_with(**columns: Any) -> dict[str, Any]:
    return {name: columns.get(name, column) for name, column in minute_bars(4).items()}


def test_clean_bars_are_stored_by_session_without_a_finding(tmp_path: Path) -> None:
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", minute_bars()))
    assert findings(report) == {}
    (part,), (stored,) = report.parts, report.sessions
    assert (part.kind, part.rows_read, part.rows_kept, part.symbols) == ("bars_1m", 780, 780, 2)
    assert (stored.session, stored.rows, stored.symbols, stored.state) == (str(DAY), 780, 2, State.NEW)
    assert stored.bytes == (tmp_path / "history" / "made_up" / "bars_1m" / f"{DAY}.parquet").stat().st_size
    assert catalogue.sessions("made_up") == [DAY]


def test_a_dry_run_tells_the_same_and_stores_nothing(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", minute_bars())
    _, dry = imported(tmp_path, path, dry_run=True)
    assert not (tmp_path / "history").exists()
    _, wet = imported(tmp_path, path)
    assert (dry.sessions, dry.parts) == (wet.sessions, wet.parts)


def test_a_dry_run_shows_the_first_rows_in_new_york_time(tmp_path: Path) -> None:
    _, report = imported(tmp_path, parquet(tmp_path / "a.parquet", minute_bars()), dry_run=True)
    (first,) = report.first_rows
    assert (first.kind, first.session) == ("bars_1m", str(DAY))
    assert first.columns == ("ts", "time", "symbol", "open", "high", "low", "close", "volume")
    assert first.rows[0] == (OPEN, "2025-01-02 09:30:00.000000 EST", "AAPL", 10.0, 10.05, 9.95, 10.01, 10.0)
    assert len(first.rows) == 5
    assert imported(tmp_path, tmp_path / "a.parquet")[1].first_rows == ()


@pytest.mark.parametrize(
    ("hours", "why"), [(-5, "none in the last hour"), (5, "nothing around the open"), (-7, "of the night")]
)
def test_times_of_another_zone_are_suspected(tmp_path: Path, hours: int, why: str) -> None:
    columns = minute_bars()
    columns["ts"] = columns["ts"] + hours * HOUR
    _, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns), dry_run=True)
    (what,) = [each for each in findings(report) if "time zone looks wrong" in each]
    assert why in what
    assert "--timezone" in what


def test_a_split_that_no_file_tells_is_suspected_on_a_dry_run(tmp_path: Path) -> None:
    columns, after = minute_bars(), minute_bars(day=NEXT)
    for name in ("open", "high", "low", "close"):
        after[name] = after[name] * 100
    both = {name: np.concatenate([columns[name], after[name]]) for name in columns}
    _, report = imported(tmp_path, parquet(tmp_path / "a.parquet", both), dry_run=True)
    (found,) = [each for each in report.parts[0].findings if "looks split" in each.what]
    assert (found.rows, found.action) == (2, Action.KEPT)
    assert found.examples[0] == f"AAPL 17.79 to 1,000 on {NEXT}"


def test_options_that_make_no_sense_are_named_before_a_file_is_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", minute_bars())
    with pytest.raises(NotFoundError, match="No time zone is called 'America/NewYork'") as caught:
        imported(tmp_path, path, timezone="America/NewYork")
    assert "America/New_York" in caught.value.nearest
    with pytest.raises(UsageError, match="-60 s make no sense"):
        imported(tmp_path, path, seconds=-60)
    with pytest.raises(DataError, match="has no column stamp") as lacks:
        imported(tmp_path, path, called={"ts": "stamp"})
    assert "It has ts, symbol" in lacks.value.remedy
    with pytest.raises(DataError, match="neither bars") as odd:
        imported(tmp_path, parquet(tmp_path / "b.parquet", {"when": [1], "o": [1.0]}))
    assert "--map theirs=ours" in odd.value.remedy


def test_importing_again_changes_nothing_and_other_data_needs_a_word(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", minute_bars())
    catalogue, _ = imported(tmp_path, path)
    assert imported(tmp_path, path)[1].sessions[0].state is State.UNCHANGED
    parquet(path, minute_bars(380))
    assert imported(tmp_path, path)[1].sessions[0].state is State.CONFLICT
    assert len(catalogue.load("made_up", DAY).events) == 780
    assert imported(tmp_path, path, replace=True, dry_run=True)[1].sessions[0].state is State.REPLACED
    assert len(catalogue.load("made_up", DAY).events) == 780
    assert imported(tmp_path, path, replace=True)[1].sessions[0].state is State.REPLACED
    assert len(catalogue.load("made_up", DAY).events) == 760


@pytest.mark.parametrize(
    ("columns", "what", "rows", "action"),
    [
        ({"open": [10, 10, np.nan, 10, 10, 10, 10, 10]}, "a price is no positive number", 1, Action.REFUSED),
        ({"close": [10, -1, 0, np.inf, 10, 10, 10, 10]}, "a price is no positive number", 3, Action.REFUSED),
        ({"volume": [1, -1, 1, 1, np.nan, 1, 1, 1]}, "volume is missing or negative", 2, Action.REFUSED),
        ({"high": [9.0] + [10.5] * 7}, "high below low", 1, Action.REFUSED),
        ({"close": [10.2] * 8}, "open or close outside high and low", 8, Action.REPAIRED),
        ({"symbol": ["aapl", "CYPH"] * 4}, "not a valid symbol", 4, Action.REFUSED),
        (
            {"symbol": ["\x1b[31m", "CYPH", "../X", "CYPH"] + ["AAPL", "CYPH"] * 2},
            "not a valid symbol",
            2,
            Action.REFUSED,
        ),
        ({"symbol": ["AAPL", None] * 4}, "not a valid symbol", 4, Action.REFUSED),
        ({"volume": [0] + [1] * 7}, "no volume", 1, Action.KEPT),
        (
            {"open": [10] * 6 + [100] * 2, "high": [200] * 8},
            "opens more than 50% away from the close before",
            2,
            Action.KEPT,
        ),
    ],
)
def test_what_is_wrong_is_counted_by_what_was_done(
    tmp_path: Path, columns: dict[str, Any], what: str, rows: int, action: Action
) -> None:
    path = parquet(tmp_path / "a.parquet", bars_with(**columns))
    catalogue, report = imported(tmp_path, path, seconds=60)
    assert findings(report)[what] == (rows, action)
    assert report.rows_refused == (rows if action is Action.REFUSED else 0)
    kept = catalogue.load("made_up", DAY).events
    assert len(kept) == 8 - report.rows_refused
    assert (kept["b"] >= np.maximum(kept["a"], kept["d"])).all()
    assert (kept["c"] <= np.minimum(kept["a"], kept["d"])).all()


def test_symbols_that_exchanges_test_with_are_left_out(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", bars_with(symbol=["ZVZZT", "CYPH", "NTEST.A", "ZEN"] * 2))
    catalogue, report = imported(tmp_path, path, seconds=60)
    assert findings(report)["test symbol of an exchange: left out"] == (4, Action.REPAIRED)
    assert catalogue.load("made_up", DAY).symbols.names == ("CYPH", "ZEN")
    assert report.rows_refused == 0


def test_names_are_written_in_one_way_and_what_is_no_share_yet_is_left_out(tmp_path: Path) -> None:
    names = ["BRK/B", "BRK-A", "BACpL", "XYZr", "XYZw", "CELGR", "GIG=", "AAPL"]
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", bars_with(symbol=names)), seconds=60)
    told = findings(report)
    assert told["symbol written in another way"] == (6, Action.REPAIRED)
    assert told["right: left out"] == (2, Action.REPAIRED)
    assert told["share when issued: left out"] == (1, Action.REPAIRED)
    assert catalogue.load("made_up", DAY).symbols.names == ("AAPL", "BAC.PRL", "BRK.A", "BRK.B", "GIG.U")
    assert report.rows_refused == 0


def test_refused_symbols_are_named_without_their_control_characters(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", bars_with(symbol=["\x1b[31mA", "CYPH"] * 4))
    (found,) = imported(tmp_path, path, seconds=60)[1].parts[0].findings
    assert found.examples == (r"'\x1b[31mA'",)


@pytest.mark.parametrize("kind", [pa.int64(), pa.timestamp("ns", "UTC")])
def test_a_time_that_is_missing_costs_its_own_row_only(tmp_path: Path, kind: pa.DataType) -> None:
    columns = bars_with(ts=pa.array([None, *(OPEN + 60 * SECOND * i + 1 for i in range(7))], kind))
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns), seconds=60)
    assert findings(report)["has no time"] == (1, Action.REFUSED)
    # Numbers with gaps must not pass through floats, which do not hold nanoseconds.
    assert (catalogue.load("made_up", DAY).events["event_ts"] % SECOND == 1).all()


def test_what_only_later_rows_of_a_csv_show_is_read_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.history.tables.CSV_BYTES", 400)
    rows = [f"2025-01-02T14:3{i % 10}:00Z,TRUE,10,100,{i or ''},7" for i in range(40)]
    rows += ["2025-01-02T14:50:00.000000001Z,A,10.5,1.0,x41,@F I", "2025-01-02T14:50:00Z,NA,1e1,100,,"]
    path = tmp_path / "a.csv"
    path.write_text("ts,symbol,price,size,id,conditions\n" + "\n".join(rows) + "\n")
    catalogue, report = imported(tmp_path, path)
    data = catalogue.load("made_up", DAY)
    assert data.symbols.names == ("A", "NA", "TRUE")
    assert (report.parts[0].rows_read, report.rows_refused) == (42, 0)
    assert data.events["event_ts"].max() % SECOND == 1


def test_twins_are_dropped_and_contradictions_counted(tmp_path: Path) -> None:
    once = minute_bars(3)
    twice = {name: [*column, column[0], column[1]] for name, column in once.items()}
    twice["close"][-1] += 0.02
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", twice), seconds=60)
    assert findings(report) == {
        "the same bar twice": (1, Action.REPAIRED),
        "another bar of the same moment: the first is kept": (1, Action.REFUSED),
        "earlier than the row before it": (2, Action.REPAIRED),
    }
    assert len(catalogue.load("made_up", DAY).events) == 6


def test_prints_of_one_moment_stay_in_their_order(tmp_path: Path) -> None:
    trades = {
        "ts": [OPEN + 9, OPEN, OPEN, OPEN, OPEN],
        "symbol": ["B", "B", "A", "B", "A"],
        "price": [5.0, 1.0, 2.0, 3.0, 1.5],
        "size": [1, 2, 3, 4, 5],
    }
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", trades))
    assert catalogue.load("made_up", DAY).events["a"].tolist() == [2.0, 1.5, 1.0, 3.0, 5.0]
    assert findings(report) == {"earlier than the row before it": (1, Action.REPAIRED)}


@pytest.mark.parametrize("seconds", [1, 5, 60, 300, 3600])
def test_the_length_of_bars_is_seen_in_their_labels(tmp_path: Path, seconds: int) -> None:
    columns = minute_bars(6)
    columns["ts"] = OPEN + (columns["ts"] - OPEN) // 60 * seconds
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns))
    assert report.parts[0].kind == {1: "bars_1s", 5: "bars_5s", 60: "bars_1m", 300: "bars_5m", 3600: "bars_1h"}[seconds]
    assert (catalogue.load("made_up", DAY).events["code"] == seconds).all()


def test_a_length_that_cannot_be_seen_must_be_said(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", minute_bars(1))
    with pytest.raises(UsageError, match="how long its bars are") as caught:
        imported(tmp_path, path)
    assert "--seconds" in caught.value.remedy
    assert imported(tmp_path, path, seconds=60)[1].parts[0].kind == "bars_1m"
    with pytest.raises(UsageError, match="cannot be stored"):
        imported(tmp_path, path, seconds=40_000)


def test_labels_at_the_end_are_moved_to_the_start(tmp_path: Path) -> None:
    columns = minute_bars(5)
    columns["ts"] = columns["ts"] + MINUTE
    catalogue, _ = imported(tmp_path, parquet(tmp_path / "a.parquet", columns), end_labels=True)
    assert catalogue.load("made_up", DAY).events["event_ts"][0] == OPEN


def test_a_trading_date_runs_from_evening_to_evening(tmp_path: Path) -> None:
    moments = [
        at_ny(DAY, "19:59"),
        at_ny(DAY, "20:00"),
        at_ny(NEXT, "03:59"),
        at_ny(NEXT, "19:59"),
        at_ny(NEXT, "20:00"),
    ]
    columns = {name: column[:5] for name, column in minute_bars(5).items()} | {"ts": moments, "symbol": ["AAPL"] * 5}
    _, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns), seconds=60)
    assert [(each.session, each.rows) for each in report.sessions] == [(str(DAY), 1), (str(NEXT), 3)]
    # Friday evening belongs to no session: the market opens again on Sunday.
    assert findings(report)["outside every session of the calendar"] == (1, Action.REFUSED)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_are_read_in_any_usual_form(tmp_path: Path, zone: str) -> None:
    plain = minute_bars(4, ("AAPL",))
    expected = plain["ts"].tolist()
    forms: list[Any] = [
        plain["ts"] // 1_000,
        plain["ts"] // 1_000_000,
        plain["ts"] // SECOND,
        pa.array(plain["ts"], pa.timestamp("ns", "UTC")),
        pa.array([f"{utc(ts):%Y-%m-%dT%H:%M:%S}Z" for ts in expected]),
    ]
    shift = 0 if zone == "UTC" else 5 * HOUR
    forms.append(pa.array(plain["ts"] - shift, pa.timestamp("ns")))
    forms.append(pa.array([f"{utc(ts - shift):%Y-%m-%d %H:%M:%S}" for ts in expected]))
    for i, form in enumerate(forms):
        path = parquet(tmp_path / "a.parquet", plain | {"ts": form})
        catalogue, _ = imported(tmp_path / str(i), path, timezone=zone)
        assert catalogue.load("made_up", DAY).events["event_ts"].tolist() == expected


@pytest.mark.parametrize("packed", [False, True])
def test_csv_with_other_names_and_the_symbol_in_the_file_name(tmp_path: Path, packed: bool) -> None:
    text = "Date,O,H,L,C,Vol\n" + "".join(f"2025-01-02 09:3{i},10,11,9,10.5,100\n" for i in range(5))
    path = tmp_path / ("brk.b.csv.gz" if packed else "CYPH.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    catalogue, report = imported(tmp_path, path, timezone="America/New_York")
    data = catalogue.load("made_up", DAY)
    assert data.symbols.names == (("BRK",) if packed else ("CYPH",))
    assert data.events["event_ts"][0] == OPEN
    assert report.rows_refused == 0


def test_daily_bars_become_known_at_the_close(tmp_path: Path) -> None:
    midnights = [int(np.datetime64(day, "ns").astype(np.int64)) for day in ("2025-01-02", "2025-01-03", "2025-01-04")]
    columns = {name: column[:3] for name, column in minute_bars(3, ("AAPL",)).items()} | {"ts": midnights}
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns))
    assert findings(report) == {"not on a session of the calendar": (1, Action.REFUSED)}
    (event,) = catalogue.load("made_up", DAY).events
    assert report.parts[0].kind == "bars_1d"
    assert (event["event_ts"], event["ts"], event["code"]) == (OPEN, at_ny(DAY, "16:00"), 23_400)


def test_files_of_a_folder_are_joined_and_strangers_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    parquet(folder / "1.parquet", minute_bars(5, ("AAPL", "CYPH")))
    parquet(folder / "2.parquet", minute_bars(5, ("ZZZ", "BNZI")))
    parquet(folder / "other.parquet", {"x": [1]})
    (folder / "broken.parquet").write_bytes(b"PAR1 not really")
    (folder / "readme.txt").write_text("not data")
    catalogue, report = imported(tmp_path, folder)
    assert {Path(name).name for name in report.refused_files} == {"other.parquet", "broken.parquet"}
    data = catalogue.load("made_up", DAY)
    assert data.symbols.names == ("AAPL", "BNZI", "CYPH", "ZZZ")
    assert len(data.events) == 20


def test_what_cannot_be_imported_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing at"):
        imported(tmp_path, tmp_path / "none.parquet")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UsageError, match="neither Parquet nor CSV"):
        imported(tmp_path, tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no Parquet, no CSV file and no zip"):
        imported(tmp_path, tmp_path / "empty")
    with pytest.raises(DataError, match="neither bars nor trades"):
        imported(tmp_path, parquet(tmp_path / "x.parquet", {"x": [1]}))
    with pytest.raises(UsageError, match="cannot name a dataset"):
        imported(tmp_path, parquet(tmp_path / "y.parquet", minute_bars()), name="../up")


any_number = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.01, 1000)
any_row = st.tuples(
    st.integers(-(2**62), 2**62) | st.integers(OPEN, OPEN + 10**13),
    st.sampled_from(["A", "B", "BRK.B", "bad", "", "\x07"]),
    *[any_number] * 4,
    any_number,
)


@settings(max_examples=60)
@given(rows=st.lists(any_row, min_size=1, max_size=30))
def test_whatever_comes_in_what_is_stored_is_sound(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    columns = dict(zip(minute_bars(1), zip(*rows, strict=True), strict=True))
    columns["ts"] = pa.array(columns["ts"], pa.timestamp("ns", "UTC"))
    catalogue, report = imported(folder, parquet(folder / "a.parquet", columns), seconds=60)
    told = sum(each.rows for each in report.parts[0].findings if each.what == "the same bar twice")
    assert report.parts[0].rows_kept + report.rows_refused + told == len(rows)
    for date in catalogue.sessions("made_up") if report.sessions else []:
        found = catalogue.load("made_up", date).events
        assert in_order(found)
        prices = np.stack([found[name] for name in "abcd"])
        assert np.isfinite(prices).all()
        assert (prices > 0).all()
        assert (found["b"] == prices.max(axis=0)).all()
        assert (found["c"] == prices.min(axis=0)).all()
        assert (found["e"] >= 0).all()


@pytest.mark.parametrize(
    ("path", "kind", "rows", "sessions"),
    [
        ("us99_1m", "bars_1m", 472_863, 11),
        ("ib59_1m", "bars_1m", 69_030, 3),
        ("ib_5s", "bars_5s", 187_657, 1),
        ("runners_20251114/bars_1m.parquet", "bars_1m", 3_466, 1),
        ("runners_20251114/bars_1s.parquet", "bars_1s", 16_790, 1),
        ("runners_20251114/trades.parquet", "trades", 91_743, 1),
    ],
)
def test_real_data_comes_in_whole(tmp_path: Path, path: str, kind: str, rows: int, sessions: int) -> None:
    catalogue, report = imported(tmp_path, real(path))
    assert (report.parts[0].kind, report.parts[0].rows_kept, len(report.sessions)) == (kind, rows, sessions)
    assert report.rows_refused == 0
    last = catalogue.sessions("made_up")[-1]
    assert in_order(catalogue.load("made_up", last).events)


def test_a_bar_that_is_told_again_corrects_the_first_where_asked(tmp_path: Path) -> None:
    once = minute_bars(3)
    told = {name: [*column, column[0], column[0]] for name, column in once.items()}
    told["close"][-2] += 0.01
    told["close"][-1] += 0.02
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", told), seconds=60, updates=True)
    assert catalogue.load("made_up", DAY).events["d"][0] == pytest.approx(once["close"][0] + 0.02)
    assert findings(report)["corrected by a later bar of the same moment"] == (2, Action.REPAIRED)
    assert report.rows_refused == 0


def test_labels_that_look_like_ends_are_pointed_at(tmp_path: Path) -> None:
    columns = minute_bars()
    shifted = columns | {"ts": columns["ts"] + MINUTE}
    _, report = imported(tmp_path, parquet(tmp_path / "a.parquet", shifted))
    ((what, told),) = findings(report).items()
    assert "--end-labels" in what
    assert told == (2, Action.KEPT)
    assert findings(imported(tmp_path / "b", parquet(tmp_path / "a.parquet", shifted), end_labels=True)[1]) == {}


def test_a_file_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    whole = parquet(folder / "1.parquet", minute_bars(5)).read_bytes()
    (folder / "2.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "3.parquet").write_bytes(whole[:200] + bytes(200) + whole[400:])
    catalogue, report = imported(tmp_path, folder)
    assert {Path(name).name for name in report.refused_files} == {"2.parquet", "3.parquet"}
    assert len(catalogue.load("made_up", DAY).events) == 10
    assert list((tmp_path / "cache").rglob(".import-*")) == []
    for damaged in ("2.parquet", "3.parquet"):
        with pytest.raises(DataError, match="cannot be read"):
            imported(tmp_path / damaged, folder / damaged)
        assert not (tmp_path / damaged / "history").exists()


def test_more_rows_than_memory_takes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "a.parquet", minute_bars())
    _, small = imported(tmp_path / "1", path)
    monkeypatch.setattr("qm.history.tables.ROWS", 100)
    monkeypatch.setattr("qm.history.spool.MOST_ROWS", 150)
    catalogue, large = imported(tmp_path / "2", path)
    assert large == small
    assert catalogue.manifest("made_up", "bars_1m", DAY) == Catalogue(
        tmp_path / "1" / "history", tmp_path / "1" / "cache"
    ).manifest("made_up", "bars_1m", DAY)


@pytest.mark.parametrize(("more", "known"), [({}, MINUTE - 1), ({"end_labels": True}, -1)])
def test_what_quote_bars_close_at_are_quotes_known_at_their_end(
    tmp_path: Path, more: dict[str, Any], known: int
) -> None:
    ts = OPEN + np.arange(3) * MINUTE
    bid, ask = np.array([10.0, 10.1, 10.2]), np.array([10.1, 10.2, 10.3])
    columns: dict[str, Any] = {"ts": ts, "symbol": ["A"] * 3}
    for name in ("open", "high", "low", "close"):
        columns |= {f"bid_{name}": bid, f"ask_{name}": ask}
    path = parquet(tmp_path / "a.parquet", columns | {"bid_size": [100] * 3, "ask_size": [200] * 3})
    catalogue, report = imported(tmp_path, path, **more)
    (part,) = report.parts
    assert (part.kind, part.rows_kept) == ("quotes", 3)
    events = catalogue.load("made_up", DAY).events
    assert events["ts"].tolist() == (ts + known).tolist()
    assert events["a"].tolist() == bid.tolist()
    assert events["b"].tolist() == ask.tolist()
    one = parquet(
        tmp_path / "b.parquet",
        {name: column[:1] for name, column in (columns | {"bid_size": [1], "ask_size": [1]}).items()},
    )
    with pytest.raises(UsageError, match="how long they are"):
        imported(tmp_path / "one", one)
