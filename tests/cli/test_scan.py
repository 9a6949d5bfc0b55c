"""`qm scan`: reading scans, trying them, and what they found."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli import compose
from qm.config import paths
from qm.errors import ConfigError
from qm.market.features import NAMES
from qm.scanner.presets import PRESETS
from qm.scanner.text import parse
from tests.cli.program import Done, inside

BARS = "synthetic:40:seed=4:detail=bars"
DAY = ("--from", "2025-03-10", "--to", "2025-03-10")
MINE = '[scans.mine]\nwhen = "rvol5 >= 2 & mom5 > 0.5"\nwindow = ["09:35", "11:00"]\nrank_by = "mom5"\ntop = 3\n'


def settings_file(text: str) -> Path:
    file = paths("sim").settings_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def told(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_list_has_every_preset_and_the_scans_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    settings_file(MINE)
    listed = told(inside(capsys, "scan", "list", "--json"))
    assert [each["name"] for each in listed] == [*PRESETS, "mine"]
    assert [each["name"] for each in listed if each["own"]] == ["mine"]
    for each in listed:
        fields = {
            "name",
            "when",
            "window",
            "rank_by",
            "top",
            "cooldown_s",
            "hold_s",
            "rearm_pct",
            "rearm_s",
            "rearm_by",
            "trigger",
            "shows",
            "own",
        }
        assert set(each) == fields
        assert str(parse(each["when"])) == each["when"]
    mine = listed[-1]
    assert (mine["window"], mine["rank_by"], mine["top"]) == (["09:35", "11:00"], "mom_5_pct", 3)
    out = inside(capsys, "scan", "list").out
    assert "mine  (yours)" in out
    assert "from 09:35 to 09:36 at every beat, the 20 with the most opening_rvol" in out
    assert "from 10:00 to 15:30 where a minute ends, the 20 with the most high_dist_atr" in out
    assert "from 09:30 to 15:30 at every beat, the 20 with the most mom_5_pct * rvol" in out
    told_again = "is told again 1 % higher or after 60 s"
    assert f"lasts at least 60 s, {told_again}, and comes again 60 s after it was over, or 1 % higher" in out


def test_the_features_have_units_and_meanings(capsys: pytest.CaptureFixture[str]) -> None:
    listed = told(inside(capsys, "scan", "features", "--json"))
    assert [each["name"] for each in listed] == list(NAMES)
    (gap,) = [each for each in listed if each["name"] == "gap_pct"]
    assert (gap["unit"], gap["aliases"], gap["flag"]) == ("%", ["gap"], False)
    assert "also" in inside(capsys, "scan", "features").out


def test_a_text_is_said_back_with_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    done = inside(capsys, "scan", "test", "gap >= 4 and (rvol >= 3 or not halted)")
    lines = done.out.splitlines()
    assert lines[0] == "gap_pct >= 4 % & (rvol >= 3 x | ~halted)"
    assert lines[2:7] == ["all of", "  gap_pct >= 4 %", "  any of", "    rvol >= 3 x", "    ~halted"]
    assert "from the prior close to the open" in done.out
    data = told(inside(capsys, "scan", "test", "gap >= 4", "--json"))
    assert (data["schema"], data["scan"]["when"], data["features"]) == (1, "gap_pct >= 4 %", ["gap_pct"])


def test_an_error_is_shown_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    done = inside(capsys, "scan", "test", "gap >= 4x & rvol >= 3")
    assert done.code == 2
    assert done.out == ""
    shown, carets, problem, remedy = done.err.splitlines()
    assert shown == "gap >= 4x & rvol >= 3"
    assert carets == "       ^^"
    assert problem == "qm: Column 8: gap_pct is in %, not in x."
    assert remedy.strip() == "Write 4."


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["test", "momentm"], "momentum"),
        (["test", "gapp >= 3"], "gap_pct"),
        (["test", "gap >= 3", "-d", BARS], "--at"),
        (["test", "gap >= 3", "--at", "2025-03-10 10:30"], "--dataset"),
        (["test", "gap >= 3", "--symbol", "SPY"], "--dataset"),
        (["test", "gap >= 3", "-d", BARS, "--at", "10:30"], "YYYY-MM-DD"),
        (["test", "gap >= 3", "-d", BARS, "--at", "2025-03-10"], "2025-03-10 10:30"),
        (["test", "gap >= 3", "-d", BARS, "--at", "2025-03-10 03:59"], "from 04:00 to 16:00"),
        (["test", "gap >= 3", "-d", BARS, "--at", "2025-03-10 16:01"], "from 04:00 to 16:00"),
        (["test", "gap >= 3", "-d", BARS, "--at", "2025-03-10 10:30", "--symbol", "SPYY"], "SPY"),
        (["run", "gap >= 3", "-d", BARS, "--window", "9-10"], "--window 09:35-15:30"),
        (["run", "gap >= 3", "-d", BARS, "--window", "11:00-10:00"], "ends before it starts"),
        (["run", "gap >= 3", "-d", BARS, "--rank-by", "gapp"], "gap_pct"),
        (["run", "gap >= 3", "-d", BARS, "--top", "0"], "--top"),
        (["run", "gap >= 3", "-d", "nothing"], "qm data import"),
        (["backtest", "gap >="], "--dataset"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_answered_with_exit_code_2(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = inside(capsys, "scan", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert hint in done.err


def test_a_look_at_a_moment_says_who_passes_and_why_one_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    text, moment = "chg > 0 & rvol >= 0.5 & spread <= 60", ("-d", BARS, "--at", "2025-03-10 10:30")
    data = told(inside(capsys, "scan", "test", text, *moment, "--symbol", "spy", "--json"))
    assert (data["at"], data["symbols"]) == ("2025-03-10 10:30:00", 40)
    assert data["passing"] == []
    assert data["never_known"] == ["spread_bps"]
    assert data["symbol"]["symbol"] == "SPY"
    assert data["symbol"]["passes"] is False
    spread = data["symbol"]["checks"][-1]
    assert spread == {"name": "spread_bps <=", "value": None, "limit": 60.0, "passed": False, "unit": "bp"}
    done = inside(capsys, "scan", "test", text, *moment, "--symbol", "SPY")
    assert "0 of 40 symbols pass" in done.out
    assert "SPY does not pass:" in done.out
    assert any(line.split() == ["FAILS", "spread_bps", "<=", "60", "bp", "unknown"] for line in done.out.splitlines())
    assert "never tell spread_bps" in done.err


def test_who_passes_is_listed_the_strongest_first(capsys: pytest.CaptureFixture[str]) -> None:
    data = told(inside(capsys, "scan", "test", "volume > 0", "-d", BARS, "--at", "2025-03-10 10:30", "--json"))
    ranks = [each["rank"] for each in data["passing"] if each["rank"]]
    assert len(data["passing"]) > 20
    assert ranks == sorted(ranks)
    assert all(each["values"]["volume"] > 0 for each in data["passing"])
    out = inside(capsys, "scan", "test", "volume > 0", "-d", BARS, "--at", "2025-03-10 10:30").out
    assert "The first 20 of" in out


def test_a_run_lists_every_find(capsys: pytest.CaptureFixture[str]) -> None:
    text = "rvol5 >= 2 & mom5 > 0.5"
    data = told(inside(capsys, "scan", "run", text, "-d", BARS, *DAY, "--window", "09:35-11:00", "--json"))
    assert (data["schema"], data["dataset"], data["sessions"], data["symbols"]) == (1, BARS, 1, 40)
    assert (data["first"], data["last"], data["interrupted"]) == ("2025-03-10", "2025-03-10", False)
    assert data["beats"] == 86
    assert data["hits"]
    assert "after" not in data
    for hit in data["hits"]:
        assert set(hit) == {"session", "time", "ts", "symbol", "rank", "score", "last", "values"}
        assert "09:35:00" <= hit["time"] <= "11:00:00"
        assert hit["values"]["rvol_5m"] >= 2
        assert hit["values"]["mom_5_pct"] > 0.5
    done = inside(capsys, "scan", "run", text, "-d", BARS, *DAY, "--window", "09:35-11:00")
    assert sum(line.startswith("2025-03-10 ") for line in done.out.splitlines()) == len(data["hits"])


def test_a_scan_of_the_settings_finds_what_its_text_finds(capsys: pytest.CaptureFixture[str]) -> None:
    settings_file(MINE)
    mine = told(inside(capsys, "scan", "run", "mine", "-d", BARS, *DAY, "--json"))
    changed = ("--window", "09:35-11:00", "--rank-by", "mom5", "--top", "3")
    typed = told(inside(capsys, "scan", "run", "rvol5 >= 2 & mom5 > 0.5", "-d", BARS, *DAY, *changed, "--json"))
    assert mine["hits"] == typed["hits"]
    assert mine["hits"]


def test_a_backtest_says_what_came_after_and_how_little_that_proves(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("scan", "backtest", "rvol_spike", "-d", BARS, "--to", "2025-03-11")
    data = told(inside(capsys, *arguments, "--json"))
    after = data["after"]
    assert [move["name"] for move in after["moves"]] == [
        *("min_5_pct", "min_15_pct", "min_60_pct", "close_pct", "mfe_pct", "mae_pct")
    ]
    assert after["moves"][0]["n"] == sum(hit["after"]["min_5_pct"] is not None for hit in data["hits"])
    assert "anecdote" in after["caution"]
    for hit in data["hits"]:
        assert hit["after"]["mae_pct"] <= min(0, hit["after"]["close_pct"])
        assert hit["after"]["mfe_pct"] >= max(0, hit["after"]["close_pct"])
    out = inside(capsys, *arguments).out
    assert after["caution"] in out
    assert "before costs" in out


def test_where_nothing_is_found_the_answer_is_none_and_the_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "backtest"):
        done = inside(capsys, "scan", command, "spread_bps <= 60", "-d", BARS, *DAY)
        assert done.code == 0
        assert "0 finds in 1 session of" in done.out
        assert "never tell spread_bps" in done.err


def test_bars_are_asked_the_scan_for_bars(capsys: pytest.CaptureFixture[str]) -> None:
    done = inside(capsys, "scan", "run", "momentum", "-d", BARS, *DAY, "--top", "2", "--json")
    assert (json.loads(done.out)["scan"]["name"], json.loads(done.out)["scan"]["top"]) == ("momentum_bars", 2)
    assert "momentum_bars is asked instead of momentum" in done.err


# --- settings ----------------------------------------------------------------------------------------------------


def test_a_mistake_in_the_settings_names_section_column_and_line() -> None:
    file = settings_file('[scans.mine]\nwhen = "gap >= 4x"\n')
    with pytest.raises(ConfigError) as raised:
        compose.settings()
    problem = raised.value.problem
    assert "[scans.mine] when = 'gap >= 4x': Column 8: gap_pct is in %, not in x" in problem
    assert f"{file}:2" in problem
    settings_file("[scans.mine]\ntop = 3\n")
    with pytest.raises(ConfigError, match=r"scans\.mine\.when must be set"):
        compose.settings()
    settings_file('[scans.mine]\nwhen = "halted"\nrank = "gap"\n')
    with pytest.raises(ConfigError, match=r"qm.toml:3: unknown key scans\.mine\.rank"):
        compose.settings()


def test_a_scan_can_come_from_the_command_line_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_SCANS__MINE__TOP", "7")
    engine = compose.settings(["scans.mine.when=gap >= 4", 'engine.scans=["mine"]']).engine
    assert engine.scans == ("mine",)
    assert (engine.scan("mine").top, str(engine.scan("mine").condition)) == (7, "gap_pct >= 4 %")


def test_a_shipped_strategy_takes_hits_of_the_traders_scan() -> None:
    settings_file(MINE + '[engine]\nscans = ["mine"]\nstrategies = [{name = "thrust", scans = ["mine"]}]\n')
    engine = compose.settings().engine
    made = compose.strategies(engine)
    assert made["thrust"].scans == ("mine",)
    alone = compose.for_strategies(engine, made, assigned=False, quotes=False)
    assert alone.scans == ("mine",)
    assert compose.strategies(alone)["thrust"].scans == ("mine",)


def test_a_scan_of_the_traders_own_is_not_exchanged_for_another() -> None:
    engine = compose.settings(["scans.momentum.when=gap >= 4"]).engine
    assert compose.for_data(engine, quotes=False).scans == ("stocks_in_play", "momentum")
