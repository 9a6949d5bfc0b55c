"""The rows of a market in plain Python, written from the documented meaning of the records and not from the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Any

from qm.clock import MINUTE
from qm.model.market import Kind, Print, Status

TOUCH, CLOSE, BAR, NEXT, STATUS, TIMER, REVISED = 1, 2, 4, 8, 16, 32, 64
IGNORED = -1


def is_price(value: float) -> bool:
    return not isnan(value) and 0 < value < inf


@dataclass
class Hours:
    """What was traded in one part of the day, kept whole: every price with its shares, in the order told."""

    highs: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    traded: list[tuple[float, float]] = field(default_factory=list)
    high_ts: int = 0
    raised: int = 0

    def price(self, high: float, low: float, ts: int) -> None:
        if not self.highs or high > max(self.highs):
            self.raised += bool(self.highs)
            self.high_ts = ts
        self.highs.append(high)
        self.lows.append(low)

    def second(self, of: list[float], best: Any) -> float:
        rest = list(of)
        if rest:
            rest.remove(best(rest))
        return float(best(rest)) if rest else nan

    @property
    def high(self) -> float:
        return max(self.highs, default=nan)

    @property
    def low(self) -> float:
        return min(self.lows, default=nan)

    @property
    def second_high(self) -> float:
        return self.second(self.highs, max)

    @property
    def second_low(self) -> float:
        return self.second(self.lows, min)

    @property
    def volume(self) -> float:
        return sum(v for _, v in self.traded)

    @property
    def pv(self) -> float:
        return sum(p * v for p, v in self.traded)

    @property
    def anchor(self) -> float:
        return self.traded[0][0] if self.traded else nan

    @property
    def pdd(self) -> float:
        return sum(v * (p - self.anchor) ** 2 for p, v in self.traded)


@dataclass
class Symbol:
    """One symbol; the fields have the names of the row that must agree with them."""

    last: float = nan
    before: float = nan
    open: float = nan
    ts: int = 0
    at: int = 0
    prints: int = 0
    status: int = 0
    halts: int = 0
    pauses: int = 0
    halt: int = 0
    resumed: int = 0
    source: int = 0
    bid: float = nan
    ask: float = nan
    quote_ts: int = 0
    since_high: float = nan
    since_low: float = nan
    band_low: float = nan
    band_high: float = nan
    bar: dict[str, float] = field(default_factory=dict)
    bar_start: int = -1
    up: float = inf
    down: float = -inf
    close_up: float = inf
    close_down: float = -inf
    follow: int = 0
    next: int = 0
    regular: Hours = field(default_factory=Hours)
    pre: Hours = field(default_factory=Hours)
    aside: int = 0
    run: list[float] = field(default_factory=list)
    run_prints: int = -1

    def fields(self) -> dict[str, float]:
        """What the row of the symbol must hold, by the name of the field."""
        own = (
            "last",
            "before",
            "open",
            "ts",
            "at",
            "prints",
            "status",
            "halts",
            "pauses",
            "halt",
            "resumed",
            "source",
            "bid",
            "ask",
        )
        more = ("quote_ts", "since_high", "since_low", "bar_start")
        found: dict[str, float] = {name: getattr(self, name) for name in (*own, *more)}
        found |= {name: getattr(self.regular, name) for name in ("high", "low", "second_high", "second_low")}
        found |= {name: getattr(self.regular, name) for name in ("volume", "pv", "anchor", "pdd", "high_ts")}
        names = ("high", "low", "second_high", "second_low", "volume", "pv")
        found |= {f"pre_{name}": getattr(self.pre, name) for name in names}
        found |= {"highs": self.regular.raised, "quarantined": self.aside}
        return found | {f"bar_{name}": value for name, value in self.bar.items()}

    def touched(self, high: float, low: float) -> int:
        self.since_high = high if isnan(self.since_high) else max(self.since_high, high)
        self.since_low = low if isnan(self.since_low) else min(self.since_low, low)
        return TOUCH if high >= self.up or low <= self.down else 0

    def far(self, price: float, ts: int, regular: bool, wide: tuple[float, float]) -> bool:
        """A print far from last price and quote, or outside the bands, unless it is the third of its kind in a row."""
        if not abs(price - self.last) > 0.01 * self.last:
            return False
        marks = [self.last] if ts - self.ts <= 5 * MINUTE else []
        inside = False
        if is_price(self.bid) and is_price(self.ask) and self.bid <= self.ask and ts - self.quote_ts <= MINUTE:
            marks.append((self.bid + self.ask) / 2)
            inside = self.bid <= price <= self.ask
        near = inside or not marks or any(mark * wide[1] <= price <= mark * wide[0] for mark in marks)
        if near and not (regular and (price > self.band_high or price < self.band_low)):
            return False
        in_a_row = self.run and self.run_prints == self.prints
        if in_a_row and self.run[0] * wide[1] <= price <= self.run[0] * wide[0]:
            self.run.append(price)
        else:
            self.run, self.run_prints = [price], self.prints
        if len(self.run) == 3:
            self.run = []
            return False
        self.aside += 1
        return True


class Reference:
    """Consumes records one by one and says why each should wake somebody."""

    def __init__(self, symbols: int, hours: tuple[int, int, int], wide: tuple[float, float] = (inf, 0.0)) -> None:
        self.symbols = [Symbol() for _ in range(symbols)]
        self.pre_ns, self.open_ns, self.close_ns = hours
        self.wide = wide

    def consume(self, record: tuple[Any, ...]) -> int:
        kind = record[3]
        if kind == Kind.CLOCK:
            return 0
        s = self.symbols[record[2]]
        if kind == Kind.BANDS:
            s.band_low, s.band_high = record[6], record[7]
            return 0
        handler = {Kind.BAR: self._bar, Kind.TRADE: self._trade, Kind.QUOTE: self._quote, Kind.STATUS: self._status}
        why = handler[Kind(kind)](s, record)
        return 0 if why < 0 else why if why == REVISED else why | (NEXT if s.next else 0)

    def hours(self, s: Symbol, at: int) -> Hours | None:
        if self.open_ns <= at < self.close_ns:
            return s.regular
        return s.pre if self.pre_ns <= at < self.open_ns else None

    def _bar(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, at, *_, o, h, low, c, v = record
        if not (all(map(is_price, (o, h, low, c))) and low <= h and v >= 0):
            return IGNORED
        if s.source == 2:
            return 0
        if at <= s.bar_start:
            return REVISED
        s.source, s.before, s.last, s.ts, s.at, s.prints = 1, s.last, c, ts, at, s.prints + 1
        hours = self.hours(s, at)
        if hours is not None:
            hours.price(h, low, ts)
            hours.traded.append(((h + low + c) / 3, v))
            if hours is s.regular and isnan(s.open):
                s.open = o
        s.bar_start, s.bar = at, {"open": o, "high": h, "low": low, "close": c, "volume": v}
        why = s.touched(h, low)
        if c > s.close_up or c <= s.close_down:
            why |= CLOSE
        return why | (BAR if s.follow else 0)

    def _trade(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, at, _, _, flag, _, price, size, *_ = record
        if not is_price(price) or not size >= 0:
            return IGNORED
        hours = self.hours(s, at)
        if s.far(price, ts, hours is s.regular, self.wide):
            return IGNORED
        s.source = 2
        if s.status == Status.UNKNOWN:
            s.status = Status.TRADING
        minute = at // MINUTE * MINUTE
        why = self._high_low(s, hours, record) if flag & Print.HIGH_LOW else 0
        if flag & Print.LAST:
            s.before, s.last, s.ts, s.at, s.prints = s.last, price, ts, at, s.prints + 1
        if flag & Print.VOLUME:
            if hours is not None:
                hours.traded.append((price, size))
            if minute == s.bar_start:
                s.bar["volume"] += size
        return why

    def _high_low(self, s: Symbol, hours: Hours | None, record: tuple[Any, ...]) -> int:
        ts, at, price = record[0], record[1], record[6]
        minute = at // MINUTE * MINUTE
        if hours is not None:
            hours.price(price, price, ts)
            if hours is s.regular and isnan(s.open):
                s.open = price
        if minute > s.bar_start:
            s.bar_start = minute
            s.bar = {"open": price, "high": price, "low": price, "close": price, "volume": 0.0}
        elif minute == s.bar_start:
            s.bar |= {"high": max(s.bar["high"], price), "low": min(s.bar["low"], price), "close": price}
        return s.touched(price, price)

    def _quote(self, s: Symbol, record: tuple[Any, ...]) -> int:
        ts, bid, ask = record[0], record[6], record[7]
        s.bid, s.ask, s.quote_ts = bid, ask, ts
        valid = is_price(bid) and is_price(ask) and bid <= ask
        return TOUCH if valid and (bid >= s.up or ask <= s.down) else 0

    def _status(self, s: Symbol, record: tuple[Any, ...]) -> int:
        code = record[5]
        if code >= Status.HALTED > s.status:
            s.halts, s.resumed = s.halts + 1, 0
        elif code == Status.TRADING and s.status >= Status.HALTED:
            s.resumed = record[0]
        if code >= Status.HALTED:
            s.pauses += code == Status.PAUSED != s.status
            s.halt = code
        s.status = code
        return STATUS
