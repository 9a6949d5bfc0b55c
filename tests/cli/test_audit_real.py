"""Every bar set of the real data comes in, and the audit names its known traps."""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from qm.clock import HOUR, MINUTE, at_ny
from tests.cli.program import inside

# Read before each test forgets the settings of the environment.
REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

Run = pytest.CaptureFixture[str]


def part(
    tmp_path: Path, name: str, symbols: Sequence[str] = (), since: dt.date | None = None, until: dt.date | None = None
) -> Path:
    """Some rows of a real file: symbols, and days from `since` to before `until`."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"there is no real data at {path}; QM_TEST_DATA names the folder above it")
    table = pq.read_table(path)
    if symbols:
        table = table.filter(pc.is_in(pc.cast(table["symbol"], pa.string()), pa.array(symbols)))
    if since is not None:
        table = table.filter(pc.greater_equal(table["ts"], at_ny(since, "00:00")))
    if until is not None:
        table = table.filter(pc.less(table["ts"], at_ny(until, "00:00")))
    found = tmp_path / path.name
    pq.write_table(table, found)
    return found


def concerns(capsys: Run, dataset: str, *more: str) -> dict[str, Any]:
    done = inside(capsys, "data", "audit", dataset, "--json", *more)
    assert done.code in (0, 4), done.err
    return {each["code"]: each for each in done.json["concerns"]} | {"kinds": done.json["kinds"]}


def take(capsys: Run, path: Path, dataset: str, *more: str) -> None:
    done = inside(capsys, "data", "import", str(path), "-d", dataset, *more)
    assert done.code in (0, 4), done.err


def test_minute_bars_with_extended_hours(tmp_path: Path, capsys: Run) -> None:
    since, until = dt.date(2025, 1, 8), dt.date(2025, 1, 11)
    path = part(tmp_path, "us99_1m/2025-01-02_2025-01-17.parquet", (), since, until)
    take(capsys, path, "us99")
    found = concerns(capsys, "us99")
    (kind,) = found["kinds"]
    # The day of mourning is no gap.
    assert (kind["sessions"], kind["expected_sessions"], kind["closed"]) == (2, 2, ["2025-01-09"])
    assert kind["symbols"] == 99
    # Half of the symbols: 47 to 51 % end away from the official close.
    official = found["official_close"]
    assert 0.4 * 198 < official["count"] < 0.6 * 198
    assert "consolidated" in found
    assert not {"missing_session", "outage", "end_labels", "split", "ohlc", "duplicate"} & found.keys()


def test_minute_bars_of_regular_hours_lack_the_auction(tmp_path: Path, capsys: Run) -> None:
    path = part(tmp_path, "ib59_1m/2025-10-01_03.parquet", (), dt.date(2025, 10, 1), dt.date(2025, 10, 2))
    take(capsys, path, "ib59")
    found = concerns(capsys, "ib59")
    assert found["kinds"][0]["filled"] == 1.0
    assert found["no_auction"]["level"] == "warn"
    assert found["zero_volume"]["level"] == "note"
    # The same bars, labelled by their end.
    table = pq.read_table(path)
    late = tmp_path / "late.parquet"
    pq.write_table(table.set_column(0, "ts", pc.add(table["ts"], MINUTE)), late)
    take(capsys, late, "late")
    labels = concerns(capsys, "late")["end_labels"]
    assert labels["level"] == "bad"
    assert inside(capsys, "data", "audit", "late").code == 4


def test_five_second_bars(tmp_path: Path, capsys: Run) -> None:
    take(capsys, part(tmp_path, "ib_5s/2025-09-15.parquet", ("AAPL", "MSFT", "NVDA")), "ib5s")
    found = concerns(capsys, "ib5s")
    assert found["kinds"][0]["kind"] == "bars_5s"
    assert not {"missing_session", "outage", "end_labels", "ohlc", "duplicate"} & found.keys()


def test_hourly_bars_straddle_the_open(tmp_path: Path, capsys: Run) -> None:
    # Three stamps of the file lie in the year 2262.
    path = part(tmp_path, "smallcap_1h/bars.parquet", (), dt.date(2022, 11, 21), dt.date(2022, 12, 1))
    take(capsys, path, "hours")
    found = concerns(capsys, "hours")
    (kind,) = found["kinds"]
    # Thanksgiving is closed, the day after a half one.
    assert (kind["closed"], kind["half_days"]) == (["2022-11-24"], ["2022-11-25"])
    assert found["straddles_open"]["level"] == "warn"
    assert "end_labels" not in found
    # As the source labels them: by the end.
    table = pq.read_table(path)
    late = tmp_path / "late.parquet"
    pq.write_table(table.set_column(0, "ts", pc.add(table["ts"], HOUR)), late)
    take(capsys, late, "late")
    assert concerns(capsys, "late")["end_labels"]["level"] == "bad"
    take(capsys, late, "right", "--end-labels")
    assert "end_labels" not in concerns(capsys, "right")


def test_daily_bars_of_the_whole_market(tmp_path: Path, capsys: Run) -> None:
    path = part(tmp_path, "daily_all/2023-09_2023-11.parquet", (), dt.date(2023, 9, 1), dt.date(2023, 9, 9))
    take(capsys, path, "daily")
    found = concerns(capsys, "daily")
    (kind,) = found["kinds"]
    assert (kind["sessions"], kind["expected_sessions"], kind["closed"]) == (5, 5, ["2023-09-04"])
    refused = found["import:refused:volume is missing or negative"]
    # 4.8 % of the volumes of the whole file are missing.
    assert refused["count"] / (kind["rows"] + refused["count"]) == pytest.approx(0.048, abs=0.005)
    assert found["split"]["example"]["symbol"] == "BHACW"


def test_samples_in_the_layouts_of_lean(tmp_path: Path, capsys: Run) -> None:
    for name, dataset, since, until in (
        ("lean/hour_2018_2021.parquet", "hours", dt.date(2020, 8, 27), dt.date(2020, 9, 2)),
        ("lean/daily.parquet", "days", dt.date(2020, 8, 20), dt.date(2020, 9, 2)),
        ("lean/minute_trades.parquet", "minutes", None, None),
        ("lean/second_trades_20131007.parquet", "seconds", None, None),
        ("lean/ticks_trades_IBM_20131007.parquet", "ticks", None, None),
        ("lean/minute_quotes.parquet", "quotes", None, None),
    ):
        take(capsys, part(tmp_path, name, (), since, until), dataset)
    # AAPL became four on 2020-08-31.
    for dataset in ("hours", "days"):
        assert (concerns(capsys, dataset)["split"]["example"]) == {
            "session": "2020-08-31",
            "symbol": "AAPL",
            "ts": None,
        }
    minutes = concerns(capsys, "minutes")
    assert minutes["kinds"][0]["sessions"] == 8
    assert minutes["missing_session"]["level"] == "bad"
    assert concerns(capsys, "quotes")["kinds"][0]["kind"] == "quotes"
    assert concerns(capsys, "seconds")["kinds"][0]["kind"] == "bars_1s"
    # Its conditions are flags, and say of every print what it may set.
    assert not any("unknown sale condition" in code for code in concerns(capsys, "ticks"))


def test_the_runner_day(tmp_path: Path, capsys: Run) -> None:
    trades = part(tmp_path, "runners_20251114/trades.parquet")
    # What a scan of that morning saw beside them: a print of YDKG after its reverse split.
    odd = tmp_path / "ydkg.csv"
    odd.write_text("ts,symbol,price,size\n2025-11-14T10:00:00-05:00,YDKG,1.83,500\n")
    folder = tmp_path / "prints"
    folder.mkdir()
    trades.rename(folder / "trades.parquet")
    odd.rename(folder / "ydkg.csv")
    take(capsys, folder, "runners")
    take(capsys, part(tmp_path, "reference/universe_2025-11-13_close.parquet"), "runners", "--kind", "reference")
    for name in ("bars_1m", "bars_1s"):
        take(capsys, part(tmp_path, f"runners_20251114/{name}.parquet"), "runners")
    found = concerns(capsys, "runners", "--kind", "trades")
    assert found["split"]["count"] == 1
    assert found["split"]["example"]["symbol"] == "YDKG"
    assert "91.5 times" in found["split"]["what"]
    # CMCT 15:33:21 and HCWB 10:08:36 of 156 gaps of four minutes and more.
    assert found["pause"]["count"] == 2
    assert found["pause"]["example"]["symbol"] == "CMCT"
    assert found["pause"]["example"]["ts"] // 10**9 == at_ny(dt.date(2025, 11, 14), "15:33:21") // 10**9
    assert found["quiet"]["count"] > 100
    assert found["odd_lots"]["count"] / 91_744 == pytest.approx(0.6, abs=0.02)
    assert found["same_moment"]["count"] / 91_744 == pytest.approx(0.36, abs=0.03)
    assert found["lit_only"]["level"] == "warn"
    everything = concerns(capsys, "runners")
    assert {each["kind"] for each in everything["kinds"]} == {"bars_1m", "bars_1s", "trades"}
