"""Selling a part and moving the stop at the simulated exchange: sizes, order of events, results, and a restart."""

from __future__ import annotations

from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest

from brokers.sim.settings import SimSettings
from qm.journal.explain import step
from qm.model.commands import Flatten
from qm.model.events import (
    CancelAsked,
    Canceled,
    Filled,
    Intended,
    Refused,
    Signal,
    StopMoved,
    StrategyFailed,
    TradeClosed,
    Unprotected,
)
from qm.model.order import Order, OrderType, Purpose, Side
from qm.runtime.sentences import say
from qm.strategies.api import Enter, Exit, Protect, Wish
from tests.qm.execution.hostile import Puppet
from tests.qm.execution.test_hostile_broker import Shadow, knowledge
from tests.qm.strategies.stage import Stage, at, minute


class Played:
    """One symbol at 20 $, and what the strategy wishes at the close of each minute."""

    def __init__(self, **more: Any) -> None:
        self.puppet = Puppet()
        self.on = Stage(self.puppet.strategy(), **more)
        self.n = 0

    def bar(self, price: float, wish: Wish | None = None, low: float | None = None) -> Played:
        if wish is not None:
            self.puppet.next[0] = wish
        self.on.feed(minute(self.n, price, price, price if low is None else low, price))
        self.n += 1
        return self

    def enter(self, side: Side = Side.BUY, stop: float = 19.0, shares: int = 100, resting: bool = True) -> Played:
        """Enter at the close of a minute at 20 $ and fill in the next."""
        return self.bar(20.0, Enter(side, stop, "told to", shares=shares, resting_stop=resting)).bar(20.0)

    def orders(self, purpose: Purpose) -> list[Order]:
        return [body.order for body in self.on.all(Intended) if body.order.purpose is purpose]

    def stops(self) -> list[tuple[int, str]]:
        """The stops that work: shares and price."""
        return [(w.left, str(w.order.stop)) for w in self.on.core.book.orders.stops("AAA")]

    @property
    def story(self) -> list[str]:
        """What happened to orders, in short."""
        lines = []
        for entry in self.on.entries:
            match entry.body:
                case Intended(order=order):
                    lines.append(f"{order.purpose} {order.qty}" + (f" stop {order.stop}" if order.stop else ""))
                case Canceled(reason=reason):
                    lines.append(reason)
                case Filled(execution=x, side=side):
                    lines.append(f"{side} {x.qty} at {x.price}")
        return lines


def test_a_part_is_sold_after_the_stop_was_reduced_to_what_remains() -> None:
    on = Played().enter().bar(21.0, Exit("half", 0.5)).bar(21.5)
    assert on.story == [
        "entry 100",
        "protect 100 stop 19.00",
        "buy 100 at 20.00",
        "protect 50 stop 19.00",
        "replaced",
        "exit 50",
        "sell 50 at 21.50",
    ]
    assert on.stops() == [(50, "19.00")]
    assert on.on.all(Unprotected) == []


def test_the_result_counts_all_parts_and_the_risk_of_the_whole() -> None:
    on = Played().enter().bar(21.0, Exit("half", 0.5)).bar(22.0).bar(20.0, Exit("rest")).bar(20.5)
    closed = on.on.only(TradeClosed)
    # 50 shares for 22.00 and 50 for 20.50 out of 100 at 20.00; at risk were 1 $ and the slippage counted in.
    assert (closed.qty, closed.exit_price, closed.gross_usd) == (100, Decimal("21.25"), Decimal(125))
    assert closed.risk_usd == pytest.approx(100 * (1.0 + 2 * 20.0 * 8e-4))
    assert closed.r == pytest.approx(125 / closed.risk_usd, abs=1e-4)
    # Best 22.00, worst 20.00, on the 100 shares of the entry.
    assert (closed.mfe_usd, closed.mae_usd, closed.reason) == (200.0, 0.0, "rest")


