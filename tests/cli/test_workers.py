"""How many processes there are changes how long it takes, and nothing of what comes out."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import qm, started

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("made")]

ANY_VOLUME = ("-p", "rv_min=0", "-p", "top_n=20")
# The sessions before these make the averages.
BARS = ("orb_robust", "-d", "made", "--from", "2025-03-04", *ANY_VOLUME)
TICKS = ("orb_paper", "-d", "synthetic:30:seed=4", "--from", "2025-03-10", "--to", "2025-03-10", *ANY_VOLUME)
PEEKING = Path(__file__).parent / "strategies" / "peeking.py"


def told(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without how long it took."""
    return {name: value for name, value in result.items() if name not in ("run_s", "records_per_s")}


@pytest.mark.parametrize("of", [BARS, TICKS], ids=["bars", "ticks"])
def test_a_run_is_the_same_twice_and_on_one_or_two_workers(of: tuple[str, ...]) -> None:
    run = ("backtest", "run", *of, "--fills", "all", "--stress", "1,2", "--json")
    one, two = (told(qm(*run, "--workers", workers).json) for workers in "12")
    again = told(started(*run, "--workers", "1").json)
    assert one["trades"] > 0
    assert one == again == two
    assert [each["fills"] for each in one["bounds"]] == ["pessimistic", "path", "optimistic"]
    assert [each["stress"] for each in one["stressed"]] == [1.0, 2.0]
    assert one["stressed"][0]["result_hash"] != one["stressed"][1]["result_hash"]


def test_a_sweep_and_its_walk_are_the_same_on_one_or_two_workers(own_folders: Path) -> None:
    sweep = ("backtest", "sweep", *BARS, "-v", "stop_atr=0.5,1", "--stress", "2", "--json")
    found = []
    for workers in "12":
        made = qm(*sweep, "--workers", workers).json
        for each in made["best"]:
            each["summary"] = told(each["summary"])
        walk = qm(
            "backtest", "walkforward", made["sweep"], "--train", "2", "--test", "1", "--purge", "0", "--json"
        ).json
        found.append((made, walk))
        shutil.rmtree(own_folders / "data" / "backtest")
    assert found[0] == found[1]
    assert (found[0][0]["made"], found[0][0]["failed"]) == (2, 0)
    assert found[0][0]["definition"]["stress"] == 2.0
    assert found[0][0]["definition"]["fills"] == "pessimistic"


def test_a_sweep_has_a_page_and_a_run_of_its_best_knows_the_sweep(tmp_path: Path) -> None:
    page, sheet = tmp_path / "sweep.html", tmp_path / "best.html"
    made = qm(
        "backtest", "sweep", *BARS, "-v", "stop_atr=0.5,1", "--workers", "1", "--report", str(page), "--json"
    ).json
    text = page.read_text(encoding="utf-8")
    assert made["sweep"] in text
    assert "qm backtest run orb_robust -d made" in text
    best = made["best"][0]
    qm("backtest", "run", *BARS, "-p", f"stop_atr={best['params']['stop_atr']}", "--report", str(sheet))
    told_there = sheet.read_text(encoding="utf-8")
    assert f"trial {best['number']} of {made['sweep']} has these parameters" in told_there
    assert best["summary"]["result_hash"] in told_there


def test_what_no_sweep_can_choose_under_is_refused() -> None:
    sweep = ("backtest", "sweep", *BARS, "-v", "stop_atr=0.5,1")
    assert "one assumption" in qm(*sweep, "--fills", "all", check=2).err
    assert "one multiple" in qm(*sweep, "--stress", "1,2", check=2).err
    assert "is not known" in qm(*sweep, "--fills", "worst", check=2).err


def test_one_that_peeks_is_found_among_others(own_folders: Path) -> None:
    folder = own_folders / "config" / "strategies"
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        each.chmod(0o700)
    (folder / "peeking.py").write_bytes(PEEKING.read_bytes())
    (folder / "peeking.py").chmod(0o600)
    check = ("backtest", "check", "-d", "made", "--from", "2025-03-05", "--cuts", "2")
    done = qm(*check, "thrust", "peeking", "--workers", "2", "--json", check=8)
    assert (done.json["clean"], {name: not each["differences"] for name, each in done.json["strategies"].items()}) == (
        False,
        {"thrust": True, "peeking": False},
    )
    table = qm(*check, "peeking", check=8).out
    assert "peeking LOOKS INTO THE FUTURE" in table
    assert "I know that it will rise" in table
    assert "It is not clear what to check" in qm(*check, check=2).err
    assert "whose parameter" in qm(*check, "thrust", "peeking", "-p", "bars=2", check=2).err
