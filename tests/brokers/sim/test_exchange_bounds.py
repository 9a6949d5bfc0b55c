"""Whatever the market and the trader do: nothing fills outside the bands, in a halt, or short into a restricted bid."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import Fill
from qm.model.market import Status, bands, quote, status, trade
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import AAA, OPEN, Desk, minute, order

CENTS = st.integers(850, 1150).map(lambda n: n / 100)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), CENTS),
        st.tuples(st.just("quote"), CENTS),
        st.tuples(st.just("bands"), st.integers(930, 1070).map(lambda n: n / 100)),
        st.tuples(st.just("status"), st.sampled_from([Status.TRADING, Status.PAUSED, Status.HALTED])),
        st.tuples(st.just("order"), st.tuples(st.sampled_from(Side), st.sampled_from(OrderType), CENTS)),
    ),
    min_size=5,
    max_size=60,
)
PRIOR = 10.0


def wish(name: str, held: int, side: Side, kind: OrderType, price: float) -> Order:
    stops, limits = (OrderType.STOP, OrderType.STOP_LIMIT), (OrderType.LIMIT, OrderType.STOP_LIMIT)
    text = f"{price:.2f}"
    leaving = held * side.sign < 0
    return order(
        side,
        abs(held) if leaving else 100,
        kind,
        name=name,
        purpose=Purpose.EXIT if leaving else Purpose.ENTRY,
        stop=text if kind in stops else None,
        limit=text if kind in limits else None,
    )


@settings(max_examples=150)
@given(STEPS, st.sampled_from([0.0, 50.0]))
def test_every_fill_lies_within_the_rules_of_its_moment(steps: list[tuple[str, Any]], slip: float) -> None:
    costs = SimSettings(shorts=True, slippage_bps=slip, slippage_ticks=1, spread_times=1.0 + slip)
    desk = Desk(costs, prior_close=PRIOR).at(0)
    low, high, halted, held = 0.0, float("inf"), False, 0
    orders: dict[str, Order] = {}
    for n, (what, value) in enumerate(steps):
        now = OPEN + (n + 1) * SECOND
        rows: list[Any] = []
        if what == "order":
            sent = wish(f"O{n}", held, *value)
            orders[sent.id] = sent
            desk.market.now = now
            desk.send(sent)
            continue
        if what == "trade":
            rows = [trade(now, AAA, value, 1_000)]
        elif what == "quote":
            rows = [quote(now, AAA, value, round(value + 0.02, 2))]
        elif what == "bands":
            low, high = round(value - 0.5, 2), round(value + 0.5, 2)
            rows = [bands(now, AAA, low, high, value)]
        else:
            halted = value is not Status.TRADING
            rows = [status(now, AAA, value)]
        before = held
        for report in desk.feed(*rows):
            if not isinstance(report, Fill):
                continue
            fill, of = report.execution, orders[report.order]
            assert not halted
            assert low <= float(fill.price) <= high
            held += of.side.sign * fill.qty
            if before <= 0 and held < before:
                # What the market sets aside as an error of the tape is no trade of the day.
                _allowed_short(of, fill, float(desk.market.col["low"][AAA]))


def _allowed_short(of: Order, fill: Execution, lowest: float) -> None:
    if lowest <= 0.9 * PRIOR:
        # At the limit, which stood above the bid when it was sent: a buyer came to it.
        assert of.type is OrderType.LIMIT
        assert fill.price == of.limit


@given(st.lists(st.tuples(CENTS, CENTS, CENTS, CENTS), min_size=2, max_size=12), st.integers(0, 3_000))
def test_on_bars_slippage_leaves_neither_the_bar_nor_the_bands(
    shapes: list[tuple[float, float, float, float]], slip: int
) -> None:
    desk = Desk(SimSettings(slippage_bps=slip), prior_close=PRIOR).at(0)
    for n, shape in enumerate(shapes):
        low, opened, close, high = sorted(shape)
        desk.send(order(name=f"B{n}"))
        (found,) = [r.execution for r in desk.feed(minute(n, opened, high, low, close)) if isinstance(r, Fill)]
        # 10 % around a mean of prices up to 11.50, in whole cents.
        assert opened <= float(found.price) <= max(high, 11.5 * 1.1 + 0.005)
