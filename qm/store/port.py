"""What a journal answers, whichever store is behind it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from qm.model.events import Entry
from qm.store.chain import RunHeader, Verdict
from qm.store.projections import OrderRow, PositionRow, TradeRow


class JournalPort(Protocol):
    """An append-only journal of runs; entries of a run are numbered 1, 2, 3 ... without gaps."""

    def start_run(self, header: RunHeader) -> None:
        """Begin a run; `append` then goes to it."""
        ...

    def resume(self, run: str) -> RunHeader:
        """Take up a run where it ended; `append` then goes to it."""
        ...

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Store entries, all or none; when `durable`, they have survived a power cut once this returns."""
        ...

    def read(self, run: str, after: int = 0) -> Iterator[Entry]:
        """Yield the entries of a run with `seq` above `after`, in order."""
        ...

    def links(self, run: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield `seq` and hash of the entries of a run."""
        ...

    def head(self, run: str) -> tuple[int, bytes]:
        """Return `seq` and hash of the last entry; 0 and the genesis when there is none."""
        ...

    def verify(self, run: str) -> Verdict:
        """Recompute the chain of a run."""
        ...

    def header(self, run: str) -> RunHeader:
        """Return the header of a run; NotFoundError when there is none."""
        ...

    def runs(self) -> list[RunHeader]:
        """Return the headers of all runs, in the order in which they started."""
        ...

    def last_run(self, session: str | None = None) -> RunHeader | None:
        """Return the run that started last, of a session if one is given."""
        ...

    def entry(self, run: str, seq: int) -> Entry:
        """Return one entry; NotFoundError when there is none."""
        ...

    def chain_of_causes(self, run: str, seq: int) -> list[Entry]:
        """Return an entry and what led to it, the entry first, the first cause last."""
        ...

    def entries_about(
        self, run: str, *, symbol: str | None = None, order: str | None = None, trade: str | None = None
    ) -> list[Entry]:
        """Return the entries that name a symbol (itself, or one of its orders), an order, or the orders of a trade."""
        ...

    def orders(self, run: str) -> list[OrderRow]:
        """Return the orders of a run, by id."""
        ...

    def positions(self, run: str) -> list[PositionRow]:
        """Return the positions of a run, flat ones included, by symbol."""
        ...

    def trades(
        self,
        *,
        run: str | None = None,
        symbol: str | None = None,
        strategy: str | None = None,
        since: dt.date | None = None,
        limit: int | None = None,
    ) -> list[TradeRow]:
        """Return the closed trades of all runs that fit every given filter, the latest first."""
        ...
