"""The allocator: gives a watched symbol its strategy and a budget, and says what it did not choose and why."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qm.model.events import Allocated, Alternative, Entry, SessionStarted, StrategyFailed
from qm.strategies.api import Strategy


class AllocatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How money is spread over opportunities."""

    budget_share: float = 0.25
    """Largest share of equity that one symbol may take, as notional."""


class Allocator:
    """Chooses among the enabled strategies, in the order in which they are configured."""

    def __init__(self, strategies: dict[str, Strategy], settings: AllocatorSettings) -> None:
        self._strategies = strategies
        self._settings = settings
        self.failed: dict[str, str] = {}
        """Strategies that raised today, and what; they get nothing more."""

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the allocator."""
        return {SessionStarted: self._on_session, StrategyFailed: self._on_failed}

    def on_watched(self, symbol: str, scan: str, equity_usd: float) -> list[Allocated]:
        """Choose the strategy for a symbol that a scan put on the watchlist; empty when none wants it."""
        chosen: Strategy | None = None
        alternatives = []
        for strategy in self._strategies.values():
            if strategy.name in self.failed:
                alternatives.append(Alternative(strategy.name, "it failed today"))
            elif scan not in strategy.scans:
                alternatives.append(Alternative(strategy.name, f"does not take hits of {scan}"))
            elif chosen is not None:
                alternatives.append(Alternative(strategy.name, f"{chosen.name} comes first"))
            else:
                chosen = strategy
        if chosen is None:
            return []
        budget = round(equity_usd * self._settings.budget_share, 2)
        why = f"takes hits of {scan}; {self._settings.budget_share:.0%} of equity"
        return [Allocated(symbol, chosen.name, budget, why, tuple(alternatives))]

    def state(self) -> object:
        """Return what must be equal after a restart."""
        return sorted(self.failed.items())

    def _on_session(self, entry: Entry) -> None:
        self.failed.clear()

    def _on_failed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, StrategyFailed)
        self.failed[body.strategy] = body.error
