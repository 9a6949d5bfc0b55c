"""Where a bar leaves the order of events open: what each assumption makes of it, and that they bound each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.sim.bars import Bar
from brokers.sim.settings import Intrabar, SimSettings
from qm.clock import SECOND
from qm.model.inputs import Fill
from qm.model.order import Order, OrderType, Purpose, Side
from tests.brokers.sim.desk import Desk, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT = OrderType.STOP, OrderType.LIMIT
PROTECT, EXIT = Purpose.PROTECT, Purpose.EXIT
PESSIMISTIC, PATH, OPTIMISTIC = Intrabar
ENTRY_STOP = order(kind=STOP, stop="10.50")
ENTRY_LIMIT = order(kind=LIMIT, limit="9.80")
LOSS = order(SELL, kind=STOP, stop="9.50", name="L1", purpose=PROTECT, parent="E1")
GAIN = order(SELL, kind=LIMIT, limit="11.00", name="L1", purpose=EXIT, parent="E1")
TARGET = order(SELL, kind=LIMIT, limit="11.00", name="X1", purpose=EXIT)
Shape = tuple[float, float, float, float]


def desk_of(how: Intrabar, latency_s: int = 0) -> Desk:
    return Desk(SimSettings(intrabar=how, latency_ns=latency_s * SECOND, shorts=True)).at(0)


@pytest.mark.parametrize(
    ("shape", "low_first"),
    [
        ((10, 11, 9.5, 10), True),
        ((10, 10.5, 9, 10), False),
        ((10, 11, 9, 10.5), True),
        ((10, 11, 9, 9.5), False),
        ((10, 11, 9, 10), True),
    ],
)
def test_the_path_goes_to_the_nearer_extreme_first(shape: Shape, low_first: bool) -> None:
    bar = Bar(0, 60, *shape)
    assert (bar.reached(bar.low, -1) < bar.reached(bar.high, 1)) is low_first


def test_the_path_is_walked_at_an_even_pace() -> None:
    # 10 -> 9.5 -> 11 -> 10.5: half a dollar, a dollar and a half, half a dollar.
    bar = Bar(0, 60, 10.0, 11.0, 9.5, 10.5)
    assert bar.reached(10.0, 1) == 0.0
    assert bar.reached(9.5, -1) == pytest.approx(0.2)
    assert bar.reached(10.25, 1) == pytest.approx(0.5)
    assert bar.reached(11.0, 1) == pytest.approx(0.8)
    assert bar.reached(9.5, -1, 0.3) == float("inf")
    assert bar.reached(10.75, -1, 0.8) == pytest.approx(0.9)
    assert bar.reached(10.6, 1, 0.9) == pytest.approx(0.9)


def test_a_bar_of_one_price_is_where_it_is() -> None:
    bar = Bar(0, 60, 10.0, 10.0, 10.0, 10.0)
    assert (bar.reached(10.0, 1, 0.4), bar.reached(10.1, 1)) == (0.4, float("inf"))


@pytest.mark.parametrize(
    ("how", "shape", "stopped"),
    [
        (PESSIMISTIC, (10, 10.7, 9.4, 10), True),
        (PATH, (10, 10.7, 9.4, 10), False),
        (OPTIMISTIC, (10, 10.7, 9.4, 10), False),
        (PESSIMISTIC, (10, 10.6, 9.3, 10), True),
        (PATH, (10, 10.6, 9.3, 10), True),
        (OPTIMISTIC, (10, 10.6, 9.3, 10), False),
    ],
)
def test_stop_entry_and_its_stop_in_one_bar(how: Intrabar, shape: Shape, stopped: bool) -> None:
    desk = desk_of(how)
    desk.send(ENTRY_STOP, LOSS)
    said = ["E1 100 at 10.50 ambiguous", "L1 active 100"]
    assert told(desk.feed(minute(0, *shape))) == said + ["L1 100 at 9.50 ambiguous"] * stopped
    # Who was spared is protected from the next bar on.
    later = [] if stopped else ["L1 100 at 9.50"]
    assert told(desk.feed(minute(1, 10, 10.1, 9.4, 9.6))) == later


@pytest.mark.parametrize("how", Intrabar)
@pytest.mark.parametrize(
    ("entry", "shape"),
    [(ENTRY_STOP, (10, 10.7, 9.4, 9.45)), (ENTRY_LIMIT, (10, 10.2, 9.4, 10)), (order(), (10, 10.6, 9.4, 10))],
    ids=["the close is beyond it", "it lies below the limit", "in at the open"],
)
def test_what_is_certain_is_so_in_all_three(how: Intrabar, entry: Order, shape: Shape) -> None:
    desk = desk_of(how)
    desk.send(entry, LOSS)
    said = told(desk.feed(minute(0, *shape)))
    assert said[-1] == "L1 100 at 9.50"
    assert not any("ambiguous" in line for line in said)


@pytest.mark.parametrize(
    ("how", "shape", "sold"),
    [
        (PESSIMISTIC, (10, 11.1, 9.7, 10.2), False),
        (PATH, (10, 11.1, 9.7, 10.2), True),
        (OPTIMISTIC, (10, 11.1, 9.7, 10.2), True),
        (PESSIMISTIC, (10, 11.1, 8.8, 10.2), False),
        (PATH, (10, 11.1, 8.8, 10.2), False),
        (OPTIMISTIC, (10, 11.1, 8.8, 10.2), True),
    ],
)
def test_limit_entry_and_its_target_in_one_bar(how: Intrabar, shape: Shape, sold: bool) -> None:
    desk = desk_of(how)
    desk.send(ENTRY_LIMIT, GAIN)
    said = ["E1 100 at 9.80 ambiguous", "L1 active 100"]
    assert told(desk.feed(minute(0, *shape))) == said + ["L1 100 at 11.00 ambiguous"] * sold


@pytest.mark.parametrize(
    ("how", "shape", "first"),
    [
        (PESSIMISTIC, (10, 11.1, 9.4, 10), "L1 100 at 9.50"),
        (PATH, (10, 11.1, 9.4, 10), "L1 100 at 9.50"),
        (OPTIMISTIC, (10, 11.1, 9.4, 10), "X1 100 at 11.00"),
        (PESSIMISTIC, (10.5, 11.1, 9.4, 10), "L1 100 at 9.50"),
        (PATH, (10.5, 11.1, 9.4, 10), "X1 100 at 11.00"),
        (OPTIMISTIC, (10.5, 11.1, 9.4, 10), "X1 100 at 11.00"),
    ],
)
def test_stop_and_target_of_a_position_in_one_bar(how: Intrabar, shape: Shape, first: str) -> None:
    desk = desk_of(how)
    desk.send(order(), LOSS)
    desk.feed(minute(0, 10, 10.1, 9.9, 10))
    desk.send(TARGET)
    other = "X1" if first.startswith("L1") else "L1"
    assert told(desk.feed(minute(1, *shape))) == [f"{first} ambiguous", f"{other} gone: would cross zero"]


@pytest.mark.parametrize(
    ("how", "shape", "stopped"),
    [
        (PESSIMISTIC, (10, 10.2, 9.4, 10), True),
        # 10 -> 10.2 -> 9.4 -> 10: after a quarter of it the price is 10 and falls.
        (PATH, (10, 10.2, 9.4, 10), True),
        (OPTIMISTIC, (10, 10.2, 9.4, 10), False),
        # 10 -> 9.5 -> 10.61 -> 10: after a quarter of it, 55.5 cents, the low is behind.
        (PATH, (10, 10.61, 9.5, 10), False),
    ],
)
def test_entry_that_went_live_inside_the_bar_and_its_stop(how: Intrabar, shape: Shape, stopped: bool) -> None:
    desk = desk_of(how, latency_s=15)
    desk.send(order(), LOSS)
    said = told(desk.feed(minute(0, *shape)))
    assert said[0].endswith("ambiguous")
    assert said[2:] == ["L1 100 at 9.50 ambiguous"] * stopped


@pytest.mark.parametrize("how", Intrabar)
def test_the_leg_of_a_late_entry_starts_at_its_price(how: Intrabar) -> None:
    # Bought at 10.10, after a quarter of the bar and half of the way to the high; the bar never falls below the open.
    desk = desk_of(how, latency_s=15)
    desk.send(order(), order(SELL, kind=STOP, stop="9.99", name="L1", purpose=PROTECT, parent="E1"))
    assert told(desk.feed(minute(0, 10, 10.2, 10, 10.2))) == ["E1 100 at 10.10", "L1 active 100"]


@pytest.mark.parametrize("how", Intrabar)
def test_a_gap_fills_at_the_open_in_all_three(how: Intrabar) -> None:
    desk = desk_of(how)
    desk.send(ENTRY_STOP, LOSS)
    assert told(desk.feed(minute(0, 10.8, 10.9, 10.7, 10.8))) == ["E1 100 at 10.80", "L1 active 100"]
    assert told(desk.feed(minute(1, 9.2, 9.6, 9.1, 9.5))) == ["L1 100 at 9.20"]


@pytest.mark.parametrize("how", Intrabar)
def test_a_limit_needs_a_trade_through_in_all_three(how: Intrabar) -> None:
    desk = desk_of(how)
    desk.send(order(), GAIN)
    assert told(desk.feed(minute(0, 10, 11, 9.9, 10))) == ["E1 100 at 10.00", "L1 active 100"]
    assert desk.feed(minute(1, 10, 11, 9.9, 11)) == []
    assert told(desk.feed(minute(2, 10.9, 11.01, 9.9, 10))) == ["L1 100 at 11.00"]


@pytest.mark.parametrize("how", Intrabar)
def test_a_target_that_came_late_is_no_rival_of_the_stop(how: Intrabar) -> None:
    desk = desk_of(how, latency_s=15)
    desk.send(order(), LOSS)
    desk.feed(minute(0, 10, 10.1, 9.9, 10))
    desk.send(TARGET)
    assert told(desk.feed(minute(1, 10, 11.1, 9.4, 10)))[0] == "L1 100 at 9.50"


@dataclass(frozen=True)
class Trade:
    """A bracketed trade on a tape."""

    entry: Order
    leg: Order
    target: Order
    latency_s: int
    tape: list[Shape]


@st.composite
def trades(draw: st.DrawFn, *, gaps: bool) -> Trade:
    long = draw(st.booleans())
    side, sign = (BUY, 1) if long else (SELL, -1)
    kind = draw(st.sampled_from([OrderType.MARKET, STOP, LIMIT]))
    offset = draw(st.integers(1, 15)) * (1 if kind is STOP else -1)
    at = f"{(1000 + sign * offset) / 100:.2f}"
    below, above = draw(st.integers(20, 60)), draw(st.integers(20, 60))
    entry = order(side, kind=kind, stop=at if kind is STOP else None, limit=at if kind is LIMIT else None)
    away = f"{(1000 - sign * below) / 100:.2f}"
    toward = f"{(1000 + sign * above) / 100:.2f}"
    leg = order(side.opposite, kind=STOP, stop=away, name="L1", purpose=PROTECT, parent="E1")
    target = order(side.opposite, kind=LIMIT, limit=toward, name="X1", purpose=EXIT)
    if draw(st.booleans()):
        leg = order(side.opposite, kind=LIMIT, limit=toward, name="L1", purpose=EXIT, parent="E1")
        target = order(side.opposite, kind=STOP, stop=away, name="X1", purpose=PROTECT)
    last, tape = 1000, []
    for _ in range(draw(st.integers(1, 6))):
        opened = last + (draw(st.integers(-40, 40)) if gaps else 0)
        close = opened + draw(st.integers(-50, 50))
        high = max(opened, close) + draw(st.integers(0, 80))
        low = min(opened, close) - draw(st.integers(0, 80))
        tape.append((opened / 100, high / 100, low / 100, close / 100))
        last = close
    return Trade(entry, leg, target, draw(st.sampled_from([0, 1, 15])), tape)


def lived(trade: Trade, how: Intrabar) -> list[tuple[tuple[str, ...], float, bool]]:
    """What was said after each bar, what the trade was then worth at the close, and whether it was in doubt."""
    desk, worth, held, doubt, sent, found = desk_of(how, trade.latency_s), 0.0, 0, False, False, []
    desk.send(trade.entry, trade.leg)
    for n, shape in enumerate(trade.tape):
        said = desk.feed(minute(n, *shape))
        for one in said:
            if isinstance(one, Fill):
                side = trade.entry.side if one.order == "E1" else trade.leg.side
                worth -= side.sign * one.execution.qty * float(one.execution.price)
                held += side.sign * one.execution.qty
                doubt = doubt or one.execution.ambiguous
        if held and not sent:
            sent = True
            desk.send(trade.target)
        found.append((tuple(told(said)), round(worth + held * shape[3], 6), doubt))
    return found


@given(trades(gaps=False))
def test_without_gaps_a_trade_ends_in_the_order_of_the_three(trade: Trade) -> None:
    worst, path, best = (lived(trade, how)[-1] for how in Intrabar)
    assert worst[1] <= path[1] <= best[1]


@given(trades(gaps=True))
def test_where_the_three_part_they_are_in_order_and_all_in_doubt(trade: Trade) -> None:
    for bar in zip(*(lived(trade, how) for how in Intrabar), strict=True):
        for (said, worth, doubt), (other, more, also) in pairwise(bar):
            assert worth <= more
            assert doubt is also
            assert doubt or said == other
        if len({said for said, _, _ in bar}) > 1:
            return
