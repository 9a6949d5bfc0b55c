"""Features by the worked examples of the trade, and what is not known where a minute was left out."""

from __future__ import annotations

from dataclasses import replace
from math import nan, sqrt
from typing import Any

import numpy as np
import pytest

from qm.clock import MINUTE
from qm.errors import NotFoundError
from qm.market.features import features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.instrument import SymbolTable
from qm.model.market import bar, events, quote, trade
from tests.qm.strategies.stage import SESSION, at

Record = tuple[Any, ...]


def known(*records: Record, now: int = 0, **reference: float) -> dict[str, float]:
    columns: dict[str, Any] = {name: np.array([value]) for name, value in reference.items()}
    made = Market(SymbolTable(["AAA"]), SESSION, replace(Reference.empty(1), **columns))
    made.backfill(events(list(records)))
    made.now = max(made.now, now)
    return features_of(made, 0)


def test_the_spread_about_the_vwap_is_that_of_the_worked_example() -> None:
    sold = [(10.00, 100.0), (10.10, 300.0), (10.20, 100.0)]
    found = known(*(trade(at(1, n), 0, price, size) for n, (price, size) in enumerate(sold)))
    assert found["vwap"] == pytest.approx(10.10)
    assert found["vwap_sigma"] == pytest.approx(sqrt(0.004))
    assert found["vwap_z"] == pytest.approx((10.20 - 10.10) / sqrt(0.004))
    bands = (found["vwap"] - found["vwap_sigma"], found["vwap"] + found["vwap_sigma"])
    assert bands == pytest.approx((10.0368, 10.1632), abs=5e-5)


@pytest.mark.parametrize(("low", "ssr"), [(18.01, 0.0), (18.0, 1.0), (17.5, 1.0)])
def test_a_fall_of_a_tenth_restricts_short_sales(low: float, ssr: float) -> None:
    found = known(trade(at(1), 0, 19.0, 100.0), trade(at(1, 1), 0, low, 100.0), prior_close=20.0, ssr_carried=0.0)
    assert found["ssr"] == ssr


def test_a_restriction_of_yesterday_holds_and_what_is_not_known_does_not() -> None:
    told = trade(at(1), 0, 19.0, 100.0)
    assert known(told, prior_close=20.0, ssr_carried=1.0)["ssr"] == 1
    assert "ssr" not in known(told, prior_close=20.0)
    assert "ssr" not in known(told, ssr_carried=0.0)


def test_cash_that_goes_ex_is_no_gap() -> None:
    found = known(trade(at(1), 0, 19.0, 100.0), prior_close=20.0, dividend=1.0)
    assert found["gap_pct"] == found["chg_pct"] == 0.0
    assert found["prev_close"] == 20.0


def test_before_the_open_only_what_belongs_there_is_counted() -> None:
    early = [trade(at(-330 - 1), 0, 50.0, 900.0), trade(at(-300), 0, 11.0, 200.0), trade(at(-10), 0, 12.0, 100.0)]
    found = known(*early, trade(at(0), 0, 11.4, 500.0), pre_volume=150.0)
    assert (found["pre_volume"], found["pre_dollar_volume"]) == (300.0, 11.0 * 200 + 12.0 * 100)
    assert (found["pre_high"], found["pre_low"], found["pre_rvol"]) == (12.0, 11.0, 2.0)
    assert found["pre_high_dist_pct"] == pytest.approx(-5.0)
    assert (found["day_high"], found["high"], found["volume"]) == (12.0, 11.4, 500.0)


def test_a_new_high_is_a_tick_above_the_one_before_and_new_for_a_minute() -> None:
    prices = (10.0, 10.005, 10.02, 10.01, 10.03)
    told = [trade(at(1, n), 0, price, 100.0) for n, price in enumerate(prices)]
    found = known(*told, prior_close=10.0)
    assert (found["highs_today"], found["new_high"]) == (2, 1)
    assert known(*told, prior_close=10.0, now=at(2, 4))["new_high"] == 0
    assert known(told[0])["new_high"] == 0


@pytest.mark.parametrize(("bid", "ask"), [(10.1, 10.0), (0.0, 10.0), (10.0, 0.0), (nan, 10.0)])
def test_a_crossed_or_one_sided_quote_is_no_feature(bid: float, ask: float) -> None:
    assert {"spread_bps", "book_imb", "quote_age_s"}.isdisjoint(known(quote(at(1), 0, bid, ask)))


def test_a_quote_tells_spread_and_sides() -> None:
    found = known(quote(at(1), 0, 9.99, 10.01, 300, 100), now=at(1, 2.5))
    assert found["spread_bps"] == pytest.approx(20.0)
    assert (found["book_imb"], found["quote_age_s"]) == (0.5, 2.5)


