"""The compiled loop that writes a minute's quotes and trades, symbol by symbol, and puts them in order of time.

Trades come in bursts of one side and nearly one time, as orders sweep the book, and bursts in swarms; between them the
price walks from where the minute begins to where it ends. It uses nothing but sums, products, quotients and roots,
which are the same on every processor, and a generator of its own (SplitMix64, Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.grid import CENTS, EDGE, PENNIES, ROUND_UP
from qm.model.market import EVENT, Events, Kind, Print

Index = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]

CELL: Final = np.dtype(
    [
        ("begin", "<f8"), ("end", "<f8"), ("sd", "<f8"), ("low", "<f8"), ("high", "<f8"),
        ("since", "<f8"), ("until", "<f8"), ("arrives", "<f8"),
        ("spread", "<f8"), ("size", "<f8"), ("tilt", "<f8"), ("count", "<i8"), ("column", "<i8"), ("sym", "<i4"),
        ("busy", "<i4"), ("burst", "<f8"), ("fresh", "<f8"),
    ]
)  # fmt: skip
"""One symbol's minute: prices and their sd in $, the bounds of prices, when it trades as shares of the minute, the
spread as a fraction, the multiple of a usual trade's size, how likely buys are, the number of trades, the chances that
a trade begins a burst and that a burst's side has nothing to do with the one before."""


class Columns(NamedTuple):
    """A minute of all columns of a grid, one element each."""

    begin: Array
    """Price at its begin, $."""
    end: Array
    sd: npt.NDArray[np.float32]
    """Of log prices."""
    trades: npt.NDArray[np.int16]
    size: npt.NDArray[np.float32]
    """Expected shares of one trade."""
    spread: Array
    rows: npt.NDArray[np.int32]
    busy: npt.NDArray[np.bool_]


US: Final = 1_000
"""Times are whole microseconds, as on the tapes; in here they are counted in them."""
MINUTE: Final = 60_000_000
MS: Final = 1_000
TABLE: Final = 1 << 12
"""Entries of a quantile function that is looked up instead of computed."""
BURST: Final = 0.34
"""Chance that a trade begins a burst."""
SWARM: Final = 0.34
"""Chance that a burst follows the one before at once."""
SWARM_NS: Final = 90 * MS
SAME_TIME: Final = 0.55
"""Chance that a trade inside a burst carries the time of the one before."""
INSIDE_NS: Final = ((0.0, 0.85, 1.0), (5.0, 1e3, 1e5))
"""Time between trades inside a burst that differ in it."""
TURN: Final = 0.09
"""Chance that the side changes inside a burst."""
FRESH: Final = 0.36
"""Chance that a burst's side has nothing to do with the one before."""
WALKS: Final = 0.12
"""Chance that a trade inside a burst takes the last of a level and moves the quote by a tick."""
BETWEEN: Final = 0.05
"""Share of the bursts that meet between bid and offer."""
OPENING_SIZE: Final = 4.0
MOST_SIZE: Final = 5e5
"""Shares of one print; what would go beyond does not trade."""
IDLE_QUOTE: Final = 0.25
"""Chance of a fresh quote in a minute without a trade."""
TILT: Final = 0.19
"""How much likelier buys are in a minute that rises by its sd."""
FLICKER: Final = 4.6
"""Further quotes per trade where many trade: sizes change, prices hardly."""
ROOM: Final = 70 * MS
"""Time before a burst in which its quote comes."""
BODY_SIZES: Final[measured.Quantiles] = (
    (0.0, 0.10, 0.25, 0.50, 0.60, 0.601, 0.76, 0.761, 0.90, 0.99, 1.0),
    (1.0, 3.0, 16.0, 60.0, 99.0, 100.0, 100.0, 101.0, 258.0, 1293.0, 6000.0),
)
DEPTHS: Final[measured.Quantiles] = ((0.0, 0.25, 0.5, 0.9, 1.0), (100.0, 100.0, 187.0, 900.0, 4000.0))
_CHANCES: Final = (np.arange(TABLE) + 0.5) / TABLE
_SIZES: Final = np.interp(_CHANCES, BODY_SIZES[0], BODY_SIZES[1])
MEAN_SIZE: Final = float(np.rint(10.0 * _SIZES.mean()) / 10.0)
DEPTH_TABLE: Final = np.rint(np.interp(_CHANCES, DEPTHS[0], DEPTHS[1]))
# Rounded, so that the last bit of a library's logarithm does not matter.
_NORMALS: Final = np.round([NormalDist().inv_cdf(chance) for chance in _CHANCES.tolist()], 9)
_WAITS: Final = np.round(-np.log1p(-_CHANCES), 9)
_STEPS: Final = np.rint(np.exp(np.interp(_CHANCES, INSIDE_NS[0], np.log(INSIDE_NS[1]))))

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _24, _12, _11 = (np.uint64(bits) for bits in (30, 27, 31, 24, 12, 11))
_MASK: Final = np.uint64(TABLE - 1)
_UNIT, _SHORT = 2.0**-53, 2.0**-40
_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_ODD, _ROUND, _OPENING = int(Print.VOLUME), int(Print.ALL), int(Print.ALL | Print.OPENING)
_DIGIT: Final = 13
_DIGITS: Final = (1 << _DIGIT) - 1
"""Bits by which records are sorted at a time; a minute has 26."""


