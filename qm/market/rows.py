"""One row per symbol: what the market looks like now, and what is armed on it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

ROW: Final = np.dtype(
    [
        # Eight fields are a line of the processor's cache. What every print touches fills the first three, and what
        # every beat looks at stands in the first line and the fourth.
        ("last", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("volume", "<f8"),
        ("pv", "<f8"),
        ("prints", "<i4"),
        ("status", "<i2"),
        ("source", "<i2"),
        ("second_high", "<f8"),
        ("second_low", "<f8"),
        #
        ("pdd", "<f8"),
        ("anchor", "<f8"),
        ("up", "<f8"),
        ("down", "<f8"),
        ("ts", "<i8"),
        ("next", "<i8"),
        ("bar_start", "<i8"),
        ("at", "<i8"),
        #
        ("bar_high", "<f8"),
        ("bar_low", "<f8"),
        ("bar_close", "<f8"),
        ("bar_volume", "<f8"),
        ("since_high", "<f8"),
        ("since_low", "<f8"),
        ("before", "<f8"),
        ("last_id", "<f8"),
        # What every bar touches besides.
        ("close_up", "<f8"),
        ("close_down", "<f8"),
        ("bar_open", "<f8"),
        ("open", "<f8"),
        ("high_ts", "<i8"),
        ("tick", "<f8"),
        ("highs", "<i4"),
        ("follow", "<i2"),
        ("opened", "<i2"),
        ("part_start", "<i8"),
        # Quotes and bands.
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("quote_ts", "<i8"),
        ("band_low", "<f8"),
        ("band_high", "<f8"),
        ("band_ref", "<f8"),
        # Before the open.
        ("pre_volume", "<f8"),
        ("pre_pv", "<f8"),
        ("pre_high", "<f8"),
        ("pre_low", "<f8"),
        ("pre_second_high", "<f8"),
        ("pre_second_low", "<f8"),
        ("resumed", "<i8"),
        ("odd", "<f8"),
        # What is rare.
        ("odd_run", "<i8"),
        ("odd_prints", "<i8"),
        ("quarantined", "<i4"),
        ("revised", "<i4"),
        ("wide_up", "<f8"),
        ("wide_down", "<f8"),
        ("part_open", "<f8"),
        ("part_high", "<f8"),
        ("part_low", "<f8"),
        ("resumed_volume", "<f8"),
        ("resumed_pv", "<f8"),
        ("pre_high_volume", "<f8"),
        ("pre_high_pv", "<f8"),
        ("pre_high_at", "<i8"),
        ("high_id", "<f8"),
        ("low_id", "<f8"),
        ("halt", "<i2"),
        ("halts", "<i2"),
        ("pauses", "<i4"),
        # Halts.
        ("halt_at", "<i8"),
        ("halt_price", "<f8"),
        ("threshold", "<f8"),
        ("quotes_at", "<i8"),
        ("trades_at", "<i8"),
        ("reason", "<i8"),
        # A row fills whole lines, so that each begins with one.
        ("rest_1", "<i8"),
        ("rest_2", "<i8"),
    ],
    align=True,
)
"""State of one symbol within a session; prices in $, sizes in shares, times in ns UTC.

| field | meaning |
|---|---|
| last, before | last eligible price (a bar: its close), and the one before it; NaN before the first |
| at | when the print of `last` happened |
| last_id, high_id, low_id | ids of the prints of `last`, `high` and `low`; 0 where they have none or it is not known |
| high, low, open | of the regular session so far; NaN before its first print |
| second_high, second_low | the extremes without the print (or bar) that made them; infinite where that is not known |
| opened | minute since 09:30 in which the official opening print came, the first is 1; 0 while it did not |
| highs | how often a print (or bar) exceeded the high by a tick or more |
| volume, pv | shares, and price x shares, of the regular session: their quotient is the VWAP |
| pdd, anchor | shares x squared distance from the anchor, the first price that counted: for the spread about the VWAP |
| pre_* | the same from 04:00 to the open |
| up, down | nearest armed prices: a touch at or beyond them wakes Python; +-inf when nothing is armed |
| close_up, close_down | a bar close above, or at or below, wakes Python |
| follow | number of those who want every bar close |
| next | number of those who want the next record of this symbol |
| since_high, since_low | extremes since they were last reset (at a trade's entry) |
| bar_* | the minute being built from prints, or the last bar received |
| part_* | the minute being built from bars that are shorter than one |
| ts, quote_ts, high_ts | times of the last price, last quote, and of the high |
| prints | prints (or bars) that set the last price |
| bid, ask, bid_size, ask_size | the last quote as it was told, crossed or one-sided ones too |
| status | `Status` |
| halts, resumed | halts and pauses that began; when trading resumed after the last one, 0 while it did not |
| resumed_* | shares, and price x shares, from 04:00 to when trading resumed |
| pre_high_* | shares, and price x shares, from 04:00 to the pre-market high, its own print left out; and its time |
| pauses | those of them that were volatility pauses |
| halt | `Status` of the last of them: what a halt turned into last; 0 before the first |
| halt_at, halt_price | when the last of them began, 0 before the first; the last price before it |
| reason | why, the number of a `HaltCode`; 0 where it is not told |
| threshold | price at which it was due, as the exchange tells it; NaN where it does not |
| quotes_at, trades_at | when quotes, trades go on after it at the earliest; 0 where it is not told |
| band_low, band_high | prices outside which nothing may trade; NaN while none were told |
| band_ref | reference price of these bands |
| tick | smallest step between prices, by the last one at the minute boundary before; 0 where it is not known |
| wide_up, wide_down | factors beyond which a price is far from where the market is |
| odd, odd_run, odd_prints | first price of a run of prints set aside, its length, and `prints` when it began |
| quarantined | prints set aside |
| revised | prints and bars taken back or corrected |
| rest_* | nothing |
| source | 0 nothing yet, 1 bars, 2 prints: volume is counted from one of them only |
"""

Rows = npt.NDArray[np.void]
"""A one-dimensional array of dtype `ROW`."""

BARS, PRINTS = 1, 2
NO_BAR = -1
"""`bar_start` and `part_start` when no bar is being built."""

_LINE: Final = 64
_UNKNOWN: Final = (
    *("last", "before", "high", "low", "second_high", "second_low", "open", "anchor", "odd"),
    *("pre_high", "pre_low", "pre_second_high", "pre_second_low", "bid", "ask", "since_high", "since_low"),
    *("band_low", "band_high", "band_ref", "halt_price", "threshold"),
)
_UNBOUNDED: Final = ("up", "close_up", "wide_up")


def new_rows(symbols: int) -> Rows:
    """Return the rows of a session in which nothing has happened yet."""
    # A row that begins with a line of the cache touches fewer of them.
    raw = np.zeros(symbols * ROW.itemsize + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    rows: Rows = raw[start : start + symbols * ROW.itemsize].view(ROW)
    for name in _UNKNOWN:
        rows[name] = np.nan
    rows["bar_start"] = rows["part_start"] = NO_BAR
    for name in _UNBOUNDED:
        rows[name] = np.inf
    for name in ("down", "close_down"):
        rows[name] = -np.inf
    return rows
