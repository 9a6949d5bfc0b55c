"""`qm radar` over the snapshots of a backtest and of the demo."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from cli.radar_places import moment
from cli.radar_show import sparkline
from qm.clock import at_ny
from qm.errors import UsageError
from tests.cli.program import Done, inside

DATE = dt.date(2025, 3, 10)
BARS = ("-d", "synthetic:40:seed=4:detail=bars", "--from", "2025-03-10", "--to", "2025-03-10")


def told(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize(
    ("text", "date", "wall"),
    [
        ("10:31", DATE, "10:31"),
        ("10:31:05", DATE, "10:31:05"),
        ("2025-03-11T10:31", dt.date(2025, 3, 11), "10:31"),
        ("2025-03-10T14:31:00+00:00", DATE, "10:31"),
        ("2025-03-10T10:31:00-04:00", DATE, "10:31"),
    ],
)
def test_a_time_is_of_new_york_unless_it_says_otherwise(text: str, date: dt.date, wall: str) -> None:
    assert moment(text, DATE) == at_ny(date, wall)


@pytest.mark.parametrize("text", ["25:00", "noon", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment(text, DATE)


def test_a_line_of_bars_is_the_higher_the_better_the_rank() -> None:
    assert sparkline([1, 2, 3, 4, 60, 5000, 0]) == "█▇▇▆▃▁."


def test_nothing_to_show_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    done = inside(capsys, "radar", "at", "10:31")
    assert done.code != 0
    assert "There are no radar snapshots yet" in done.err
    assert "qm demo --headless" in done.err


def test_a_backtest_leaves_snapshots_that_answer(capsys: pytest.CaptureFixture[str]) -> None:
    run = told(inside(capsys, "backtest", "run", "thrust", *BARS, "--snapshots", "--json"))["run"]
    found = told(inside(capsys, "radar", "at", "10:31", "--json", "--limit", "3"))
    assert (found["schema"], found["run"], found["mode"], found["session"]) == (1, run, "backtest", "2025-03-10")
    assert found["ts"] == at_ny(DATE, "10:31")
    assert [row["rank"] for row in found["rows"]] == [1, 2, 3]
    first = found["rows"][0]
    assert sum(first["parts"].values()) == pytest.approx(first["score"], abs=0.01)

    story = told(inside(capsys, "radar", "history", first["symbol"].lower(), "--json"))
    assert story["story"]["symbol"] == first["symbol"]
    assert story["story"]["turns"][0]["what"] == "first seen"
    assert all(mark["what"] and mark["text"] for mark in story["decided"])
    assert inside(capsys, "radar", "history", first["symbol"]).out.startswith(f"{first['symbol']} on 2025-03-10")

    ran = told(inside(capsys, "radar", "runners", "--json", "--score", "30"))["runners"]
    times = [each["line"]["ts"] for each in ran]
    assert times
    assert times == sorted(times)

    whole = told(inside(capsys, "radar", "at", "10:31", "--all", "--json", "--limit", "500"))["rows"]
    assert len(whole) > len([row for row in whole if row["rank"]])
    assert all(bool(row["rank"]) != bool(row["lack"]) for row in whole)

    same = told(inside(capsys, "radar", "diff", run, run, "--json"))
    assert (same["same"], same["difference"]["ranks"]) == (True, 0)
    refused = inside(capsys, "radar", "diff", run)
    assert "is a backtest, which is not recorded" in refused.err
    early = inside(capsys, "radar", "at", "03:00")
    assert early.code != 0
    assert "Nothing was kept before" in early.err
    saturday = inside(capsys, "radar", "at", "2025-03-15 10:31")
    assert saturday.code == 2
    assert "is not a time of 2025-03-10" in saturday.err
    far = inside(capsys, "radar", "at", "10:31", "--session", "2025-03-11")
    assert "There are no radar snapshots of 2025-03-11" in far.err


def test_a_backtest_leaves_none_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    assert inside(capsys, "backtest", "run", "thrust", *BARS).code == 0
    assert inside(capsys, "radar", "runners").code != 0


def test_a_demo_run_again_has_the_same_ranks(capsys: pytest.CaptureFixture[str]) -> None:
    assert inside(capsys, "demo", "--headless", "--symbols", "60", "--seed", "3").code == 0
    found = told(inside(capsys, "radar", "diff", "sim-1", "--json"))
    assert (found["same"], found["mode"]) == (True, "demo")
    assert found["difference"]["beats"] > 300
