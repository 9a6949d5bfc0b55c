"""Expiries, rebalancing and ends of periods by the calendar."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.rules.calendar import sessions
from qm.rules.occasions import occasions


@pytest.mark.parametrize(
    ("date", "told"),
    [
        (dt.date(2026, 11, 20), ("opex",)),
        (dt.date(2026, 12, 18), ("opex", "triple_witching", "index_rebalance")),
        (dt.date(2026, 12, 17), ()),
        (dt.date(2026, 12, 31), ("month_end", "quarter_end")),
        # The third Friday was Good Friday, the fourth of June is the Russell's.
        (dt.date(2025, 4, 17), ("opex",)),
        (dt.date(2025, 4, 18), ()),
        (dt.date(2025, 6, 27), ("index_rebalance",)),
        (dt.date(2025, 6, 20), ("opex", "triple_witching", "index_rebalance")),
        # The month ended on a Saturday.
        (dt.date(2026, 1, 30), ("month_end",)),
        (dt.date(2026, 1, 16), ("opex",)),
        (dt.date(2026, 1, 20), ()),
    ],
)
def test_a_session_is_told_what_it_is_besides(date: dt.date, told: tuple[str, ...]) -> None:
    assert occasions(date) == told


def test_every_year_has_twelve_expiries_and_twelve_ends_of_a_month() -> None:
    for year in (1999, 2008, 2019, 2027):
        told = [name for each in sessions(dt.date(year, 1, 1), dt.date(year, 12, 31)) for name in occasions(each.date)]
        counts = {name: told.count(name) for name in set(told)}
        assert counts == {"opex": 12, "triple_witching": 4, "index_rebalance": 5, "month_end": 12, "quarter_end": 4}
