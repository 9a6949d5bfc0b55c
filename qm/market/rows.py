"""One row per symbol: what the market looks like now, and what is armed on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ROW = np.dtype(
    [
        # What every record touches comes first, so that it shares the row's first cache lines.
        ("last", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("volume", "<f8"),
        ("pv", "<f8"),
        ("up", "<f8"),
        ("down", "<f8"),
        ("close_up", "<f8"),
        ("close_down", "<f8"),
        ("follow", "<i8"),
        ("next", "<i8"),
        ("ts", "<i8"),
        ("since_high", "<f8"),
        ("since_low", "<f8"),
        ("bar_start", "<i8"),
        ("bar_open", "<f8"),
        ("bar_high", "<f8"),
        ("bar_low", "<f8"),
        ("bar_close", "<f8"),
        ("bar_volume", "<f8"),
        ("open", "<f8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("quote_ts", "<i8"),
        ("high_ts", "<i8"),
        ("prints", "<i8"),
        ("status", "<i8"),
        ("source", "<i8"),
        ("band_low", "<f8"),
        ("band_high", "<f8"),
        ("band_ref", "<f8"),
    ],
    align=True,
)
"""State of one symbol within a session; prices in $, sizes in shares, times in ns UTC.

| field | meaning |
|---|---|
| last | last eligible price (a bar: its close); NaN before the first |
| high, low, open | of the regular session so far; NaN before its first print |
| volume, pv | shares, and price x shares, of the regular session: their quotient is the VWAP |
| up, down | nearest armed prices: a touch at or beyond them wakes Python; +-inf when nothing is armed |
| close_up, close_down | a bar close above, or at or below, wakes Python |
| follow | number of those who want every bar close |
| next | number of those who want the next record of this symbol |
| since_high, since_low | extremes since they were last reset (at a trade's entry) |
| bar_* | the minute being built from prints, or the last bar received |
| ts, quote_ts, high_ts | times of the last price, last quote, and of the high |
| prints | prints (or bars) seen |
| status | `Status` |
| band_low, band_high | prices outside which nothing may trade; NaN while none were told |
| band_ref | reference price of these bands |
| source | 0 nothing yet, 1 bars, 2 prints: volume is counted from one of them only |
"""

Rows = npt.NDArray[np.void]
"""A one-dimensional array of dtype `ROW`."""

BARS, PRINTS = 1, 2
NO_BAR = -1
"""`bar_start` when no bar is being built."""


def new_rows(symbols: int) -> Rows:
    """Return the rows of a session in which nothing has happened yet."""
    rows = np.zeros(symbols, ROW)
    for name in ("last", "high", "low", "open", "bid", "ask", "since_high", "since_low"):
        rows[name] = np.nan
    for name in ("band_low", "band_high", "band_ref"):
        rows[name] = np.nan
    rows["bar_start"] = NO_BAR
    for name in ("up", "close_up"):
        rows[name] = np.inf
    for name in ("down", "close_down"):
        rows[name] = -np.inf
    return rows
