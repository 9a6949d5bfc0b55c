"""A name in the settings becomes a strategy, or a sentence that helps."""

from __future__ import annotations

import pytest

from qm.errors import ConfigError, NotFoundError
from qm.strategies.orb import OrbParams
from qm.strategies.presets import PRESETS, strategy


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_can_be_made_and_is_named_as_it_is_called(name: str) -> None:
    made = strategy(name)
    assert made.name == name
    assert made.about
    assert made.status in ("supported", "experimental")


def test_a_typo_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as error:
        strategy("orb_robus")
    assert "orb_robust" in error.value.remedy


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="stop_art") as error:
        strategy("orb_robust", {"stop_art": 1.0})
    assert "stop_atr" in error.value.remedy


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("orb_robust", {"range_min": 0}),
        ("orb_robust", {"range_min": 2.5}),
        ("orb_robust", {"stop_atr": 0}),
        ("orb_robust", {"stop_atr": float("nan")}),
        ("orb_robust", {"stop_atr": "wide"}),
        ("orb_paper", {"shorts": "perhaps"}),
        ("thrust", {"bars": 11}),
        ("thrust", {"bars": None}),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(name: str, params: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=name):
        strategy(name, params)


def test_a_changed_parameter_keeps_the_others_of_its_preset() -> None:
    params = strategy("orb_paper", {"cutoff_min": 30}).params
    assert isinstance(params, OrbParams)
    assert (params.cutoff_min, params.stop_atr, params.shorts, params.stop_limit) == (30, 0.1, True, False)


def test_text_from_a_command_line_is_understood() -> None:
    params = strategy("orb_robust", {"range_min": "15", "shorts": "true"}).params
    assert isinstance(params, OrbParams)
    assert (params.range_min, params.shorts) == (15, True)
