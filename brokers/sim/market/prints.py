"""A minute of the synthetic market as records: quotes, and the trades that meet them; or one bar per symbol.

Trades come in bursts of one side and nearly one time, as orders sweep the book; between bursts the price walks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.grid import Grid, Pause
from brokers.sim.market.universe import Array
from qm.clock import MINUTE, MS, SECOND
from qm.model.market import EVENT, Events, Kind, Print, Status

Index = npt.NDArray[np.int64]

CENTS: Final = 100.0
PENNIES: Final = 10_000.0
"""Units of the tick below a dollar."""
BURST: Final = 0.34
"""Chance that a trade begins a burst."""
SAME_TIME: Final = 0.52
"""Chance that a trade inside a burst carries the time of the one before."""
TURN: Final = 0.05
"""Chance that a trade inside a burst is of the other side."""
STEADY, FICKLE = 0.16, 0.44
"""Chance that the side changes from burst to burst, in one half of the minutes and in the other."""
INSIDE: Final = 0.05
"""Share of the bursts that meet between bid and offer."""
OPENING_SIZE: Final = 4.0
IDLE_QUOTE: Final = 0.25
"""Chance of a fresh quote in a minute without a trade."""
FLICKER: Final = 4.2
"""Further quotes per trade where many trade: sizes change, prices hardly."""
CONTINUITY: Final = 0.5826
"""A walk seen n times falls short of its extremes by this share of its sd over the root of n (Siegmund)."""
BODY_SIZES: Final[measured.Quantiles] = (
    (0.0, 0.10, 0.25, 0.50, 0.60, 0.601, 0.76, 0.761, 0.90, 0.99, 1.0),
    (1.0, 3.0, 16.0, 60.0, 99.0, 100.0, 100.0, 101.0, 258.0, 1293.0, 6000.0),
)
MEAN_SIZE: Final = 166.4
"""Of `BODY_SIZES`."""
DEPTHS: Final[measured.Quantiles] = ((0.0, 0.25, 0.5, 0.9, 1.0), (100.0, 100.0, 187.0, 900.0, 4000.0))
TABLE: Final = 1 << 14
"""Entries of a quantile function that is looked up instead of computed."""
_CHANCES: Final = (np.arange(TABLE) + 0.5) / TABLE
_SIZE_TABLE: Final = np.interp(_CHANCES, BODY_SIZES[0], BODY_SIZES[1])
_DEPTH_TABLE: Final = np.rint(np.interp(_CHANCES, DEPTHS[0], DEPTHS[1]))
CLOSING_AUCTION: Final = (0.10, 0.14)
"""Volume of the closing auction as a share of the day's, from quiet to busy symbols."""
PLACES: Final = 26
"""Bits for the place of a record in a merge; what is left holds two minutes in ns."""
_BYTES: Final = np.dtype(f"V{EVENT.itemsize}")


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The symbols that trade in one minute: where the minute begins and ends for each, in time and log price."""

    column: Index
    count: Index
    since: Array
    until: Array
    arrives: Array
    start: Array
    end: Array
    low: Array
    high: Array


def minute_prints(grid: Grid, minute: int, rng: np.random.Generator, opens: bool) -> Events:
    """Return the quotes and trades of a minute, in order; `opens` marks the first of regular hours."""
    begin = grid.begin_ns + minute * MINUTE
    cells = _cells(grid, minute)
    idle = _idle_quotes(grid, minute, begin, rng)
    n = int(cells.count.sum())
    if n == 0:
        return idle
    first, cell, burst, leads = _bursts(cells.count, rng)
    part = np.sort(cell[leads] + rng.random(len(leads))) - cell[leads]
    if opens:
        part[first[leads]] *= 0.002
    part[first[leads] & (cells.since[cell[leads]] > 0.0)] *= 0.002
    log = _mids(grid.sd[minute].astype(np.float64), cells, cell[leads], part, rng)
    bid, ask = _sides(grid, minute, cells, cell[leads], log)
    width = (cells.until - cells.since)[cell[leads]]
    at = begin + ((cells.since[cell[leads]] + width * part) * MINUTE).astype(np.int64)
    # A burst is over before the next one is quoted.
    room = np.empty(len(at), np.int64)
    room[:-1] = np.where(first[leads][1:], begin + MINUTE - at[:-1], at[1:] - at[:-1])
    room[-1] = begin + MINUTE - at[-1]
    halts = cells.until < 1.0
    if halts.any():
        stops = begin + (cells.until[cell[leads]] * MINUTE).astype(np.int64)
        room = np.minimum(room, np.maximum(stops - at, 1))
    ts = _times(at, room, burst, leads, n, rng)
    side = _buys(cell, burst, leads, len(cells.count), rng)
    price = np.where(side, ask[burst], bid[burst])
    tick = np.where(bid >= 1.0, CENTS, PENNIES)
    inside = rng.random(len(leads)) < INSIDE
    if opens:
        inside |= first[leads]
    middle = np.rint(0.5 * (bid + ask) * tick) / tick
    price = np.where(inside[burst], middle[burst], price)
    price = np.clip(price, np.exp(cells.low[cell]) - 1e-9, np.exp(cells.high[cell]) + 1e-9)
    price = np.where(price >= 1.0, np.rint(price * CENTS) / CENTS, np.rint(price * PENNIES) / PENNIES)
    size = _sizes(grid.size[minute][cells.column[cell]], rng)
    if opens:
        # The opening auction.
        size[first] = np.rint(OPENING_SIZE * np.maximum(size[first], 50.0))
    rows = grid.rows[cells.column[cell]]
    quotes = _burst_quotes(
        begin, at, first[leads], grid.rows[cells.column[cell[leads]]], bid, ask, cells, cell[leads], rng
    )
    flicker = _flicker(grid, cells, cell, burst, at, room, bid, ask, rng)
    return merge(quotes, _trades(ts, rows, price, size), flicker, idle)


def minute_bars(grid: Grid, minute: int, rng: np.random.Generator, opens: bool) -> Events:
    """Return one bar for each symbol that traded in the minute, in row order, known at its end."""
    cells = _cells(grid, minute)
    n = len(cells.count)
    begin = grid.begin_ns + minute * MINUTE
    noise = grid.sd[minute][cells.column] * np.sqrt(cells.until - cells.since)
    seen = np.maximum(BURST * cells.count, 1.0)
    start, end = cells.start, cells.end
    # Many a last trade of a minute meets between bid and offer.
    side = 0.25 * grid.width(minute, cells.column) * (2.0 * (rng.random((2, n)) < 0.5) - 1.0)
    if opens:
        # The auction has one price.
        side[0] = 0.0
    # The extremes of a walk with fixed ends are known in closed form (reflection principle).
    move = end - start
    reach = np.sqrt(move * move - 2.0 * noise * noise * np.log1p(-rng.random((2, n))))
    short = CONTINUITY * noise / np.sqrt(seen)
    top = np.maximum(0.5 * (move + reach[0]) - short, np.maximum(move, 0.0))
    bottom = np.minimum(0.5 * (move - reach[1]) + short, np.minimum(move, 0.0))
    levels = (start + side[0], start + top + np.abs(side[0]), start + bottom - np.abs(side[0]), end + side[1])
    prices = [ticks(np.exp(np.clip(level, cells.low, cells.high))) for level in levels]
    out = np.zeros(n, EVENT)
    out["ts"], out["event_ts"] = begin + MINUTE, begin
    out["sym"], out["kind"], out["code"] = grid.rows[cells.column], Kind.BAR, MINUTE // SECOND
    single = cells.count == 1
    opened, closed = prices[0], np.where(single, prices[0], prices[3])
    # A minute that ends the day ends at the official price only in the auction.
    out["a"], out["d"] = opened, closed
    out["b"] = np.where(single, opened, np.maximum(prices[1], np.maximum(opened, closed)))
    out["c"] = np.where(single, opened, np.minimum(prices[2], np.minimum(opened, closed)))
    out["e"] = np.maximum(np.rint(grid.size[minute][cells.column] * cells.count), 1.0)
    return out


def closing_auction(at: int, rows: npt.NDArray[np.int32], price: Array, volume: Array, bars: bool) -> Events:
    """Return the prints of the closing auction at `at` (ns) and official prices, as prints or as bars of a minute."""
    share = np.interp(np.log10(np.maximum(volume, 1.0)), (4.0, 7.0), CLOSING_AUCTION)
    size = np.maximum(np.rint(volume * share / (1.0 - share)), 1.0)
    if not bars:
        return _trades(np.full(len(rows), at), rows, price, size, Print.ALL)
    out = np.zeros(len(rows), EVENT)
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
    bid, ask = _around(np.exp(log), spread, 0.25 + 0.5 * chance[0])
    ts = begin + (chance[1] * MINUTE).astype(np.int64)
    return merge(_quotes(ts, rows, bid, ask, rng))


def status_records(pauses: tuple[Pause, ...], begin: int, end: int, close: int) -> Events:
    """Return the changes of trading status with `begin` <= ts < `end`, ordered."""
    found = [(pause.begin_ns, pause.row, Status.PAUSED) for pause in pauses if begin <= pause.begin_ns < end]
    found += [(p.end_ns, p.row, Status.TRADING) for p in pauses if begin <= p.end_ns < end and p.end_ns <= close]
    found.sort()
    out = np.zeros(len(found), EVENT)
    for at, (ts, row, code) in enumerate(found):
        out[at] = (ts, ts, row, Kind.STATUS, 0, code, 0.0, 0.0, 0.0, 0.0, 0.0)
    return out


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
    found: Array = np.where(price >= 0.99995, np.rint(price * CENTS) / CENTS, np.rint(price * PENNIES) / PENNIES)
    return found


def _cells(grid: Grid, minute: int) -> _Cells:
    column = np.flatnonzero(grid.count[minute] > 0)
    n = len(column)
    cells = _Cells(
        column=column,
        count=grid.count[minute][column].astype(np.int64),
        since=np.zeros(n),
        until=np.ones(n),
        arrives=np.ones(n),
        start=grid.log[minute][column],
        end=grid.log[minute + 1][column],
        low=np.full(n, -np.inf),
        high=np.full(n, np.inf),
    )
    for cut in grid.cuts.get(minute, ()):
        at = int(np.searchsorted(column, cut.column))
        if at < n and column[at] == cut.column:
            cells.since[at], cells.until[at], cells.arrives[at] = cut.since, cut.until, cut.arrives
            cells.start[at], cells.end[at] = cut.start, cut.end
            cells.low[at], cells.high[at] = cut.low, cut.high
    return cells


def _bursts(count: Index, rng: np.random.Generator) -> tuple[npt.NDArray[np.bool_], Index, Index, Index]:
    """Per trade: whether it is its symbol's first, its cell, its burst; and the trades that lead the bursts."""
    n = int(count.sum())
    cell = np.repeat(np.arange(len(count)), count)
    first = np.zeros(n, np.bool_)
    first[np.cumsum(count) - count] = True
    begins = first | (rng.random(n) < BURST)
    return first, cell, np.cumsum(begins) - 1, np.flatnonzero(begins)