@pytest.mark.parametrize(
    ("held", "part", "sold"),
    [
        (100, 1 / 3, 33),
        (99, 1 / 3, 33),
        (3, 1 / 3, 1),
        (100, 0.29, 29),
        (2, 0.1, 1),
        (1, 0.5, 1),
        (7, 0.999, 6),
        (5, 1.0, 5),
        (100, 0.5, 50),
    ],
)
def test_a_part_is_whole_shares_and_at_least_one(held: int, part: float, sold: int) -> None:
    on = Played().enter(shares=held).bar(21.0, Exit("a part", part)).bar(21.0)
    assert [order.qty for order in on.orders(Purpose.EXIT)] == [sold]
    assert on.on.held() == held - sold
    assert sum(shares for shares, _ in on.stops()) == held - sold


def test_parts_of_parts_until_nothing_is_left() -> None:
    on = Played().enter()
    for _ in range(9):
        on.bar(21.0, Exit("half", 0.5))
    on.bar(21.0)
    assert [order.qty for order in on.orders(Purpose.EXIT)] == [50, 25, 12, 6, 3, 2, 1, 1]
    assert on.on.held() == 0
    assert on.on.only(TradeClosed).reason == "half"


def test_a_part_of_a_short_position_is_bought_back() -> None:
    on = Played().enter(Side.SELL, 21.0).bar(19.0, Exit("half", 0.5)).bar(19.0)
    assert [(order.side, order.qty) for order in on.orders(Purpose.EXIT)] == [(Side.BUY, 50)]
    assert (on.on.held(), on.stops()) == (-50, [(50, "21.00")])


def test_a_part_of_a_position_without_a_resting_stop_is_sold_at_once() -> None:
    on = Played().enter(resting=False).bar(21.0, Exit("half", 0.5)).bar(21.0)
    assert on.on.held() == 50
    assert on.orders(Purpose.PROTECT) == []


def test_the_stop_of_what_remains_still_closes_it() -> None:
    on = Played().enter().bar(21.0, Exit("half", 0.5)).bar(21.0).bar(18.9, low=18.8)
    closed = on.on.only(TradeClosed)
    assert (on.on.held(), closed.reason) == (0, "stop")
    # 50 at 21.00, 50 at the open of 18.90 below the stop.
    assert closed.gross_usd == Decimal(50 - 55)


def test_all_of_it_overrules_a_part_that_is_on_its_way() -> None:
    on = Played(exchange=SimSettings(participation=0.0002)).bar(20.0, Enter(Side.BUY, 19.0, "told to", shares=40))
    # A bar of 100,000 shares lets us have 20.
    on.bar(20.0).bar(20.0)
    assert on.on.held() == 40
    on.bar(21.0, Exit("most", 0.75)).bar(21.0, Exit("all")).bar(21.0).bar(21.0)
    assert [order.qty for order in on.orders(Purpose.EXIT)] == [30, 10]
    assert on.on.held() == 0
    assert not on.on.core.book.leaving.any


def test_what_still_works_of_the_entry_is_canceled_before_a_part_is_sold() -> None:
    on = Played(exchange=SimSettings(participation=0.0002)).bar(20.0, Enter(Side.BUY, 19.0, "told to", shares=100))
    on.bar(20.0)
    assert on.on.held() == 20
    on.bar(21.0, Exit("half", 0.5))
    # 40 were bought by then.
    assert on.on.held() == 40
    on.bar(21.0).bar(21.0)
    assert on.on.held() == 20
    entry = on.orders(Purpose.ENTRY)[0]
    assert next(body.order for body in on.on.all(CancelAsked)) == entry.id
    assert on.stops() == [(20, "19.00")]


def test_a_flatten_overrules_a_part() -> None:
    on = Played().enter().bar(21.0, Exit("half", 0.5))
    on.on.command(Flatten(id="f", symbol="AAA"))
    on.bar(21.0)
    assert on.on.held() == 0
    assert on.stops() == []


