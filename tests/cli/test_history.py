"""From a file of bars to the explanation of a trade, by the commands that a person types."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import SESSIONS, Imported
from tests.cli.made import bars_file
from tests.cli.program import Done, qm, started, watched

# Read before each test forgets the settings of the environment.
REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "us99_1m"
# A made market is rarely in play: any volume will do here.
ANY_VOLUME = ("-p", "rv_min=0", "-p", "top_n=20")
BACKTEST = ("backtest", "run", "orb_robust", "--dataset", "made", *ANY_VOLUME)
# Three of the ten, for what shows in any session that trades.
SHORT = (*BACKTEST, "--from", "2025-03-04")


def test_from_bars_to_the_story_of_a_trade(made: Imported) -> None:
    (dataset,) = qm("data", "ls", "--json").json
    assert (dataset["name"], dataset["kind"], dataset["sessions"], dataset["rows"]) == (
        "made",
        "bars_1m",
        10,
        made.rows,
    )

    # Decided in another process, and the same.
    table = started(*BACKTEST)
    result = qm(*BACKTEST, "--json")
    summary = result.json
    assert summary["schema"] == 3
    assert summary["sessions"] == len(summary["days"]) == 10
    assert summary["trades"] == len(summary["closed_trades"]) > 0
    assert summary["interrupted"] is False
    assert summary["settings"]["engine"]["scans"] == ["stocks_in_play"]
    assert f"{summary['trades']}, {summary['wins']} won" in table.out
    assert summary["run"] in table.out

    # The same inputs are the same run: nothing was stored twice.
    trades = qm("journal", "list", "--json", "--limit", "1000").json
    assert {trade["run"] for trade in trades} == {summary["run"]}
    assert len(trades) == summary["trades"]
    assert {each["trade"] for each in trades} == {each["trade"] for each in summary["closed_trades"]}
    assert len(qm("journal", "list", "--run", "all", "--json", "--limit", "1000").json) == summary["trades"]

    again = qm("backtest", "repro", summary["run"], "--json").json
    assert (again["same_inputs"], again["same_decisions"], again["same_trades"]) == (True, True, True)
    assert again["journal_hash"] == [summary["journal_hash"]] * 2
    assert "no session in common" not in qm("backtest", "compare", summary["run"], summary["run"]).out

    last = trades[0]
    assert trades == sorted(trades, key=lambda trade: -trade["closed"])
    only = qm("journal", "list", "--symbol", last["symbol"].lower(), "--since", last["session"], "--json").json
    assert {(t["symbol"], t["session"]) for t in only} == {(last["symbol"], last["session"])}
    assert last["trade"] in qm("journal", "list").out

    story = qm("explain", last["trade"]).out
    for part in ("hit", "allocation", "signal", "order", "execution", "result", "stocks_in_play"):
        assert part in story
    steps = qm("explain", last["trade"], "--json").json["steps"]
    assert [step["seq"] for step in steps] == sorted(step["seq"] for step in steps)
    assert last["symbol"] in qm("explain", last["symbol"].lower()).out
    assert last["symbol"] in qm("explain", last["symbol"] + "X", check=2).err


def test_what_must_not_be_ends_with_8_after_the_result(made: Imported) -> None:
    done = qm(*SHORT, "--json", "--no-save", "--fail-if", "trades<100000", check=8)
    assert done.json["run"] == ""
    assert "trades<100000" in done.err
    assert qm(*BACKTEST, "--no-save", "--fail-if", "sessions<10", "--fail-if", "trades<0").code == 0
    qm("journal", "list", check=2)


def test_symbols_that_are_named_are_traded_past_radar_and_scanner(made: Imported, tmp_path: Path) -> None:
    everything = qm(*SHORT, "--json").json
    symbol = everything["closed_trades"][0]["symbol"]
    listed = tmp_path / "symbols.txt"
    listed.write_text(f"# mine\n{symbol.lower()}\n", encoding="utf-8")
    found = qm(*SHORT, "--symbols", f"@{listed}", "--json").json
    assert found["symbols"] == 1
    assert found["settings"]["engine"]["scans"] == []
    assert {trade["symbol"] for trade in found["closed_trades"]} == {symbol}
    assert found["run"] != everything["run"]


def test_costs_and_parameters_change_what_comes_out(made: Imported) -> None:
    house = qm(*SHORT, "--json", "--no-save").json
    none = qm(*SHORT, "--json", "--no-save", "--costs", "none").json
    ibkr = qm(*SHORT, "--json", "--no-save", "--costs", "ibkr").json
    assert none["fees_usd"] == 0 < house["fees_usd"] < ibkr["fees_usd"]
    wide = qm(*SHORT, "--json", "--no-save", "-p", "range_min=15", "--equity", "50000").json
    assert wide["start_equity_usd"] == 50_000
    assert wide["result_hash"] != house["result_hash"]


def test_each_assumption_about_bars_has_its_run(made: Imported, tmp_path: Path) -> None:
    run = (*SHORT, "--json")
    report = tmp_path / "sheet.html"
    every = qm(*run, "--fills", "all", "--report", str(report)).json
    assert [each["fills"] for each in every["bounds"]] == ["pessimistic", "path", "optimistic"]
    worst, path, best = (qm(*run, "--no-save", "--fills", each["fills"]).json for each in every["bounds"])
    for alone, beside in zip((worst, path, best), every["bounds"], strict=True):
        assert alone["bounds"] == [beside]
        assert alone["fills"] == alone["settings"]["exchange"]["intrabar"] == beside["fills"]
    # What it was run for is in its name; what was decided is not another.
    plain = qm(*run).json
    assert plain["journal_hash"] == every["journal_hash"] == worst["journal_hash"]
    assert plain["run"] != every["run"]
    assert qm("backtest", "repro", every["run"], "--json").json["same_inputs"] is True
    words = report.read_text(encoding="utf-8")
    for each in every["bounds"]:
        assert f"<td>{each['fills']}</td>" in words
    assert all(text in words for text in every["warnings"])


def test_stress_makes_trading_dearer(made: Imported) -> None:
    once, twice = (qm(*SHORT, "--json", "--no-save", "--stress", times).json["settings"]["exchange"] for times in "12")
    for name in ("slippage_bps", "stop_slippage_bps", "slippage_ticks"):
        assert twice[name] == 2 * once[name] > 0
    assert "--stress" in qm(*BACKTEST, "--stress", "-1", check=2).err
    assert "pessimistic" in qm(*BACKTEST, "--fills", "best", check=2).err


def test_a_part_of_the_sessions_knows_what_came_before(made: Imported) -> None:
    whole = qm(*BACKTEST, "--json", "--no-save").json
    part = qm(*BACKTEST, "--json", "--no-save", "--from", "2025-03-05", "--to", "2025-03-05").json
    assert [day["session"] for day in part["days"]] == ["2025-03-05"]
    symbols = [t["symbol"] for t in whole["closed_trades"] if "20250305" in t["trade"]]
    assert sorted(t["symbol"] for t in part["closed_trades"]) == sorted(symbols)


def test_importing_again_changes_nothing_and_other_data_is_a_conflict(made: Imported, tmp_path: Path) -> None:
    states = _states(qm("data", "import", str(made.file), "-d", "made", "--json"))
    assert states == {"unchanged"}
    bars_file(tmp_path / "other.parquet", SESSIONS, seed=4)
    other = ("data", "import", str(tmp_path / "other.parquet"), "-d", "made", "--json")
    assert _states(qm(*other, check=3)) == {"conflict"}
    assert _states(qm(*other, "--replace", "--dry-run")) == {"replaced"}
    assert _states(qm(*other, check=3)) == {"conflict"}
    assert _states(qm(*other, "--replace")) == {"replaced"}


def _states(done: Done) -> set[str]:
    return {each["state"] for each in done.json["sessions"]}


def test_rows_that_make_no_sense_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(
        "ts,symbol,open,high,low,close,volume\n"
        "2025-03-03T14:30:00Z,AAA,10,11,9,10,100\n"
        "2025-03-03T14:31:00Z,AAA,10,9,11,10,100\n"
        "2025-03-03T14:32:00Z,AAA,10,11,9,10,100\n"
        "2025-03-03T14:33:00Z,AAA,10,11,9,10,100\n",
        encoding="utf-8",
    )
    done = qm("data", "import", str(path), "-d", "bad", check=4)
    assert "3 of 4 rows" in done.out
    assert "1 rows refused" in done.out


def test_columns_of_unusual_names_are_named_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(
        "stamp,ticker,first,high,low,last,volume\n"
        "2025-03-03T14:30:00Z,AAA,10,11,9,10,100\n"
        "2025-03-03T14:31:00Z,AAA,10,11,9,10,100\n",
        encoding="utf-8",
    )
    arguments = ("data", "import", str(path), "-d", "odd")
    assert "neither bars" in qm(*arguments, check=4).err
    named = ("--map", "stamp=ts", "--map", "First=open", "--map", "last=close")
    assert qm(*arguments, *named, "--json").json["parts"][0]["rows_kept"] == 2
    assert "close" in qm(*arguments, "--map", "last=clos", check=2).err
    assert "stamp=ts" in qm(*arguments, "--map", "last", check=2).err


def test_ctrl_c_keeps_the_sessions_that_were_finished() -> None:
    arguments = ("backtest", "run", "thrust", "-d", "synthetic:40", "--from", "2025-01-02", "--to", "2025-12-31")
    with watched(*arguments, "--json") as program:
        program.until("\r\x1b[K2/250")
        program.interrupt()
        code, out = program.end()
    assert code == 130
    result = json.loads(out)
    assert result["interrupted"] is True
    assert 2 <= result["sessions"] == len(result["days"]) < 250
    assert "Interrupted" in program.seen
    assert "Traceback" not in program.seen
    kept = qm("journal", "list", "--run", result["run"], "--json", "--limit", "100000").json
    assert len(kept) == result["trades"]


def test_a_second_ctrl_c_ends_at_once() -> None:
    arguments = ("backtest", "run", "thrust", "-d", "synthetic:40", "--from", "2025-01-02", "--to", "2025-12-31")
    with watched(*arguments) as program:
        program.until("\r\x1b[K1/250")
        program.interrupt()
        program.until("Ctrl-C again")
        program.interrupt()
        code, _ = program.end()
    # It may have finished the session before the second one arrived.
    assert code == 130
    assert "Traceback" not in program.seen


@pytest.mark.slow
def test_real_bars_give_trades_that_can_be_explained() -> None:
    if not REAL.is_dir():
        pytest.skip(f"there is no real data at {REAL}; QM_TEST_DATA names the folder above it")
    qm("data", "import", str(REAL), "--dataset", "us99_1m")
    # Eight of eleven sessions make the averages that the scan asks for; the robust preset is hard to please.
    assert qm("backtest", "run", "orb_robust", "--dataset", "us99_1m", "--json").json["trades"] > 0
    result = qm("backtest", "run", "orb_paper", "--dataset", "us99_1m", "--fills", "all", "--json").json
    assert result["sessions"] == 11
    assert result["trades"] > 5
    # Its stop is so near that the bar of an entry may tell no order of events, and all three assumptions say so.
    assert all(each["ambiguous"] > 0 for each in result["bounds"])
    assert len({each["result_hash"] for each in result["bounds"]}) > 1
    assert all(trade["opened"] <= trade["closed"] for trade in result["closed_trades"])
    story = qm("explain", result["closed_trades"][-1]["trade"]).out
    assert "execution" in story
