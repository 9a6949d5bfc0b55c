"""The commands of docs/data.md that take in all real data, and every trap in it by its name."""

import datetime as dt
import shlex
from pathlib import Path
from typing import Any

import pytest

from qm.clock import at_ny
from tests.cli.program import Done, inside
from tests.cli.test_audit_real import REAL

ROOT = Path(__file__).parents[2]
REFUSED = {"smallcap_1h": 7, "daily_all": 19_087, "lean_1m": 3}
LONG = ("lean_1d", "lean_1h")
"""Twenty-two and three years of sessions, each made durable: minutes. Excerpts of them are audited elsewhere."""

Run = pytest.CaptureFixture[str]


def commands() -> list[list[str]]:
    """The imports of the section, with the folder of the real data in the place of its own."""
    section = (ROOT / "docs" / "data.md").read_text().split("## Take in everything\n")[1].split("```")[1]
    lines = [line.replace("../shared/data", str(REAL)) for line in section.strip().splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("qm ") and not line.endswith(LONG)]


def found(capsys: Run, dataset: str) -> dict[str, Any]:
    done = inside(capsys, "data", "audit", dataset, "--json")
    assert done.code == (4 if any(each["level"] == "bad" for each in done.json["concerns"]) else 0)
    weights = ["bad", "warn", "note"]
    order = [weights.index(each["level"]) for each in done.json["concerns"]]
    assert order == sorted(order), "the worst comes first"
    kinds = {each["kind"]: each for each in done.json["kinds"]}
    return {f"{each['kind']}/{each['code']}": each for each in done.json["concerns"]} | {"kinds": kinds}


def imported(capsys: Run, arguments: list[str]) -> Done:
    done = inside(capsys, *arguments, "--json")
    dataset = arguments[arguments.index("-d") + 1]
    assert done.code == (4 if dataset in REFUSED else 0), done.err
    refused = sum(
        each["rows"] for part in done.json["parts"] for each in part["findings"] if each["action"] == "refused"
    )
    assert refused == REFUSED.get(dataset, 0)
    assert not done.json["refused_files"]
    return done


@pytest.mark.slow
def test_all_real_data_comes_in_and_its_traps_are_named(tmp_path: Path, capsys: Run) -> None:
    if not REAL.is_dir():
        pytest.skip(f"there is no real data at {REAL}; QM_TEST_DATA names the folder")
    for arguments in commands():
        imported(capsys, arguments)
    minutes_and_seconds(capsys)
    hours_days_and_samples(capsys)
    the_runner_day(tmp_path, capsys)


def minutes_and_seconds(capsys: Run) -> None:
    us99 = found(capsys, "us99_1m")
    kind = us99["kinds"]["bars_1m"]
    # The day of mourning is no gap.
    assert (kind["sessions"], kind["expected_sessions"], kind["closed"]) == (11, 11, ["2025-01-09"])
    assert (us99["bars_1m/official_close"]["count"], us99["bars_1m/consolidated"]["count"]) == (491, 11)
    assert not {f"bars_1m/{code}" for code in ("missing_session", "outage", "end_labels", "split")} & us99.keys()
    for dataset, kind_name in (("ib59_1m", "bars_1m"), ("ib_5s", "bars_5s")):
        assert found(capsys, dataset)[f"{kind_name}/no_auction"]["level"] == "warn"
    # 09:30 in New York is 14:30 UTC in January and November, 13:30 in September and October.
    for dataset, day in (("us99_1m", dt.date(2025, 1, 2)), ("ib59_1m", dt.date(2025, 10, 1))):
        told = inside(
            capsys,
            *("data", "sql", "--json"),
            f"SELECT min(ts) t FROM {dataset}.bars_1m WHERE ts >= {at_ny(day, '09:30')}",
        )
        assert str(at_ny(day, "09:30")) in told.out


def hours_days_and_samples(capsys: Run) -> None:
    hours = found(capsys, "smallcap_1h")
    assert hours["bars_1h/straddles_open"]["level"] == "warn"
    assert "bars_1h/end_labels" not in hours
    assert hours["kinds"]["bars_1h"]["half_days"] == ["2021-11-26", "2022-11-25"]
    days = found(capsys, "daily_all")
    assert days["bars_1d/import:refused:volume is missing or negative"]["count"] == REFUSED["daily_all"]
    assert days["bars_1d/split"]["count"] == 12
    assert found(capsys, "lean_1m")["bars_1m/missing_session"]["level"] == "bad"
    assert found(capsys, "runner_sessions")["kinds"]["quotes"]["sessions"] == 4
    ticks = found(capsys, "lean_ticks")
    assert set(ticks["kinds"]) == {"trades", "quotes"}
    assert not [code for code in ticks if "unknown sale condition" in code]


def the_runner_day(tmp_path: Path, capsys: Run) -> None:
    day = found(capsys, "runners")
    pause = day["trades/pause"]
    assert (pause["count"], pause["example"]["symbol"]) == (2, "CMCT")
    assert pause["example"]["ts"] // 10**9 == at_ny(dt.date(2025, 11, 14), "15:33:21") // 10**9
    assert day["trades/quiet"]["count"] == 156
    assert day["trades/lit_only"]["level"] == "warn"
    shares = {code: day[f"trades/{code}"]["count"] / 91_743 for code in ("odd_lots", "sub_penny", "same_moment")}
    assert shares == pytest.approx({"odd_lots": 0.611, "sub_penny": 0.050, "same_moment": 0.382}, abs=0.001)
    assert any("0 crossed" in each["what"] for code, each in day.items() if code.startswith("quotes/import:kept"))
    assert "quotes/crossed" not in day
    assert day["quotes/import:repaired:left out: a newer quote of another venue would have crossed it"]["count"] == 484
    # YDKG did not trade on the venue of the prints; a scan of that morning saw it after its reverse split.
    odd = tmp_path / "ydkg.csv"
    odd.write_text("ts,symbol,price,size\n2025-11-14T10:00:00-05:00,YDKG,1.83,500\n")
    arguments = ["data", "import", str(REAL / "runners_20251114" / "trades.parquet"), str(odd), "-d", "runners"]
    assert inside(capsys, *arguments, "--replace").code == 0
    split = found(capsys, "runners")["trades/split"]
    assert (split["count"], split["example"]["symbol"]) == (1, "YDKG")
    assert "91.5 times" in split["what"]
