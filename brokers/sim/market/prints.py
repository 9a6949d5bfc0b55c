"""A minute of the synthetic market as records: quotes, and the trades that meet them; or one bar per symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.grid import CENTS, EDGE, PENNIES, ROUND_UP, Grid, Pause
from brokers.sim.market.tape import BURST, CELL, DEPTH_TABLE, Columns, Tape
from brokers.sim.market.universe import Array
from qm.clock import MINUTE, SECOND
from qm.model.market import EVENT, Events, Kind, Print, Status, events, status
from qm.rules.halts import HaltCode

Index = npt.NDArray[np.int64]

"""Units of the tick below a dollar."""
BOUNCE: Final = 0.15
"""Of the spread: how far a minute's first and last trade lie from the middle, as many a trade meets in between."""
CONTINUITY: Final = 0.5826
"""A walk seen n times falls short of its extremes by this share of its sd over the root of n (Siegmund)."""
CLOSING_AUCTION: Final = (0.10, 0.14)
"""Volume of the closing auction as a share of the day's, from quiet to busy symbols."""
MOST_AUCTION: Final = 2e7
"""Shares of one closing auction; what would go beyond does not trade."""
PLACES: Final = 26
"""Bits for the place of a record in a merge; what is left holds two minutes in ns."""
_BYTES: Final = np.dtype(f"V{EVENT.itemsize}")
_NO_CUTS: Final = np.zeros(0, CELL)
_NO_RECORDS: Final[Events] = np.zeros(0, EVENT)


@dataclass(frozen=True, slots=True, eq=False)
class _Spans:
    """The minute of some columns: when they trade, as shares of it, and between which log prices."""

    since: Array
    until: Array
    arrives: Array
    start: Array
    end: Array
    low: Array
    high: Array


def minute_prints(grid: Grid, minute: int, seed: int, tape: Tape, *, opens: bool) -> Events:
    """Return the quotes and trades of a minute, in order; `opens` marks the first of regular hours."""
    columns = Columns(
        begin=_usd(grid.log[minute]),
        end=_usd(grid.log[minute + 1]),
        sd=grid.sd[minute],
        trades=grid.count[minute],
        size=grid.size[minute],
        spread=grid.width(minute, ...),
        rows=grid.rows,
        busy=grid.busy,
    )
    return tape.minute(columns, _cuts(grid, minute), grid.begin_ns + minute * MINUTE, seed, opens=opens)


def minute_bars(grid: Grid, minute: int, rng: np.random.Generator, opens: bool) -> Events:
    """Return one bar for each symbol that traded in the minute, in row order, known at its end."""
    columns = np.flatnonzero(grid.count[minute] > 0)
    n, count, spans = len(columns), grid.count[minute][columns], _spans(grid, minute, columns)
    begin = grid.begin_ns + minute * MINUTE
    noise = grid.sd[minute][columns] * np.sqrt(spans.until - spans.since)
    start, end = spans.start, spans.end
    side = BOUNCE * grid.width(minute, columns) * (2.0 * (rng.random((2, n)) < 0.5) - 1.0)
    if opens:
        # The auction has one price.
        side[0] = 0.0
    # The extremes of a walk with fixed ends are known in closed form (reflection principle).
    move = end - start
    reach = np.sqrt(move * move - 2.0 * noise * noise * np.log1p(-rng.random((2, n))))
    short = CONTINUITY * noise / np.sqrt(np.maximum(BURST * count, 1.0))
    top = np.maximum(0.5 * (move + reach[0]) - short, np.maximum(move, 0.0))
    bottom = np.minimum(0.5 * (move - reach[1]) + short, np.minimum(move, 0.0))
    levels = (start + side[0], start + top + np.abs(side[0]), start + bottom - np.abs(side[0]), end + side[1])
    prices = [ticks(np.exp(np.clip(level, spans.low, spans.high))) for level in levels]
    out = np.zeros(n, EVENT)
    out["ts"], out["event_ts"] = begin + MINUTE, begin
    out["sym"], out["kind"], out["code"] = grid.rows[columns], Kind.BAR, MINUTE // SECOND
    single = count == 1
    opened, closed = prices[0], np.where(single, prices[0], prices[3])
    # A minute that ends the day ends at the official price only in the auction.
    out["a"], out["d"] = opened, closed
    out["b"] = np.where(single, opened, np.maximum(prices[1], np.maximum(opened, closed)))
    out["c"] = np.where(single, opened, np.minimum(prices[2], np.minimum(opened, closed)))
    out["e"] = np.maximum(np.rint(grid.size[minute][columns] * count), 1.0)
    return out


def closing_auction(at: int, rows: npt.NDArray[np.int32], price: Array, volume: Array, bars: bool) -> Events:
    """Return the prints of the closing auction at `at` (ns) and official prices, as prints or as bars of a minute."""
    share = np.interp(np.log10(np.maximum(volume, 1.0)), (4.0, 7.0), CLOSING_AUCTION)
    size = np.clip(np.rint(volume * share / (1.0 - share)), 1.0, MOST_AUCTION)
    out = np.zeros(len(rows), EVENT)
    if not bars:
        out["ts"], out["event_ts"], out["sym"], out["kind"] = at, at, rows, Kind.TRADE
        out["flag"], out["a"], out["b"] = Print.ALL | Print.CLOSING, price, size
        return out
    out["ts"], out["event_ts"] = at + MINUTE, at
    out["sym"], out["kind"], out["code"] = rows, Kind.BAR, MINUTE // SECOND
    out["a"] = out["b"] = out["c"] = out["d"] = price
    out["e"] = size
    return out