def test_what_is_still_at_risk_falls_with_what_is_sold_and_with_the_stop() -> None:
    on = Played().enter()
    heat = on.on.core.book.trades.heat_usd
    # 1 $ to the stop and twice 8 bp of 20 $ a share.
    assert heat() == pytest.approx(103.2)
    on.bar(21.0, Exit("half", 0.5)).bar(21.0)
    assert heat() == pytest.approx(51.6)
    on.bar(21.0, Protect(19.6, "nearer"))
    assert heat() == pytest.approx(50 * (0.4 + 0.032))
    on.bar(21.0, Protect(20.5, "in front"))
    assert heat() == 0.0
    on.bar(20.0).bar(20.0)
    assert (on.on.held(), heat()) == (0, 0.0)


# --- moving the stop ---------------------------------------------------------------------------------------------


def test_the_stop_is_moved_by_one_order_that_takes_the_place_of_the_other() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail"))
    moved = on.on.only(StopMoved)
    assert (moved.stop, moved.was, moved.reason, moved.strategy) == (20.5, 19.0, "trail", "puppet")
    assert on.stops() == [(100, "20.50")]
    first, second = on.orders(Purpose.PROTECT)
    assert second.replaces == first.id
    # The order names the move as its cause, the move the execution that opened the trade.
    by_seq = {entry.seq: entry for entry in on.on.entries}
    ((placed, cause),) = [(e, e.cause) for e in on.on.entries if getattr(e.body, "order", None) == second]
    assert placed.seq > cause
    assert isinstance(by_seq[cause].body, StopMoved)
    assert isinstance(by_seq[by_seq[cause].cause].body, Filled)
    assert on.on.all(Unprotected) == []


def test_a_moved_stop_closes_the_trade_and_the_r_is_that_of_the_first() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail")).bar(20.6, low=20.4)
    closed = on.on.only(TradeClosed)
    assert (closed.exit_price, closed.reason) == (Decimal("20.50"), "moved stop")
    assert closed.risk_usd == pytest.approx(100 * (1.0 + 2 * 20.0 * 8e-4))


@pytest.mark.parametrize("stop", [19.0, 18.5, 19.001, 0.01])
def test_a_stop_that_would_not_be_nearer_stays_where_it_is(stop: float) -> None:
    on = Played().enter().bar(21.0, Protect(stop, "trail"))
    assert on.on.all(StopMoved) == []
    assert on.stops() == [(100, "19.00")]


def test_a_stop_goes_back_only_when_told_and_never_behind_the_first() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail")).bar(21.0, Protect(20.0, "too near"))
    assert on.stops() == [(100, "20.50")]
    on.bar(21.0, Protect(20.0, "too near", loosen=True))
    assert on.stops() == [(100, "20.00")]
    on.bar(21.0, Protect(15.0, "hope", loosen=True))
    assert on.stops() == [(100, "19.00")]
    assert [body.stop for body in on.on.all(StopMoved)] == [20.5, 20.0, 19.0]


def test_the_stop_of_a_short_comes_down() -> None:
    on = Played().enter(Side.SELL, 21.0).bar(19.0, Protect(19.5, "trail")).bar(19.0, Protect(20.0, "up again"))
    assert on.stops() == [(100, "19.50")]


@pytest.mark.parametrize(("side", "stop"), [(Side.BUY, 21.0), (Side.BUY, 1e6), (Side.SELL, 19.0), (Side.SELL, 0.5)])
def test_a_stop_beyond_the_market_leaves_at_once(side: Side, stop: float) -> None:
    price = 21.0 if side is Side.BUY else 19.0
    on = Played().enter(side, 20.0 - side.sign).bar(price, Protect(stop, "trail")).bar(price)
    assert on.on.held() == 0
    assert "beyond the market" in on.on.only(TradeClosed).reason
    assert on.on.all(StrategyFailed) == []