@pytest.mark.parametrize(("days", "told"), [(0, True), (1, False), (7, False), (8, True), (14, True)])
def test_what_is_usual_needs_eight_sessions(days: int, told: bool) -> None:
    curve = np.arange(1, 391) / 390
    reference = replace(Reference.empty(1), adv=np.array([3900.0]), days=np.array([days]), curve=curve)
    made = Market(SymbolTable(["AAA"]), SESSION, reference)
    made.replay(events([bar(at(1), 0, 10.0, 10.0, 10.0, 10.0, 20.0)]))
    assert ("rvol" in features_of(made, 0)) is told
    assert features_of(made, 0)["rvol_day"] == pytest.approx(20 / 3900)


def minutes(count: int, left_out: int = -1) -> Market:
    """Bars of a minute each, rising by a cent; one boundary may be left unmarked."""
    made = Market(SymbolTable(["AAA"]), SESSION, Reference.empty(1))
    for k in range(1, count + 1):
        price = 10.0 + k / 100
        made.replay(events([bar(at(k), 0, price, price + 0.02, price - 0.01, price, 100.0)]))
        made.now = at(k)
        if k != left_out:
            made.mark_minute(made.now)
    return made


def test_where_a_minute_was_left_out_nothing_is_read_across_it() -> None:
    across = features_of(minutes(20, left_out=17), 0)
    assert {"mom_5_pct", "mom_10_pct", "vol_5m", "vol_surge", "mins_below_vwap"}.isdisjoint(across)
    assert across["mom_2_pct"] == pytest.approx(100 * (10.20 / 10.18 - 1))
    assert {"mom_5_pct", "vol_5m"} <= set(features_of(minutes(24, left_out=17), 0))


def test_five_minutes_with_a_minute_left_out_are_no_bar() -> None:
    whole, broken = minutes(20), minutes(20, left_out=13)
    assert whole.minutes.fives.period[:4, 0].tolist() == [0, 1, 2, 3]
    assert broken.minutes.fives.period[:3, 0].tolist() == [0, 1, 3]
    assert broken.minutes.fives.count[0] == 3


def test_the_opening_range_is_known_from_its_end() -> None:
    assert "or_high" not in features_of(minutes(4), 0)
    found = features_of(minutes(5), 0)
    assert [found[name] for name in ("or_high", "or_low", "or_dir")] == pytest.approx([10.07, 10.0, 1.0])
    assert found["or_break_pct"] == pytest.approx(100 * (10.05 / 10.07 - 1))


def test_bars_shorter_than_a_minute_build_it() -> None:
    made = Market(SymbolTable(["AAA"]), SESSION, Reference.empty(1))
    for n in range(60):
        price = 10.0 + (n % 12) / 100
        made.replay(events([bar(at(0, 5 * n + 5), 0, price, price + 0.01, price - 0.01, price, 10.0, seconds=5)]))
        made.now = at(0, 5 * n + 5)
        if (n + 1) % 12 == 0:
            made.mark_minute(made.now)
    found = features_of(made, 0)
    assert [found["or_high"], found["or_low"]] == pytest.approx([10.12, 9.99])
    assert found["volume"] == 600.0


def test_a_boundary_marked_twice_counts_once() -> None:
    made = minutes(7)
    before = made.minutes.fives.building.copy()
    made.mark_minute(at(7))
    made.mark_minute(at(6))
    assert np.array_equal(made.minutes.fives.building, before)
    assert made.marked == SESSION.open_ns + 7 * MINUTE


def test_a_feature_that_is_none_is_named() -> None:
    with pytest.raises(NotFoundError, match="gap_pc"):
        features(minutes(1), needed=["gap_pc"])


def test_strength_against_spy_takes_the_beta_off_and_is_unknown_without_one() -> None:
    made = Market(
        SymbolTable(["SPY", "AAA", "BBB"]), SESSION, replace(Reference.empty(3), beta=np.array([1.0, 1.5, nan]))
    )
    told = [trade(at(1, row), row, price, 100.0) for row, price in enumerate((600.0, 20.0, 20.0))]
    made.backfill(
        events([*told, *(trade(at(2, row), row, price, 100.0) for row, price in enumerate((606.0, 21.0, 21.0)))])
    )
    assert features_of(made, 1)["rs_spy_pct"] == pytest.approx(5.0 - 1.5 * 1.0)
    assert features_of(made, 0)["rs_spy_pct"] == pytest.approx(0.0)
    assert "rs_spy_pct" not in features_of(made, 2)
    assert "beta" not in features_of(made, 2)
