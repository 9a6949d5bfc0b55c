"""The rows of a market in plain Python, written from the documented meaning of the records and not from the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Any

from qm.model.market import Kind, Print, Status

MINUTE = 60_000_000_000
TOUCH, CLOSE, BAR, NEXT, STATUS, TIMER = 1, 2, 4, 8, 16, 32
IGNORED = -1


def is_price(value: float) -> bool:
    return not isnan(value) and 0 < value < inf


@dataclass
class Symbol:
    """One symbol; the fields have the names of the row that must agree with them."""

    last: float = nan
    high: float = nan
    low: float = nan
    open: float = nan
    volume: float = 0.0
    pv: float = 0.0
    ts: int = 0
    high_ts: int = 0
    prints: int = 0
    status: int = 0
    source: int = 0
    bid: float = nan
    ask: float = nan
    quote_ts: int = 0
    since_high: float = nan
    since_low: float = nan
    bar: dict[str, float] = field(default_factory=dict)
    bar_start: int = -1
    up: float = inf
    down: float = -inf
    close_up: float = inf
    close_down: float = -inf
    follow: int = 0
    next: int = 0

    def session_price(self, first: float, high: float, low: float, ts: int) -> None:
        if isnan(self.open):
            self.open = first
        if isnan(self.high) or high > self.high:
            self.high, self.high_ts = high, ts
        if isnan(self.low) or low < self.low:
            self.low = low

    def touched(self, high: float, low: float) -> int:
        self.since_high = high if isnan(self.since_high) else max(self.since_high, high)
        self.since_low = low if isnan(self.since_low) else min(self.since_low, low)
        return TOUCH if high >= self.up or low <= self.down else 0


class Reference:
    """Consumes records one by one and says why each should wake somebody."""

    def __init__(self, symbols: int, open_ns: int, close_ns: int) -> None:
        self.symbols = [Symbol() for _ in range(symbols)]
        self.open_ns, self.close_ns = open_ns, close_ns

    def consume(self, record: tuple[Any, ...]) -> int:
        kind = record[3]
        if kind == Kind.CLOCK:
            return 0
        s = self.symbols[record[2]]
        handler = {Kind.BAR: self._bar, Kind.TRADE: self._trade, Kind.QUOTE: self._quote, Kind.STATUS: self._status}
        why = handler[Kind(kind)](s, record)
        return 0 if why < 0 else why | (NEXT if s.next else 0)

    def _bar(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, at, *_, o, h, low, c, v = record
        if not (all(map(is_price, (o, h, low, c))) and low <= h and v >= 0):
            return IGNORED
        if s.source == 2:
            return 0
        s.source, s.last, s.ts, s.prints = 1, c, ts, s.prints + 1
        if self.open_ns <= at < self.close_ns:
            s.session_price(o, h, low, ts)
            s.volume += v
            s.pv += v * (h + low + c) / 3
        s.bar_start, s.bar = at, {"open": o, "high": h, "low": low, "close": c, "volume": v}
        why = s.touched(h, low)
        if c > s.close_up or c <= s.close_down:
            why |= CLOSE
        return why | (BAR if s.follow else 0)

    def _trade(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, at, _, _, flag, _, price, size, *_ = record
        if not is_price(price) or not size >= 0:
            return IGNORED
        s.source = 2
        if s.status == Status.UNKNOWN:
            s.status = Status.TRADING
        regular = self.open_ns <= at < self.close_ns
        minute = at // MINUTE * MINUTE
        why = 0
        if flag & Print.LAST:
            s.last, s.ts, s.prints = price, ts, s.prints + 1
        if flag & Print.HIGH_LOW:
            why = s.touched(price, price)
            if regular:
                s.session_price(price, price, price, ts)
            if minute > s.bar_start:
                s.bar_start = minute
                s.bar = {"open": price, "high": price, "low": price, "close": price, "volume": 0.0}
            elif minute == s.bar_start:
                s.bar |= {"high": max(s.bar["high"], price), "low": min(s.bar["low"], price), "close": price}
        if flag & Print.VOLUME:
            if regular:
                s.volume += size
                s.pv += price * size
            if minute == s.bar_start:
                s.bar["volume"] += size
        return why

    def _quote(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, bid, ask = record[0], record[6], record[7]
        s.bid, s.ask, s.quote_ts = bid, ask, ts
        reached = (is_price(bid) and bid >= s.up) or (is_price(ask) and ask <= s.down)
        return TOUCH if reached else 0

    def _status(self, s: Symbol, record: tuple[Any, ...]) -> int:
        s.status = record[5]
        return STATUS
