"""Answers that come late, in another order, or not at all, one story at a time."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from qm.model.commands import Flatten
from qm.model.events import CancelAsked, Filled, Intended, TradeClosed, Unprotected
from qm.model.inputs import Accepted, AnyReport, Fill, Gone, LegActive, NoAnswer, Refusal
from qm.model.market import clock
from qm.model.order import Execution, Order, Purpose, Side
from qm.strategies.api import Enter, Exit, Protect
from tests.qm.execution.hostile import EXITS, Hostile, Puppet
from tests.qm.strategies.stage import Stage, at, minute


class Story:
    """One symbol at 20 $, an entry of some shares in it, and reports as the test wants them."""

    def __init__(self, resting: bool = True, prints: bool = True, symbol: str = "AAA", until: int = 0) -> None:
        self.puppet, self.venue = Puppet(), Hostile()
        self.stage = Stage(self.puppet.strategy(), venue=self.venue, prints=prints, symbols=(symbol,))
        self.symbol, self.n, self.fills = symbol, 0, 0
        self.book = self.stage.core.book
        self.bar(Enter(Side.BUY, 19.0, "told to", shares=100, resting_stop=resting, until=until))
        self.entry = self.orders(Purpose.ENTRY)[0]

    def bar(self, wish: Enter | Exit | Protect | None = None) -> None:
        if wish is not None:
            self.puppet.next[0] = wish
        self.stage.feed(minute(self.n, 20.0, 20.0, 20.0, 20.0), clock(at(self.n + 1, 0.5)))
        self.n += 1

    def orders(self, *purposes: Purpose) -> list[str]:
        return [body.order.id for body in self.stage.all(Intended) if body.order.purpose in purposes]

    def tell(self, *reports: AnyReport) -> None:
        self.stage.session._report(reports)
        self.stage.session.flush()

    def fill(self, order: str, qty: int) -> Fill:
        self.fills += 1
        return Fill(order, 0, Execution(f"H{self.fills}", order, qty, Decimal(20), Decimal(0), 0))

    def accept(self, order: str, held: bool = False) -> Accepted:
        return Accepted(order, 0, f"b-{order}", held)

    def open_long(self) -> str:
        """Entry and leg accepted, the entry filled and the leg awake; returns the leg."""
        leg = self.orders(Purpose.PROTECT)[0]
        self.tell(self.accept(self.entry), self.accept(leg, held=True))
        self.tell(self.fill(self.entry, 100), LegActive(leg, 0, 100))
        assert self.book.orders.protecting(self.symbol) == 100
        return leg

    def stops(self) -> int:
        """Shares that stops may still sell."""
        return sum(w.left for w in self.book.orders.open(self.symbol) if w.order.purpose is Purpose.PROTECT)

    def exits(self) -> int:
        return sum(w.left for w in self.book.orders.open(self.symbol) if w.order.purpose in EXITS)


def test_a_lost_cancel_is_asked_for_again_once_the_order_turns_out_to_work() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("told to"))
    story.tell(NoAnswer(leg, 0, "timed out"))
    story.tell(story.accept(leg))
    asked = [body.order for body in story.stage.all(CancelAsked)]
    assert asked == [leg, leg]
    story.tell(Gone(leg, 0, "canceled"))
    assert story.exits() == 100


def test_an_order_that_got_no_answer_is_unknown_until_the_broker_speaks_of_it() -> None:
    story = Story(resting=False)
    story.tell(NoAnswer(story.entry, 0, "timed out"))
    assert story.book.orders.unknown() == 1
    story.stage.command(Flatten(id="f"))
    assert story.book.orders.unknown() == 1
    story.tell(story.fill(story.entry, 40))
    assert story.book.orders.unknown() == 1
    story.tell(Gone(story.entry, 0, "canceled"))
    assert story.book.orders.unknown() == 0


def test_exits_that_the_broker_keeps_ending_are_repeated_by_the_minute_and_not_at_once() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 100))
    story.bar(Exit("told to"))
    for _ in range(30):
        for name in story.orders(*EXITS):
            story.tell(story.accept(name), Gone(name, 0, "no counterparty"))
    assert len(story.orders(*EXITS)) == 3
    story.bar()
    assert len(story.orders(*EXITS)) == 4


def test_a_refused_stop_is_renewed_three_times_and_then_the_position_is_closed() -> None:
    story = Story()
    leg = story.orders(Purpose.PROTECT)[0]
    story.tell(story.accept(story.entry), Refusal(leg, 0, "no"))
    story.tell(story.fill(story.entry, 100))
    for _ in range(10):
        for name in story.orders(Purpose.PROTECT):
            story.tell(Refusal(name, 0, "no"))
    assert len(story.orders(Purpose.PROTECT)) == 4
    assert len(story.stage.all(Unprotected)) == 4
    assert story.exits() == 100


def test_a_fill_after_a_confirmed_cancel_is_booked_and_covered() -> None:
    story = Story()
    leg = story.orders(Purpose.PROTECT)[0]
    story.tell(story.accept(story.entry), story.accept(leg, held=True))
    story.tell(Gone(story.entry, 0, "canceled"), Gone(leg, 0, "its parent is gone"))
    story.tell(story.fill(story.entry, 60))
    assert story.stage.held() == 60
    assert story.stops() == 60


def test_a_fill_before_the_acknowledgement_is_booked_once() -> None:
    story = Story(resting=False)
    first = story.fill(story.entry, 30)
    story.tell(first)
    story.tell(story.accept(story.entry), first, story.fill(story.entry, 70), first)
    assert story.stage.held() == 100
    assert len(story.stage.all(Filled)) == 2


def test_a_trade_is_closed_once_though_its_entry_fills_late() -> None:
    story = Story(resting=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 60))
    story.bar(Exit("told to"))
    story.tell(Gone(story.entry, 0, "canceled"))
    (out,) = story.orders(*EXITS)
    story.tell(story.accept(out), story.fill(out, 60))
    assert story.stage.only(TradeClosed).qty == 60
    assert not story.book.leaving.any


def test_a_stop_of_unknown_outcome_is_not_doubled() -> None:
    story = Story()
    leg = story.open_long()
    story.tell(NoAnswer(leg, 0, "timed out"))
    assert story.stops() == 100


def test_a_leg_that_wakes_after_the_fill_was_told_is_not_doubled() -> None:
    story = Story()
    leg = story.orders(Purpose.PROTECT)[0]
    story.tell(story.accept(story.entry), story.accept(leg, held=True))
    story.tell(story.fill(story.entry, 100))
    story.tell(LegActive(leg, 0, 100))
    assert story.stops() == 100


def test_an_exit_that_a_late_stop_fill_left_over_is_canceled() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("told to"))
    story.tell(Gone(leg, 0, "canceled"))
    (out,) = story.orders(*EXITS)
    story.tell(story.accept(out))
    story.tell(story.fill(leg, 100))
    assert story.stage.held() == 0
    assert out in [body.order for body in story.stage.all(CancelAsked)]


def test_a_refused_exit_is_repeated_on_a_feed_of_bars_too() -> None:
    story = Story(resting=False, prints=False)
    story.tell(story.accept(story.entry), story.fill(story.entry, 100))
    story.bar(Exit("told to"))
    for _ in range(3):
        story.tell(*[Refusal(name, 0, "no") for name in story.orders(*EXITS)])
    before = len(story.orders(*EXITS))
    story.bar()
    story.bar()
    assert len(story.orders(*EXITS)) > before


ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,36}\Z")


@pytest.mark.parametrize(
    "symbol",
    [
        "AAA",
        "BRK.B",
        "ABCDEFGHIJ",
    ],
)
def test_an_order_id_is_one_that_every_broker_takes(symbol: str) -> None:
    story = Story(symbol=symbol)
    assert all(ORDER_ID.match(name) for name in story.orders(*Purpose))


def test_the_broker_is_sent_exactly_what_was_intended() -> None:
    story = Story()
    story.open_long()
    for name in story.venue.sent:
        assert isinstance(story.venue.orders[name].order, Order)
    assert sorted(story.venue.sent) == sorted(body.order.id for body in story.stage.all(Intended))


def test_what_is_left_of_an_entry_is_canceled_when_its_time_is_over() -> None:
    story = Story(until=at(3))
    leg = story.orders(Purpose.PROTECT)[0]
    story.tell(story.accept(story.entry), story.accept(leg, held=True))
    story.tell(story.fill(story.entry, 60), LegActive(leg, 0, 60))
    story.bar()
    assert story.stage.all(CancelAsked) == []
    story.bar()
    story.bar()
    assert [body.order for body in story.stage.all(CancelAsked)] == [story.entry]
    story.tell(Gone(story.entry, 0, "canceled"))
    assert story.stage.held() == 60
    assert story.stops() == 60


def test_an_entry_that_filled_in_time_is_left_alone() -> None:
    story = Story(until=at(3))
    story.open_long()
    for _ in range(4):
        story.bar()
    assert story.stage.all(CancelAsked) == []


# --- parts and moved stops -----------------------------------------------------------------------------------------


def test_a_part_waits_until_the_larger_stop_is_gone() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("half", 0.5))
    assert (story.exits(), story.stops()) == (0, 100)
    smaller = story.orders(Purpose.PROTECT)[1]
    # That the new one works says nothing of what the old one may have filled.
    story.tell(story.accept(smaller))
    assert (story.exits(), story.stops()) == (0, 100)
    story.tell(Gone(leg, 0, "replaced"))
    assert (story.exits(), story.stops()) == (50, 50)


def test_what_the_old_stop_filled_before_it_was_replaced_is_not_sold_again() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("half", 0.5))
    smaller = story.orders(Purpose.PROTECT)[1]
    story.tell(story.accept(smaller))
    story.tell(story.fill(leg, 30), Gone(leg, 0, "replaced"))
    # 70 are left, and a stop for 50: what was wished is 50, so that the stop has to come down to 20.
    assert story.stage.held() == 70
    assert (story.exits(), story.stops()) == (0, 50)
    third = story.orders(Purpose.PROTECT)[2]
    story.tell(Gone(smaller, 0, "replaced"), story.accept(third))
    assert (story.exits(), story.stops()) == (50, 20)


def test_a_broker_that_does_not_replace_is_asked_to_cancel_and_gets_a_new_stop() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Protect(19.5, "nearer"))
    for _ in range(3):
        assert story.stops() == 100
        story.tell(Refusal(story.orders(Purpose.PROTECT)[-1], 0, "cannot be replaced"))
    assert [body.order for body in story.stage.all(CancelAsked)] == [leg]
    story.tell(Gone(leg, 0, "canceled"))
    (works,) = story.book.orders.stops("AAA")
    assert (works.left, str(works.order.stop), works.order.replaces) == (100, "19.50", None)


def test_a_part_that_the_broker_refuses_is_covered_again() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("half", 0.5))
    smaller = story.orders(Purpose.PROTECT)[1]
    story.tell(story.accept(smaller), Gone(leg, 0, "replaced"))
    story.tell(Refusal(story.orders(*EXITS)[0], 0, "no"))
    assert (story.exits(), story.stops()) == (0, 100)


def test_a_stop_that_fills_while_a_part_waits_leaves_nothing_behind() -> None:
    story = Story()
    leg = story.open_long()
    story.bar(Exit("half", 0.5))
    story.tell(story.fill(leg, 100))
    story.tell(Refusal(story.orders(Purpose.PROTECT)[1], 0, "nothing to replace"))
    assert story.stage.held() == 0
    assert story.orders(*EXITS) == []
    assert not story.book.leaving.any
    assert story.book.orders.open("AAA") == []


def test_a_lost_replacement_is_not_sent_again_before_the_broker_speaks() -> None:
    story = Story()
    story.open_long()
    story.bar(Protect(19.5, "nearer"))
    lost = story.orders(Purpose.PROTECT)[1]
    story.tell(NoAnswer(lost, 0, "timed out"))
    story.bar(Protect(19.6, "nearer still"))
    assert len(story.orders(Purpose.PROTECT)) == 2
    story.tell(Refusal(lost, 0, "not found"))
    assert str(story.stage.all(Intended)[-1].order.stop) == "19.60"
