"""`qm data profile`: what is known of each symbol before a session, and how its volume spreads over the minutes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qm.clock import MINUTE
from qm.errors import UsageError
from qm.history.catalogue import Catalogue
from qm.history.corrections import settled
from qm.history.files import write_whole
from qm.history.known import Known
from qm.history.layout import Array, SessionData
from qm.history.reference import DAYS, LEAST_DAYS
from qm.history.summaries import kind_of
from qm.market.reference import Column, Reference
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Kind, Print
from qm.rules.calendar import SESSION_MINUTES, is_session, next_session, session


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known before a session, without any look at it."""

    on: dt.date
    symbols: SymbolTable
    reference: Reference
    days: tuple[dt.date, ...]
    """Full sessions behind the shares, in order."""
    share: Column
    """Share of the regular volume done by the end of each minute, float64[symbol, 390]; NaN where less than eight of
    those sessions tell it, or bars are longer than a minute."""


def profile(catalogue: Catalogue, dataset: str, on: dt.date | None = None, kind: str | None = None) -> Profile:
    """Return what is known before the session of `on`, by default the one after the last of the dataset.

    Only sessions before it are read. Raises NotFoundError and UsageError for what was asked, DataError for damage.
    """
    every = catalogue.sessions(dataset, kind=kind)
    on = on or next_session(every[-1]).date
    if not is_session(on):
        # It says why, and which one follows.
        session(on)
    before = [date for date in every if date < on]
    if not before:
        raise UsageError(f"Dataset {dataset} has no session before {on}.", f"It has {every[0]} to {every[-1]}.")
    kinds = kind.split("+") if kind else catalogue.kinds(dataset)
    told = kind_of(kinds)
    days = [date for date in before if is_session(date) and not session(date).half][-DAYS:]
    read = [catalogue.load(dataset, date, told) for date in days or before[-1:]]
    symbols = SymbolTable(sorted({name for data in read for name in data.symbols}))
    nothing = SessionData(symbols, np.empty(0, EVENT), on, "")
    reference = Known(catalogue, dataset, kinds, on).before(nothing).reference
    return Profile(on, symbols, reference, tuple(days), _shares(read, symbols) if days else _unknown(symbols))


def write_profile(of: Profile, rows: list[int], path: Path) -> None:
    """Write these rows of a profile as Parquet, one per symbol and minute; DiskFullError, DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = len(rows)
    names = [of.symbols.names[row] for row in rows]

    def each(column: Array) -> Array:
        return np.repeat(column[rows], SESSION_MINUTES)

    known = of.reference
    made = pa.table(
        {
            "session": pa.array([of.on] * (n * SESSION_MINUTES), pa.date32()),
            "symbol": pa.array([name for name in names for _ in range(SESSION_MINUTES)], pa.string()),
            "minute": np.tile(np.arange(SESSION_MINUTES, dtype=np.int32), n),
            "share": of.share[rows].ravel(),
            "prior_close": each(known.prior_close),
            "adv": each(known.adv),
            "atr": each(known.atr),
            "days": each(known.days),
            "known_at": each(known.known_at),
        }
    )
    write_whole(path, lambda part: pq.write_table(made, part, compression="zstd"))


def _unknown(symbols: SymbolTable) -> Column:
    return np.full((len(symbols), SESSION_MINUTES), np.nan)


def _shares(read: list[SessionData], symbols: SymbolTable) -> Column:
    """Return the mean share done by each minute; each day counts the same, so that splits do not matter."""
    total = np.zeros((len(symbols), SESSION_MINUTES))
    count = np.zeros(len(symbols))
    for data in read:
        minutes = _minutes(data)
        whole = minutes.sum(axis=1)
        traded = np.flatnonzero(whole > 0)
        rows = np.array(symbols.rows(data.symbols), np.int64)[traded]
        total[rows] += np.cumsum(minutes[traded], axis=1) / whole[traded, None]
        count[rows] += 1
    share = _unknown(symbols)
    enough = count >= LEAST_DAYS
    share[enough] = total[enough] / count[enough, None]
    return share


def _minutes(data: SessionData) -> Column:
    """Return the volume of a session by symbol and minute of regular hours; nothing where bars are longer."""
    n = len(data.symbols)
    events = settled(data.events)
    bars = events["kind"] == Kind.BAR
    picked = events[bars] if bars.any() else events[events["kind"] == Kind.TRADE]
    minute = (picked["event_ts"] - session(data.session).open_ns) // MINUTE
    picked, minute = (part[(minute >= 0) & (minute < SESSION_MINUTES)] for part in (picked, minute))
    if bars.any():
        volume = picked["e"] if len(picked) and picked["code"].max() <= 60 else np.zeros(len(picked))
    else:
        volume = np.where(picked["flag"] & Print.VOLUME, picked["b"], 0.0)
    place = picked["sym"].astype(np.int64) * SESSION_MINUTES + minute
    made = np.bincount(place, volume, n * SESSION_MINUTES).astype(np.float64)
    return made.reshape(n, SESSION_MINUTES)
