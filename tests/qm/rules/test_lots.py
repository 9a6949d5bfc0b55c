"""Round lots by price, and the month whose prices count."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.rules.lots import evaluated, round_lot

D = dt.date


@pytest.mark.parametrize(
    ("average", "lot"),
    [("250", 100), ("250.01", 40), ("300", 40), ("1000", 40), ("1500", 10), ("10000", 10), ("12000", 1)],
)
def test_round_lots(average: str, lot: int) -> None:
    assert round_lot(Decimal(average), D(2026, 11, 23)) == lot
    assert round_lot(Decimal(average), D(2025, 11, 3)) == lot
    assert round_lot(Decimal(average), D(2025, 11, 2)) == 100


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (D(2025, 10, 31), None),
        (D(2025, 11, 3), (2025, 9)),
        (D(2026, 4, 30), (2025, 9)),
        # 2026-05-01 is a Friday; 2026-11-01 a Sunday, so the lots change on the Monday.
        (D(2026, 5, 1), (2026, 3)),
        (D(2026, 10, 30), (2026, 3)),
        (D(2026, 11, 2), (2026, 9)),
    ],
)
def test_which_month_decides(day: dt.date, month: tuple[int, int] | None) -> None:
    assert evaluated(day) == month
