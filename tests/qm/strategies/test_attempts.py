"""Attempts: what of an entry counts, and for how long."""

from __future__ import annotations

from decimal import Decimal

from qm.model.events import AnyEvent, Canceled, Entry, Filled, Intended, Rejected, SessionStarted
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.strategies.attempts import Attempts


class Played:
    """A count that is told events."""

    def __init__(self) -> None:
        self.attempts, self.seq = Attempts(), 0

    def tell(self, *bodies: AnyEvent) -> Played:
        for body in bodies:
            self.seq += 1
            applier = self.attempts.appliers().get(type(body))
            if applier is not None:
                applier(Entry(self.seq, 0, 0, 0, body))
        return self

    @property
    def made(self) -> int:
        return self.attempts.made("AAA", "one")


def intended(name: str, purpose: Purpose = Purpose.ENTRY) -> Intended:
    return Intended(Order(name, "AAA", Side.BUY, 10, OrderType.MARKET, purpose, "one"), 20.0)


def filled(name: str, qty: int = 10) -> Filled:
    return Filled(Execution(f"X{name}{qty}", name, qty, Decimal(20), Decimal(0), 0), "AAA", Side.BUY, qty, Decimal(0))


def test_an_entry_counts_once_with_its_first_fill() -> None:
    on = Played().tell(intended("E1"))
    assert on.made == 0
    assert on.tell(filled("E1", 4)).made == 1
    assert on.tell(filled("E1", 6)).made == 1
    assert on.tell(intended("E2"), filled("E2")).made == 2
    assert on.attempts.made("AAA", "another") == 0


def test_what_was_taken_back_does_not_count_unless_it_turns_out_to_have_filled() -> None:
    on = Played().tell(intended("E1"), Canceled("E1", "withdrawn"))
    assert on.made == 0
    assert on.tell(filled("E1", 1)).made == 1


def test_what_the_broker_refused_counts() -> None:
    assert Played().tell(intended("E1"), Rejected("E1", "no")).made == 1


def test_exits_do_not_count() -> None:
    assert Played().tell(intended("X1", Purpose.EXIT), filled("X1")).made == 0


def test_a_new_session_begins_at_zero() -> None:
    on = Played().tell(intended("E1"), filled("E1"), SessionStarted("2024-03-06", "sim", Decimal(1), 2, "", ()))
    assert on.made == 0
    assert on.tell(filled("E1")).made == 0
