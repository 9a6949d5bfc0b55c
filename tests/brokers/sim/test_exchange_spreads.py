"""What taking liquidity costs where no quote prices it: basis points, ticks, or half of a spread, the largest."""

from __future__ import annotations

import pytest

from brokers.sim.settings import HOUSE, SimSettings, stressed
from brokers.sim.spreads import spread_of
from qm.clock import SECOND
from qm.model.market import quote, trade
from qm.model.order import OrderType, Purpose, Side
from tests.brokers.sim.desk import AAA, OPEN, Desk, market_of, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
COSTS = SimSettings(slippage_bps=8, stop_slippage_bps=10, slippage_ticks=1, half_spread=True, shorts=True)


def test_the_house_takes_the_largest_of_a_tick_half_a_spread_and_basis_points() -> None:
    assert (HOUSE.slippage_ticks, HOUSE.half_spread, HOUSE.slippage_bps, HOUSE.stop_slippage_bps) == (1, True, 8, 10)


@pytest.mark.parametrize(
    ("usd_m", "part"),
    [(1.0, 0.004), (100.0, 0.004 * 100**-0.55), (0.01, 0.02)],
    ids=["a million", "a hundred million", "hardly any"],
)
def test_the_spread_follows_from_the_dollars_a_day(usd_m: float, part: float) -> None:
    market = market_of(adv=usd_m * 1e6 / 8, prior_close=8.0)
    assert spread_of(market, AAA, 50.0) == pytest.approx(50.0 * part)


def test_a_spread_that_is_not_known_adds_nothing() -> None:
    assert spread_of(market_of(), AAA, 50.0) == 0.0


@pytest.mark.parametrize(
    ("adv", "price", "paid"),
    [
        # Half of 0.4 % of 50.00 is 10 cents; 8 bp are 4.
        (20_000.0, 50.0, "50.10"),
        # $1 billion a day: a spread of 0.9 bp.
        (20_000_000.0, 50.0, "50.04"),
        # $2 million a day: half of 0.27 % of 2.00 is 0.27 cents, less than a tick.
        (1_000_000.0, 2.0, "2.01"),
    ],
    ids=["half a spread", "basis points", "a tick"],
)
def test_an_entry_on_bars_pays_the_largest(adv: float, price: float, paid: str) -> None:
    desk = Desk(COSTS, adv=adv, prior_close=price).at(0)
    desk.send(order())
    assert told(desk.feed(minute(0, price, price * 1.01, price * 0.99, price))) == [f"E1 100 at {paid}"]


@pytest.mark.parametrize(("times", "entry", "out"), [(1.0, "50.04", "48.95"), (2.0, "50.08", "48.90")])
def test_stress_doubles_what_entry_and_stop_out_cost(times: float, entry: str, out: str) -> None:
    # 8 bp of 50.00 are 4 cents, 10 bp of 49.00 are 4.9.
    desk = Desk(stressed(COSTS, times), adv=20_000_000.0, prior_close=50.0).at(0)
    desk.send(order(), order(SELL, kind=OrderType.STOP, stop="49.00", name="L1", purpose=Purpose.PROTECT, parent="E1"))
    assert told(desk.feed(minute(0, 50, 50.5, 49.5, 50)))[0] == f"E1 100 at {entry}"
    assert told(desk.feed(minute(1, 50, 50.5, 48.5, 49.5))) == [f"L1 100 at {out}"]


def test_stress_doubles_the_assumed_spread() -> None:
    desk = Desk(stressed(COSTS, 2.0), adv=20_000.0, prior_close=50.0).at(0)
    desk.send(order())
    assert told(desk.feed(minute(0, 50, 50.5, 49.5, 50))) == ["E1 100 at 50.20"]


@pytest.mark.parametrize(("times", "paid"), [(1.0, "10.10"), (2.0, "10.15"), (0.0, "10.05")])
def test_stress_widens_what_is_quoted_around_its_middle(times: float, paid: str) -> None:
    desk = Desk(stressed(COSTS, times)).at(0)
    desk.send(order())
    assert told(desk.feed(quote(OPEN + SECOND, AAA, 10.0, 10.1))) == [f"E1 100 at {paid}"]


def test_a_stale_quote_still_says_how_wide_the_spread_is() -> None:
    desk = Desk(COSTS).at(0)
    desk.feed(quote(OPEN + SECOND, AAA, 10.0, 10.1), trade(OPEN + 2 * SECOND, AAA, 10.05, 100))
    desk.send(order())
    # Twenty seconds on the quote prices nothing, but half of its 10 cents is more than 8 bp.
    assert told(desk.feed(trade(OPEN + 20 * SECOND, AAA, 10.05, 100))) == ["E1 100 at 10.10"]
