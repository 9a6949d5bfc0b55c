"""The examples run as they are, from the root of the repository, and show what they say."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
LINES_MAX = 80


def output_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)


def test_every_example_fits_on_a_screen_or_two() -> None:
    sizes = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size >= LINES_MAX} == {}


def test_backtest_sums_up_and_explains_a_trade_from_the_radar_to_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of("01_backtest.py", capsys)
    assert re.search(r"^2 sessions, [\d,]+ records", out)
    steps = [line.split()[1] for line in out.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    walk = ["radar", "hit", "watch", "allocation", "plan", "signal", "order", "execution", "result"]
    assert [step for step in dict.fromkeys(steps) if step in walk] == walk


def test_own_strategy_trades_its_symbols_and_reaches_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    trades = output_of("02_own_strategy.py", capsys).splitlines()
    assert trades
    assert all(re.match(r"\S+ +\d+ shares +[\d.]+ to +[\d.]+ [+-]\d+\.\d\d R: ", trade) for trade in trades)
    assert any(trade.endswith("2 R reached") for trade in trades)


def test_on_bar_strategy_trades_what_the_scan_found(capsys: pytest.CaptureFixture[str]) -> None:
    *trades, last = output_of("03_on_bar_strategy.py", capsys).splitlines()
    assert re.match(rf"[1-9]\d* hits of momentum, {len(trades)} trades, ", last)
    assert any(trade.endswith("closed below the bar before") for trade in trades)


def test_scan_finds_symbols_and_says_why_another_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of("04_scan.py", capsys)
    found = re.findall(r"^(\S+): found$", out, re.MULTILINE)
    (missed,) = re.findall(r"^(\S+): not found, for:$", out, re.MULTILINE)
    assert 0 < len(found) <= 3
    assert missed not in found
    assert "\n  FAIL " in out


def test_wire_client_without_an_engine_says_so_and_exits_with_7(own_folders: Path) -> None:
    done = run("examples/05_wire_client.py")
    assert done.returncode == 7
    assert done.stderr == f"No engine answers at {own_folders}/runtime/sim/gateway.sock. Start it: qm up.\n"


@pytest.mark.slow
def test_wire_client_follows_a_running_engine() -> None:
    up = run("-m", "cli.app", "up", "--feed", "synthetic:50:seed=3@60x")
    assert up.returncode == 0, up.stderr
    try:
        done = run("examples/05_wire_client.py")
    finally:
        down = run("-m", "cli.app", "down")
    assert (done.returncode, done.stderr) == (0, "")
    hello, snapshot, *changes, orders = done.stdout.splitlines()
    assert hello.endswith("protocol 1")
    assert re.match(r"#\d+ snapshot: ", snapshot)
    assert all(re.match(r"#\d+ (changed|snapshot): |    ", line) for line in changes)
    assert orders.startswith("newest orders: ")
    assert down.returncode == 0, down.stderr
