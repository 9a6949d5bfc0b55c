"""What reaches the core from outside: wakes of the market, reports of the broker, commands of the operator."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from qm.model.commands import AnyCommand
from qm.model.order import Execution


class Why:
    """Why the market stopped for Python: bits, several can hold at one record.

    Plain numbers: an enumeration would cost more than many a wake.
    """

    TOUCH: Final = 1
    """An armed price was touched."""
    CLOSE: Final = 2
    """A bar closed beyond an armed price."""
    BAR: Final = 4
    """A bar closed for a followed symbol."""
    NEXT: Final = 8
    """The next record of a symbol for which somebody waits."""
    STATUS: Final = 16
    """The trading status changed."""
    TIMER: Final = 32
    """A timer fell due; `sym` is -1."""
    REVISED: Final = 64
    """A print of a symbol in which somebody decided today was cancelled or corrected."""


class Wake(NamedTuple):
    """The market as of this moment needs a decision."""

    ts: int
    sym: int
    why: int
    """`Why` bits."""


class Report(msgspec.Struct, frozen=True, gc=False, tag_field="report"):
    """What a broker says about one order."""

    order: str
    """Client order id."""
    ts: int
    """When it reached us, ns UTC."""


class Accepted(Report, frozen=True, gc=False, tag="accepted"):
    """The broker has the order."""

    broker_id: str
    held: bool = False


class LegActive(Report, frozen=True, gc=False, tag="leg_active"):
    """A held leg is live for `qty` shares."""

    qty: int


class StopMet(Report, frozen=True, gc=False, tag="stop_met"):
    """A stop order was triggered and has not filled at once; what is left of it no longer waits for its stop."""


class Refusal(Report, frozen=True, gc=False, tag="refusal"):
    """Definitive: the order does not exist at the broker."""

    reason: str


class Fill(Report, frozen=True, gc=False, tag="fill"):
    """An execution."""

    execution: Execution


class Gone(Report, frozen=True, gc=False, tag="gone"):
    """The rest of the order is canceled or expired."""

    reason: str
    expired: bool = False


class CancelRefusal(Report, frozen=True, gc=False, tag="cancel_refusal"):
    """Definitive: the order cannot be taken back any more, and goes on working."""

    reason: str


class NoAnswer(Report, frozen=True, gc=False, tag="no_answer"):
    """A send or cancel ended without an answer: the outcome is unknown."""

    reason: str


AnyReport = Accepted | LegActive | StopMet | Refusal | Fill | Gone | CancelRefusal | NoAnswer
Input = Wake | AnyReport | AnyCommand
