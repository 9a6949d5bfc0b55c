"""Seeded market records for the benchmarks of single parts: random walks, many symbols, one long session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.model.market import EVENT, Events, Kind, Print

Prices = npt.NDArray[np.float64]
TICK_NS = 1_000_000
"""Between two prints."""


def bars(symbols: int, records: int, seed: int = 1, start_ns: int = 0) -> Events:
    """Draw one-minute bars, minute by minute and all symbols in each; about `records` of them."""
    rng = np.random.default_rng(seed)
    minutes = max(1, records // symbols)
    first = rng.uniform(5.0, 200.0, symbols)
    close = np.round(first * np.exp(np.cumsum(rng.normal(0.0, 0.001, (minutes, symbols)), axis=0)), 2)
    opened = np.vstack([np.round(first, 2), close[:-1]])
    wick = np.round(np.abs(rng.normal(0.0, 0.0005, (2, minutes, symbols))) * close, 2)
    made = np.zeros((minutes, symbols), EVENT)
    made["event_ts"] = start_ns + np.arange(minutes)[:, None] * MINUTE
    made["ts"] = made["event_ts"] + MINUTE
    made["sym"], made["kind"], made["code"] = np.arange(symbols), Kind.BAR, 60
    made["a"], made["d"] = opened, close
    made["b"] = np.maximum(opened, close) + wick[0]
    made["c"] = np.minimum(opened, close) - wick[1]
    made["e"] = rng.integers(1, 500, (minutes, symbols)) * 100
    return made.ravel()


def prints(symbols: int, records: int, seed: int = 1, start_ns: int = 0, near: Prices | None = None) -> Events:
    """Draw prints a millisecond apart, in symbols chosen at random: few are busy, most are quiet.

    `near` holds each symbol's price, $; drawn when it is not given.
    """
    rng = np.random.default_rng(seed)
    weight = 1.0 / np.arange(1, symbols + 1) ** 0.8
    made = np.zeros(records, EVENT)
    made["ts"] = made["event_ts"] = start_ns + np.arange(records) * TICK_NS
    made["sym"] = rng.permutation(symbols)[rng.choice(symbols, records, p=weight / weight.sum())]
    made["kind"], made["flag"] = Kind.TRADE, Print.ALL
    price = rng.uniform(5.0, 200.0, symbols) if near is None else near
    made["a"] = np.round(price[made["sym"]] * (1.0 + rng.normal(0.0, 0.001, records)), 2)
    made["b"] = rng.integers(1, 20, records) * 100
    return made
