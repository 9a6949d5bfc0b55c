"""Prices land on the grid, on the side that was asked for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qm.model.order import Side
from qm.rules.ticks import Rounding, aggressive, on_tick, passive, round_to_tick, tick_size

DAY = dt.date(2026, 11, 23)
PRICES = st.decimals("0.0001", "2", places=7) | st.decimals("0.0001", "9999", places=6)


@pytest.mark.parametrize(
    ("price", "fits"), [("0.9999", True), ("0.99995", False), ("1.00", True), ("1.005", False), ("12.34", True)]
)
def test_half_pennies_are_refused_from_a_dollar_on(price: str, fits: bool) -> None:
    assert on_tick(Decimal(price), DAY) is fits


def test_tick_sizes() -> None:
    assert tick_size(0.99, DAY) == tick_size(Decimal("0.9999"), DAY) == Decimal("0.0001")
    assert tick_size(1.0, DAY) == tick_size(Decimal(500), DAY) == Decimal("0.01")


@pytest.mark.parametrize(
    ("price", "down", "nearest", "up"),
    [
        (10.07, "10.07", "10.07", "10.07"),
        (0.1 + 0.2, "0.3", "0.3", "0.3"),
        (10.071, "10.07", "10.07", "10.08"),
        (10.0799, "10.07", "10.08", "10.08"),
        (0.99999, "0.9999", "1", "1"),
        (1.0049, "1", "1", "1.01"),
        (0.00004, "0", "0", "0.0001"),
    ],
)
def test_rounding_of_floats(price: float, down: str, nearest: str, up: str) -> None:
    found = [round_to_tick(price, mode, DAY) for mode in (Rounding.DOWN, Rounding.NEAREST, Rounding.UP)]
    assert found == [Decimal(down), Decimal(nearest), Decimal(up)]


@given(PRICES)
@example(Decimal("0.99995"))
@example(Decimal("0.9999"))
@example(Decimal(1))
@example(Decimal("1.000001"))
def test_rounding_keeps_its_side_and_stays_within_a_tick(price: Decimal) -> None:
    tick = tick_size(price, DAY)
    down, near, up = (round_to_tick(price, mode, DAY) for mode in (Rounding.DOWN, Rounding.NEAREST, Rounding.UP))
    assert down <= price <= up
    assert up - down == (0 if on_tick(price, DAY) else tick)
    assert near in (down, up)
    assert abs(near - price) <= tick / 2
    assert all(on_tick(each, DAY) for each in (down, near, up))


@given(PRICES)
def test_floats_and_decimals_agree(price: Decimal) -> None:
    for mode in (Rounding.DOWN, Rounding.UP):
        exact, fast = round_to_tick(price, mode, DAY), round_to_tick(float(price), mode, DAY)
        # A float next to the grid counts as on it.
        assert abs(exact - fast) <= (0 if abs(price - exact) > Decimal("1e-8") else tick_size(price, DAY))
        assert abs(fast - price) < tick_size(price, DAY)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), Decimal(0), Decimal("NaN")])
def test_what_is_no_price_is_refused(bad: float | Decimal) -> None:
    with pytest.raises(ValueError, match="is not a price"):
        round_to_tick(bad, Rounding.NEAREST, DAY)


def test_sides() -> None:
    assert (passive(Side.BUY), passive(Side.SELL)) == (Rounding.DOWN, Rounding.UP)
    assert (aggressive(Side.BUY), aggressive(Side.SELL)) == (Rounding.UP, Rounding.DOWN)
