"""What the doctor finds."""

import os
import sqlite3
from typing import Any

import pytest

from cli import findings
from cli.places import place
from cli.stores import journal_file
from tests.cli.program import qm, started


def found(what: str) -> Any:
    (row,) = [each for each in qm("doctor", "--json", check=None).json if each["what"] == what]
    return row


def test_a_sound_installation_passes() -> None:
    rows = qm("doctor", "--json").json
    assert {"grade", "what", "finding", "remedy"} == set(rows[0])
    assert {row["what"] for row in rows} >= {"python", "packages", "kernel", "settings", "disk", "clock", "terminal"}
    assert all(row["grade"] in ("ok", "warn") for row in rows)
    assert all(row["remedy"] for row in rows if row["grade"] != "ok")


def test_a_folder_that_is_open_to_others_fails() -> None:
    folder = place("sim").data
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    done = qm("doctor", check=1)
    assert f"chmod 700 {folder}" in done.out
    assert "1 of" in done.err


def test_a_journal_that_was_changed_fails() -> None:
    qm("backtest", "run", "orb_robust", "-d", "synthetic:20", "--from", "2025-03-10", "--to", "2025-03-10")
    assert found("backtest journal")["grade"] == "ok"
    with sqlite3.connect(journal_file("backtest")) as db:
        db.execute("DROP TRIGGER entries_no_update")
        db.execute("UPDATE entries SET ts = ts + 1 WHERE seq = 3")
    db.close()
    row = found("backtest journal")
    assert row["grade"] == "fail"
    assert "does not match its hash" in row["finding"]


def test_settings_that_cannot_be_read_fail() -> None:
    file = place("sim").settings_file
    file.parent.mkdir(parents=True)
    file.write_text("[risk]\nnothing = 1\n", encoding="utf-8")
    row = found("settings")
    assert row["grade"] == "fail"
    assert "qm.toml:2" in row["finding"]


def test_little_space_is_told_before_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = findings.SPACE_FAIL - 1

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    (row,) = [each for each in findings.examine() if each.what == "disk"]
    assert row.grade == "fail"


def test_looking_changes_nothing() -> None:
    before = sorted(os.walk(os.environ["QM_DATA_DIR"]))
    started("doctor")
    assert sorted(os.walk(os.environ["QM_DATA_DIR"])) == before


def test_a_strategy_that_no_scan_finds_symbols_for_is_warned_of() -> None:
    file = place("sim").settings_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[engine]\nscans = ["momentum"]\nstrategies = [{name = "thrust"}, {name = "vwap_reclaim"}]\n')
    told = [each for each in findings.examine() if each.what == "settings" and each.grade == "warn"]
    assert [each.finding for each in told] == [
        "vwap_reclaim will get no symbols: it takes hits of vwap_reclaim, which is not switched on"
    ]