def test_a_position_without_a_resting_stop_gets_one() -> None:
    on = Played().enter(resting=False).bar(21.0, Protect(20.5, "lock in"))
    assert on.on.only(StopMoved).was is None
    assert on.stops() == [(100, "20.50")]
    on.bar(20.0)
    assert on.on.only(TradeClosed).reason == "moved stop"


def test_moving_the_stop_and_selling_a_part_at_one_time() -> None:
    on = Played().enter().bar(21.0, Exit("half", 0.5)).bar(21.0, Protect(20.0, "break even")).bar(21.0)
    assert (on.on.held(), on.stops()) == (50, [(50, "20.00")])


def test_the_stop_is_moved_when_the_entry_has_ended() -> None:
    on = Played(exchange=SimSettings(participation=0.0002)).bar(20.0, Enter(Side.BUY, 19.0, "told to", shares=60))
    on.bar(20.0, Protect(19.5, "nearer"))
    assert on.stops() == [(20, "19.00")]
    on.bar(20.0).bar(20.0)
    assert (on.on.held(), on.stops()) == (60, [(60, "19.50")])
    assert len(on.on.all(StopMoved)) == 1


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (Protect, (nan, "x")),
        (Protect, (inf, "x")),
        (Protect, (0.0, "x")),
        (Protect, (-1.0, "x")),
        (Protect, ("20", "x")),
        (Protect, (20.0, 3)),
        (Protect, (20.0, "x", "yes")),
        (Exit, ("x", nan)),
        (Exit, ("x", 0.0)),
        (Exit, ("x", -0.5)),
        (Exit, ("x", 1.5)),
        (Exit, ("x", "half")),
    ],
)
def test_wishes_that_make_no_sense_cannot_be_made(make: Any, values: tuple[Any, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        make(*values)


def test_wishes_for_what_is_not_held_are_nothing() -> None:
    on = Played().bar(20.0, Exit("half", 0.5)).bar(20.0, Protect(19.0, "x"))
    assert (on.on.all(Signal), on.on.all(StopMoved), on.on.all(StrategyFailed)) == ([], [], [])


def test_a_size_of_a_million_is_refused() -> None:
    on = Played().bar(20.0, Enter(Side.BUY, 19.0, "all in", shares=1_000_000)).bar(20.0)
    assert on.on.held() == 0
    assert "position" in [check.name for check in on.on.only(Refused).checks if not check.passed]


# --- the same after a restart, and in words ----------------------------------------------------------------------


def test_folding_the_journal_knows_the_moved_stop_and_the_part() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail")).bar(21.0, Exit("half", 0.5))
    shadow = Shadow(on.on)
    shadow.follow()
    assert knowledge(shadow.core) == knowledge(on.on.core)
    trade = shadow.core.book.trades.open["AAA"]
    assert (trade.stop, trade.protect) == (19.0, 20.5)


def test_in_words() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail")).bar(21.0, Exit("half", 0.5)).bar(21.0)
    said = [line[2] for entry in on.on.entries if (line := say(entry.body, lambda _: None))]
    assert "AAA stop moved from 19.00 to 20.50: trail (puppet)" in said
    assert "puppet wants to sell 50 of AAA at 21.00: half" in said
    told = [step(entry).text for entry in on.on.entries if isinstance(entry.body, StopMoved)]
    assert told == ["the stop goes from 19 to 20.5: trail"]


def test_the_view_knows_where_the_stop_stands() -> None:
    on = Played().enter().bar(21.0, Protect(20.5, "trail"))
    held = on.on.core.trading._held(0)
    assert held is not None
    assert (held.stop, held.stop_now, held.r(22.0), held.at_r(2.0)) == (19.0, 20.5, 2.0, 22.0)
    assert on.orders(Purpose.PROTECT)[1].type is OrderType.STOP
    assert on.on.entries[-1].ts >= at(3)
