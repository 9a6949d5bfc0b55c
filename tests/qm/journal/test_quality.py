"""Efficiency and implementation shortfall by hand-checked vectors, and where they are not known."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.journal.quality import Shortfall, efficiency, efficiency_of, shortfall
from qm.model.events import TradeClosed
from qm.model.order import Side

BUY, SELL = Side.BUY, Side.SELL
TRADE = TradeClosed(
    trade="t", symbol="AAA", strategy="s", side=BUY, qty=100, opened=0, closed=1, entry_price=Decimal("10.00"),
    exit_price=Decimal("10.60"), gross_usd=Decimal(60), fees_usd=Decimal(0), net_usd=Decimal(60), risk_usd=30.0,
    r=2.0, mfe_usd=100.0, mae_usd=20.0, reason="target",
)  # fmt: skip


def test_a_long_trade_from_ten_to_ten_sixty_between_nine_eighty_and_eleven() -> None:
    for found in (efficiency(BUY, 10.0, 10.6, 9.8, 11.0), efficiency_of(TRADE)):
        assert found is not None
        assert (round(found.entry, 3), round(found.exit, 3), round(found.total, 2)) == (0.833, 0.667, 0.50)
        assert found.capture == pytest.approx(0.60)
    # A stop at 9.70 is 0.30 a share: 3.33 R at best, 0.67 R at worst, 2 R in the end.
    assert (TRADE.mfe_usd / TRADE.risk_usd, TRADE.mae_usd / TRADE.risk_usd) == pytest.approx((3.333, 0.667), abs=1e-3)
    assert TRADE.r == 2.0


def test_a_short_trade_is_its_mirror() -> None:
    short = msgspec.structs.replace(TRADE, side=SELL, exit_price=Decimal("9.40"))
    assert efficiency_of(short) == pytest.approx(efficiency_of(TRADE))


def test_what_never_moved_or_was_never_ahead_is_not_known() -> None:
    assert efficiency(BUY, 10.0, 10.0, 10.0, 10.0) is None
    assert efficiency_of(msgspec.structs.replace(TRADE, qty=0)) is None
    lost = efficiency(BUY, 10.0, 9.9, 9.9, 10.0)
    assert lost is not None
    assert lost.total == pytest.approx(-1.0)
    assert lost.capture is None


PRICE = st.floats(1.0, 100.0)


@given(st.sampled_from(Side), PRICE, PRICE, PRICE, PRICE)
def test_a_trade_takes_at_most_the_range(side: Side, entered: float, left: float, a: float, b: float) -> None:
    found = efficiency(side, entered, left, min(a, b), max(a, b))
    if found is not None:
        assert -1.0 - 1e-9 <= found.total <= 1.0 + 1e-9
        assert -1e-9 <= found.entry <= 1.0 + 1e-9


def test_eight_hundred_of_a_thousand_shares_cost_a_hundred_dollars() -> None:
    found = shortfall(BUY, 1_000, 10.00, 800, 10.05, 10.30, arrived=10.02)
    assert found == pytest.approx(Shortfall(16.0, 24.0, 60.0, 100.0))
    paper, made = (10.30 - 10.00) * 1_000, (10.30 - 10.05) * 800
    assert found.total == pytest.approx(paper - made)


def test_without_the_price_at_arrival_its_parts_are_not_known() -> None:
    found = shortfall(SELL, 1_000, 10.00, 800, 9.95, 9.70)
    assert (found.delay, found.execution) == (None, None)
    assert (found.opportunity, found.total) == pytest.approx((60.0, 100.0))
