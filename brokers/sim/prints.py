"""A minute of the synthetic market as records: quotes, and the trades that meet them; or one bar per symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.grid import Grid, Pause
from brokers.sim.universe import Array
from qm.clock import MINUTE, MS, SECOND
from qm.model.market import EVENT, Events, Kind, Print, Status

CENTS: Final = 100.0
FLOOR_CENTS: Final = 100.0
INSIDE: Final = 0.08
"""Share of the trades that meet between bid and offer."""
ROUGHNESS: Final = 0.6
"""Wandering inside a minute, as a share of what a random walk with the minute's sd would do."""
ROUND_LOTS: Final = 0.2
"""Share of the larger trades that come in hundreds."""
OPENING_SIZE: Final = 6.0
IDLE_QUOTE: Final = 0.25
"""Chance of a fresh quote in a minute without a trade."""
_BYTES: Final = np.dtype(f"V{EVENT.itemsize}")


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The symbols that trade in one minute: where the minute begins and ends for each, in time and log price."""

    column: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    since: Array
    until: Array
    start: Array
    end: Array


def minute_prints(grid: Grid, minute: int, rng: np.random.Generator, opens: bool, closes: bool) -> Events:
    """Return the quotes and trades of a minute, in order; `opens` and `closes` mark the first and last of the day."""
    begin = grid.begin_ns + minute * MINUTE
    cells = _cells(grid, minute)
    n = int(cells.count.sum())
    idle = _idle_quotes(grid, minute, begin, rng)
    if n == 0:
        return idle
    cell = np.repeat(np.arange(len(cells.count)), cells.count)
    first = np.zeros(n, np.bool_)
    first[np.cumsum(cells.count) - cells.count] = True
    chance = rng.random((4, n))
    # Sorting cell + uniform sorts the times within every cell at once.
    part: Array = np.sort(cell + chance[0]) - cell
    if opens:
        part[first] *= 0.01
    if closes:
        last = np.roll(first, -1)
        part[last] = 1.0 - (1.0 - part[last]) * 0.01
    width = cells.until - cells.since
    ts = begin + ((cells.since[cell] + width[cell] * part) * MINUTE).astype(np.int64)
    mid = np.exp(_mids(grid.sd[minute], cells, cell, part, rng)) * CENTS
    column = cells.column[cell]
    spread = np.maximum(np.rint(mid * grid.spread[minute][column]), 1.0)
    bid = np.maximum(np.floor(mid - 0.5 * spread + 0.5), FLOOR_CENTS)
    up = np.empty(n)
    up[1:] = mid[1:] - mid[:-1]
    up[first] = cells.end[cell[first]] - cells.start[cell[first]]
    price = bid + spread * (chance[1] < 0.5 + 0.3 * np.sign(up))
    price = np.where(chance[2] < INSIDE, bid + np.floor(spread * chance[1] + 0.5), price)
    size: Array = np.maximum(np.rint(grid.size[minute][column] * np.exp(0.9 * rng.standard_normal(n) - 0.405)), 1.0)
    size = np.where((chance[3] < ROUND_LOTS) & (size > 50.0), 100.0 * np.rint(size / 100.0), size)
    if opens:
        size[first] = np.rint(size[first] * OPENING_SIZE)
    changed = first.copy()
    changed[1:] |= (bid[1:] != bid[:-1]) | (spread[1:] != spread[:-1])
    earliest = begin + (cells.since[cell] * MINUTE).astype(np.int64)
    earliest[1:] = np.where(first[1:], earliest[1:], ts[:-1] + 1)
    quoted = np.maximum(ts - (chance[3] * 60 * MS).astype(np.int64) - MS, np.minimum(earliest, ts))[changed]
    rows = grid.rows[column]
    quotes = _quotes(quoted, rows[changed], bid[changed], spread[changed], rng)
    trades = _trades(ts, rows, price, size)
    return merge(quotes, trades, idle)


def minute_bars(grid: Grid, minute: int, rng: np.random.Generator) -> Events:
    """Return one bar for each symbol that traded in the minute, in row order, known at its end."""
    cells = _cells(grid, minute)
    n = len(cells.count)
    begin = grid.begin_ns + minute * MINUTE
    chance = rng.random((2, n))
    noise = ROUGHNESS * grid.sd[minute][cells.column] * np.sqrt(cells.until - cells.since)
    # The extremes of a walk with fixed ends are known in closed form (reflection principle).
    move = cells.end - cells.start
    reach = np.sqrt(move * move - 2.0 * noise * noise * np.log1p(-chance))
    top, bottom = 0.5 * (move + reach[0]), 0.5 * (move - reach[1])
    cents = [np.rint(np.exp(level) * CENTS) for level in (cells.start, cells.end)]
    high = np.maximum(np.rint(np.exp(cells.start + top) * CENTS), np.maximum(*cents))
    low = np.minimum(np.rint(np.exp(cells.start + bottom) * CENTS), np.minimum(*cents))
    out = np.zeros(n, EVENT)
    out["ts"], out["event_ts"] = begin + MINUTE, begin
    out["sym"], out["kind"], out["code"] = grid.rows[cells.column], Kind.BAR, MINUTE // SECOND
    out["a"], out["d"] = cents[0] / CENTS, cents[1] / CENTS
    out["b"], out["c"] = high / CENTS, np.maximum(low, FLOOR_CENTS) / CENTS
    out["e"] = np.maximum(np.rint(grid.size[minute][cells.column] * cells.count), 1.0)
    return out


def standing_quotes(
    begin: int, rows: npt.NDArray[np.int32], log: Array, spread: Array, rng: np.random.Generator
) -> Events:
    """Return one quote for each of `rows`, at random times of the minute that begins at `begin`, ordered."""
    chance = rng.random((2, len(rows)))
    mid = np.exp(log) * CENTS
    wide = np.maximum(np.rint(mid * spread), 1.0)
    bid = np.maximum(np.floor(mid - wide * (0.25 + 0.5 * chance[0]) + 0.5), FLOOR_CENTS)
    ts = begin + (chance[1] * MINUTE).astype(np.int64)
    return merge(_quotes(ts, rows, bid, wide, rng))


def status_records(pauses: tuple[Pause, ...], begin: int, end: int, close: int) -> Events:
    """Return the changes of trading status with `begin` <= ts < `end`, ordered."""
    found = [(pause.begin_ns, pause.row, Status.PAUSED) for pause in pauses if begin <= pause.begin_ns < end]
    found += [(p.end_ns, p.row, Status.TRADING) for p in pauses if begin <= p.end_ns < end and p.end_ns < close]
    found.sort()
    out = np.zeros(len(found), EVENT)
    for at, (ts, row, code) in enumerate(found):
        out[at] = (ts, ts, row, Kind.STATUS, 0, code, 0.0, 0.0, 0.0, 0.0, 0.0)
    return out


def merge(*parts: Events) -> Events:
    """Return all records in order of `ts`; of equal times, those of an earlier argument come first."""
    # Plain bytes move several times faster than records with fields.
    whole = np.concatenate([part.view(_BYTES) for part in parts])
    order = np.argsort(whole.view(EVENT)["ts"], kind="stable")
    return whole[order].view(EVENT)


def _cells(grid: Grid, minute: int) -> _Cells:
    column = np.flatnonzero(grid.count[minute] > 0)
    cells = _Cells(
        column=column,
        count=grid.count[minute][column],
        since=np.zeros(len(column)),
        until=np.ones(len(column)),
        start=grid.log[minute][column],
        end=grid.log[minute + 1][column],
    )
    for cut in grid.cuts.get(minute, ()):
        at = int(np.searchsorted(column, cut.column))
        if at < len(column) and column[at] == cut.column:
            cells.since[at], cells.until[at] = cut.since, cut.until
            cells.start[at], cells.end[at] = cut.start, cut.end
    return cells


def _mids(sd: Array, cells: _Cells, cell: npt.NDArray[np.int64], part: Array, rng: np.random.Generator) -> Array:
    """Log middle prices at `part` of each cell: a random walk bent so that it ends where the minute ends."""
    n, k = len(cell), len(cells.count)
    ends = np.cumsum(cells.count)
    starts = ends - cells.count
    gaps = np.empty(n)
    gaps[1:] = part[1:] - part[:-1]
    gaps[starts] = part[starts]
    walk = np.cumsum(np.sqrt(np.maximum(gaps, 0.0)) * rng.standard_normal(n))
    before = np.zeros(k)
    before[1:] = walk[ends[:-1] - 1]
    walk -= before[cell]
    final = walk[ends - 1] + np.sqrt(1.0 - part[ends - 1]) * rng.standard_normal(k)
    noise = ROUGHNESS * sd[cells.column] * np.sqrt(cells.until - cells.since)
    mid = cells.start[cell] + (cells.end - cells.start)[cell] * part + noise[cell] * (walk - part * final[cell])
    halted = (cells.until < 1.0)[cell]
    if halted.any():
        # Up to a pause no trade may leave the band at which it begins.
        low, high = np.minimum(cells.start, cells.end)[cell], np.maximum(cells.start, cells.end)[cell]
        mid = np.where(halted, np.clip(mid, low, high), mid)
    return mid


def _idle_quotes(grid: Grid, minute: int, begin: int, rng: np.random.Generator) -> Events:
    idle = np.flatnonzero((grid.count[minute] == 0) & (rng.random(len(grid.rows)) < IDLE_QUOTE))
    return standing_quotes(begin, grid.rows[idle], grid.log[minute][idle], grid.spread[minute][idle], rng)


def _quotes(
    ts: npt.NDArray[np.int64], rows: npt.NDArray[np.int32], bid: Array, spread: Array, rng: np.random.Generator
) -> Events:
    out = np.zeros(len(ts), EVENT)
    out["ts"] = out["event_ts"] = ts
    out["sym"], out["kind"] = rows, Kind.QUOTE
    out["a"], out["b"] = bid / CENTS, (bid + spread) / CENTS
    depth = np.floor(1.0 + rng.standard_exponential((2, len(ts)), dtype=np.float32) * 2.2)
    out["c"], out["d"] = 100.0 * depth
    return out


def _trades(ts: npt.NDArray[np.int64], rows: npt.NDArray[np.int32], price: Array, size: Array) -> Events:
    out = np.zeros(len(ts), EVENT)
    out["ts"] = out["event_ts"] = ts
    out["sym"], out["kind"], out["flag"] = rows, Kind.TRADE, Print.ALL
    out["a"], out["b"] = price / CENTS, size
    return out
