"""Zips in LEAN's layouts: what their numbers mean, and what is wrong with a zip."""

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qm.clock import MINUTE, at_ny
from qm.errors import DataError, UsageError
from qm.history import lean
from qm.history.catalogue import Catalogue
from qm.history.facts import import_facts
from qm.history.importer import ImportReport, import_files
from qm.model.market import Events, Kind, Print
from tests.qm.history.markets import DAY, NEXT, NOW, OPEN, imported, real

MORNING = (9 * 60 + 30) * 60_000
"""Milliseconds from midnight to the open."""


def zipped(path: Path, entry: str, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(entry, "".join(f"{line}\n" for line in lines))
    return path


def minute_zip(root: Path, ticker: str = "aapl", day: dt.date = DAY, minutes: int = 3) -> Path:
    lines = [f"{MORNING + i * 60_000},{100_000 + i},{101_000},{99_900},{100_050},{7 + i}" for i in range(minutes)]
    name = f"{day:%Y%m%d}"
    return zipped(root / "minute" / ticker / f"{name}_trade.zip", f"{name}_{ticker}_minute_trade.csv", *lines)


def same(one: Events, other: Events) -> bool:
    return np.array_equal(one.view(np.uint8), other.view(np.uint8))


def findings(report: ImportReport) -> dict[str, int]:
    return {each.what: each.rows for part in report.parts for each in part.findings}


def test_minute_bars_are_deci_cents_and_milliseconds_of_new_york(tmp_path: Path) -> None:
    catalogue, report = imported(tmp_path, minute_zip(tmp_path))
    (part,) = report.parts
    assert (part.kind, part.rows_kept, report.rows_refused) == ("bars_1m", 3, 0)
    data = catalogue.load("made_up", DAY)
    assert data.symbols.names == ("AAPL",)
    assert data.events["event_ts"].tolist() == [OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE]
    assert data.events[["a", "b", "c", "d", "e"]][1].tolist() == (10.0001, 10.1, 9.99, 10.005, 8.0)


def test_the_length_of_a_bar_is_in_the_name_even_where_few_bars_are(tmp_path: Path) -> None:
    path = zipped(tmp_path / "20250102_trade.zip", "20250102_cyph_second_trade.csv", f"{MORNING},1,2,1,2,5")
    assert imported(tmp_path, path)[1].parts[0].kind == "bars_1s"


@pytest.mark.parametrize("day", [dt.date(2025, 3, 7), dt.date(2025, 3, 10), dt.date(2025, 11, 3)])
def test_the_clock_is_that_of_new_york_in_summer_and_winter(tmp_path: Path, day: dt.date) -> None:
    catalogue, _ = imported(tmp_path, minute_zip(tmp_path, day=day))
    assert catalogue.load("made_up", day).events["event_ts"][0] == at_ny(day, "09:30")


def test_hours_and_days_of_a_ticker_lie_in_one_zip(tmp_path: Path) -> None:
    row = "100000,110000,90000,105000,1000"
    hour = zipped(tmp_path / "hour" / "brk.b.zip", "brk.b.csv", f"20250102 09:00,{row}", f"20250103 10:00,{row}")
    catalogue, report = imported(tmp_path / "1", hour)
    assert report.parts[0].kind == "bars_1h"
    data = catalogue.load("made_up", DAY)
    assert data.symbols.names == ("BRK.B",)
    assert data.events["event_ts"].tolist() == [at_ny(DAY, "09:00")]
    daily = zipped(tmp_path / "daily" / "aapl.zip", "aapl.csv", f"20250102 00:00,{row}", f"20250103 00:00,{row}")
    catalogue, report = imported(tmp_path / "2", daily)
    assert report.parts[0].kind == "bars_1d"
    assert catalogue.sessions("made_up") == [DAY, NEXT]
    assert catalogue.load("made_up", DAY).events["event_ts"].tolist() == [OPEN]


def test_ticks_carry_fractions_venues_and_flags(tmp_path: Path) -> None:
    lines = (
        f"{MORNING}.125,100000,100,P,1,0",
        f"{MORNING + 1}.5,100100,200,Q,20000020,0",
        # An average price, an odd lot, a suspicious print, and the official close: none of them sets a price.
        f"{MORNING + 2},100200,300,Q,100000,0",
        f"{MORNING + 3},100300,5,Q,80000000,0",
        f"{MORNING + 4},900000,100,Q,1,1",
        f"{MORNING + 5},100400,100,N,1000000,0",
    )
    path = zipped(tmp_path / "20250102_trade.zip", "20250102_bac_Trade_Tick.csv", *lines)
    catalogue, report = imported(tmp_path, path)
    events = catalogue.load("made_up", DAY).events
    assert (events["event_ts"][:2] - OPEN).tolist() == [125_000, 1_500_000]
    assert events["a"].tolist() == [10.0, 10.01, 10.02, 10.03, 90.0, 10.04]
    assert ((events["flag"] & Print.LAST) != 0).tolist() == [True, True, False, False, False, False]
    assert ((events["flag"] & Print.VOLUME) != 0).tolist() == [True, True, True, True, True, False]
    assert findings(report) == {"suspicious, says the source: sets no price": 1}


def test_quotes_tell_one_side_at_a_time_and_become_a_book(tmp_path: Path) -> None:
    lines = (
        f"{MORNING},100000,300,0,0,P,1,0",
        f"{MORNING + 1},0,0,100100,200,Q,1,0",
        f"{MORNING + 2},0,0,90000,200,Q,1,1",
    )
    path = zipped(tmp_path / "20250102_quote.zip", "20250102_bac_tick_quote.csv", *lines)
    catalogue, report = imported(tmp_path, path)
    assert report.parts[0].kind == "quotes"
    assert findings(report)["suspicious, says the source: left out"] == 1
    events = catalogue.load("made_up", DAY).events
    assert events[["a", "b", "c", "d"]][1].tolist() == (10.0, 10.01, 300.0, 200.0)


def test_quote_bars_are_known_at_their_end_and_a_side_may_be_missing(tmp_path: Path) -> None:
    lines = (
        f"{MORNING},99000,99000,99000,99500,300,100000,100000,100000,100500,200",
        f"{MORNING + 60_000},,,,,,100000,100000,100000,100100,200",
    )
    path = zipped(tmp_path / "20250102_quote.zip", "20250102_bac_minute_quote.csv", *lines)
    catalogue, report = imported(tmp_path, path)
    events = catalogue.load("made_up", DAY).events
    assert (events["kind"] == Kind.QUOTE).all()
    assert events["ts"].tolist() == [OPEN + MINUTE - 1, OPEN + 2 * MINUTE - 1]
    assert (events["a"][0], events["b"][0]) == (9.95, 10.05)
    assert not events["a"][1] > 0
    assert report.rows_refused == 0


def test_a_folder_several_zips_and_the_facts_beside_them(tmp_path: Path) -> None:
    root = tmp_path / "equity" / "usa"
    one, two = minute_zip(root), minute_zip(root, "cyph", NEXT)
    (root / "factor_files").mkdir()
    (root / "factor_files" / "aapl.csv").write_text("20140606,0.9741588,0.142857\n20501231,1,1\n")
    whole, report = imported(tmp_path / "1", root)
    assert not report.refused_files
    catalogue, _ = imported(tmp_path / "2", one)
    both = import_files(catalogue, [one, two], "both", NOW)
    for date in (DAY, NEXT):
        assert same(whole.load("made_up", date).events, catalogue.load("both", date).events)
    assert [each.session for each in both.sessions] == [str(DAY), str(NEXT)]


def test_factors_become_splits_and_dividends(tmp_path: Path) -> None:
    folder = tmp_path / "factor_files"
    folder.mkdir()
    # Rows tell the last day on which they hold: the split is of the Monday after, the dividend of 7 August.
    lines = ("20140101,0.97,0.142857,500", "20140606,0.97,0.142857,645.57", "20140806,0.98,1,94.96", "20501231,1,1")
    (folder / "aapl.csv").write_text("\n".join(lines))
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    for kind, date, column, value in (
        ("splits", dt.date(2014, 6, 9), "factor", 0.142857),
        ("dividends", dt.date(2014, 8, 7), "amount", 94.96 * 0.02),
    ):
        report = import_facts(catalogue, folder, "made_up", kind, NOW)
        assert date.isoformat() in [each.session for each in report.sessions]
        assert catalogue.fact("made_up", kind, date)[column].tolist() == pytest.approx([value])
    (folder / "aapl.csv").write_text("20140101,one,1\n")
    with pytest.raises(DataError, match="cannot be read"):
        import_facts(catalogue, folder, "made_up", "splits", NOW)


@pytest.mark.parametrize(
    ("entry", "lines", "told"),
    [
        ("readme.txt", ["hello"], "no CSV file"),
        ("20250102_aapl_minute_greeks.csv", ["1,2"], "no kind that is known"),
        ("20250199_aapl_minute_trade.csv", [f"{MORNING},1,1,1,1,1"], "cannot be read"),
        ("20250102_aapl_minute_trade.csv", ["ts,open,high,low,close,volume"], "cannot be read"),
        ("20250102_aapl_minute_trade.csv", [f"{MORNING},1,1,1,1"], "cannot be read"),
        ("20250102_aapl_minute_trade.csv", ["nan,1,1,1,1,1"], "no number of milliseconds"),
        ("20250102_aapl_minute_trade.csv", [], "cannot be read"),
        ("20250102_aapl_trade_tick.csv", [f"{MORNING},1,1,P,xyz,0"], "cannot be read"),
        ("aapl.csv", ["2025-01-02,1,1,1,1,1"], "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_zip_is_said(tmp_path: Path, entry: str, lines: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        imported(tmp_path, zipped(tmp_path / "daily" / "a.zip", entry, *lines))
    assert caught.value.remedy
    assert not (tmp_path / "history").exists()


def test_a_zip_that_is_cut_short_or_damaged_is_refused(tmp_path: Path) -> None:
    path = minute_zip(tmp_path, minutes=200)
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], whole[:10], b"", whole[:60] + b"\xff" * 40 + whole[100:]):
        path.write_bytes(data)
        with pytest.raises(DataError, match="cannot be read"):
            imported(tmp_path, path)
    assert not (tmp_path / "history").exists()


def test_a_bar_whose_length_nothing_tells_must_be_said(tmp_path: Path) -> None:
    path = zipped(tmp_path / "aapl.zip", "aapl.csv", "20250102 00:00,1,1,1,1,1")
    with pytest.raises(UsageError, match="how long its bars are"):
        imported(tmp_path, path)
    assert imported(tmp_path, path, seconds=86_400)[1].parts[0].kind == "bars_1d"


@pytest.mark.parametrize(
    ("flags", "letters"), [("", ""), ("1", "@"), ("20002020", "FTX"), ("20100200", "4WX"), ("4800", "LZ")]
)
def test_flags_become_letters_of_the_tapes(flags: str, letters: str) -> None:
    assert "".join(sorted(lean.letters(flags))) == "".join(sorted(letters))


def test_the_real_day_of_ticks_is_the_same_out_of_a_zip(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    source = real("lean/ticks_trades_IBM_20131007.parquet")
    day = dt.date(2013, 10, 7)
    midnight = at_ny(day, "00:00")
    rows: list[dict[str, Any]] = pq.read_table(source).to_pylist()
    lines = [
        f"{(row['ts'] - midnight) / 1e6:.3f},{row['price'] * 10_000:.0f},{row['size']},{row['exchange']},"
        f"{row['conditions']},{int(row['suspicious'])}"
        for row in rows
    ]
    zipped(tmp_path / "20131007_trade.zip", "20131007_ibm_Trade_Tick.csv", *lines)
    plain, report = imported(tmp_path / "1", source)
    again, _ = imported(tmp_path / "2", tmp_path / "20131007_trade.zip")
    assert findings(report) == {}
    assert same(plain.load("made_up", day).events, again.load("made_up", day).events)
