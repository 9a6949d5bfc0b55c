"""The journal of a run that is forgotten with its process: its entries and their chain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from qm.errors import NotFoundError, StoreError
from qm.model.events import Entry
from qm.store.chain import Chain, RunHeader, Verdict
from qm.store.held import Held
from qm.store.mentions import orders_of, symbols_of
from qm.store.projections import OrderRow, PositionRow, Projection, TradeRow


class _Run:
    __slots__ = ("chain", "header", "held")

    def __init__(self, header: RunHeader) -> None:
        self.header = header
        self.chain = Chain(header.genesis())
        self.held = Held()


class MemoryJournal:
    """A journal that answers like the one in SQLite, for backtests and tests; its tables are folded when asked for."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._run: _Run | None = None

    def start_run(self, header: RunHeader) -> None:
        """Begin a run; `append` then goes to it. Raises StoreError when the id was used before."""
        if header.id in self._runs:
            raise StoreError(f"The journal already has a run {header.id}.", "Resume it, or choose another id.")
        self._run = self._runs[header.id] = _Run(header)

    def resume(self, run: str) -> RunHeader:
        """Take up a run where it ended; `append` then goes to it."""
        self._run = self._find(run)
        return self._run.header

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        """Keep entries, none of them durable; StoreError when they do not follow the last one, DiskFullError."""
        run = self._run
        if run is None:
            raise StoreError("No run was started in the journal.", "Start or resume a run first.")
        if not entries:
            return
        first = run.chain.seq + 1
        if entries[0].seq != first or entries[-1].seq != first + len(entries) - 1:
            raise StoreError(
                f"Entry {entries[0].seq} does not follow entry {run.chain.seq} in the journal.",
                "This is a defect: please report it.",
            )
        run.held.add(run.chain.extend(entries))

    def read(self, run: str, after: int = 0) -> Iterator[Entry]:
        """Yield the entries of a run with `seq` above `after`, in order."""
        return self._find(run).held.entries(after)

    def links(self, run: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield `seq` and hash of the entries of a run, in order."""
        return ((seq, link) for seq, (_, link) in enumerate(self._find(run).held.links(after), after + 1))

    def head(self, run: str) -> tuple[int, bytes]:
        """Return `seq` and hash of the last entry; 0 and the genesis when there is none."""
        chain = self._find(run).chain
        return chain.seq, chain.head

    def verify(self, run: str) -> Verdict:
        """Recompute the chain of a run and name the first entry that does not hold."""
        found = self._find(run)
        chain = Chain(found.header.genesis())
        for (_, link), entry in zip(found.held.links(), found.held.entries(), strict=True):
            head, seq = chain.head, chain.seq
            if chain.add(entry)[1] != link:
                return Verdict(run, seq, head, entry.seq, "the entry does not match its hash")
        return Verdict(run, chain.seq, chain.head)

    def header(self, run: str) -> RunHeader:
        """Return the header of a run; NotFoundError with the nearest ids when there is none."""
        return self._find(run).header

    def runs(self) -> list[RunHeader]:
        """Return the headers of all runs, in the order in which they started."""
        return [run.header for run in self._runs.values()]

    def last_run(self, session: str | None = None) -> RunHeader | None:
        """Return the run that started last, of a session if one is given; None when there is none."""
        found = [header for header in self.runs() if session in (None, header.session)]
        return found[-1] if found else None

    def entry(self, run: str, seq: int) -> Entry:
        """Return one entry; NotFoundError when there is none."""
        held = self._find(run).held
        if not 1 <= seq <= len(held):
            raise NotFoundError(f"Run {run} has no entry {seq}.", f"Its last entry is {len(held)}.")
        return held.entry(seq)

    def chain_of_causes(self, run: str, seq: int) -> list[Entry]:
        """Return an entry and what led to it, the entry first, the first cause last."""
        walk = [self.entry(run, seq)]
        while 0 < walk[-1].cause < walk[-1].seq:
            walk.append(self.entry(run, walk[-1].cause))
        return walk

    def entries_about(
        self, run: str, *, symbol: str | None = None, order: str | None = None, trade: str | None = None
    ) -> list[Entry]:
        """Return the entries that name a symbol (itself, or one of its orders), an order, or the orders of a trade."""
        wanted = {name for name in (order, trade) if name}
        if trade:
            wanted |= {row.id for row in self.orders(run) if row.trade == trade}
        # An order's symbol is looked up as of the entry, as the store does when it files the entry.
        projection = Projection(run, "")
        found: list[Entry] = []
        for entry in self._find(run).held.entries():
            projection.apply(entry)
            orders = orders_of(entry.body)
            symbols = symbols_of(entry.body) or [projection.symbol_of(each) for each in orders]
            if (symbol and symbol in symbols) or not wanted.isdisjoint(orders):
                found.append(entry)
        return found

    def orders(self, run: str) -> list[OrderRow]:
        """Return the orders of a run, by id."""
        return sorted(self._fold(run).orders.values(), key=lambda row: row.id)

    def positions(self, run: str) -> list[PositionRow]:
        """Return the positions of a run, flat ones included, by symbol."""
        return sorted(self._fold(run).positions.values(), key=lambda row: row.symbol)

    def trades(
        self,
        *,
        run: str | None = None,
        symbol: str | None = None,
        strategy: str | None = None,
        since: dt.date | None = None,
        limit: int | None = None,
    ) -> list[TradeRow]:
        """Return the closed trades of all runs that fit every given filter, the latest first; `since` is a session."""
        found = [
            row
            for each in self._runs
            if run in (None, each)
            for row in self._fold(each).trades.values()
            if symbol in (None, row.symbol)
            and strategy in (None, row.strategy)
            and (since is None or row.session >= since.isoformat())
        ]
        found.sort(key=lambda row: (row.closed, row.run, row.seq), reverse=True)
        return found[:limit]

    def _find(self, run: str) -> _Run:
        if run not in self._runs:
            raise NotFoundError.of("run", run, self._runs)
        return self._runs[run]

    def _fold(self, run: str) -> Projection:
        found = self._find(run)
        projection = Projection(run, found.header.session)
        for entry in found.held.entries():
            projection.apply(entry)
        return projection
