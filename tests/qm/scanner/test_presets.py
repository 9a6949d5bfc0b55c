from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from qm.clock import MINUTE, SECOND
from qm.errors import NotFoundError, UsageError
from qm.market.features import UNITS
from qm.scanner.cadence import OF_BARS, OF_NO_TRADE, Trigger
from qm.scanner.conditions import at_least
from qm.scanner.order import values
from qm.scanner.own import ScanSettings
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.text import parse
from tests.qm.radar.day import OPEN, made

NAN = float("nan")
IN_PLAY = {"open": 6.0, "adv": 2e6, "atr": 0.6, "opening_rvol": 1.0}
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


def test_stocks_in_play_is_asked_for_a_minute_from_0935() -> None:
    asked = [second for second in range(900) if PRESETS["stocks_in_play"].open_at(OPEN + second * SECOND)]
    assert asked == list(range(300, 361))


def test_momentum_is_asked_from_0935_to_1530() -> None:
    asked = [minute for minute in range(-60, 420) if PRESETS["momentum"].open_at(OPEN + minute * MINUTE)]
    assert asked == list(range(5, 361))


@pytest.mark.parametrize("name", [None, *IN_PLAY])
def test_stocks_in_play_needs_each_of_its_conditions(name: str | None) -> None:
    short = {"open": 5.0, "adv": 999_999.0, "atr": 0.5, "opening_rvol": 0.99}
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


Needs = dict[str, tuple[float, float | None]]

_RUN = {"halted": (0.0, 1.0)}
_GAP: Needs = {
    "gap_pct": (4, 3.9),
    "last": (2, 1.99),
    "pre_volume": (100e3, 99_999),
    "pre_dollar_volume": (1e6, 999_999),
    **_RUN,
}
NEEDS: list[tuple[str, Needs]] = [
    ("top_gappers", {**_GAP, "spread_bps": (100, 101)}),
    ("top_gappers", {**_GAP, "last": (500, 501), "spread_bps": (0, None)}),
    ("top_gappers_bars", _GAP),
    ("small_cap_gappers", {**_GAP, "last": (20, 20.01), "spread_bps": (100, 101)}),
    ("small_cap_gappers_bars", {**_GAP, "last": (20, 20.01)}),
    ("stocks_in_play", {"open": (5.01, 5), "adv": (1e6, 999_999), "atr": (0.51, 0.5), "opening_rvol": (1, 0.99)}),
    (
        "hod_momo",
        {
            "new_high": (1, 0),
            "rvol": (2, 1.9),
            "chg_pct": (4, 3.9),
            "vol_5m_pct": (300, 299),
            "mom_5_pct": (1.5, 1.4),
            "last": (50, 51),
            **_RUN,
        },
    ),
    (
        "low_float_runner",
        {
            "float_shares": (20e6, 21e6),
            "chg_pct": (10, 9.9),
            "rvol": (5, 4.9),
            "float_rotation_all_day": (0.1, 0.09),
            "last": (20, 21),
            "mins_since_open": (0, None),
            "pre_rvol": (9, None),
            **_RUN,
        },
    ),
    (
        # Before the open, when there is no volume of regular hours to compare.
        "low_float_runner",
        {
            "float_shares": (20e6, 21e6),
            "chg_pct": (10, 9.9),
            "rvol": (NAN, None),
            "float_rotation_all_day": (0.1, 0.09),
            "last": (2, 1.9),
            "mins_since_open": (-1, 0),
            "pre_rvol": (5, 4.9),
            **_RUN,
        },
    ),
    (
        "runners",
        {
            "chg_pct": (10, 9.9),
            "mom_5_pct": (2, 1.9),
            "dollar_volume": (1e6, 999_999),
            "range_pos": (0.8, 0.79),
            "last": (1, 0.99),
            **_RUN,
        },
    ),
    ("rvol_spike", {"rvol_5m": (5, 4.9), "vol_surge": (3, 2.9), "mom_5_pct": (-1, -0.99), **_RUN}),
    ("rvol_spike", {"rvol_5m": (5, None), "vol_surge": (3, None), "mom_5_pct": (1, 0.99), **_RUN}),
    (
        "reversal_bounce",
        {
            "red_bars_5m": (4, 3),
            "rsi2_5m": (4.9, 5),
            "bb_close_pct": (0, None),
            "new_5m_high": (1, 0),
            "range_atr": (1.5, 1.4),
            **_RUN,
        },
    ),
    (
        "reversal_bounce",
        {
            "red_bars_5m": (5, None),
            "rsi2_5m": (NAN, None),
            "bb_close_pct": (-0.1, 0),
            "new_5m_high": (1, None),
            "range_atr": (2, None),
            **_RUN,
        },
    ),
    ("vwap_reclaim", {"mins_below_vwap": (15, 14), "vwap_dist_pct": (0.01, 0), "rvol_5m": (1.5, 1.4), **_RUN}),
    (
        "red_to_green",
        {
            "low_chg_pct": (-0.1, 0),
            "chg_1_ago_pct": (-0.1, 0),
            "chg_pct": (0, -0.1),
            "rvol": (1.5, 1.4),
            **_RUN,
        },
    ),
    ("pm_high_break", {**_GAP, "gap_pct": (2, 1.9), "pre_high_dist_pct": (0.01, 0)}),
    (
        "orb_break",
        {
            "or_break_pct": (0.01, 0),
            "or_dir": (1, 0),
            "opening_rvol": (1, 0.99),
            "open": (5.01, 5),
            "adv": (1e6, 999_999),
            "atr": (0.51, 0.5),
            **_RUN,
        },
    ),
    (
        "high_52w_break",
        {"high_52w_dist_pct": (0.01, 0), "rvol": (1.5, 1.4), "adv": (500e3, 499_999), "last": (5, 4.99), **_RUN},
    ),
    (
        "large_cap_rs",
        {
            "adv_dollar": (200e6, 199e6),
            "rs_spy_pct": (1, 0.9),
            "rvol": (1.2, 1.1),
            "vwap_dist_pct": (0.01, 0),
            **_RUN,
        },
    ),
    ("parabolic", {"chg_pct": (40, 39.9), "range_exp_streak": (3, 2), **_RUN}),
    ("halts", {"halted": (1, 0), "halts_today": (1, 0)}),
    ("resumptions", {"mins_since_resume": (1, 1.1), "halts_today": (1, 0), **_RUN}),
]
"""For each comparison of a preset a value that just passes, and one that just does not; None where another decides."""