def _times(at: Index, room: Index, burst: Index, leads: Index, n: int, rng: np.random.Generator) -> Index:
    """Times of the trades, those of a burst within a tenth of a second."""
    late = np.where(rng.random(n) < SAME_TIME, 0.0, rng.standard_exponential(n))
    late[leads] = 0.0
    total = np.cumsum(late)
    total -= total[leads][burst]
    width = np.minimum(room, 100 * MS)[burst]
    ts: Index = at[burst] + (np.minimum(0.05 * total, 0.98) * width).astype(np.int64)
    return ts


def _buys(cell: Index, burst: Index, leads: Index, cells: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which trades are buys: sides persist from burst to burst."""
    chance = np.where(rng.random(cells) < 0.5, STEADY, FICKLE)[cell[leads]]
    turns = rng.random(len(leads)) < chance
    of_burst = (np.cumsum(turns) + rng.integers(0, 2, cells)[cell[leads]]) % 2
    odd = (rng.random(len(burst)) < TURN).astype(np.int64)
    odd[leads] = 0
    buys: npt.NDArray[np.bool_] = (of_burst[burst] + odd) % 2 == 1
    return buys


def _sizes(expected: npt.NDArray[np.float32], rng: np.random.Generator) -> Array:
    drawn = _SIZE_TABLE[rng.integers(0, TABLE, len(expected), dtype=np.uint16)]
    scale = expected / MEAN_SIZE
    # Where a trade stands for many its size is scaled; where it stands for itself it stays what is usual.
    sizes: Array = np.maximum(np.rint(np.where(np.abs(np.log(scale + 1e-9)) < 0.1, drawn, drawn * scale)), 1.0)
    return sizes


def _mids(sd: Array, cells: _Cells, cell: Index, part: Array, rng: np.random.Generator) -> Array:
    """Log middle prices at `part` of each cell: a random walk bent so that it ends where the minute ends."""
    n = len(cell)
    ends = np.flatnonzero(np.append(cell[1:] != cell[:-1], True))
    starts = np.append(0, ends[:-1] + 1)
    own = cell[ends]
    span = (cells.arrives - cells.since)[cell]
    part = np.minimum(part * (cells.until - cells.since)[cell] / np.maximum(span, 1e-9), 1.0)
    gaps = np.empty(n)
    gaps[1:] = part[1:] - part[:-1]
    gaps[starts] = part[starts]
    walk = np.cumsum(np.sqrt(np.maximum(gaps, 0.0)) * rng.standard_normal(n))
    before = np.zeros(len(ends))
    before[1:] = walk[ends[:-1]]
    place = np.zeros(len(cells.count), np.int64)
    place[own] = np.arange(len(ends))
    walk -= before[place[cell]]
    final = walk[ends] + np.sqrt(1.0 - part[ends]) * rng.standard_normal(len(ends))
    noise = sd[cells.column] * np.sqrt(np.maximum(cells.arrives - cells.since, 0.0))
    mid = cells.start[cell] + (cells.end - cells.start)[cell] * part + noise[cell] * (walk - part * final[place[cell]])
    found: Array = np.clip(mid, cells.low[cell], cells.high[cell])
    return found


def _around(mid: Array, spread: Array, below: Array | float) -> tuple[Array, Array]:
    """Bid and ask around prices, on the tick, at least one tick apart."""
    tick = np.where(mid >= 1.0, CENTS, PENNIES)
    wide = np.maximum(np.rint(mid * spread * tick), 1.0)
    bid = np.maximum(np.floor(mid * tick - wide * below + 0.5), 1.0)
    ask = (bid + wide) / tick
    return bid / tick, np.where((ask > 1.0) & (tick > CENTS), np.ceil(ask * CENTS - 1e-6) / CENTS, ask)


def _sides(grid: Grid, minute: int, cells: _Cells, cell: Index, log: Array) -> tuple[Array, Array]:
    """Bid and ask of each burst; one that leans on a band is quoted there."""
    spread = grid.width(minute, cells.column)[cell]
    mid = np.exp(log)
    bid, ask = _around(mid, spread, 0.5)
    up, down = log >= cells.high[cell] - 1e-12, log <= cells.low[cell] + 1e-12
    wide = ask - bid
    bid = ticks(np.where(up, mid, np.where(down, np.maximum(mid - wide, 0.0001), bid)))
    ask = ticks(np.where(up, mid + wide, np.where(down, mid, ask)))
    return bid, ask


def _burst_quotes(
    begin: int,
    at: Index,
    first: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int32],
    bid: Array,
    ask: Array,
    cells: _Cells,
    cell: Index,
    rng: np.random.Generator,
) -> Events:
    """A quote before each burst that changed it."""
    changed = first.copy()
    changed[1:] |= (bid[1:] != bid[:-1]) | (ask[1:] != ask[:-1])
    earliest = begin + (cells.since[cell] * MINUTE).astype(np.int64) + 1
    earliest[1:] = np.where(first[1:], earliest[1:], at[:-1] + np.minimum(at[1:] - at[:-1], 100 * MS))
    ts = np.maximum(at - (rng.random(len(at)) * 60 * MS).astype(np.int64) - MS, np.minimum(earliest, at))
    return _quotes(ts[changed], rows[changed], bid[changed], ask[changed], rng)


def _flicker(
    grid: Grid,
    cells: _Cells,
    cell: Index,
    burst: Index,
    at: Index,
    room: Index,
    bid: Array,
    ask: Array,
    rng: np.random.Generator,
) -> Events:
    """Quotes between the bursts of busy symbols: the same prices with other sizes."""
    busy = np.flatnonzero(grid.busy[cells.column[cell]])
    of = burst[busy[rng.integers(0, len(busy), int(FLICKER * len(busy)))]] if len(busy) else np.zeros(0, np.int64)
    # After the burst's last trade, and before the next quote.
    spare = np.minimum(room[of], MINUTE) - 100 * MS
    of, spare = of[spare > 70 * MS], spare[spare > 70 * MS]
    ts = at[of] + 100 * MS + (rng.random(len(of)) * (spare - 65 * MS)).astype(np.int64)
    lead = np.append(True, burst[1:] != burst[:-1])
    rows = grid.rows[cells.column[cell[lead][of]]]
    return _quotes(ts, rows, bid[of], ask[of], rng)


def _idle_quotes(grid: Grid, minute: int, begin: int, rng: np.random.Generator) -> Events:
    idle = np.flatnonzero((grid.count[minute] == 0) & (rng.random(len(grid.rows)) < IDLE_QUOTE))
    return standing_quotes(begin, grid.rows[idle], grid.log[minute][idle], grid.width(minute, idle), rng)


def _quotes(ts: Index, rows: npt.NDArray[np.int32], bid: Array, ask: Array, rng: np.random.Generator) -> Events:
    out = np.zeros(len(ts), EVENT)
    out["ts"] = out["event_ts"] = ts
    out["sym"], out["kind"] = rows, Kind.QUOTE
    out["a"], out["b"] = bid, ask
    depth = _DEPTH_TABLE[rng.integers(0, TABLE, (2, len(ts)), dtype=np.uint16)]
    out["c"], out["d"] = depth
    return out


def _trades(
    ts: Index, rows: npt.NDArray[np.int32], price: Array, size: Array, flag: int | npt.NDArray[np.int64] | None = None
) -> Events:
    """Trades; an odd lot counts for the volume only (as the tapes have it)."""
    out = np.zeros(len(ts), EVENT)
    out["ts"] = out["event_ts"] = ts
    out["sym"], out["kind"] = rows, Kind.TRADE
    out["flag"] = np.where(size < 100.0, int(Print.VOLUME), int(Print.ALL)) if flag is None else flag
    out["a"], out["b"] = price, size
    return out
