"""The common job: its rule, its data and its answer, with nothing but numpy, so that every peer can import it.

Five-minute opening-range breakout, long only. From 09:35 on, the first bar that closes above the high of the first five
bars buys 100 shares at the next bar's open. A bar that closes at or below the low of those five bars, or the end of the
bar that starts at 15:58, sells them at the next bar's open. One trade per symbol and day; 0.005 $ a share and side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

MINUTES = 390
RANGE_BARS = 5
LAST_ENTRY = 379
"""Last bar of the day whose close may signal an entry."""
EXIT_BAR = 388
"""At this bar's close whatever is open is sold, so that it fills at the open of the last bar."""
SHARES = 100
FEE_USD = 0.005
"""Per share and side."""
CAPITAL_USD = 1_000_000_000

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_NS = 60_000_000_000
FIRST_DAY = date(2024, 1, 2)
LEFT_OUT = {date(2024, *day) for day in [(1, 15), (2, 19), (3, 29), (5, 27), (6, 19), (7, 3), (7, 4)]}
"""Closed days, and a half day, of the months that the job can reach."""

Cents = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Bars:
    """One-minute bars by day, minute and symbol; prices in whole cents, volume in shares.

    Within a day every bar opens where the one before it closed: an engine that fills at the signal bar's close and one
    that fills at the next bar's open trade at the same price.
    """

    start_ns: npt.NDArray[np.int64]
    """Start of each bar by day and minute, ns UTC."""
    open: Cents
    high: Cents
    low: Cents
    close: Cents
    volume: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Days, minutes, symbols."""
        days, minutes, symbols = self.close.shape
        return days, minutes, symbols

    def dollars(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return open, high, low and close in $, each with one row per minute of all days and a column per symbol."""
        days, minutes, symbols = self.shape
        columns = {"open": self.open, "high": self.high, "low": self.low, "close": self.close}
        return {name: column.reshape(days * minutes, symbols) / 100.0 for name, column in columns.items()}


@dataclass(frozen=True)
class Trade:
    """One trade of the answer: prices in cents; entry and exit name the bars that signalled."""

    day: int
    symbol: int
    entry_bar: int
    exit_bar: int
    bought: int
    sold: int


def names(symbols: int) -> list[str]:
    """Return the symbols' names, by index."""
    return [f"S{i:05d}" for i in range(symbols)]


def sessions(days: int) -> list[date]:
    """Return the first full sessions from 2 January 2024 on; at most 130."""
    found: list[date] = []
    day = FIRST_DAY
    while len(found) < days:
        if day.weekday() < 5 and day not in LEFT_OUT:
            found.append(day)
        day += timedelta(days=1)
    return found


def open_ns(day: date) -> int:
    """Return 09:30 New York of a day in ns UTC."""
    return int(datetime.combine(day, time(9, 30), NEW_YORK).timestamp()) * 1_000_000_000


def make_bars(symbols: int, days: int, seed: int = 1) -> Bars:
    """Draw the bars: a random walk per symbol, with a gap each night and a U-shaped volume."""
    rng = np.random.default_rng(seed)
    shape = (days, MINUTES, symbols)
    opens, highs, lows, closes = (np.empty(shape, np.int32) for _ in range(4))
    volume = np.empty(shape, np.int64)
    last = np.exp(rng.uniform(np.log(5.0), np.log(200.0), symbols)) * 100.0
    volatility = rng.uniform(0.0005, 0.003, symbols)
    usual = np.exp(rng.uniform(np.log(2e3), np.log(2e5), symbols))
    curve = (0.6 + 1.4 * np.linspace(-1, 1, MINUTES) ** 2)[:, None]
    for d in range(days):
        first = np.maximum(last * np.exp(rng.normal(0, 0.02, symbols)), 200.0)
        path = first * np.exp(np.cumsum(rng.standard_normal((MINUTES, symbols)) * volatility, axis=0))
        close = np.maximum(np.rint(path), 100.0)
        opened = np.vstack([np.rint(first), close[:-1]])
        wick = np.abs(rng.standard_normal((2, MINUTES, symbols))) * volatility * close * 0.5
        opens[d], closes[d] = opened, close
        highs[d] = np.maximum(opened, close) + np.rint(wick[0])
        lows[d] = np.maximum(np.minimum(opened, close) - np.rint(wick[1]), 50.0)
        lots = np.rint(usual * curve * np.exp(rng.normal(0, 0.5, (MINUTES, symbols))) / 100.0)
        volume[d] = np.maximum(lots, 10).astype(np.int64) * 100
        last = close[-1]
    start = np.array([open_ns(day) for day in sessions(days)], np.int64)
    start_ns = start[:, None] + np.arange(MINUTES, dtype=np.int64)[None, :] * MINUTE_NS
    return Bars(start_ns, opens, highs, lows, closes, volume)


def answer(bars: Bars) -> list[Trade]:
    """Apply the rule in plain Python, one symbol and day at a time, by day and symbol."""
    days, _, symbols = bars.shape
    trades = []
    for d in range(days):
        for s in range(symbols):
            opened, close = bars.open[d, :, s], bars.close[d, :, s]
            high = bars.high[d, :RANGE_BARS, s].max()
            low = bars.low[d, :RANGE_BARS, s].min()
            above = np.flatnonzero(close[RANGE_BARS : LAST_ENTRY + 1] > high)
            if not above.size:
                continue
            entry = RANGE_BARS + int(above[0])
            below = np.flatnonzero(close[entry + 1 : EXIT_BAR + 1] <= low)
            leave = entry + 1 + int(below[0]) if below.size else EXIT_BAR
            trades.append(Trade(d, s, entry, leave, int(opened[entry + 1]), int(opened[leave + 1])))
    return trades


def pnl_usd(trades: list[Trade]) -> float:
    """Return the trades' profit after fees, in $."""
    gross_cents = sum(trade.sold - trade.bought for trade in trades) * SHARES
    return gross_cents / 100.0 - len(trades) * 2 * SHARES * FEE_USD
