from typing import Any

import pytest

from qm.clock import MINUTE, SECOND
from qm.errors import NotFoundError, UsageError
from qm.scanner.conditions import at_least
from qm.scanner.own import ScanSettings
from qm.scanner.presets import PRESETS, Scan
from tests.qm.radar.day import OPEN, made

IN_PLAY = {"last": 6.0, "adv": 2e6, "atr": 0.6, "opening_rvol": 1.0}
RUNNING = {
    "last": 10.0,
    "rvol": 3.0,
    "chg_pct": 6.0,
    "mom_5_pct": 2.0,
    "range_pos": 0.9,
    "spread_bps": 20.0,
    "halted": 0.0,
}


def scan(**changes: Any) -> Scan:
    return Scan(**{"name": "gap", "condition": at_least("gap_pct", 4), "window": ("09:30", "16:00"), **changes})


def test_stocks_in_play_is_asked_at_one_beat_only() -> None:
    asked = [second for second in range(900) if PRESETS["stocks_in_play"].open_at(OPEN + second * SECOND)]
    assert asked == [300]


def test_momentum_is_asked_from_0935_to_1530() -> None:
    asked = [minute for minute in range(-60, 420) if PRESETS["momentum"].open_at(OPEN + minute * MINUTE)]
    assert asked == list(range(5, 361))


@pytest.mark.parametrize("name", [None, *IN_PLAY])
def test_stocks_in_play_needs_each_of_its_conditions(name: str | None) -> None:
    short = {"last": 5.0, "adv": 999_999.0, "atr": 0.5, "opening_rvol": 0.99}
    had = {**IN_PLAY, **({} if name is None else {name: short[name]})}
    held = PRESETS["stocks_in_play"].condition.mask(made(**{key: [value] for key, value in had.items()}))
    assert held[0] == (name is None)


@pytest.mark.parametrize("name", [None, *RUNNING])
def test_momentum_needs_each_of_its_conditions(name: str | None) -> None:
    short = {"last": 1.9, "rvol": 1.9, "chg_pct": 3.9, "mom_5_pct": 0.9, "range_pos": 0.7, "spread_bps": 61.0}
    had = {**RUNNING, **({} if name is None else {name: short.get(name, 1.0)})}
    found = made(**{key: [value] for key, value in had.items()})
    assert PRESETS["momentum"].condition.mask(found)[0] == (name is None)
    assert PRESETS["momentum_bars"].condition.mask(found)[0] == (name in {None, "spread_bps"})


def test_an_unknown_spread_passes_only_the_scan_for_bars() -> None:
    found = made(**{key: [value] for key, value in RUNNING.items() if key != "spread_bps"})
    assert not PRESETS["momentum"].condition.mask(found)[0]
    assert PRESETS["momentum_bars"].condition.mask(found)[0]


def test_a_window_can_be_written_in_minutes_or_times_of_day() -> None:
    assert scan(window=(-60, 0)).start_ns == scan(window=("08:30", "09:30")).start_ns
    assert scan(window=(5, 5)).open_at(OPEN + 5 * MINUTE)


@pytest.mark.parametrize("window", [("9h30", 0), ("09:60", 390), ("25:00", "26:00"), (10, 5), (-600, 0), ("", 0)])
def test_a_window_that_makes_no_sense_is_refused(window: tuple[int | str, int | str]) -> None:
    with pytest.raises(UsageError):
        scan(window=window)


@pytest.mark.parametrize("wrong", [{"top": 0}, {"cooldown_s": -1}, {"hold_s": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        scan(**wrong)


def test_an_unknown_feature_to_rank_by_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as raised:
        scan(rank_by="rvl")
    assert "rvol" in raised.value.nearest


NEEDS: dict[str, dict[str, tuple[float, float]]] = {
    "top_gappers": {"gap_pct": (4, 3.9), "last": (2, 1.99), "spread_bps": (100, 101), "halted": (0, 1)},
    "hod_momo": {
        "high_age_s": (60, 61),
        "rvol": (2, 1.9),
        "chg_pct": (4, 3.9),
        "vol_5m_pct": (300, 299),
        "mom_5_pct": (1.5, 1.4),
        "last": (50, 51),
        "halted": (0, 1),
    },
    "low_float_runner": {
        "float_shares": (20e6, 21e6),
        "chg_pct": (10, 9.9),
        "rvol": (5, 4.9),
        "float_rotation": (0.1, 0.09),
        "last": (20, 21),
        "halted": (0, 1),
    },
    "rvol_spike": {"rvol_5m": (5, 4.9), "vol_surge": (3, 2.9), "mom_5_pct": (-1.1, -1), "halted": (0, 1)},
    "vwap_reclaim": {"mins_below_vwap": (15, 14), "vwap_dist_pct": (0.01, 0), "rvol_5m": (1.5, 1.4), "halted": (0, 1)},
    "red_to_green": {
        "low_chg_pct": (-0.1, 0),
        "chg_1_ago_pct": (-0.1, 0),
        "chg_pct": (0, -0.1),
        "rvol": (1.5, 1.4),
        "halted": (0, 1),
    },
    "halts": {"halted": (1, 0)},
}
"""For each comparison of a preset a value that just passes, and one that just does not."""


@pytest.mark.parametrize(("name", "short"), [(name, short) for name, of in NEEDS.items() for short in (None, *of)])
def test_a_preset_needs_each_of_its_conditions(name: str, short: str | None) -> None:
    had = {feature: good if feature != short else bad for feature, (good, bad) in NEEDS[name].items()}
    condition = PRESETS[name].condition
    assert set(condition.names()) == set(had)
    assert condition.mask(made(**{feature: [value] for feature, value in had.items()}))[0] == (short is None)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_written_in_the_settings(name: str) -> None:
    scan_ = PRESETS[name]
    own = ScanSettings(
        when=str(scan_.condition),
        window=scan_.window,
        rank_by=scan_.rank_by,
        top=scan_.top,
        cooldown_s=scan_.cooldown_s,
        hold_s=scan_.hold_s,
    )
    assert own.scan(name) == scan_
