"""What a journal tells of each trade beyond its result: the signal, the executions, and where stop and target stood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from qm.model.events import Entry, Filled, Intended, Planned, Signal, StopMoved, TradeClosed
from qm.model.order import Purpose, Side

Step = tuple[int, float | None]
"""From this time on, ns UTC, a level stood at this price; None for nowhere."""


@dataclass(slots=True)
class Story:
    """One trade as it went."""

    signal: Signal | None = None
    side: Side = Side.BUY
    fills: list[tuple[int, float, int, bool]] = field(default_factory=list)
    """(ns UTC, $, shares, it went in)."""
    stops: list[Step] = field(default_factory=list)
    targets: list[Step] = field(default_factory=list)
    """The next price at which the strategy means to sell, or to cover."""


class _Reader:
    def __init__(self) -> None:
        self.found: dict[str, Story] = {}
        self._signals: dict[int, Signal] = {}
        self._trades: dict[str, str] = {}
        """Trade by order."""
        self._open: dict[str, tuple[str, str]] = {}
        """(trade, strategy) by symbol, from the first execution to the last."""

    def read(self, entry: Entry) -> None:
        match entry.body:
            case Signal() as body if body.entry:
                self._signals[entry.seq] = body
            case Intended() as body:
                self._intended(entry, body)
            case Filled() as body:
                self._filled(body)
            case StopMoved() as body if body.trade in self.found:
                self.found[body.trade].stops.append((entry.ts, body.stop))
            case Planned() as body:
                self._planned(entry.ts, body)
            case TradeClosed() as body:
                self._open.pop(body.symbol, None)
            case _:
                pass

    def _intended(self, entry: Entry, body: Intended) -> None:
        order = body.order
        self._trades[order.id] = order.trade or order.id
        if order.purpose is Purpose.ENTRY and entry.cause in self._signals:
            signal = self._signals.pop(entry.cause)
            self.found[order.id] = Story(signal, order.side, stops=[(entry.ts, signal.stop)])

    def _filled(self, body: Filled) -> None:
        done = body.execution
        trade = self._trades.get(done.order, "")
        story = self.found.get(trade)
        if story is None or story.signal is None:
            return
        self._open[body.symbol] = (trade, story.signal.strategy)
        story.fills.append((done.ts, float(done.price), done.qty, body.side is story.side))

    def _planned(self, ts: int, body: Planned) -> None:
        for place, symbol in enumerate(body.symbols):
            trade, strategy = self._open.get(symbol, ("", ""))
            if strategy != body.strategy:
                continue
            story = self.found[trade]
            levels = body.up if story.side is Side.BUY else body.down
            level = levels[place] if place < len(levels) else None
            if (story.targets[-1][1] if story.targets else None) != level:
                story.targets.append((ts, level))


def stories(entries: Iterable[Entry]) -> dict[str, Story]:
    """Return what a journal tells of its trades, by the trade's name, which is that of its first entry order."""
    reader = _Reader()
    for entry in entries:
        reader.read(entry)
    return reader.found
