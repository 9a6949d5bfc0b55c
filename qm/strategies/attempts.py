"""How often a strategy has tried a symbol today: an entry counts once it has filled, or when the broker refused it."""

from __future__ import annotations

from collections.abc import Callable

from qm.model.events import Entry, Filled, Intended, Rejected, SessionStarted
from qm.model.order import Purpose

Key = tuple[str, str]
"""Symbol and strategy."""


class Attempts:
    """Folds entries; one that was taken back before anything of it filled has cost nothing, and does not count."""

    def __init__(self) -> None:
        self._made: dict[Key, int] = {}
        self._waiting: dict[str, Key] = {}
        """Entries of which nothing has filled, by order id; one that was taken back may still turn out to have."""

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the counts."""
        return {
            SessionStarted: self.on_session,
            Intended: self._on_intended,
            Filled: self._on_filled,
            Rejected: self._on_rejected,
        }

    def made(self, symbol: str, strategy: str) -> int:
        """Return how many attempts a strategy has made in a symbol today, whoever had the symbol in between."""
        return self._made.get((symbol, strategy), 0)

    def state(self) -> object:
        """Return what must be equal after a restart."""
        return [[*key, made] for key, made in sorted(self._made.items())]

    def on_session(self, entry: Entry) -> None:
        """Begin to count anew."""
        self._made.clear()
        self._waiting.clear()

    def _on_intended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Intended)
        if body.order.purpose is Purpose.ENTRY:
            self._waiting[body.order.id] = (body.order.symbol, body.order.strategy)

    def _on_filled(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Filled)
        self._count(body.execution.order)

    def _on_rejected(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Rejected)
        # Else a broker that refuses would be asked again at every bar.
        self._count(body.order)

    def _count(self, order: str) -> None:
        key = self._waiting.pop(order, None)
        if key is not None:
            self._made[key] = self._made.get(key, 0) + 1