def standing_quotes(
    begin: int, rows: npt.NDArray[np.int32], log: Array, spread: Array, rng: np.random.Generator
) -> Events:
    """Return one quote for each of `rows`, at random times of the minute that begins at `begin`, ordered."""
    chance = rng.random((2, len(rows)))
    bid, ask = _sides(log, spread, 0.25 + 0.5 * chance[0])
    ts = begin + (chance[1] * MINUTE).astype(np.int64)
    return merge(_quotes(ts, rows, bid, ask, rng))


def status_records(pauses: tuple[Pause, ...], begin: int, end: int, close: int) -> Events:
    """Return the changes of trading status with `begin` <= ts < `end`, ordered."""
    found = [
        status(p.begin_ns, p.row, Status.PAUSED, HaltCode.LUDP, p.band, trades_ns=p.due_ns)
        for p in pauses
        if begin <= p.begin_ns < end
    ]
    found += [status(p.end_ns, p.row, Status.TRADING) for p in pauses if begin <= p.end_ns < end and p.end_ns <= close]
    return events(sorted(found)) if found else _NO_RECORDS


def merge(*parts: Events) -> Events:
    """Return all records in order of `ts`; of equal times, those of an earlier argument come first."""
    # Plain bytes move several times faster than records with fields.
    whole = np.concatenate([part.view(_BYTES) for part in parts])
    ts = whole.view(EVENT)["ts"].copy()
    if not len(ts):
        return whole.view(EVENT)
    ts -= ts.min()
    if int(ts.max()) >= 1 << (63 - PLACES):
        order = np.argsort(ts, kind="stable")
    else:
        # Time and place in one number: plain sorting is several times faster than a stable one.
        order = np.sort((ts << PLACES) | np.arange(len(ts))) & ((1 << PLACES) - 1)
    merged: Events = whole[order].view(EVENT)
    return merged


def ticks(price: Array) -> Array:
    """Return prices on their tick: a cent, below a dollar a hundredth of one."""
    found: Array = np.where(price >= ROUND_UP, np.rint(price * CENTS) / CENTS, np.rint(price * PENNIES) / PENNIES)
    return found


def _spans(grid: Grid, minute: int, columns: Index) -> _Spans:
    n = len(columns)
    found = _Spans(
        since=np.zeros(n),
        until=np.ones(n),
        arrives=np.ones(n),
        start=grid.log[minute][columns],
        end=grid.log[minute + 1][columns],
        low=np.full(n, -np.inf),
        high=np.full(n, np.inf),
    )
    for cut in grid.cuts.get(minute, ()):
        at = int(np.searchsorted(columns, cut.column))
        if at < n and columns[at] == cut.column:
            found.since[at], found.until[at], found.arrives[at] = cut.since, cut.until, cut.arrives
            found.start[at], found.end[at], found.low[at], found.high[at] = cut.start, cut.end, cut.low, cut.high
    return found


def _cuts(grid: Grid, minute: int) -> npt.NDArray[np.void]:
    found = grid.cuts.get(minute)
    if found is None:
        return _NO_CUTS
    cells = np.zeros(len(found), CELL)
    for name in ("column", "since", "until", "arrives"):
        cells[name] = [getattr(cut, name) for cut in found]
    for name, field in (("begin", "start"), ("end", "end"), ("low", "low"), ("high", "high")):
        cells[name] = _usd(np.array([getattr(cut, field) for cut in found]))
    return cells


def _usd(log: Array) -> Array:
    """Prices in $, in millionths, so that the last bit of a library's exponential does not matter."""
    found: Array = np.rint(np.exp(log) * 1e6) / 1e6
    return found


def _sides(log: Array, spread: Array, below: Array) -> tuple[Array, Array]:
    """Bid and ask around log prices, on the tick, at least one tick apart; `below` is the bid's share of the spread."""
    mid = _usd(log)
    tick = np.where(mid >= EDGE, CENTS, PENNIES)
    wide = np.maximum(np.rint(mid * spread * tick), 1.0)
    bid = np.maximum(np.floor(mid * tick - wide * below + 0.5), 1.0)
    ask = (bid + wide) / tick
    return bid / tick, np.where((ask > EDGE) & (tick > CENTS), np.ceil(ask * CENTS - 1e-6) / CENTS, ask)


def _quotes(ts: Index, rows: npt.NDArray[np.int32], bid: Array, ask: Array, rng: np.random.Generator) -> Events:
    out = np.zeros(len(ts), EVENT)
    out["ts"] = out["event_ts"] = ts
    out["sym"], out["kind"] = rows, Kind.QUOTE
    out["a"], out["b"] = bid, ask
    out["c"], out["d"] = DEPTH_TABLE[rng.integers(0, len(DEPTH_TABLE), (2, len(ts)), dtype=np.uint16)]
    return out
