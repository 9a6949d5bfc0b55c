"""Orders for the auctions, filled by those that the synthetic market makes up."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import pytest

from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.model.market import Events, Kind, Print
from qm.model.order import OrderType, Side
from qm.rules.calendar import next_session, session
from tests.brokers.sim.desk import SESSION, Desk, fills, order

OF: Final = session(dt.date(2024, 3, 5))
CUT: Final = 380
"""Minutes from the open to 15:50."""


@pytest.fixture(scope="module", params=["trades", "bars"])
def day(request: pytest.FixtureRequest) -> tuple[list[Events], float]:
    """The minutes from 09:25 of one symbol, as the first of a desk; and its official close, known a day later."""
    assert SESSION == OF
    market = SyntheticMarket(20, 3)
    minutes = [records[records["sym"] == 0] for records in market.minutes(OF, detail=request.param)]
    return minutes, float(market.reference(next_session(OF.date)).prior_close[0])


def test_orders_for_the_auctions_are_filled_at_the_prints_of_the_auctions(day: tuple[list[Events], float]) -> None:
    minutes, official = day
    desk = Desk().at(-5)
    desk.send(order(Side.BUY, 100, OrderType.MOO, name="O"))
    for records in minutes[: 5 + CUT - 1]:
        desk.run(records)
    (opened,) = fills(desk.reports)
    whole = np.concatenate(minutes)
    first = whole[(whole["event_ts"] >= OF.open_ns) & np.isin(whole["kind"], (Kind.TRADE, Kind.BAR))][0]
    if first["kind"] == Kind.TRADE:
        assert first["flag"] & Print.OPENING
    assert float(opened.price) == pytest.approx(first["a"])
    assert OF.open_ns <= opened.ts < OF.open_ns + MINUTE

    desk.send(order(Side.BUY, 50, OrderType.MOC, name="C"))
    for records in minutes[5 + CUT - 1 : -1]:
        assert fills(desk.run(records)) == []
    (closed,) = fills(desk.run(minutes[-1]))
    assert (closed.qty, closed.ts) == (50, OF.close_ns)
    assert float(closed.price) == pytest.approx(official)
