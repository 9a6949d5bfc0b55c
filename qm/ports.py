"""What adapters implement: the protocols behind which brokers, feeds and stores stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qm.model.approved import Approved
from qm.model.events import Entry
from qm.model.inputs import AnyReport, Wake
from qm.model.order import Order


class Venue(Protocol):
    """A simulated exchange: it lives in the market's own order of events, so its reports come at the record that
    caused them, in backtest, replay and paper alike."""

    def submit(self, order: Approved[Order], leg: Approved[Order] | None, now: int) -> Sequence[AnyReport]:
        """Take an order, and the leg its fills activate; returns what is known at once."""
        ...

    def cancel(self, order_id: str, now: int) -> Sequence[AnyReport]:
        """Cancel the rest of an order."""
        ...

    def replace(self, order_id: str, order: Approved[Order], now: int) -> Sequence[AnyReport]:
        """Let an order take the place of a working one: from one moment to the next, and never both.

        It may not be larger than what is left of the other. When that cannot be, the new order is refused and the other
        goes on as if nothing had been asked.
        """
        ...

    def on_wake(self, wake: Wake) -> Sequence[AnyReport]:
        """Return the reports that this moment of the market causes."""
        ...

    def end_session(self, now: int) -> Sequence[AnyReport]:
        """Expire what still works."""
        ...


class JournalSink(Protocol):
    """Where entries become durable."""

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Store entries in order; when `durable`, they have survived a power cut once this returns."""
        ...
