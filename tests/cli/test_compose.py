"""Settings and markets as commands put them together."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from brokers.sim.settings import HOUSE, SimSettings
from cli import compose
from cli.feeds import Synthetic, parse_feed
from cli.markets import choose, read_symbols, synthetic_day
from cli.services import market_of
from cli.starting import request
from qm.engine.settings import EngineSettings
from qm.errors import ConfigError, NotFoundError, UsageError
from qm.model.market import Kind
from qm.scanner.presets import PRESETS as SCANS
from qm.strategies.presets import PRESETS


def test_without_any_layer_the_settings_are_the_engines_own() -> None:
    found = compose.settings()
    assert found.engine == EngineSettings()
    assert found.exchange == HOUSE
    assert found.account.equity_usd == 100_000


def test_the_command_line_wins_over_the_file_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    file = compose_file("[risk]\nmax_positions = 3\nmax_heat = 0.01\n[engine]\nbeat_s = 10\n")
    monkeypatch.setenv("QM_RISK__MAX_POSITIONS", "4")
    found = compose.settings(["risk.max_heat=0.015", "exchange.latency_ns=0", "screen.hz=2"])
    assert file.exists()
    assert (found.engine.risk.max_positions, found.engine.risk.max_heat, found.engine.beat_s) == (4, 0.015, 10)
    assert found.exchange == msgspec.structs.replace(HOUSE, latency_ns=0)
    assert found.screen.hz == 2


def compose_file(text: str) -> Path:
    from qm.config import paths

    file = paths("sim").settings_file
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_strategies_in_a_file_become_strategies() -> None:
    compose_file('[engine]\nstrategies = [{name = "orb_robust", params = {range_min = 15}}]\n')
    engine = compose.settings().engine
    made = compose.strategies(engine)["orb_robust"]
    assert msgspec.structs.asdict(made.params)["range_min"] == 15


@pytest.mark.parametrize("text", ["engine.risk=1", "engin.beat_s=3", "engine.beat_s=0", "account.commission=free"])
def test_a_setting_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        compose.settings([text])


def test_an_explicit_assumption_wins_over_a_preset_of_costs() -> None:
    assert compose.settings(exchange=SimSettings()).exchange == SimSettings()
    assert compose.settings(["exchange.slippage_bps=1"], SimSettings()).exchange.slippage_bps == 1


def test_data_without_quotes_are_scanned_without_asking_for_spreads() -> None:
    assert compose.for_data(EngineSettings(), quotes=True).scans == ("stocks_in_play", "momentum")
    assert compose.for_data(EngineSettings(), quotes=False).scans == ("stocks_in_play", "momentum_bars")
    assert set(compose.WITHOUT_QUOTES) | set(compose.WITHOUT_QUOTES.values()) <= set(SCANS)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("quotes", [True, False])
def test_a_strategy_alone_gets_scans_whose_hits_it_takes(name: str, quotes: bool) -> None:
    alone = msgspec.structs.replace(EngineSettings(), strategies=compose.choices(name, (), EngineSettings()))
    made = compose.strategies(alone)
    engine = compose.for_strategies(alone, made, assigned=False, quotes=quotes)
    assert list(made) == [name]
    assert bool(engine.scans) is bool(made[name].scans)
    assert set(engine.scans) <= set(made[name].scans)
    assert compose.for_strategies(alone, made, assigned=True, quotes=quotes).scans == ()


def test_several_strategies_come_in_the_order_of_preference_with_parameters_by_name() -> None:
    chosen = compose.choices("thrust, orb_robust", ["orb_robust.top_n=3", "thrust.bars=4"], EngineSettings())
    assert [(each.name, each.params) for each in chosen] == [("thrust", {"bars": "4"}), ("orb_robust", {"top_n": "3"})]
    assert compose.choices("all", (), EngineSettings()) == EngineSettings().strategies


@pytest.mark.parametrize(
    ("names", "params", "said"),
    [
        ("", (), "names no strategies"),
        ("thrust,", (), "names no strategies"),
        ("thrust,thrust", (), "names no strategies"),
        ("thrust,orb_robust", ("bars=4",), "whose parameter 'bars'"),
        ("thrust", ("orb_robust.top_n=4",), "orb_robust is not run"),
    ],
)
def test_a_choice_that_is_none_is_refused(names: str, params: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compose.choices(names, params, EngineSettings())


@pytest.mark.parametrize("usd", [0, -1, float("nan"), float("inf")])
def test_an_equity_nobody_can_trade_with_is_refused(usd: float) -> None:
    with pytest.raises(UsageError):
        compose.amount(usd)
    assert compose.amount(0.1) == Decimal("0.1")


@pytest.mark.parametrize("text", ["x", "=1", ""])
def test_a_parameter_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(UsageError):
        compose.parse_params([text])
    assert compose.parse_params(["a=1", "b = x=y"]) == {"a": "1", "b": "x=y"}


def test_symbols_come_from_the_command_line_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("aapl # mine\n\nTSLA, aapl\n", encoding="utf-8")
    assert read_symbols("aapl,TSLA,") == read_symbols(f"@{file}") == ("AAPL", "TSLA")
    for wrong in ("", ",", f"@{tmp_path}/none"):
        with pytest.raises(UsageError):
            read_symbols(wrong)


def test_a_market_of_some_symbols_is_the_whole_one_without_the_others() -> None:
    day = dt.date(2025, 3, 10)
    (whole,) = choose("synthetic:30:detail=bars", day, day).days()
    names = (whole.table.names[7], whole.table.names[3])
    (part,) = choose("synthetic:30:detail=bars", day, day, symbols=names).days()
    assert part.table.names == (whole.table.names[3], whole.table.names[7])
    assert part.reference.prior_close.tolist() == whole.reference.prior_close[[3, 7]].tolist()
    kept = np.concatenate(list(part.batches))
    before = np.concatenate(list(whole.batches))
    before = before[np.isin(before["sym"], [3, 7])]
    assert len(kept) == len(before) > 0
    assert kept["ts"].tolist() == before["ts"].tolist()
    assert (np.array([3, 7])[kept["sym"]] == before["sym"]).all()
    # A second look begins anew.
    assert (np.concatenate(list(part.batches)) == kept).all()


def test_a_made_up_dataset_has_the_sessions_of_the_calendar() -> None:
    assert len(choose("synthetic:5").dates) == 5
    week = choose("synthetic:5", dt.date(2025, 7, 1), dt.date(2025, 7, 7))
    assert dt.date(2025, 7, 4) not in week.dates
    assert len(week.dates) == 4
    with pytest.raises(UsageError):
        choose("synthetic:5", dt.date(2025, 7, 4), dt.date(2025, 7, 6))


def test_feeds_of_one_market_have_one_name_whatever_their_speed() -> None:
    names = {market_of(parse_feed(f"synthetic:5:seed=3{speed}"))[2] for speed in ("", "@10x", "@max")}
    assert len(names) == 1
    assert market_of(parse_feed("synthetic:5:seed=4"))[2] not in names


def test_a_synthetic_feed_tells_prints_and_quotes() -> None:
    day = synthetic_day(Synthetic(5))
    first = next(batch for batch in day.batches if len(batch))
    assert day.prints
    assert set(np.unique(first["kind"])) <= {int(Kind.TRADE), int(Kind.QUOTE), int(Kind.STATUS)}


def test_what_starts_an_engine_survives_the_way_to_its_process() -> None:
    asked = request("paper", "replay:some/where.rec@5x", 5.5, ["risk.max_heat=0.01"], fresh=True)
    assert asked.feed.text == f"replay:{Path.cwd()}/some/where.rec@5x"
    assert asked.arguments() == [
        *("serve", "--mode", "paper", "--feed", asked.feed.text),
        *("--equity", "5.5", "--set", "risk.max_heat=0.01", "--fresh"),
    ]


def test_an_unknown_set_of_costs_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        compose.cost_preset("hous")
    assert caught.value.nearest == ("house",)


def test_the_code_has_one_name() -> None:
    assert compose.code() == compose.code()
