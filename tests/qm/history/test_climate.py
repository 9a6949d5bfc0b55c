"""What is told of the days before a session equals what plain pandas finds in their daily bars."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qm.clock import MINUTE
from qm.history.known import Known
from qm.history.reference import ReferenceBuilder, Split
from qm.market.climate import AS_VIX, NAMES, bucket, told, unknown
from qm.model.instrument import SymbolTable
from qm.model.market import bar
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import day_of, imported, real

ALL = [each.date for each in sessions(dt.date(2023, 1, 3), dt.date(2024, 2, 23))]
GONE = ALL[236]
"""A session that is missing in the data."""
DATES = [date for date in ALL if date != GONE]
NAMED = ("SPY", *(f"S{i:02d}" for i in range(12)), "NEW")
SPLITS = {"SPY": (ALL[210], 0.5), "S03": (ALL[225], 20.0)}

Told = dict[str, str | float]


@cache
def market() -> pd.DataFrame:
    """Open, high, low, close and volume by symbol and session, in the shares that hold at the end."""
    rng = np.random.default_rng(11)
    found = {}
    for name in NAMED:
        wild = 0.008 if name == "SPY" else 0.06
        night, day = rng.normal(0, wild, len(ALL)), rng.normal(0, wild, len(ALL))
        close = 40.0 * np.exp(np.cumsum(night + day))
        opened = close / np.exp(day)
        found[name, "open"], found[name, "close"] = opened, close
        found[name, "high"] = np.maximum(opened, close) * (1 + rng.random(len(ALL)) * wild)
        found[name, "low"] = np.minimum(opened, close) * (1 - rng.random(len(ALL)) * wild)
        found[name, "volume"] = rng.choice([5e5, 5e7], len(ALL)) / close * rng.uniform(0.9, 1.1, len(ALL))
    frame = pd.DataFrame(found, index=ALL)
    frame.loc[ALL[:200], "NEW"] = np.nan
    frame.loc[ALL[228:231], "S05"] = np.nan
    frame.loc[GONE] = np.nan
    return frame


def built(dates: list[dt.date], known_at: dict[str, int] | None = None) -> ReferenceBuilder:
    """A builder that took in these sessions, in the shares that held in them."""
    at = {name: session(date).pre_ns for name, (date, _) in SPLITS.items()} | (known_at or {})
    builder = ReferenceBuilder([Split(name, *each, at[name]) for name, each in SPLITS.items()])
    for date in dates:
        _take(builder, date)
    return builder


def _take(builder: ReferenceBuilder, date: dt.date) -> None:
    rows = []
    for row, name in enumerate(NAMED):
        o, high, low, c, volume = (float(market().loc[date, (name, each)]) for each in FIELDS)
        on, factor = SPLITS.get(name, (date, 1.0))
        shares = factor if date < on else 1.0
        if np.isfinite(c):
            o, high, low, c = (each / shares for each in (o, high, low, c))
            rows.append(bar(session(date).open_ns + MINUTE, row, o, high, low, c, volume * shares))
    builder.add(day_of(rows, NAMED, date))


FIELDS = ("open", "high", "low", "close", "volume")


def expected(before: dt.date) -> Told:
    """The same by pandas, over whole columns of the calendar, nothing of it carried forward."""
    taken = [date for date in DATES if date < before][-252:]
    if not taken:
        return {}
    past = market().loc[[date for date in ALL if taken[0] <= date < before]]
    close, opened = past.xs("close", axis=1, level=1), past.xs("open", axis=1, level=1)
    volume = past.xs("volume", axis=1, level=1)
    found: dict[str, Any] = {}
    if np.isnan(close["SPY"].iloc[-1]):
        return {}
    spy = past["SPY"].dropna()
    for n in (20, 50, 200):
        found[f"spy_sma{n}_pct"] = 100 * (spy["close"] / spy["close"].rolling(n).mean() - 1).iloc[-1]
    found["spy_adx14"] = wilder(spy)
    vol = 100 * np.log(past["SPY"]["close"]).diff().rolling(5).std() * 252**0.5
    found["spy_vol5_pct"] = vol.iloc[-1]
    others = vol.iloc[:-1].dropna()
    if len(others) >= 20 and np.isfinite(vol.iloc[-1]):
        found["spy_vol5_rank_pct"], found["spy_vol5_windows"] = 100 * (others < vol.iloc[-1]).mean(), len(others)
    there = close.dropna(how="all")
    for n in (20, 50):
        mean = there.rolling(n).mean().iloc[-1].dropna()
        if len(mean):
            found[f"above_sma{n}_pct"] = 100 * (there.iloc[-1][mean.index] > mean).mean()
            found[f"above_sma{n}_names"] = len(mean)
    move, gap, body = close / close.shift() - 1, opened / close.shift() - 1, close / opened - 1
    if move.iloc[-1].notna().any():
        found["hot_names"] = ((move.iloc[-1] >= 0.2) & (close.iloc[-1] * volume.iloc[-1] >= 1e7)).sum()
        found["hot_of_names"] = move.iloc[-1].notna().sum()
        found["gappers_names"] = (gap.iloc[-1] >= 0.04).sum()
        found["gappers_pct"] = 100 * body.iloc[-1][gap.iloc[-1] >= 0.04].mean()
    days = gap.dropna(how="all").index[-10:]
    if len(days) == 10:
        gapped = gap.loc[days] >= 0.04
        found["gaps_names"] = gapped.sum().sum()
        found["gaps_held_pct"] = 100 * ((body.loc[days] > 0) & gapped).sum().sum() / gapped.sum().sum()
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def wilder(bars: pd.DataFrame) -> float:
    """Average directional index (14) as the mean of the first fourteen, then thirteen parts and one."""
    if len(bars) < 28:
        return float("nan")
    up, down = bars["high"].diff(), -bars["low"].diff()
    plus, minus = up.where((up > down) & (up > 0), 0.0), down.where((down > up) & (down > 0), 0.0)
    before = bars["close"].shift()
    ranges = np.maximum(bars["high"], before) - np.minimum(bars["low"], before)

    def smoothed(values: pd.Series) -> pd.Series:
        seeded = pd.Series([values.iloc[:14].mean(), *values.iloc[14:]])
        return seeded.ewm(alpha=1 / 14, adjust=False).mean()

    plus, minus, ranges = (smoothed(each.iloc[1:]) for each in (plus, minus, ranges))
    one, other = 100 * plus / ranges, 100 * minus / ranges
    strength = 100 * (one - other).abs() / (one + other)
    return float(smoothed(strength).iloc[-1])


def climate(builder: ReferenceBuilder, on: dt.date) -> Told:
    return told(builder.reference(SymbolTable(NAMED), on).climate)


def test_every_number_is_that_of_pandas() -> None:
    builder, names = built([]), set()
    for date in ALL:
        found = climate(builder, date)
        volatility = found.pop(AS_VIX, None)
        assert (volatility is None) == ("spy_vol5_pct" not in found)
        assert found == pytest.approx(expected(date), rel=1e-6, abs=6e-5), date
        names |= set(found)
        if date != GONE:
            _take(builder, date)
    assert names == set(NAMES)


def test_with_too_little_history_what_is_not_known_is_absent() -> None:
    assert climate(built([]), DATES[0]) == {}
    assert climate(built(DATES[:1]), DATES[1]) == {}
    two = climate(built(DATES[:2]), DATES[2])
    assert set(two) <= {"hot_names", "hot_of_names", "gappers_names", "gappers_pct"}
    thirty = climate(built(DATES[:30]), DATES[30])
    assert {"spy_sma20_pct", "spy_adx14", "spy_vol5_rank_pct", "above_sma20_pct", "gaps_names"} <= set(thirty)
    assert not {"spy_sma50_pct", "above_sma50_pct"} & set(thirty)


def test_after_a_missing_session_moves_are_not_known_for_a_while() -> None:
    at = ALL.index(GONE)
    assert climate(built(ALL[:at]), ALL[at + 1]) == {}
    # The next move spans two sessions, and stays in the volatility for five.
    after = climate(built([*ALL[:at], ALL[at + 1]]), ALL[at + 2])
    assert "hot_names" not in after
    assert "spy_sma200_pct" in after
    assert "spy_vol5_pct" not in climate(built([*ALL[:at], *ALL[at + 1 : at + 6]]), ALL[at + 6])
    assert "spy_vol5_pct" in climate(built([*ALL[:at], *ALL[at + 1 : at + 7]]), ALL[at + 7])


def test_a_run_that_begins_later_knows_the_same() -> None:
    on = DATES[270]
    early, late = climate(built(DATES[:270]), on), climate(built(DATES[18:270]), on)
    assert late == pytest.approx(early, rel=1e-9)
    assert len(late) == len(NAMES) + 1


def test_a_split_that_came_out_late_counts_nowhere() -> None:
    on, _ = SPLITS["S03"]
    at = DATES.index(on)
    before = climate(built(DATES[:at]), on)
    found = climate(built(DATES[: at + 1], {"S03": session(on).close_ns}), DATES[at + 1])
    assert found["above_sma20_names"] == before["above_sma20_names"] - 1  # type: ignore[operator]
    assert found["hot_of_names"] == before["hot_of_names"] - 1  # type: ignore[operator]
    spy, _ = SPLITS["SPY"]
    at = DATES.index(spy)
    found = climate(built(DATES[: at + 1], {"SPY": session(spy).close_ns}), DATES[at + 1])
    assert not [name for name in found if name.startswith("spy")]


def test_the_thresholds_count_and_a_split_that_nobody_told_does_not() -> None:
    builder, (first, second, third) = ReferenceBuilder(), DATES[:3]
    names = tuple("ABCD")
    opens = session(first).open_ns
    builder.add(day_of([bar(opens + MINUTE, row, 10, 10, 10, 10, 1e6) for row in range(4)], names, first))
    opens = session(second).open_ns
    rows = [
        bar(opens + MINUTE, 0, 10.4, 12, 10, 12.0, 1e7 / 12),  # opens up 4 %, closes up 20 %, on $10M
        bar(opens + MINUTE, 1, 10.39, 12, 10, 12.0, 8e5),  # too small a gap, too little traded
        bar(opens + MINUTE, 2, 100.0, 110, 90, 100.0, 1e6),  # ten for one
        bar(opens + MINUTE, 3, 12.0, 12, 10, 11.4, 1e7),
    ]
    builder.add(day_of(rows, names, second))
    found = told(builder.reference(SymbolTable(names), third).climate)
    assert found.pop("gappers_pct") == pytest.approx(100 * (12 / 10.4 - 1 + 11.4 / 12 - 1) / 2, abs=1e-4)
    assert found == {"hot_names": 1.0, "hot_of_names": 3.0, "gappers_names": 2.0}


@pytest.mark.parametrize(
    ("volatility", "name"),
    [(0, "<13"), (12.99, "<13"), (13, "13-17"), (17, "17-22"), (22, "22-30"), (30, "22-30"), (30.01, ">30")],
)
def test_the_buckets_are_those_of_vix(volatility: float, name: str) -> None:
    assert bucket(volatility) == name


def test_nothing_known_is_nothing_told() -> None:
    assert told(unknown()) == {}


def test_real_minutes_without_spy_tell_breadth_and_gaps_alone(tmp_path: Path) -> None:
    catalogue, _ = imported(tmp_path, real("us99_1m"), name="us99")
    days = catalogue.sessions("us99")
    on = days[-1]
    found = told(Known(catalogue, "us99", ["bars_1m"], on).before(catalogue.load("us99", on)).reference.climate)
    assert not [name for name in found if name.startswith("spy")]
    closes = {}
    for date in days[:-1]:
        data = catalogue.load("us99", date)
        regular = data.events[(data.events["event_ts"] >= session(date).open_ns)]
        frame = pd.DataFrame({"sym": regular["sym"], "ts": regular["event_ts"], "o": regular["a"], "c": regular["d"]})
        inside = frame[frame.ts < session(date).close_ns].groupby("sym").c.last()
        auction = frame[(frame.ts >= session(date).close_ns) & (frame.ts < session(date).close_ns + MINUTE)]
        inside.update(auction.groupby("sym").o.first())
        closes[date] = {data.symbols.names[int(row)]: price for row, price in inside.items()}
    frame = pd.DataFrame(closes).T
    for n in (20, 50):
        mean = frame.rolling(n).mean().iloc[-1].dropna()
        assert (f"above_sma{n}_names" in found) == bool(len(mean))
        if len(mean):
            assert found[f"above_sma{n}_names"] == len(mean)
            assert found[f"above_sma{n}_pct"] == pytest.approx(100 * (frame.iloc[-1][mean.index] > mean).mean())
    if frame.index[-1] == days[-2]:
        assert found["hot_of_names"] == frame.iloc[-2:].notna().all().sum()
