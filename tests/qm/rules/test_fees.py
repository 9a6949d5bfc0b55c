"""Fees by hand-checked vectors, and the properties that hold for all of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import DataError
from qm.model.order import Side
from qm.rules.closures import FIRST_YEAR, LAST_YEAR
from qm.rules.fees import (
    ALPACA_ELITE,
    COMMISSION_PRICES,
    COMMISSIONS,
    IBKR_FIXED,
    IBKR_TIERED,
    Commission,
    DayFees,
    FeeSchedule,
    buy_fees,
    sell_fees,
)
from qm.rules.rates import CAT, SECTION_31, TAF

D = dt.date
ALPACA = FeeSchedule()


def fee(schedule: FeeSchedule, side: Side, qty: int, price: Decimal, day: dt.date) -> Decimal:
    """Of an execution that is the only one of its day."""
    return schedule.of_day(day).charge(side, qty, price)


PRICES = st.decimals("0.01", "5000", places=2)
DATES = st.dates(D(FIRST_YEAR, 1, 1), D(LAST_YEAR, 12, 31))


@pytest.mark.parametrize(
    ("day", "qty", "price", "usd"),
    [
        (D(2026, 6, 15), 1_000, "25.00", "0.73"),
        (D(2026, 11, 20), 1_000, "25.00", "0.53"),
        (D(2026, 3, 2), 1_000, "25.00", "0.21"),
        # Section 31 30.90, the activity fee capped at 9.79, the audit trail 0.18.
        (D(2026, 6, 15), 60_000, "25.00", "40.87"),
    ],
)
def test_a_sale_costs_what_was_worked_out_by_hand(day: dt.date, qty: int, price: str, usd: str) -> None:
    assert fee(ALPACA, Side.SELL, qty, Decimal(price), day) == Decimal(usd)
    assert ALPACA.parts(Side.SELL, qty, Decimal(price), day).rounded_up().total == Decimal(usd)


def test_the_parts_of_a_sale() -> None:
    fees = sell_fees(D(2026, 6, 15), 1_000, Decimal("25.00"))
    assert (fees.sec, fees.taf, fees.cat) == (Decimal("0.515"), Decimal("0.195"), Decimal("0.003"))
    assert fees.rounded_up()[1:] == (Decimal("0.52"), Decimal("0.20"), Decimal("0.01"))
    assert sell_fees(D(2026, 6, 15), 60_000, Decimal("25.00")).taf == Decimal("9.79")


def test_a_purchase_pays_the_audit_trail_only() -> None:
    fees = buy_fees(D(2026, 6, 15), 1_000)
    assert fees.total == fees.cat == Decimal("0.003")
    assert fee(ALPACA, Side.BUY, 1_000, Decimal("25.00"), D(2026, 6, 15)) == Decimal("0.01")
    assert fee(ALPACA, Side.BUY, 1_000, Decimal("25.00"), D(2023, 6, 15)) == 0


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (D(2025, 5, 13), "27.80"),
        (D(2025, 5, 14), "0"),
        (D(2026, 4, 3), "0"),
        (D(2026, 4, 4), "20.60"),
        (D(2021, 2, 24), "22.10"),
        (D(2021, 2, 25), "5.10"),
    ],
)
def test_a_rate_changes_on_its_day(day: dt.date, rate: str) -> None:
    assert SECTION_31.at(day) == Decimal(rate)


def test_the_trading_activity_fee_takes_a_holiday() -> None:
    for day, rate in ((D(2026, 9, 30), "0.000195"), (D(2026, 10, 1), "0"), (D(2026, 12, 31), "0")):
        assert TAF.at(day).per_share == Decimal(rate)
    assert TAF.at(D(2027, 1, 1)) == (Decimal("0.000195"), Decimal("9.79"))


def test_every_rate_says_where_it_comes_from() -> None:
    for table in (SECTION_31, TAF, CAT):
        assert all(row.source for row in table)
        with pytest.raises(DataError, match="is not known"):
            table.at(D(1997, 12, 31))


@pytest.mark.parametrize(
    ("commission", "qty", "price", "usd"),
    [
        (ALPACA_ELITE, 1_000, "10.00", "4.00"),
        (IBKR_FIXED, 10, "20.00", "1.00"),
        (IBKR_FIXED, 10, "2.00", "0.20"),
        (IBKR_FIXED, 1_000, "20.00", "5.00"),
        # 3.50, 0.20 for clearing and 3.00 for taking; the minimum of 0.35 and 0.032 more.
        (IBKR_TIERED, 1_000, "20.00", "6.70"),
        (IBKR_TIERED, 10, "20.00", "0.39"),
        # Below a dollar taking costs three thousandths of the price: 3.50 + 0.20 + 1.50.
        (IBKR_TIERED, 1_000, "0.50", "5.20"),
    ],
)
def test_commissions(commission: Commission, qty: int, price: str, usd: str) -> None:
    # In 2023 a purchase pays nothing else.
    assert fee(FeeSchedule(commission), Side.BUY, qty, Decimal(price), D(2023, 6, 15)) == Decimal(usd)


def test_a_schedule_is_called_by_its_commission_and_every_price_list_has_a_source() -> None:
    assert FeeSchedule(IBKR_TIERED).id == "us_equities+ibkr_tiered"
    assert list(COMMISSIONS) == list(COMMISSION_PRICES) == ["zero", "ibkr_fixed", "ibkr_tiered", "alpaca_elite"]
    assert all(row.source for prices in COMMISSION_PRICES.values() for row in prices)
    with pytest.raises(DataError, match="commission ibkr_fixed of 1997-12-31 is not known"):
        COMMISSION_PRICES["ibkr_fixed"].at(D(1997, 12, 31))


@given(st.sampled_from(Side), st.integers(1, 100_000), PRICES, DATES)
def test_a_fee_is_whole_cents_and_never_less_than_its_parts(side: Side, qty: int, price: Decimal, day: dt.date) -> None:
    for schedule in (ALPACA, FeeSchedule(IBKR_FIXED)):
        charge, parts = fee(schedule, side, qty, price, day), schedule.parts(side, qty, price, day)
        assert charge == parts.rounded_up().total
        assert parts.total <= charge < parts.total + Decimal("0.04")
        assert charge == charge.quantize(Decimal("0.01"))


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 5_000), PRICES), min_size=1, max_size=20), DATES)
def test_the_charges_of_a_day_add_up_to_one_rounding(fills: list[tuple[Side, int, Decimal]], day: dt.date) -> None:
    running = DayFees(ALPACA, day)
    charges = [running.charge(*fill) for fill in fills]
    exact = [ALPACA.parts(*fill, day) for fill in fills]
    assert min(charges) >= 0
    assert sum(charges) == running.charged
    assert sum((part.total for part in exact), Decimal(0)) <= running.charged
    assert running.charged <= sum(fee(ALPACA, *fill, day) for fill in fills)
    assert running.charged == sum(
        sum(column, Decimal(0)).quantize(Decimal("0.01"), "ROUND_CEILING") for column in zip(*exact, strict=True)
    )


def test_small_fills_pay_the_cent_once() -> None:
    # Ten sales of 100 at 25.00 on 2026-06-15 cost what one of 1,000 costs: 0.73.
    running = DayFees(ALPACA, D(2026, 6, 15))
    charges = [running.charge(Side.SELL, 100, Decimal("25.00"), f"O{n}") for n in range(10)]
    # Section 31 0.0515, the activity fee 0.0195 and the audit trail 0.0003 are rounded up to 0.06 + 0.02 + 0.01.
    assert charges[0] == Decimal("0.09")
    assert sum(charges) == Decimal("0.73")


def test_a_minimum_commission_is_paid_once_for_an_order_however_it_is_filled() -> None:
    running = DayFees(FeeSchedule(IBKR_FIXED), D(2023, 6, 15))
    assert [running.charge(Side.BUY, 100, Decimal(20), "A") for _ in range(3)] == [1, 0, Decimal("0.50")]
    assert running.charge(Side.BUY, 100, Decimal(20), "B") == 1
