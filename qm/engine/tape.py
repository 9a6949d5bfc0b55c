"""What the feed says of single symbols besides their prices: halts, and prints that are taken back after a decision."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import NamedTuple

from qm.market.market import Market, Record
from qm.model.events import Entry, Intended, PrintBusted, SessionStarted, Signal, TradingHalted, TradingResumed
from qm.model.market import Kind, Status
from qm.model.order import Purpose
from qm.rules.halts import coded


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
    ids: tuple[float, float, float]
    """Of the prints of these three; 0 where one has none."""
    order: str | None = None
    """The entry that followed."""


class Tape:
    """Tells a halt when it begins, when more is known of it, and when it ends; and prints of a signal taken back.

    A print is known again by its id, and by the time and the price with which it was told. Where the feed tells no
    ids that of the last price is still found, unless one moment has two of its price; a print at the price of the
    high or the low of the day may be another one at that price.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._halted: dict[str, tuple[int, TradingHalted]] = {}
        """Each halt that lasts: when it began, ns UTC, and what was told of it last."""
        self._decided: dict[int, list[Decided]] = {}
        """By row."""

    def open(self, market: Market) -> None:
        """Take the market of a session."""
        self._market = market

    def on_status(self, row: int) -> TradingHalted | TradingResumed | None:
        """Return what a status begins, tells of or ends; None when it says nothing new."""
        assert self._market is not None
        col, symbol = self._market.col, self._market.table.names[row]
        status, since = int(col["status"][row]), self._halted.get(symbol)
        if status >= Status.HALTED:
            told = _halt(self._market, row, symbol)
            return told if since is None or _more(told, since[1]) else None
        if since is not None:
            return TradingResumed(symbol, round((self._market.now - since[0]) / 1e9, 3))
        return None

    def on_revised(self, record: Record) -> list[tuple[PrintBusted, int]]:
        """Return a fact for each signal of today that a cancelled or corrected print stood behind, and its cause."""
        at, row, kind, price, told = record[1], record[2], record[3], record[6], record[10]
        corrected = record[8] if kind == Kind.CORRECTION else None
        if kind not in (Kind.CANCEL, Kind.CORRECTION) or corrected == price:
            return []
        found = []
        for of in self._decided.get(row, ()):
            role = _role(of, at, price, told)
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
        halted = {symbol: (since, told.reason, told.trades_at) for symbol, (since, told) in self._halted.items()}
        return [halted, [list(of) for many in self._decided.values() for of in many]]

    def _on_session(self, entry: Entry) -> None:
        self._halted.clear()
        self._decided.clear()

    def _on_halted(self, entry: Entry) -> None:
        assert isinstance(entry.body, TradingHalted)
        since = self._halted.get(entry.body.symbol)
        self._halted[entry.body.symbol] = entry.ts if since is None else since[0], entry.body

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
        ids = float(col["last_id"][row]), float(col["high_id"][row]), float(col["low_id"][row])
        of = Decided(entry.seq, body.symbol, body.strategy, int(col["at"][row]), last, high, low, ids)
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


def _halt(market: Market, row: int, symbol: str) -> TradingHalted:
    col = market.col
    last, reference, lower, upper, threshold = (
        _known(float(col[name][row])) for name in ("halt_price", "band_ref", "band_low", "band_high", "threshold")
    )
    reason = coded(float(col["reason"][row]))
    return TradingHalted(
        symbol,
        int(col["status"][row]) == Status.PAUSED,
        int(col["halts"][row]),
        last,
        reference,
        lower,
        upper,
        reason=None if reason is None else reason.name,
        threshold=threshold,
        quotes_at=int(col["quotes_at"][row]) or None,
        trades_at=int(col["trades_at"][row]) or None,
    )


def _more(now: TradingHalted, before: TradingHalted) -> bool:
    """Say whether the exchange told something of a halt that it had not told before."""
    told = ("reason", "threshold", "quotes_at", "trades_at")
    return any(getattr(now, name) != getattr(before, name) for name in told)


def _known(price: float) -> float | None:
    return price if isfinite(price) else None


def _role(of: Decided, at: int, price: float, told: float) -> str:
    """Say what a print was to a decision; empty when it was nothing, or came later."""
    last, high, low = (not (told and known) or told == known for known in of.ids)
    if at == of.at and price == of.last and last:
        return "the last price"
    if at > of.at:
        return ""
    if price == of.high and high:
        return "the high of the day"
    return "the low of the day" if price == of.low and low else ""
