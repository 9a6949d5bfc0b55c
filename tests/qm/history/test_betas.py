"""The beta of a symbol equals the slope that plain pandas finds in its daily closes."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from qm.clock import MINUTE
from qm.history.reference import ReferenceBuilder, Split
from qm.market.betas import BETA_DAYS, LEAST_BETA_DAYS
from qm.model.instrument import SymbolTable
from qm.model.market import bar
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import day_of

NAMES = ("SPY", "AAA", "BBB", "NEW")
DATES = [each.date for each in sessions(dt.date(2024, 1, 2), dt.date(2024, 6, 28))][:90]
SPLIT, FACTOR = DATES[70], 0.1


def closes() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    market = rng.normal(0, 0.01, len(DATES))
    frame = pd.DataFrame(index=DATES)
    for name, beta in zip(NAMES, (1.0, 1.7, -0.4, 0.9), strict=True):
        own = 0.0 if name == "SPY" else rng.normal(0, 0.02, len(DATES))
        frame[name] = 50.0 * np.exp(np.cumsum(beta * market + own))
    frame.loc[DATES[40:43], "BBB"] = np.nan
    frame.loc[DATES[:50], "NEW"] = np.nan
    return frame


def slope(frame: pd.DataFrame, name: str) -> float:
    moves = frame.pct_change(fill_method=None).iloc[-BETA_DAYS:]
    moves = pd.DataFrame({"market": moves["SPY"], "own": moves[name]}).dropna()
    if len(moves) < LEAST_BETA_DAYS:
        return float("nan")
    return float(np.polyfit(moves["market"], moves["own"], 1)[0])


def test_the_beta_is_the_slope_of_daily_moves_on_those_of_spy() -> None:
    frame = closes()
    builder = ReferenceBuilder([Split("AAA", SPLIT, FACTOR, session(SPLIT).pre_ns)])
    told = 0
    for at, date in enumerate(DATES):
        known = builder.reference(SymbolTable(NAMES), date).beta
        for row, name in enumerate(NAMES):
            expected = slope(frame.iloc[:at], name) if at else float("nan")
            assert known[row] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True), (date, name)
            told += bool(np.isfinite(known[row]))
        rows = []
        for row, name in enumerate(NAMES):
            price = float(frame.loc[date, name]) * (FACTOR if name == "AAA" and date >= SPLIT else 1.0)
            if np.isfinite(price):
                rows.append(bar(session(date).open_ns + MINUTE, row, price, price, price, price, 100.0))
        builder.add(day_of(rows, NAMES, date))
    # SPY, AAA and BBB from the twenty-second session on, BBB with a gap, NEW twenty moves after it came.
    assert told == 3 * (len(DATES) - LEAST_BETA_DAYS - 1) + len(DATES) - 50 - LEAST_BETA_DAYS - 1


def test_without_spy_no_beta_is_known() -> None:
    builder = ReferenceBuilder()
    for date in DATES[:40]:
        builder.add(day_of([bar(session(date).open_ns + MINUTE, 0, 10, 10, 10, 10, 7)], ("AAA",), date))
    assert np.isnan(builder.reference(SymbolTable(["AAA"]), DATES[40]).beta).all()
