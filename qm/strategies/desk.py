"""The desk: which strategy works which symbol, what it planned there, and what it noted."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

from qm.market.levels import IDLE
from qm.market.market import Market
from qm.model.events import Allocated, Assigned, Entry, Planned, Released, SessionStarted, Woke
from qm.strategies.api import Strategy


class Work:
    """One symbol in the hands of one strategy."""

    __slots__ = ("budget_usd", "note", "seq", "strategy", "wake_seq")

    def __init__(self, strategy: str, seq: int, budget_usd: float) -> None:
        self.strategy = strategy
        self.seq = seq
        """The entry that a decision of the strategy follows from: its last plan, or its allocation."""
        self.budget_usd = budget_usd
        self.note: dict[str, float] = {}
        self.wake_seq = 0
        """The plan whose time it waits for; an older plan's timer is void."""


class Desk:
    """Folds assignments, allocations and plans; arms the levels and timers that they ask for."""

    def __init__(self, strategies: dict[str, Strategy]) -> None:
        self.strategies = strategies
        self.works: dict[int, Work] = {}
        """By row; a symbol is worked by one strategy at a time."""
        self._market: Market | None = None
        self._waking: dict[int, list[int]] = {}

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the desk."""
        return {
            SessionStarted: self._on_session,
            Assigned: self._on_assigned,
            Allocated: self._on_allocated,
            Released: self._on_released,
            Planned: self._on_planned,
            Woke: self._on_woke,
        }

    def open(self, market: Market) -> None:
        """Take the market of a new session."""
        self._market = market

    @property
    def market(self) -> Market:
        """The session's market."""
        assert self._market is not None, "no session has begun"
        return self._market

    def waiting(self, seq: int) -> list[int] | None:
        """Return the rows that still wait for the time of the plan with this number; None when it was asked already."""
        rows = self._waking.get(seq)
        if rows is None:
            return None
        return [row for row in rows if row in self.works and self.works[row].wake_seq == seq]

    def state(self) -> object:
        """Return what must be equal after a restart."""
        names = self.market.table.names if self._market else ()
        return [
            [names[row], w.strategy, w.seq, w.budget_usd, w.wake_seq, sorted(w.note.items())]
            for row, w in sorted(self.works.items())
        ]

    def _on_session(self, entry: Entry) -> None:
        self.works.clear()
        self._waking.clear()

    def _on_assigned(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Assigned)
        for row in self.market.table.rows(body.symbols):
            self.works[row] = Work(body.strategy, entry.seq, inf)

    def _on_allocated(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Allocated)
        row = self.market.table.row(body.symbol)
        self.works[row] = Work(body.strategy, entry.seq, body.budget_usd)

    def _on_released(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Released)
        row = self.market.table.row(body.symbol)
        self.works.pop(row, None)
        self.market.levels.arm(row, body.strategy, IDLE)
        self.market.levels.unfollow(row, body.strategy)

    def _on_planned(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Planned)
        market, owner, levels = self.market, body.strategy, self.market.levels
        rows = market.table.rows(body.symbols)
        arrays = ((body.up, inf), (body.down, -inf), (body.close_up, inf), (body.close_down, -inf))
        armed = [i for i, (values, _) in enumerate(arrays) if values]
        for k, row in enumerate(rows):
            work = self.works.get(row)
            if work is None or work.strategy != owner:
                continue
            work.seq = entry.seq
            if body.note:
                work.note = {name: _kth(values, k) for name, values in body.note.items()}
            level = list(IDLE)
            for i in armed:
                value = arrays[i][0][k]
                if value is not None:
                    level[i] = value
            levels.arm(row, owner, (level[0], level[1], level[2], level[3]))
            if body.follow:
                levels.follow(row, owner)
                market.catch_up(row)
            else:
                levels.unfollow(row, owner)
            if body.wake_at:
                work.wake_seq = entry.seq
        if body.wake_at:
            self._waking[entry.seq] = rows
            market.timers.set(body.wake_at, f"plan:{owner}:{entry.seq}")

    def _on_woke(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Woke)
        for row in self.waiting(body.plan) or ():
            self.works[row].wake_seq = 0
            self.works[row].seq = entry.seq
        del self._waking[body.plan]


def _kth(values: tuple[float | None, ...], k: int) -> float:
    value = values[k] if len(values) > 1 else values[0]
    return nan if value is None else value