class Tape:
    """Writes minutes, one after the other; keeps the memory that a minute is drafted in."""

    def __init__(self) -> None:
        self._drafts: Events = np.empty(0, EVENT)
        self._places = np.empty((3, 0), np.int32)
        self._bursts = np.empty((2, 0), np.int64)

    def minute(self, columns: Columns, cuts: npt.NDArray[np.void], begin: int, seed: int, *, opens: bool) -> Events:
        """Return the records of the minute that begins at `begin` (ns UTC), in order; `opens`: with opening auctions.

        `cuts`, of dtype `CELL`, are the columns that do not trade freely, in order: of them the times, prices and
        bounds hold. The records depend on the arguments alone.
        """
        count = np.maximum(columns.trades, 0)
        trades, busy = int(count.sum()), int(count[columns.busy].sum())
        most = 2 * trades + len(count) + int(FLICKER * busy) + 2
        if most > len(self._drafts):
            self._drafts, self._places = np.empty(2 * most, EVENT), np.empty((3, 2 * most), np.int32)
        longest = int(count.max(initial=0)) + 1
        if longest > self._bursts.shape[1]:
            self._bursts = np.empty((2, 2 * longest), np.int64)
        state = np.array([seed], np.uint64)
        n = _write(columns, cuts, begin // US, state, opens, self._drafts, self._bursts[0], self._bursts[1])
        found: Events = _ordered(self._drafts[:n], begin, self._places)
        return found


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _draw(state: npt.NDArray[np.uint64]) -> np.uint64:
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    mixed: np.uint64 = z ^ (z >> _31)
    return mixed


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _unit(state: npt.NDArray[np.uint64]) -> float:
    return np.float64(_draw(state) >> _11) * _UNIT


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _write(
    columns: Columns,
    cuts: npt.NDArray[np.void],
    begin: int,
    state: npt.NDArray[np.uint64],
    opens: bool,
    out: Events,
    times: Index,
    lots: Index,
) -> int:
    """Write the records of all symbols, each in order of time, one symbol after the other; return their number."""
    at, next_cut = 0, 0
    cell = np.zeros(1, CELL)[0]
    for k in range(len(columns.trades)):
        count = columns.trades[k]
        if count < 0 or (count == 0 and _unit(state) >= IDLE_QUOTE):
            continue
        sym = columns.rows[k]
        if count == 0:
            ts = begin + np.int64(_unit(state) * MINUTE)
            bid, ask = _around(columns.begin[k], columns.spread[k])
            at = _quote(out, at, ts, sym, bid, ask, state)
            continue
        cell["begin"], cell["end"], cell["low"], cell["high"] = columns.begin[k], columns.end[k], 0.0, np.inf
        cell["since"], cell["until"], cell["arrives"] = 0.0, 1.0, 1.0
        while next_cut < len(cuts) and cuts[next_cut]["column"] < k:
            next_cut += 1
        if next_cut < len(cuts) and cuts[next_cut]["column"] == k:
            cut = cuts[next_cut]
            cell["begin"], cell["end"], cell["low"], cell["high"] = cut["begin"], cut["end"], cut["low"], cut["high"]
            cell["since"], cell["until"], cell["arrives"] = cut["since"], cut["until"], cut["arrives"]
        sd = max(columns.sd[k] * cell["begin"], 1e-9)
        cell["sd"], cell["spread"], cell["sym"], cell["count"] = sd, columns.spread[k], sym, count
        cell["size"], cell["busy"] = columns.size[k] / MEAN_SIZE, columns.busy[k]
        # Where a trade stands for many, bursts and the memory of sides are as short as what it leaves out makes them.
        many = max(cell["size"], 1.0) * max(cell["size"], 1.0)
        cell["burst"], cell["fresh"] = 1.0 - (1.0 - BURST) / many, 1.0 - (1.0 - FRESH) / many
        cell["tilt"] = 0.5 + TILT * min(max((cell["end"] - cell["begin"]) / sd, -2.0), 2.0)
        at = _symbol(cell, begin, state, opens, out, at, times, lots)
    return at


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _plan(cell: np.void, begin: int, state: npt.NDArray[np.uint64], opens: bool, times: Index, lots: Index) -> int:
    """Draw when each burst begins and how many trades it has; return the number of bursts."""
    first = _WAITS[_draw(state) & _MASK]
    if opens or cell["since"] > 0.0:
        first *= 0.002
    times[0], lots[0] = np.int64(first * MS), 1
    bursts, wait, swarm = 1, first, 0
    for _ in range(1, cell["count"]):
        z = _draw(state)
        if np.float64(z >> _11) * _UNIT >= cell["burst"]:
            lots[bursts - 1] += 1
            continue
        z = _draw(state)
        step = _WAITS[z & _MASK]
        # A time to wait at first: what is negative is fixed, the others are shares of what is left.
        if np.float64(z >> _11) * _UNIT < SWARM:
            far = int(step * SWARM_NS) + 1
            times[bursts] = -far
            swarm += far
        else:
            times[bursts] = int(step * MS)
            wait += step
        lots[bursts] = 1
        bursts += 1
    wait += _WAITS[_draw(state) & _MASK]
    since = begin + np.int64(cell["since"] * MINUTE)
    width = np.int64((cell["until"] - cell["since"]) * MINUTE)
    less = 1.0 if 2 * swarm < width else 0.5 * width / swarm
    share = (width - less * swarm) / (wait * MS)
    now = 0.0
    for i in range(bursts):
        now += times[i] * share if times[i] >= 0 else -less * times[i]
        times[i] = since + min(np.int64(now), width - 2)
    return bursts


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _symbol(
    cell: np.void,
    begin: int,
    state: npt.NDArray[np.uint64],
    opens: bool,
    out: Events,
    at: int,
    times: Index,
    lots: Index,
) -> int:
    """Write the bursts of one symbol from `out[at]` on: a quote where it changed, the trades, quotes that flicker."""
    bursts = _plan(cell, begin, state, opens, times, lots)
    stop = begin + np.int64(cell["until"] * MINUTE) - 1
    span = max(cell["arrives"] - cell["since"], 1e-9)
    since = begin + np.int64(cell["since"] * MINUTE)
    part, mid, bid, ask, owed = 0.0, cell["begin"], 0.0, 0.0, 0.0
    sd = cell["sd"] * np.sqrt(span)
    # What reopens does so after its pause has ended.
    last, auction = (since if cell["since"] > 0.0 else since - 1), opens
    buys = _unit(state) < cell["tilt"]
    for i in range(bursts):
        ts = min(max(times[i], last + 1), stop)
        now = min((ts - since) / (span * MINUTE), 1.0)
        left = max(1.0 - part, 1e-12)
        step = max(now - part, 0.0)
        mid += (cell["end"] - mid) * (step / left)
        mid += sd * np.sqrt(step * max(1.0 - now, 0.0) / left) * _NORMALS[_draw(state) & _MASK]
        mid = min(max(mid, cell["low"]), cell["high"])
        part = now
        below, above = _sides(mid, cell)
        if below != bid or above != ask:
            bid, ask = below, above
            early = ts - MS - np.int64(_unit(state) * 60 * MS)
            at = _quote(out, at, min(max(early, last + 1), ts), cell["sym"], bid, ask, state)
        buys = _side(buys, cell["tilt"], cell["fresh"], state)
        between = auction or _unit(state) < BETWEEN
        last, at, moved = _burst(cell, ts, stop, lots[i], bid, ask, buys, between, auction, out, at, state)
        auction, bid, ask, mid = False, _tick(bid + moved), _tick(ask + moved), mid + moved
        if cell["busy"]:
            owed += FLICKER * lots[i]
            room = (times[i + 1] if i + 1 < bursts else stop) - ROOM - last
            if room > MS:
                many = np.int64(owed)
                at = _flicker(out, at, last, room, many, cell["sym"], bid, ask, state)
                owed -= many
    return at


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _side(buys: bool, tilt: float, chance: float, state: npt.NDArray[np.uint64]) -> bool:
    """The side of the next burst: that of the last one, or with some chance a new one."""
    if _unit(state) < chance:
        buys = _unit(state) < tilt
    return buys


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _sides(mid: float, cell: np.void) -> tuple[float, float]:
    """Bid and ask around a price; one that leans on a bound is quoted there."""
    bid, ask = _around(mid, cell["spread"])
    if mid >= cell["high"]:
        return _tick(mid), _tick(mid + ask - bid)
    if mid <= cell["low"]:
        return _tick(max(mid - ask + bid, 1.0 / PENNIES)), _tick(mid)
    return bid, ask


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _around(mid: float, spread: float) -> tuple[float, float]:
    """Bid and ask around a price, on the tick, at least one tick apart."""
    tick = CENTS if mid >= EDGE else PENNIES
    wide = max(np.rint(mid * spread * tick), 1.0)
    bid = max(np.floor(mid * tick - 0.5 * wide + 0.5), 1.0)
    ask = (bid + wide) / tick
    if ask > 1.0 and tick > 100.0:
        ask = np.ceil(ask * 100.0 - 1e-6) / 100.0
    return bid / tick, ask


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _tick(price: float) -> float:
    unit = CENTS if price >= ROUND_UP else PENNIES
    found: float = np.rint(price * unit) / unit
    return found


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _burst(
    cell: np.void,
    ts: int,
    stop: int,
    many: int,
    bid: float,
    ask: float,
    buys: bool,
    between: bool,
    auction: bool,
    out: Events,
    at: int,
    state: npt.NDArray[np.uint64],
) -> tuple[int, int, float]:
    """Write the trades of a burst; return the time of the last one, the place behind it, how far the quote moved."""
    middle, scale, moved = _tick(0.5 * (bid + ask)), cell["size"], 0.0
    tick = 1.0 / CENTS if bid >= EDGE else 1.0 / PENNIES
    for k in range(many):
        z = _draw(state)
        if k > 0:
            if np.float64(z >> _11) * _UNIT > SAME_TIME:
                ts = min(ts + int(_STEPS[(z >> _12) & _MASK]), stop)
            chance = _unit(state)
            if chance < TURN:
                buys = not buys
            elif chance < TURN + WALKS and not between:
                step = tick if buys else -tick
                if cell["low"] < bid + step and ask + step < cell["high"] and bid + step > tick:
                    bid, ask, moved = _tick(bid + step), _tick(ask + step), moved + step
                    at = _quote(out, at, ts, cell["sym"], bid, ask, state)
        price = middle if between else (ask if buys else bid)
        price = _tick(min(max(price, cell["low"]), cell["high"]))
        size = _SIZES[z & _MASK]
        # Where a trade stands for many its size is scaled; where it stands for itself it stays what is usual.
        if not 0.9 < scale < 1.1:
            size *= scale
        if auction and k == 0:
            size = OPENING_SIZE * max(size, 50.0)
        size = min(max(np.rint(size), 1.0), MOST_SIZE)
        record = out[at]
        record["ts"], record["event_ts"], record["sym"], record["kind"] = ts * US, ts * US, cell["sym"], _TRADE
        # An odd lot counts for the volume only, as the tapes have it.
        record["flag"], record["code"] = (_ODD if size < 100.0 else _ROUND), 0
        if auction and k == 0:
            record["flag"] = _OPENING
        record["a"], record["b"], record["c"], record["d"], record["e"] = price, size, 0.0, 0.0, 0.0
        at += 1
    return ts, at, moved


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _quote(out: Events, at: int, ts: int, sym: int, bid: float, ask: float, state: npt.NDArray[np.uint64]) -> int:
    behind: int = _write_quote(out, at, ts, sym, bid, ask, _draw(state))
    return behind


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _write_quote(out: Events, at: int, ts: int, sym: int, bid: float, ask: float, z: np.uint64) -> int:
    """Write one quote, its sizes by the 24 low bits of `z`; return the place behind it."""
    record = out[at]
    record["ts"], record["event_ts"], record["sym"], record["kind"] = ts * US, ts * US, sym, _QUOTE
    record["flag"], record["code"] = 0, 0
    record["a"], record["b"], record["c"], record["d"] = (
        bid,
        ask,
        DEPTH_TABLE[z & _MASK],
        DEPTH_TABLE[(z >> _12) & _MASK],
    )
    record["e"] = 0.0
    return at + 1


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _flicker(
    out: Events,
    at: int,
    last: int,
    room: int,
    many: int,
    sym: int,
    bid: float,
    ask: float,
    state: npt.NDArray[np.uint64],
) -> int:
    """Write `many` quotes within `room` ns after `last`: the same prices with other sizes."""
    step = (room - 1) / max(many, 1)
    for k in range(many):
        z = _draw(state)
        # The low bits are for the sizes.
        ts = last + 1 + np.int64((k + np.float64(z >> _24) * _SHORT) * step)
        at = _write_quote(out, at, ts, sym, bid, ask, z)
    return at


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _ordered(drafts: Events, begin: int, room: npt.NDArray[np.int32]) -> Events:
    """Return the records in order of time; of equal times, the one that was written first comes first."""
    n = len(drafts)
    keys, other_keys, places = room[0], room[1], room[2]
    low, high = np.zeros((1 << _DIGIT) + 1, np.int64), np.zeros((1 << _DIGIT) + 1, np.int64)
    for i in range(n):
        key = (drafts[i]["ts"] - begin) // US
        keys[i] = key
        low[(key & _DIGITS) + 1] += 1
        high[((key >> _DIGIT) & _DIGITS) + 1] += 1
    for digit in range(1 << _DIGIT):
        low[digit + 1] += low[digit]
        high[digit + 1] += high[digit]
    for i in range(n):
        digit = keys[i] & _DIGITS
        place = low[digit]
        other_keys[place], places[place] = keys[i] >> _DIGIT, i
        low[digit] = place + 1
    order = keys
    for i in range(n):
        place = high[other_keys[i]]
        order[place] = places[i]
        high[other_keys[i]] = place + 1
    # Reading at random and writing in order is faster than the other way about.
    out = np.empty(n, drafts.dtype)
    for i in range(n):
        out[i] = drafts[order[i]]
    return out
