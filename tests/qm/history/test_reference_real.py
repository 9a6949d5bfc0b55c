"""What earlier sessions tell equals plain pandas on real daily bars."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from qm.clock import MINUTE
from qm.history.reference import ReferenceBuilder
from qm.model.instrument import SymbolTable
from qm.model.market import bar
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import day_of, real

NAMES = ("AAPL", "BAC", "IBM", "SPY")
"""None of them split in these years."""
FIELDS = ("open", "high", "low", "close", "volume")
FIRST, LAST = dt.date(2018, 6, 1), dt.date(2019, 12, 31)


def daily() -> pd.DataFrame:
    """Real bars of whole days by date; columns by field and symbol."""
    told = pd.read_parquet(real("lean/daily.parquet"))
    told = told[told["symbol"].isin(NAMES)]
    told["date"] = pd.to_datetime(told["ts"], utc=True).dt.tz_convert("America/New_York").dt.date
    told["symbol"] = told["symbol"].astype(str)
    told = told[(told["date"] >= FIRST) & (told["date"] <= LAST)]
    return told.pivot_table(index="date", columns="symbol", values=["open", "high", "low", "close", "volume"])


def of_symbol(past: pd.DataFrame, spy: pd.Series, before: dt.date) -> dict[str, float]:
    high, low, close = past["high"], past["low"], past["close"]
    ranges = pd.concat([high - low, (high - close.shift()).abs(), (low - close.shift()).abs()], axis=1).max(axis=1)
    seeded = pd.concat([pd.Series([ranges.iloc[:14].mean()]), ranges.iloc[14:]])
    full = past["volume"][[session(date).minutes == 390 for date in past.index]]
    spans, moves, market = (high - low).iloc[-7:], close.pct_change().iloc[-60:], spy.pct_change().iloc[-60:]
    return {
        "prior_close": close.iloc[-1],
        "atr": seeded.ewm(alpha=1 / 14, adjust=False).mean().iloc[-1],
        "adv": full.iloc[-14:].mean(),
        "adv10": full.iloc[-10:].mean(),
        "adv20": full.iloc[-20:].mean(),
        "prev_high": high.iloc[-1],
        "prev_low": low.iloc[-1],
        "high_52w": high[past.index >= before - dt.timedelta(weeks=52)].max(),
        "nr7": float(spans.iloc[-1] < spans.iloc[:-1].min()),
        "inside_day": float(high.iloc[-1] < high.iloc[-2] and low.iloc[-1] > low.iloc[-2]),
        "beta": moves.cov(market) / market.var(),
        "ssr_carried": float(low.iloc[-1] <= 0.9 * close.iloc[-2]),
    }


def test_what_real_days_tell_by_plain_pandas() -> None:
    whole = daily()
    builder, table = ReferenceBuilder(), SymbolTable(NAMES)
    dates = [each.date for each in sessions(FIRST, LAST)]
    assert dates == whole.index.tolist()
    marks = dict.fromkeys(("nr7", "inside_day"), 0)
    for n, date in enumerate(dates):
        if n > 262 and n % 4 == 0:
            known = builder.reference(table, date)
            for row, name in enumerate(NAMES):
                past = whole.xs(name, axis=1, level="symbol").iloc[:n]
                for what, value in of_symbol(past, whole["close", "SPY"].iloc[:n], date).items():
                    assert getattr(known, what)[row] == pytest.approx(value, rel=1e-9), (name, date, what)
                    if what in marks:
                        marks[what] += int(value)
        day = whole.loc[date]
        rows = []
        for row, name in enumerate(NAMES):
            o, high, low, c, volume = (float(day[field, name]) for field in FIELDS)
            rows.append(bar(session(date).open_ns + MINUTE, row, o, high, low, c, volume))
        builder.add(day_of(rows, NAMES, date))
    assert min(marks.values()) > 3
    assert np.isfinite(builder.reference(table, dt.date(2020, 1, 2)).known_at).all()
