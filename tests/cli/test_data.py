"""Ticks, closes and splits into the catalogue and into a backtest, by the commands that a person types."""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qm.clock import SECOND, at_ny
from qm.rules.calendar import previous_session, session, sessions
from tests.cli.program import Done, inside

DAY = dt.date(2025, 11, 14)
BEFORE = previous_session(DAY).date
# Read before each test forgets the settings of the environment.
REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

Run = pytest.CaptureFixture[str]


def runner_day(folder: Path) -> tuple[Path, Path, Path]:
    """Prints, quotes of two venues and closes of a made-up day: GAP runs, SPLIT was split 1:100."""
    n = 3_000
    start = session(DAY).open_ns - n // 2 * SECOND
    ts = np.repeat(start + np.arange(n) * SECOND, 2)
    price = np.stack([12.0 + np.arange(n) * 0.001, np.full(n, 1.83)], axis=1).ravel()
    symbol = ["GAP", "SPLIT"] * n
    trades, quotes, closes = folder / "trades.parquet", folder / "venues.parquet", folder / "closes.csv"
    pq.write_table(pa.table({"ts": ts, "symbol": symbol, "price": price, "size": [200] * 2 * n}), trades)
    venues = {
        "ts": np.repeat(ts, 2),
        "symbol": np.repeat(symbol, 2),
        "exchange": ["XNAS", "ARCX"] * 2 * n,
        "bid": np.repeat(price - 0.01, 2),
        "ask": np.repeat(price + 0.01, 2),
        "bid_size": [100] * 4 * n,
        "ask_size": [100] * 4 * n,
    }
    pq.write_table(pa.table(venues), quotes)
    stamp = f"{BEFORE}T19:26:00-05:00"
    closes.write_text(f"symbol,last,market_cap,ts\nGAP,10.00,1000000,{stamp}\nSPLIT,0.02,600000,{stamp}\n")
    return trades, quotes, closes


def import_(capsys: Run, path: Path, *more: str) -> Done:
    return inside(capsys, "data", "import", str(path), "--dataset", "runners", *more)


def test_ticks_quotes_and_closes_to_a_backtest(tmp_path: Path, capsys: Run) -> None:
    trades, quotes, closes = runner_day(tmp_path)
    assert import_(capsys, trades).code == 0
    told = import_(capsys, quotes)
    assert told.code == 0
    assert "one best bid and offer out of 2 venues, 0 crossed" in told.out
    told = import_(capsys, closes, "--kind", "reference")
    assert "runners/reference: 2 of 2 rows" in told.out
    kinds = [each["kind"] for each in inside(capsys, "data", "ls", "--json").json]
    assert sorted(kinds) == ["quotes", "reference", "trades"]

    known = inside(capsys, "data", "known", "runners", "--json").json
    assert known["closes_of"] == str(BEFORE)
    gap, split = known["symbols"]
    assert (gap["prior_close"], gap["known_at"]) == (10.0, at_ny(BEFORE, "19:26"))
    assert split["prior_close"] is None
    assert "91.5 times it" in split["doubt"]
    shown = inside(capsys, "data", "known", "runners", "--symbols", "split")
    assert "not believed: SPLIT is not measured against its prior close of 0.02" in shown.out

    done = inside(capsys, "backtest", "run", "thrust", "-d", "runners", "--json", "--no-save")
    assert done.code == 0
    assert done.json["sessions"] == 1
    assert "SPLIT is not measured" in done.err
    assert "GAP" not in done.err


def test_a_file_of_splits_takes_the_doubt_away(tmp_path: Path, capsys: Run) -> None:
    trades, _, closes = runner_day(tmp_path)
    import_(capsys, trades)
    import_(capsys, closes, "--kind", "reference")
    splits = tmp_path / "splits.csv"
    splits.write_text(f"symbol,date,ratio\nSPLIT,{DAY},1:100\n")
    assert import_(capsys, splits, "--kind", "splits").code == 0
    known = inside(capsys, "data", "known", "runners", "--symbols", "SPLIT", "--json").json
    ((split,),) = (known["symbols"],)
    assert (split["prior_close"], split["split_factor"], split["doubt"]) == (2.0, 100.0, None)


