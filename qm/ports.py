"""What adapters implement: the protocols behind which brokers, feeds, vendors and stores stand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Protocol

from qm.model.approved import Approved
from qm.model.downloads import Offer, Piece, Reached, Reading, Unit
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


class Provider(Protocol):
    """A vendor of market history: one unit of work is a kind of data of one session.

    Every method raises AccessError where the key does not suffice, UnavailableError when the vendor does not answer
    after bounded retries, and DataError for an answer that makes no sense.
    """

    @property
    def name(self) -> str:
        """Stands in the source of everything that came from here."""
        ...

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of data that can be had, as the catalogue calls them."""
        ...

    def suffix(self, kind: str) -> str:
        """Return what the name of a fetched file ends with, `.csv` or `.csv.gz`."""
        ...

    def has(self, unit: Unit, now: int) -> bool:
        """Say whether the vendor can tell it at all at `now`, ns UTC: of some it knows only how they are today."""
        ...

    def due_ns(self, unit: Unit) -> int:
        """Return from when on the vendor should have it, whole, ns UTC."""
        ...

    async def look(self, unit: Unit) -> Offer | None:
        """Return what the vendor has of it now, None when it has nothing."""
        ...

    def fetch(self, unit: Unit, offer: Offer, since: Reached) -> AsyncGenerator[Piece, None]:
        """Yield the rest of a unit behind what was reached before; after the last piece it is whole."""
        ...

    def reading(self, unit: Unit, path: Path) -> Reading:
        """Return how the importer is to read what was fetched into `path`; it may first write it anew beside it."""
        ...
