"""A real day of runners on prints and quotes, without a day before it: traded, explained, drawn, and made again."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from qm.clock import SECOND, at_ny, ny
from tests.cli.program import Done, inside

# Read before each test forgets the settings of the environment.
REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILES = ("runners_20251114/trades.parquet", "runners_20251114/venue_bbo.parquet")
CLOSES = "reference/universe_2025-11-13_close.parquet"
DATE = dt.date(2025, 11, 14)
ASKING_NOTHING = [
    *("-p", "vwap_reclaim.rvol5=0", "-p", "vwap_reclaim.depth_atr=0", "-p", "vwap_reclaim.retest_atr=0"),
    *("-p", "vwap_reclaim.buf_atr=0", "-p", "thrust.min_stop_atr=0", "-p", "thrust.max_stop_atr=0"),
]
CENT = 0.0101
"""A market order pays what is asked, a cent off the last print."""

Run = pytest.CaptureFixture[str]


def qm(capsys: Run, *arguments: str) -> Done:
    done = inside(capsys, *arguments)
    assert done.code == 0, done.err
    return done


@pytest.fixture
def runners(capsys: Run) -> None:
    """The day, and what was known before it: the closes of the day before."""
    for name in (*FILES, CLOSES):
        if not (REAL / name).exists():
            pytest.skip(f"there is no real data at {REAL / name}; QM_TEST_DATA names the folder above it")
    for name in FILES:
        qm(capsys, "data", "import", str(REAL / name), "-d", "runners")
    qm(capsys, "data", "import", str(REAL / CLOSES), "-d", "runners", "--kind", "reference")


def printed(symbol: str, since: int, until: int) -> tuple[float, float]:
    """Lowest and highest price of the symbol's prints between two moments, ns UTC."""
    tape = pq.read_table(REAL / FILES[0], columns=["ts", "symbol", "price"])
    there = pc.and_(pc.greater_equal(tape["ts"], since), pc.less_equal(tape["ts"], until))
    own = tape.filter(pc.and_(there, pc.equal(pc.cast(tape["symbol"], "string"), symbol)))
    found = pc.min_max(own["price"]).as_py()
    return found["min"], found["max"]


def true_to_the_tape(trade: dict[str, Any]) -> None:
    """What was paid and what was taken were prices of those moments, give or take the spread."""
    symbol, opened, closed = trade["symbol"], trade["opened"], trade["closed"]
    low, high = printed(symbol, opened - 30 * SECOND, opened + 30 * SECOND)
    assert low - CENT <= float(trade["entry_price"]) <= high + CENT, trade
    low, high = printed(symbol, opened, closed + SECOND)
    assert low - CENT <= float(trade["exit_price"]) <= high + CENT, trade


@pytest.mark.usefixtures("runners")
def test_the_radar_brings_runners_that_are_traded_and_the_run_repeats(tmp_path: Path, capsys: Run) -> None:
    sheet = tmp_path / "runners.html"
    order = ["backtest", "run", "vwap_reclaim,thrust", "-d", "runners", *ASKING_NOTHING, "--json"]
    first = qm(capsys, *order, "--report", str(sheet)).json
    assert first["told"] == {}
    assert {trade["strategy"] for trade in first["closed_trades"]} == {"vwap_reclaim", "thrust"}
    drawn = sheet.read_text()
    assert first["result_hash"][:16] in drawn
    for trade in first["closed_trades"]:
        true_to_the_tape(trade)
        story = qm(capsys, "explain", trade["trade"]).out
        for word in (" hit of runners", f"goes to {trade['strategy']}", "to protect: sell", "= "):
            assert word in story, trade["trade"]
        assert f"{trade['symbol']} {ny(trade['opened']):%Y-%m-%d %H:%M}" in drawn
    again = qm(capsys, *order, "--no-save").json
    assert (again["result_hash"], again["journal_hash"]) == (first["result_hash"], first["journal_hash"])


@pytest.mark.usefixtures("runners")
def test_nothing_is_traded_in_a_pause(capsys: Run) -> None:
    order = ["backtest", "run", "thrust", "-d", "runners", "--symbols", "HCWB", "-p", "give_up_min=390", "--json"]
    # Before it paused 5,653 shares had traded in five minutes: a hundredth of them is not worth a trade.
    asking_less = ["-p", "min_stop_atr=0", "-p", "max_stop_atr=0", "-s", "risk.max_of_volume=1"]
    (trade,) = qm(capsys, *order, *asking_less).json["closed_trades"]
    # It paused from 10:08:36 to 10:13:45, six per cent above the entry, and reopened at 3.61.
    assert trade["opened"] < at_ny(DATE, "10:08:36")
    assert trade["closed"] > at_ny(DATE, "10:13:45")
    true_to_the_tape(trade)
    filled = [line[:8] for line in qm(capsys, "explain", trade["trade"]).out.splitlines() if " execution " in line]
    assert len(filled) > 1
    assert not [at for at in filled if "10:08:36" <= at < "10:13:45"]


@pytest.mark.usefixtures("runners")
def test_who_asks_for_earlier_days_is_not_started_and_the_result_says_why(capsys: Run) -> None:
    told = qm(capsys, "backtest", "run", "hod_break", "-d", "runners", "--no-save").out
    assert "strategy hod_break is not started: it needs average ranges, and no earlier sessions" in told
