"""How many shares: the trader's own arithmetic, and what must never happen to it."""

from __future__ import annotations

import datetime as dt
from math import floor, inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from qm.model.events import Signal
from qm.model.order import OrderType, Side
from qm.risk.limits import RiskSettings
from qm.risk.sizing import Room, size
from qm.rules.fees import IBKR_FIXED, FeeSchedule

LIMITS = RiskSettings()
FREE = Room(50_000.0, 0.0, 0.0, inf, inf)


def signal(
    price: float = 12.40, stop: float | None = 12.10, side: Side = Side.BUY, shares: int | None = None
) -> Signal:
    return Signal("AAA", "s", side, entry=True, reason="r", price=price, stop=stop, shares=shares)


def test_half_a_per_cent_of_fifty_thousand_with_a_stop_of_thirty_cents_is_735_shares() -> None:
    # Slippage of 4 cents in all, as 2 x 16.129 bp of 12.40.
    limits = RiskSettings(risk_per_trade=0.005, max_notional=0.25, slippage_bps=0.02 / 12.40 * 1e4)
    sized = size(signal(), FREE, limits)
    assert sized.shares == 735
    assert sized.binding == "risk"
    assert sized.caps["notional"] == 1008
    assert sized.risk_per_share == pytest.approx(0.34)
    assert sized.risk_usd == pytest.approx(735 * 0.34)


@pytest.mark.parametrize(
    ("values", "binding", "shares"),
    [
        ({"gross_usd": 99_000.0}, "gross", floor(1000 / 12.4)),
        ({"heat_usd": 990.0}, "heat", floor(10 / (0.3 + 2 * 12.4 * 8e-4))),
        ({"budget_usd": 100.0}, "budget", 8),
        # A hundredth of 30,000 shares.
        ({"volume_5m": 30_000.0}, "volume", 300),
        ({"volume_5m": 99.0}, "volume", 0),
        ({"gross_usd": 100_001.0}, "gross", 0),
        ({"heat_usd": 1_001.0}, "heat", 0),
    ],
)
def test_the_smallest_cap_binds_and_is_named(values: dict[str, Any], binding: str, shares: int) -> None:
    sized = size(signal(), FREE._replace(**values), LIMITS)
    assert (sized.binding, sized.shares) == (binding, shares)


@pytest.mark.parametrize(
    ("wish", "binding", "shares"),
    [
        # Half of the usual risk of 250 $, over 30 cents and twice 8 bp of 12.40.
        ({"risk": 0.0025}, "risk", floor(125 / (0.3 + 2 * 12.4 * 8e-4))),
        ({"risk": 0.01}, "risk", floor(250 / (0.3 + 2 * 12.4 * 8e-4))),
        ({"notional": 0.1}, "wanted", floor(5_000 / 12.4)),
        ({"notional": 2.0}, "risk", floor(250 / (0.3 + 2 * 12.4 * 8e-4))),
    ],
)
def test_a_strategy_may_wish_for_less_than_the_settings_allow_and_never_for_more(
    wish: dict[str, float], binding: str, shares: int
) -> None:
    sized = size(structs.replace(signal(), **wish), FREE, LIMITS)
    assert (sized.binding, sized.shares) == (binding, shares)


def test_a_tight_stop_is_capped_by_the_largest_position() -> None:
    sized = size(signal(stop=12.37), FREE, LIMITS)
    assert (sized.binding, sized.shares) == ("notional", 1008)


@pytest.mark.parametrize(
    "wrong", [signal(stop=None), signal(stop=nan), signal(stop=12.40), signal(price=nan), signal(price=0.0)]
)
def test_without_a_stop_or_a_price_there_are_no_shares(wrong: Signal) -> None:
    assert size(wrong, FREE, LIMITS).shares == 0


@pytest.mark.parametrize("unknown", ["equity_usd", "gross_usd", "heat_usd", "budget_usd", "volume_5m"])
@pytest.mark.parametrize("budget", [inf, 10_000.0])
def test_an_unknown_account_gives_no_shares(unknown: str, budget: float) -> None:
    changed: dict[str, Any] = {"budget_usd": budget, unknown: nan}
    sized = size(signal(), FREE._replace(**changed), LIMITS)
    assert sized.shares == 0
    assert sized.risk_usd == 0.0


def test_a_volume_that_nobody_told_gives_no_shares_and_an_order_for_an_auction_is_not_bound_by_it() -> None:
    nobody_told = Room(50_000.0, 0.0, 0.0, inf, None)
    assert (size(signal(), nobody_told, LIMITS).shares, size(signal(), nobody_told, LIMITS).binding) == (0, "volume")
    at_the_open = structs.replace(signal(), type=OrderType.MOO)
    sized = size(at_the_open, nobody_told, LIMITS)
    assert (sized.binding, "volume" in sized.caps) == ("risk", False)


