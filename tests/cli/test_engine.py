"""The engine as a daemon: started, watched, flattened, killed, taken up again, stopped and proved."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from cli.places import held, place
from qm.clock import SECOND, monotonic_ns
from tests.cli.program import qm, started, watched

pytestmark = pytest.mark.slow

FEED = "synthetic:60:seed=2"
LONGEST_NS = 60 * SECOND


@pytest.fixture(autouse=True)
def no_engine_is_left_behind() -> Iterator[None]:
    yield
    for name in ("sim", "paper", "demo"):
        if held(place(name)):
            started("down", "--mode", name, check=None)


def status(name: str = "sim") -> Any:
    (found,) = qm("status", "--mode", name, "--json").json
    return found


def until(holds: Callable[[Any], bool], name: str = "sim") -> Any:
    """Ask for the status until it is what is waited for."""
    deadline = monotonic_ns() + LONGEST_NS
    while not holds(found := status(name)):
        assert monotonic_ns() < deadline, found
        sleep(0.05)
    return found


def test_an_engine_starts_answers_and_stops() -> None:
    done = started("up", "--feed", f"{FEED}@1x", "--equity", "50000", "-s", "risk.max_positions=3")
    assert "synthetic:60:seed=2:date=2025-03-10 at 1x" in done.out
    found = status()
    assert found["place"] == "sim"
    assert found["status"]["mode"] == "sim"
    assert found["pnl"]["equity_usd"] == 50_000
    assert found["status"]["run"] == "sim-1"
    assert "process" in started("status").out
    assert oct(Path(found["socket"]).stat().st_mode & 0o777) == "0o600"

    again = started("up", check=5)
    assert "running already" in again.err
    assert again.out == ""

    qm("entries", "stop", "news at two")
    assert status()["status"]["entries"] == "news at two"
    qm("entries", "resume", "it was nothing")
    assert status()["status"]["entries"] == "on"

    started("down")
    assert not held(place("sim"))
    assert "The last one (sim-1) was stopped at" in started("down", check=7).err


def test_a_killed_engine_is_taken_up_with_the_same_state_and_can_be_proved() -> None:
    started("up", "--feed", f"{FEED}@300x")
    before = until(lambda found: found["pnl"]["trades"] + len(found["positions"]) > 0)
    os.kill(before["status"]["pid"], signal.SIGKILL)
    deadline = monotonic_ns() + LONGEST_NS
    while held(place("sim")):
        assert monotonic_ns() < deadline
    assert place("sim").socket.exists()
    assert f"(sim-1, process {before['status']['pid']}) was killed" in qm("status", check=7).err
    dead = qm("doctor", check=None).out
    assert "dead socket" in dead

    done = started("up", "--feed", f"{FEED}@300x")
    assert "run sim-1" in done.out
    log = place("sim").log_file.read_text(encoding="utf-8")
    assert '"event":"resumed"' in log
    until(lambda found: found["status"]["ts"] > before["status"]["ts"])

    qm("replay", "--verify", check=5)
    assert "flat" in qm("flat").err
    after = status()
    assert after["positions"] == []
    assert after["status"]["entries"] != "on"
    assert started("flat", "--json").json["flat"] is True
    assert "NOSUCH" in qm("flat", "NOSUCH", check=2).err

    started("down")
    proof = qm("replay", "--verify", "sim-1", "--json").json
    assert proof["identical"] is True
    assert proof["entries"] > 0
    assert "identical" in qm("replay", "--verify").out


def test_a_feed_at_full_speed_ends_the_session_and_is_replayed_on_paper_alike() -> None:
    started("up", "--feed", f"{FEED}@max")
    until(lambda found: found["status"]["phase"] in ("post", "closed"))
    started("down")
    first = qm("journal", "list", "--run", "sim-1", "--json").json
    assert first
    started("replay", "sim-1@max")
    until(lambda found: found["status"]["phase"] in ("post", "closed"), "paper")
    started("down", "--mode", "paper")
    second = qm("journal", "list", "--json").json
    assert {trade["run"] for trade in second} == {"paper-1"}

    def told(trades: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(t["symbol"], t["opened"], t["closed"], t["qty"], t["entry_price"], t["net_usd"]) for t in trades]

    assert told(second) == told(first)
    assert qm("replay", "--verify", "paper-1", "--json").json["identical"] is True


def test_what_keeps_the_engine_from_starting_is_told_by_the_command_that_starts_it() -> None:
    wrong = started("up", "--feed", FEED, "-s", "risk.max_position=3", check=2)
    assert "max_positions" in wrong.err
    missing = started("up", "--mode", "paper", "--feed", "replay:nothing", check=2)
    assert "No dataset is called 'nothing'" in missing.err
    assert "no recording" in started("up", "--mode", "paper", "--feed", "replay:gone.rec", check=2).err
    assert wrong.out == missing.out == ""


def test_a_strangers_socket_and_a_file_in_its_place_are_not_taken_for_an_engine() -> None:
    of = place("sim")
    of.runtime.mkdir(parents=True, mode=0o700)
    of.socket.write_text("not a socket", encoding="utf-8")
    qm("status", check=7)
    assert "not a socket" in started("up", "--feed", FEED, check=2).err
    of.socket.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(of.socket))
    # Nobody listens there any more: the file is dead, and the engine takes its place.
    started("up", "--feed", f"{FEED}@1x")
    started("down")


def test_ctrl_c_during_a_start_leaves_no_engine_behind() -> None:
    with watched("up", "--feed", "synthetic:2000") as program:
        program.until("starting the engine")
        program.interrupt()
        code, out = program.end()
    assert code == 130
    assert out == ""
    assert "broken off" in program.seen
    assert "Traceback" not in program.seen
    assert not held(place("sim"))


def test_an_engine_in_the_foreground_ends_in_good_order_at_ctrl_c() -> None:
    with watched("up", "--feed", f"{FEED}@1x", "--foreground") as program:
        program.until("the gateway listens")
        program.interrupt()
        code, out = program.end()
    assert code == 0
    assert out == ""
    assert "Traceback" not in program.seen
    assert not place("sim").socket.exists()


def test_the_demo_without_a_terminal_runs_one_session_and_can_be_looked_into() -> None:
    done = started("demo", "--symbols", "60", "--seed", "2", "--json")
    result = done.json
    assert result["finished"] is True
    assert result["trades"] > 0
    assert result["hits"] > 0
    assert result["deciding"]["decisions"] <= result["wakes"]
    assert 0 < result["deciding"]["median_us"] <= result["deciding"]["p99_us"] <= result["deciding"]["max_us"]
    trades = qm("journal", "list", "--json", "--limit", "1000").json
    assert len(trades) == result["trades"]
    assert sum(float(trade["net_usd"]) for trade in trades) == pytest.approx(result["net_usd"], abs=0.01)
    assert "execution" in qm("explain", trades[0]["trade"]).out
    assert qm("replay", "--verify", "--json").json["journal_hash"] == result["journal_hash"]

    table = qm("demo", "--symbols", "60", "--seed", "2")
    assert result["journal_hash"][:16] in table.out
    assert f"{result['trades']}, {result['wins']} won" in table.out


def test_ctrl_c_in_the_headless_demo_keeps_what_was_done() -> None:
    with watched("demo", "--symbols", "400", "--headless", "--json") as program:
        program.until("New York")
        program.interrupt()
        code, out = program.end()
    assert code == 130
    assert '"finished":false' in out
    assert "Traceback" not in program.seen
    assert qm("doctor", check=None).out.count("demo journal") == 1