def test_what_cannot_be_is_said_in_one_sentence(tmp_path: Path, capsys: Run) -> None:
    trades, _, closes = runner_day(tmp_path)
    import_(capsys, trades)
    for arguments, code, words in (
        (("--kind", "closes"), 2, "No kind of facts is called 'closes'"),
        (("--as-of", str(BEFORE)), 2, "--as-of is for closes"),
        (("--kind", "reference", "--as-of", str(DAY)), 4, f"has the closes of {BEFORE}"),
        (("--kind", "splits"), 4, "as splits it lacks date"),
        (("--kind", "reference", "--map", "last=clos"), 2, "close"),
    ):
        done = import_(capsys, closes, *arguments)
        assert (done.code, words in done.err) == (code, True), done.err
    for arguments, words in (
        (("--session", "2025-11-13"), "has no session on 2025-11-13"),
        (("--symbols", "GOP"), "GAP"),
    ):
        done = inside(capsys, "data", "known", "runners", *arguments)
        assert (done.code, words in done.err) == (2, True), done.err


def test_closes_of_an_older_day_end_a_run_with_what_to_do(tmp_path: Path, capsys: Run) -> None:
    trades, _, closes = runner_day(tmp_path)
    import_(capsys, trades)
    older = previous_session(BEFORE).date
    closes.write_text(closes.read_text().replace(str(BEFORE), str(older)))
    import_(capsys, closes, "--kind", "reference")
    done = inside(capsys, "backtest", "run", "thrust", "-d", "runners", "--no-save")
    assert done.code == 4
    assert f"are those of {older}, not those of {BEFORE}" in done.err
    assert "--kind reference" in done.err


@pytest.mark.slow
def test_the_real_runner_day_runs_on_prints_and_quotes(capsys: Run) -> None:
    folder = REAL / "runners_20251114"
    if not folder.is_dir():
        pytest.skip(f"there is no real data at {folder}; QM_TEST_DATA names the folder above it")
    assert import_(capsys, folder / "trades.parquet").code == 0
    assert "0 crossed" in import_(capsys, folder / "venue_bbo.parquet").out
    assert import_(capsys, REAL / "reference" / "universe_2025-11-13_close.parquet", "--kind", "reference").code == 0
    for strategy in ("orb_robust", "thrust"):
        done = inside(capsys, "backtest", "run", strategy, "-d", "runners", "--json", "--no-save")
        assert done.code == 0
        # Every real runner keeps its prior close: nothing is doubted.
        assert "not measured" not in done.err
        assert done.json["symbols"] == 11
        assert done.json["records"] > 370_000


def test_what_kind_of_days_came_before_is_told(tmp_path: Path, capsys: Run) -> None:
    days = [each.open_ns for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 2, 4))]
    close = 600.0 + np.arange(len(days))
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    path = tmp_path / "spy.parquet"
    pq.write_table(pa.table({"ts": days, "symbol": ["SPY"] * len(days), **prices, "volume": [1e6] * len(days)}), path)
    assert inside(capsys, "data", "import", str(path), "--dataset", "index").code == 0
    mean = close[-21:-1].mean()
    known = inside(capsys, "data", "known", "index", "--json").json
    assert known["climate"]["spy_sma20_pct"] == pytest.approx(100 * (close[-2] / mean - 1), abs=1e-3)
    shown = inside(capsys, "data", "known", "index").out
    assert "before the open: SPY +1.5" in shown
    assert "from its 20-day mean" in shown
    # Of the first session nobody knows what came before.
    assert inside(capsys, "data", "known", "index", "--session", "2025-01-02", "--json").json["climate"] == {}
