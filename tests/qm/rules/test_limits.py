"""Volatility bands by hand-checked vectors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE, at_ny
from qm.rules.calendar import session
from qm.rules.limits import LULD, LuldRule, Tier, band_fraction, luld_bands, widths

D = dt.date
TODAY = session(D(2026, 11, 23))


@pytest.mark.parametrize(
    ("tier", "prior", "reference", "at", "lower", "upper"),
    [
        (Tier.ONE, 50.0, 40.0, "11:00", "38.00", "42.00"),
        (Tier.ONE, 50.0, 40.0, "15:40", "36.00", "44.00"),
        (Tier.TWO, 10.0, 12.0, "15:40", "10.80", "13.20"),
        (Tier.TWO, 2.50, 2.60, "11:00", "2.08", "3.12"),
        (Tier.TWO, 2.50, 2.60, "15:40", "1.56", "3.64"),
        (Tier.TWO, 0.60, 0.70, "11:00", "0.55", "0.85"),
        (Tier.TWO, 0.60, 0.70, "15:40", "0.40", "1.00"),
        (Tier.TWO, 0.10, 0.10, "11:00", "0.03", "0.18"),
        # The edges of the parameters, by prior close.
        (Tier.ONE, 3.00, 10.0, "11:00", "8.00", "12.00"),
        (Tier.ONE, 3.01, 10.0, "11:00", "9.50", "10.50"),
        (Tier.TWO, 0.75, 1.0, "11:00", "0.80", "1.20"),
        # The edges of the closing doubling.
        (Tier.ONE, 50.0, 40.0, "15:34:59", "38.00", "42.00"),
        (Tier.ONE, 50.0, 40.0, "15:35", "36.00", "44.00"),
        (Tier.ONE, 50.0, 40.0, "09:30", "38.00", "42.00"),
    ],
)
def test_bands(tier: Tier, prior: float, reference: float, at: str, lower: str, upper: str) -> None:
    bands = luld_bands(tier, prior, reference, TODAY, at_ny(TODAY.date, at))
    assert bands == (Decimal(lower), Decimal(upper))


def test_a_leveraged_fund_has_bands_as_wide_as_its_leverage() -> None:
    assert luld_bands(Tier.TWO, 50.0, 40.0, TODAY, TODAY.open_ns, leverage=3.0) == (Decimal("28.00"), Decimal("52.00"))


def test_there_are_no_bands_outside_regular_hours_or_before_the_plan() -> None:
    assert luld_bands(Tier.ONE, 50.0, 40.0, TODAY, TODAY.open_ns - 1) is None
    assert luld_bands(Tier.ONE, 50.0, 40.0, TODAY, TODAY.close_ns) is None
    old = session(D(2012, 11, 23))
    assert luld_bands(Tier.ONE, 50.0, 40.0, old, old.open_ns) is None


def test_half_days_double_before_their_own_close() -> None:
    half = session(D(2026, 11, 27))
    assert band_fraction(Tier.ONE, 50.0, 40.0, half, half.close_ns - 26 * MINUTE) == 0.05
    assert band_fraction(Tier.ONE, 50.0, 40.0, half, half.close_ns - 25 * MINUTE) == 0.10


def test_before_its_eighteenth_amendment_the_plan_doubled_at_the_open() -> None:
    before, after = session(D(2020, 2, 21)), session(D(2020, 2, 24))
    for of, opening, closing in ((before, 0.2, 0.2), (after, 0.1, 0.1)):
        assert band_fraction(Tier.TWO, 10.0, 10.0, of, of.open_ns + 14 * MINUTE) == opening
        assert band_fraction(Tier.TWO, 10.0, 10.0, of, of.open_ns + 15 * MINUTE) == 0.1
        assert band_fraction(Tier.TWO, 10.0, 10.0, of, of.close_ns - 25 * MINUTE) == closing


@given(st.sampled_from(Tier), st.floats(0.05, 900), st.floats(0.05, 900))
def test_widths_of_many_symbols_are_those_of_each(tier: Tier, prior: float, reference: float) -> None:
    whole = widths(
        LULD.at(TODAY.date) or LuldRule(), np.bool_(tier is Tier.ONE), np.array([prior]), np.array([reference])
    )
    assert whole.tolist() == [band_fraction(tier, prior, reference, TODAY, TODAY.open_ns)]


@given(
    st.sampled_from(Tier), st.floats(0.05, 900), st.floats(0.05, 900), st.integers(TODAY.open_ns, TODAY.close_ns - 1)
)
def test_bands_surround_the_reference_in_whole_cents(tier: Tier, prior: float, reference: float, ns: int) -> None:
    bands = luld_bands(tier, prior, reference, TODAY, ns)
    assert bands is not None
    assert 0 <= bands.lower <= Decimal(reference) + Decimal("0.005")
    assert bands.upper >= Decimal(reference) - Decimal("0.005")
    assert all(each == each.quantize(Decimal("0.01")) for each in bands)


def test_reopenings_have_had_collars_since_the_twelfth_amendment() -> None:
    rules = {day: LULD.at(day) for day in (D(2013, 4, 8), D(2017, 11, 17), D(2017, 11, 20), D(2026, 11, 23))}
    assert LULD.at(D(2013, 4, 5)) is None
    assert [rule is not None and rule.collared for rule in rules.values()] == [False, False, True, True]
