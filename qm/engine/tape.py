"""What the feed says of single symbols besides their prices: halts, and prints that are taken back after a decision."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import NamedTuple

from qm.market.market import Market, Record
from qm.model.events import Entry, Intended, PrintBusted, SessionStarted, Signal, TradingHalted, TradingResumed
from qm.model.market import Kind, Status
from qm.model.order import Purpose


class Decided(NamedTuple):
    """An entry signal of today, with the prices that it was made by."""

    seq: int
    """Of the Signal."""
    symbol: str
    strategy: str
    at: int
    """When the last price was printed, ns UTC."""
    last: float
    high: float
    low: float
    order: str | None = None
    """The entry that followed."""


class Tape:
    """Tells a halt when it begins and ends, and of each signal when a print that it was made by is taken back.

    A print is known again by the time and the price with which it was told. That of the last price is found for
    certain; a print at the price of the high or the low of the day may be another one at that price.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._halted: dict[str, int] = {}
        """When each halt began that lasts, ns UTC."""
        self._decided: dict[int, list[Decided]] = {}
        """By row."""

    def open(self, market: Market) -> None:
        """Take the market of a session."""
        self._market = market

    def on_status(self, row: int) -> TradingHalted | TradingResumed | None:
        """Return what a change of status begins or ends; None when a halt goes on, or trading does."""
        assert self._market is not None
        col, symbol = self._market.col, self._market.table.names[row]
        status, since = int(col["status"][row]), self._halted.get(symbol)
        if status >= Status.HALTED and since is None:
            prices = (_known(float(col[name][row])) for name in ("last", "band_ref", "band_low", "band_high"))
            return TradingHalted(symbol, status == Status.PAUSED, int(col["halts"][row]), *prices)
        if status < Status.HALTED and since is not None:
            return TradingResumed(symbol, round((self._market.now - since) / 1e9, 3))
        return None

    def on_revised(self, record: Record) -> list[tuple[PrintBusted, int]]:
        """Return a fact for each signal of today that a cancelled or corrected print stood behind, and its cause."""
        at, row, kind, price = record[1], record[2], record[3], record[6]
        corrected = record[8] if kind == Kind.CORRECTION else None
        if kind not in (Kind.CANCEL, Kind.CORRECTION) or corrected == price:
            return []
        found = []
        for of in self._decided.get(row, ()):
            role = _role(of, at, price)
            if role:
                found.append((PrintBusted(of.symbol, of.strategy, price, corrected, role, of.order), of.seq))
        return found

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {
            SessionStarted: self._on_session,
            TradingHalted: self._on_halted,
            TradingResumed: self._on_resumed,
            Signal: self._on_signal,
            Intended: self._on_intended,
        }

    def state(self) -> object:
        """Return what must be equal after a restart."""
        return [self._halted, [list(of) for many in self._decided.values() for of in many]]

    def _on_session(self, entry: Entry) -> None:
        self._halted.clear()
        self._decided.clear()

    def _on_halted(self, entry: Entry) -> None:
        assert isinstance(entry.body, TradingHalted)
        self._halted[entry.body.symbol] = entry.ts

    def _on_resumed(self, entry: Entry) -> None:
        assert isinstance(entry.body, TradingResumed)
        self._halted.pop(entry.body.symbol, None)

    def _on_signal(self, entry: Entry) -> None:
        body, market = entry.body, self._market
        assert isinstance(body, Signal)
        assert market is not None
        if not body.entry or not market.prints:
            return
        row, col = market.table.row(body.symbol), market.col
        last, high, low = (float(col[name][row]) for name in ("last", "high", "low"))
        of = Decided(entry.seq, body.symbol, body.strategy, int(col["at"][row]), last, high, low)
        self._decided.setdefault(row, []).append(of)
        market.decided.add(row)

    def _on_intended(self, entry: Entry) -> None:
        body, market = entry.body, self._market
        assert isinstance(body, Intended)
        if body.order.purpose is not Purpose.ENTRY or market is None:
            return
        signals = self._decided.get(market.table.row(body.order.symbol), [])
        if signals and signals[-1].seq == entry.cause:
            signals[-1] = signals[-1]._replace(order=body.order.id)


def _known(price: float) -> float | None:
    return price if isfinite(price) else None


def _role(of: Decided, at: int, price: float) -> str:
    """Say what a print was to a decision; empty when it was nothing, or came later."""
    if at == of.at and price == of.last:
        return "the last price"
    if at > of.at:
        return ""
    return "the high of the day" if price == of.high else "the low of the day" if price == of.low else ""
