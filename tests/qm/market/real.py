"""Real sessions as records, for tests that are skipped where the data are not."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from qm.clock import MINUTE
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events, Kind, Print
from qm.rules.calendar import Session, session

DATA = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def bars(folder: str, date: dt.date) -> tuple[SymbolTable, Session, Events]:
    """The minute bars of a session, in the order in which they were known."""
    path = DATA / folder
    if not path.exists():
        pytest.skip(f"no real market data at {path}: set QM_TEST_DATA")
    of = session(date)
    held = [("ts", ">=", of.pre_ns), ("ts", "<", of.post_ns)]
    table = pq.read_table(path, columns=["ts", "symbol", "open", "high", "low", "close", "volume"], filters=held)
    symbols = SymbolTable(sorted(set(table["symbol"].to_pylist())))
    records = np.zeros(table.num_rows, EVENT)
    records["event_ts"] = table["ts"].to_numpy()
    records["ts"] = records["event_ts"] + MINUTE
    records["sym"] = symbols.rows(table["symbol"].to_pylist())
    records["kind"], records["code"] = Kind.BAR, 60
    for field, name in zip("abcde", ("open", "high", "low", "close", "volume"), strict=True):
        records[field] = table[name].to_numpy()
    ordered: Events = records[np.argsort(records["ts"], kind="stable")]
    return symbols, of, ordered


def runner_prints() -> tuple[SymbolTable, Session, Events]:
    """The prints of a runner day; odd lots count in the volume and set no price."""
    path = DATA / "runners_20251114" / "trades.parquet"
    if not path.exists():
        pytest.skip(f"no real market data at {path}: set QM_TEST_DATA")
    table = pq.read_table(path, columns=["ts", "symbol", "price", "size"])
    symbols = SymbolTable(sorted(set(table["symbol"].to_pylist())))
    records = np.zeros(table.num_rows, EVENT)
    records["ts"] = records["event_ts"] = table["ts"].to_numpy()
    records["sym"], records["kind"] = symbols.rows(table["symbol"].to_pylist()), Kind.TRADE
    records["a"], records["b"] = table["price"].to_numpy(), table["size"].to_numpy()
    records["flag"] = np.where(records["b"] >= 100, Print.ALL, Print.VOLUME)
    ordered: Events = records[np.argsort(records["ts"], kind="stable")]
    return symbols, session(dt.date(2025, 11, 14)), ordered


def drawn(symbols: SymbolTable, records: Events, seed: int = 1) -> Reference:
    """A reference that fits the prices and is otherwise drawn: formulae are compared, not baselines."""
    rng, n = np.random.default_rng(seed), len(symbols)
    first = np.full(n, np.nan)
    rows, at = np.unique(records["sym"], return_index=True)
    first[rows] = records["a"][at]
    draw = rng.uniform
    # Of every third symbol only the average of a day is known, and the course of the market.
    own = np.cumsum(draw(0, 1e5, (79, n)), axis=0) - draw(0, 1e4, n)
    own[0], own[:, ::3] = 0.0, np.nan
    early = np.cumsum(draw(0, 1e4, (23, n)), axis=0)
    early[0], early[:, ::3] = 0.0, np.nan
    return replace(
        Reference.empty(n),
        prior_close=np.round(first * draw(0.95, 1.2, n), 2),
        adv=draw(1e5, 1e7, n),
        atr=first * draw(0.01, 0.2, n),
        or_volume=draw(1e4, 1e6, n),
        float_shares=draw(1e6, 1e9, n),
        days=np.full(n, 14),
        curve=np.sort(draw(0, 1, 390)),
        pre_volume=draw(1e3, 1e5, n),
        prev_high=first * draw(1.0, 1.3, n),
        prev_low=first * draw(0.7, 1.0, n),
        high_52w=first * draw(1.0, 3.0, n),
        nr7=rng.integers(0, 2, n).astype(float),
        inside_day=rng.integers(0, 2, n).astype(float),
        beta=draw(0.3, 3.0, n),
        adv10=np.where(np.arange(n) % 3, draw(1e5, 1e7, n), np.nan),
        adv20=np.where(np.arange(n) % 3, draw(1e5, 1e7, n), np.nan),
        usual=own.astype(np.float32),
        pre_usual=early.astype(np.float32),
        ssr_carried=rng.integers(0, 2, n).astype(float),
    )