def test_the_fees_of_the_way_in_and_out_count_into_what_the_stop_loses() -> None:
    # 1,250 $ over 50 cents are 2,500 shares; 25 $ for these are a cent each, so that 1,250 / 0.51 are taken.
    asked = []

    def fees(shares: int, price: float) -> float:
        asked.append((shares, price))
        return shares * 0.004 + 15.0

    limits = RiskSettings(risk_per_trade=0.005, max_notional=4.0, max_gross=4.0, leverage=4.0, slippage_bps=0.0)
    sized = size(signal(20.0, 19.5), Room(250_000.0, 0.0, 0.0, inf, inf, fees), limits)
    assert asked == [(2500, 20.0)]
    assert sized.shares == floor(1250 / 0.51)
    assert sized.risk_per_share == pytest.approx(0.51)


def test_the_dated_fees_of_a_round_trip_are_those_of_both_sides() -> None:
    # 2026-06-15: 20.60 $ per million sold, 0.000195 $ a share sold, 0.000003 $ a share on both sides.
    alone = FeeSchedule().round_trip_usd(1000, 25.0, dt.date(2026, 6, 15))
    assert alone == pytest.approx(25_000 * 20.6e-6 + 1000 * 0.000195 + 2 * 1000 * 0.000003)
    # The commission of 0.005 $ a share comes twice.
    assert FeeSchedule(IBKR_FIXED).round_trip_usd(1000, 25.0, dt.date(2026, 6, 15)) == pytest.approx(alone + 10.0)


def test_a_fixed_number_of_shares_is_taken_as_it_is_and_its_risk_told() -> None:
    sized = size(signal(shares=100), FREE, LIMITS)
    assert (sized.shares, sized.binding) == (100, "fixed")
    assert sized.risk_usd == pytest.approx(100 * (0.3 + 2 * 12.4 * 8e-4))


def test_a_trigger_counts_as_the_price_of_the_entry() -> None:
    by_trigger = Signal("AAA", "s", Side.BUY, entry=True, reason="r", price=12.0, trigger=12.40, stop=12.10)
    assert size(by_trigger, FREE, LIMITS) == size(signal(), FREE, LIMITS)


prices = st.floats(1.0, 1000.0).map(lambda p: round(p, 2))
distances = st.floats(0.01, 50.0).map(lambda d: round(d, 2))
equities = st.floats(1_000.0, 5_000_000.0)


@given(prices, distances, equities, st.sampled_from(Side))
def test_the_caps_hold(price: float, distance: float, equity: float, side: Side) -> None:
    sized = size(signal(price, price - side.sign * distance, side), Room(equity, 0.0, 0.0, inf, inf), LIMITS)
    slack = 1 + 1e-9
    assert sized.shares >= 0
    assert sized.shares * price <= equity * LIMITS.max_notional * slack
    assert sized.risk_usd <= equity * LIMITS.risk_per_trade * slack + 1e-4
    assert sized.shares == min(sized.caps.values()) == sized.caps[sized.binding]
    assert sized.risk_per_share > distance * (1 - 1e-6)


@given(prices, distances, distances, equities)
def test_a_wider_stop_never_takes_more_shares(price: float, one: float, other: float, equity: float) -> None:
    near, far = sorted((one, other))
    shares = [size(signal(price, price - d), Room(equity, 0.0, 0.0, inf, inf), LIMITS).shares for d in (near, far)]
    assert shares[0] >= shares[1]


@given(prices, distances, equities, st.floats(1.0, 2.0))
def test_more_equity_never_takes_fewer_shares(price: float, distance: float, equity: float, more: float) -> None:
    one = signal(price, price - distance)
    assert (
        size(one, Room(equity * more, 0.0, 0.0, inf, inf), LIMITS).shares
        >= size(one, Room(equity, 0.0, 0.0, inf, inf), LIMITS).shares
    )


@given(prices, distances, equities, st.floats(0.0, 3.0), st.floats(0.0, 0.03))
def test_what_is_at_risk_already_never_adds_shares(
    price: float, distance: float, equity: float, gross: float, heat: float
) -> None:
    one = signal(price, price - distance)
    used = size(one, Room(equity, gross * equity, heat * equity, inf, inf), LIMITS)
    assert 0 <= used.shares <= size(one, Room(equity, 0.0, 0.0, inf, inf), LIMITS).shares


@given(prices, distances, equities)
def test_longs_and_shorts_of_the_same_width_are_sized_alike(price: float, distance: float, equity: float) -> None:
    long = size(signal(price, price - distance), Room(equity, 0.0, 0.0, inf, inf), LIMITS)
    short = size(signal(price, price + distance, Side.SELL), Room(equity, 0.0, 0.0, inf, inf), LIMITS)
    assert long.shares == pytest.approx(short.shares, abs=1)