def test_every_preset_is_tried() -> None:
    assert {name for name, _ in NEEDS} | {"momentum", "momentum_bars"} == set(PRESETS)


@pytest.mark.parametrize(
    ("name", "needs", "short"),
    [(name, of, short) for name, of in NEEDS for short in (None, *(each for each in of if of[each][1] is not None))],
)
def test_a_preset_needs_each_of_its_conditions(name: str, needs: Needs, short: str | None) -> None:
    had = {each: good if each != short or bad is None else bad for each, (good, bad) in needs.items()}
    condition = PRESETS[name].condition
    assert set(condition.names()) == set(had)
    assert condition.mask(made(**{feature: [value] for feature, value in had.items()}))[0] == (short is None)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_unknown_passes_no_preset(name: str) -> None:
    assert not PRESETS[name].condition.mask(made(last=[10.0]))[0]


@pytest.mark.parametrize("name", [name for name in PRESETS if "gappers" in name])
def test_gappers_are_looked_through_once_a_minute(name: str) -> None:
    at = OPEN - 30 * MINUTE
    assert [PRESETS[name].asked_at(at + second * SECOND) for second in (0, 1, 59, 60)] == [True, False, False, True]


def test_a_preset_is_told_again_as_the_practice_has_it() -> None:
    told = {name: (scan.rearm_pct, scan.rearm_s, scan.rearm_by) for name, scan in PRESETS.items() if scan.told_again}
    assert told == {
        "hod_momo": (1.0, 60, ""),
        "low_float_runner": (0.0, 0, "day_high"),
        "runners": (2.0, 0, ""),
        "halts": (0.0, 0, "halts_today"),
        "resumptions": (0.0, 0, "halts_today"),
    }


def test_what_a_find_is_told_again_by_is_a_feature() -> None:
    assert Scan("x", parse("gap >= 4"), (0, 1), rearm_by="Price").rearm_by == "last"
    with pytest.raises(NotFoundError, match="day_hgh"):
        Scan("x", parse("gap >= 4"), (0, 1), rearm_by="day_hgh")
    with pytest.raises(UsageError):
        Scan("x", parse("gap >= 4"), (0, 1), rearm_s=-1)


@pytest.mark.parametrize("name", ["reversal_bounce", "vwap_reclaim", "red_to_green", "parabolic"])
def test_presets_of_whole_bars_wait_for_the_close(name: str) -> None:
    assert PRESETS[name].trigger is Trigger.BAR_CLOSE
    with pytest.raises(UsageError, match="tells of whole bars"):
        replace(PRESETS[name], trigger=Trigger.BEAT)


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        ("gap >= 4 & rvol >= 3 & price in 2..20 & float < 20M & ~halted", Trigger.BEAT),
        ("red_bars_5m >= 4 & rsi2_5m < 5 & adv >= 1M & ~halted", Trigger.BEAT),
        ("red_bars_5m >= 4 & last >= 2", Trigger.BAR_CLOSE),
        ("chg >= 0 & (chg_1_ago_pct < 0 | halted)", Trigger.BAR_CLOSE),
    ],
)
def test_without_a_wish_a_scan_is_asked_as_often_as_its_features_allow(text: str, trigger: Trigger) -> None:
    assert scan(condition=parse(text)).trigger is trigger


def test_a_trigger_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="One of: beat, bar_close|No trigger"):
        scan(trigger="tick")


def test_every_feature_of_bars_and_every_other_that_no_trade_moves_is_one() -> None:
    assert set(OF_BARS) | set(OF_NO_TRADE) <= set(UNITS)
    assert not set(OF_BARS) & set(OF_NO_TRADE)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("score", "score"),
        ("gap", "gap_pct"),
        ("mom5*rvol", "mom_5_pct * rvol"),
        ("gap * LOG( pre_dollar_volume )", "gap_pct * log(pre_dollar_volume)"),
    ],
)
def test_an_order_has_one_form(text: str, meant: str) -> None:
    assert scan(rank_by=text).rank_by == meant


def test_a_product_orders_by_its_value_and_what_has_no_logarithm_is_unknown() -> None:
    found = made(gap_pct=[4, 5, 6, 7, 8], pre_dollar_volume=[1e6, 1e6, 0, NAN, 1e9])
    by = values("gap * log(pre_dollar_volume)", found, np.zeros(5))
    assert by[[0, 1, 4]] == pytest.approx([4 * log(1e6), 5 * log(1e6), 8 * log(1e9)])
    assert np.isnan(by[[2, 3]]).all()


@pytest.mark.parametrize("text", ["gap + rvol", "gap *", "", "log(gap", "exp(gap)", "gap*gap*gap*gap*gap"])
def test_an_order_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        scan(rank_by=text)


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
        rearm_pct=scan_.rearm_pct,
        rearm_s=scan_.rearm_s,
        rearm_by=scan_.rearm_by,
        trigger="bar_close" if scan_.trigger is Trigger.BAR_CLOSE else "beat",
        shows=scan_.shows,
    )
    assert own.scan(name) == scan_
