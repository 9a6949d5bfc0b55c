"""The dirt that real feeds have, put onto a clean synthetic market: each kind is a switch, and all are off by default.

What is added depends on the seed, the date and the minute alone, like the market itself.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.prints import merge
from qm.clock import MINUTE, SECOND
from qm.market.reference import Reference
from qm.model.market import EVENT, Events, Kind, cancel, correction, trade
from qm.rules.calendar import Session


class Dirt(StrEnum):
    """One kind of dirt."""

    REVERSE_SPLIT = "reverse_split"
    """Some closes are from before a reverse split of today, and nothing says so: 0.02 $ where 1.83 $ trades."""
    STALE_VENUE = "stale_venue"
    """A venue shows the bid of the open all day, and no offer."""
    LATE = "late"
    """Trades become known up to five seconds after they happened, behind others."""
    TWICE = "twice"
    """Trades come twice."""
    CORRECTIONS = "corrections"
    """Trades at wrong prices are cancelled, others corrected, some seconds later."""
    NO_VOLUME = "no_volume"
    """The volume of some symbols is missing."""
    END_LABELS = "end_labels"
    """Bars are labelled by their end."""
    BAD_QUOTES = "bad_quotes"
    """Quotes are crossed, or lack a side."""
    OUTAGE = "outage"
    """Nothing comes from 10:30 to 10:35."""


REVERSE_SPLITS: Final = 0.001
"""Share of the symbols a session; at least one."""
RATIOS: Final = (10.0, 20.0, 50.0, 90.0)
STALE_SHARE, LATE_SHARE, TWICE_SHARE, WRONG_SHARE, BAD_SHARE = 0.05, 0.02, 0.01, 0.002, 0.01
NO_VOLUME_SHARE: Final = 0.048
WRONG_BY: Final = 0.05
OUTAGE_AT, OUTAGE_MINUTES = 60 * MINUTE, 5


def soil(records: Events, of: Session, begin: int, kinds: frozenset[Dirt], rng: np.random.Generator) -> Events:
    """Return the records of the minute that starts at `begin` with dirt of some kinds, in order of `ts`."""
    if Dirt.OUTAGE in kinds and 0 <= begin - of.open_ns - OUTAGE_AT < OUTAGE_MINUTES * MINUTE:
        return records[:0]
    if not len(records):
        return records
    last = max(int(records["ts"][-1]), begin + MINUTE - 1)
    out, added = records.copy(), []
    trades = np.flatnonzero(out["kind"] == Kind.TRADE)
    # Every kind draws the same, whichever others are on.
    chance = rng.random((4, len(out)))
    if Dirt.CORRECTIONS in kinds:
        added.append(_corrected(out, trades[chance[0, trades] < WRONG_SHARE], last, rng))
    if Dirt.TWICE in kinds:
        twice = out[trades[chance[1, trades] < TWICE_SHARE]].copy()
        twice["ts"] = np.minimum(twice["ts"] + 1_000, last)
        added.append(twice)
    if Dirt.LATE in kinds:
        late = trades[chance[2, trades] < LATE_SHARE]
        out["ts"][late] = np.minimum(out["ts"][late] + (rng.random(len(late)) * 5 * SECOND).astype(np.int64), last)
    if Dirt.BAD_QUOTES in kinds:
        _spoil(out, np.flatnonzero((out["kind"] == Kind.QUOTE) & (chance[3] < BAD_SHARE)))
    if Dirt.STALE_VENUE in kinds:
        added.append(_stale(out))
    if Dirt.NO_VOLUME in kinds:
        silent = _hashed(out["sym"]) < NO_VOLUME_SHARE
        out["e"][silent & (out["kind"] == Kind.BAR)] = 0.0
        out["b"][silent & (out["kind"] == Kind.TRADE)] = 0.0
    if Dirt.END_LABELS in kinds:
        bars = out["kind"] == Kind.BAR
        out["event_ts"][bars] = out["ts"][bars]
    return merge(out, *added)


def unadjusted(known: Reference, rng: np.random.Generator) -> Reference:
    """Return a reference in which a few symbols had a reverse split that it does not know of."""
    n = len(known)
    rows = np.unique(rng.integers(0, n, max(1, round(REVERSE_SPLITS * n))))
    ratio = np.ones(n)
    ratio[rows] = rng.choice(RATIOS, len(rows))
    factor = known.split_factor.copy()
    factor[rows] = np.nan
    return replace(
        known,
        prior_close=known.prior_close / ratio,
        adv=known.adv * ratio,
        or_volume=known.or_volume * ratio,
        atr=known.atr / ratio,
        prev_open=known.prev_open / ratio,
        prev_high=known.prev_high / ratio,
        prev_low=known.prev_low / ratio,
        split_factor=factor,
    )


def _corrected(out: Events, rows: npt.NDArray[np.int64], last: int, rng: np.random.Generator) -> Events:
    """Wrong prints that are cancelled, and corrections of prices that were right in the first place."""
    made = []
    for row in rows.tolist():
        ts, sym, price, size, flag = (out[name][row].item() for name in ("ts", "sym", "a", "b", "flag"))
        after = min(ts + int(rng.integers(1, 6)) * SECOND, last)
        if rng.random() < 0.5:
            wrong = trade(ts, sym, round(price * (1.0 + WRONG_BY), 2), size, flag)
            made += [wrong, cancel(after, wrong)]
        else:
            right = (ts, ts, sym, int(Kind.TRADE), flag, 0, price, size, 0.0, 0.0, 0.0)
            made.append(correction(after, right, price, max(size - 1.0, 1.0), flag))
    made.sort(key=lambda record: record[0])
    return np.array(made, EVENT)


def _spoil(out: Events, rows: npt.NDArray[np.int64]) -> None:
    crossed, bidless, empty = rows[::3], rows[1::3], rows[2::3]
    bid = out["a"][crossed].copy()
    out["a"][crossed], out["b"][crossed] = out["b"][crossed], bid
    out["a"][bidless] = 0.0
    out["a"][empty], out["b"][empty] = 0.0, np.nan


def _stale(out: Events) -> Events:
    """After the first quote of each of some symbols, one without an offer and with a bid that left long ago."""
    quotes = out[(out["kind"] == Kind.QUOTE) & (_hashed(out["sym"]) < STALE_SHARE)]
    _, first = np.unique(quotes["sym"], return_index=True)
    stale: Events = quotes[np.sort(first)].copy()
    stale["a"] = np.rint(stale["a"] * 97.0) / 100.0
    stale["b"], stale["d"] = 0.0, 0.0
    return stale


def _hashed(rows: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """A number from 0 to 1 that stays with a symbol."""
    found: npt.NDArray[np.float64] = (rows.astype(np.int64) * 2_654_435_761 % 2**32) / 2.0**32
    return found
