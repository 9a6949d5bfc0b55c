"""What volume is usual by a time of day: the symbol's own course, from the sessions to the features."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qm.clock import MINUTE
from qm.history.layout import SessionData
from qm.history.reference import ReferenceBuilder, Split
from qm.history.summary import summarise
from qm.market.features import features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.market.usual import usual_by, usual_of
from qm.model.instrument import SymbolTable
from qm.model.market import bar, events, trade
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import day_of, real
from tests.qm.market.real import bars

NAMES = ("EARLY", "LATE")
DATES = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 2, 14))]
SHAPE = (300.0, 100.0)
"""Shares a minute of the busy half of the day, and of the other."""


def day(date: dt.date, times: float = 1.0, minutes: int = 0, early: bool = True) -> SessionData:
    """A day of bars: EARLY is busy in its first half, LATE in its second; both trade as much."""
    of = session(date)
    rows = [bar(of.open_ns - 45 * MINUTE, 0, 10, 10, 10, 10, 60.0 * times)] if early else []
    for minute in range(minutes or of.minutes):
        busy = minute < of.minutes / 2
        end = of.open_ns + (minute + 1) * MINUTE
        rows += [bar(end, row, 10, 10, 10, 10, times * SHAPE[busy == bool(row)]) for row in range(2)]
    return day_of(rows, NAMES, date)


def past(count: int, splits: tuple[Split, ...] = (), times: float = 1.0) -> ReferenceBuilder:
    builder = ReferenceBuilder(splits)
    for date in DATES[:count]:
        builder.add(day(date, times))
    return builder


def market(reference: Reference, date: dt.date, minutes: int, times: float = 1.0) -> Market:
    made = Market(SymbolTable(NAMES), session(date), reference, prints=False)
    made.backfill(day(date, times, minutes).events)
    made.now = session(date).open_ns + minutes * MINUTE
    made.mark_minute(made.now)
    return made


def test_equal_days_of_opposite_courses_differ_by_noon_and_are_equal_at_the_close() -> None:
    reference = past(10).reference(SymbolTable(NAMES), DATES[10])
    # Both do on that day what EARLY does on every day, so that LATE is three times as busy as usual by 11:00.
    for minutes, early, late in ((90, 1.0, 3.0), (195, 1.0, 3.0), (390, 1.0, 1.0)):
        made = Market(SymbolTable(NAMES), session(DATES[10]), reference, prints=False)
        told = day(DATES[10], 1.0, minutes, early=False).events
        told["e"] = np.repeat(told["e"][told["sym"] == 0], 2)
        made.backfill(told)
        made.now = session(DATES[10]).open_ns + minutes * MINUTE
        rvol = features(made)["rvol"]
        assert rvol == pytest.approx([early, late], rel=1e-6), minutes
        # EARLY goes on as ever; of LATE that much would be the beginning of a day three times as large.
        whole = [195 * 400.0 * early, 195 * 400.0 * late]
        assert features(made)["proj_volume"] == pytest.approx(whole, rel=1e-6), minutes


def test_a_day_like_the_others_is_usual_at_every_five_minutes_and_twice_as_much_is_twice() -> None:
    reference = past(14).reference(SymbolTable(NAMES), DATES[14])
    for minutes in (5, 60, 200, 385):
        seen = features(market(reference, DATES[14], minutes, times=2.0))
        assert seen["rvol"] == pytest.approx([2.0, 2.0], rel=1e-6)
        assert seen["rvol_5m"] == pytest.approx([2.0, 2.0], rel=1e-5)
        assert seen["proj_volume"] == pytest.approx([156_000.0] * 2, rel=1e-6)
        assert seen["rvol_day"][0] == pytest.approx(seen["volume"][0] / 78_000.0)
        assert seen["pre_rvol"][0] == pytest.approx(2.0)


def test_of_a_half_day_nobody_knows_how_it_goes_on() -> None:
    half = dt.date(2025, 11, 28)
    assert session(half).minutes == 210
    seen = features(market(past(14).reference(SymbolTable(NAMES), DATES[14]), half, 60, times=2.0))
    # Its morning is compared with other mornings; what comes after one o'clock on other days it has not.
    assert seen["rvol"][0] > 0
    assert np.isnan(seen["proj_volume"]).all()


def test_before_the_open_the_same_time_of_earlier_days_counts() -> None:
    reference = past(9).reference(SymbolTable(NAMES), DATES[9])
    made = Market(SymbolTable(NAMES), session(DATES[9]), reference)
    opens = session(DATES[9]).open_ns
    made.backfill(events([trade(opens - 100 * MINUTE, 0, 10.0, 120.0)]))
    found = {}
    for minutes in (60, 45, 30):
        made.now = opens - minutes * MINUTE
        found[minutes] = features_of(made, 0).get("pre_rvol")
    # On earlier days 60 shares traded in the minute that ends at 08:45, and none before 08:30.
    assert found[60] is None
    assert found[45] == found[30] == pytest.approx(2.0)


def test_the_averages_of_ten_and_twenty_days() -> None:
    builder = ReferenceBuilder()
    for n, date in enumerate(DATES[:24]):
        builder.add(day(date, 1.0 + n))
    known = builder.reference(SymbolTable(NAMES), DATES[24])
    whole = [78_000.0 * (1 + n) for n in range(24)]
    assert known.adv10[0] == pytest.approx(np.mean(whole[-10:]))
    assert known.adv[0] == pytest.approx(np.mean(whole[-14:]))
    assert known.adv20[0] == pytest.approx(np.mean(whole[-20:]))
    assert known.usual[-1] == pytest.approx(known.adv, rel=1e-6)
    made = market(known, DATES[24], 60)
    seen = features_of(made, 0)
    assert seen["vol_5m_pct"] == pytest.approx(1_500.0 / np.mean(whole[-10:]) * 78 * 100)
    assert seen["rvol_day"] == pytest.approx(18_000.0 / np.mean(whole[-20:]))


@pytest.mark.parametrize(("days", "told"), [(7, False), (8, True)])
def test_fewer_than_eight_days_are_no_course(days: int, told: bool) -> None:
    known = past(days).reference(SymbolTable(NAMES), DATES[days])
    assert np.isfinite(known.usual).all() == told
    seen = features_of(market(known, DATES[days], 60), 0)
    assert ("rvol" in seen) is told
    assert ("rvol_5m" in seen) is told
    assert "proj_volume" in seen


def test_a_half_day_is_no_day_of_a_course() -> None:
    dates = [each.date for each in sessions(dt.date(2025, 6, 20), dt.date(2025, 7, 8))]
    half = dt.date(2025, 7, 3)
    assert np.isnan(summarise(day(half)).course).all()
    builder = ReferenceBuilder()
    for date in dates:
        builder.add(day(date, 50.0 if date == half else 1.0))
    known = builder.reference(SymbolTable(NAMES), dt.date(2025, 7, 9))
    assert known.usual[12] == pytest.approx([60 * 300.0, 60 * 100.0])


def test_a_morning_without_a_share_of_who_is_busy_is_no_day_of_a_course() -> None:
    builder = past(9)
    halted = day(DATES[9])
    held = (halted.events["sym"] == 0) & (halted.events["event_ts"] < session(DATES[9]).open_ns + 200 * MINUTE)
    still = (halted.events["sym"] == 1) & (halted.events["event_ts"] >= session(DATES[9]).open_ns + 200 * MINUTE)
    builder.add(day_of([tuple(record) for record in halted.events[~held & ~still].tolist()], NAMES, DATES[9]))
    known = builder.reference(SymbolTable(NAMES), DATES[10])
    # EARLY was halted until 12:50, which says nothing of other days; LATE was halted after it, and its morning counts.
    assert known.usual[:, 0] == pytest.approx(past(9).reference(SymbolTable(NAMES), DATES[9]).usual[:, 0])
    assert known.or_volume == pytest.approx([1_500.0, 500.0])
    assert known.usual[-1, 1] < 78_000.0
    # The shares of the day itself were traded.
    assert known.adv[0] < 78_000.0
    assert known.days.tolist() == [10, 10]


def test_a_quiet_morning_of_who_is_never_busy_counts() -> None:
    builder = ReferenceBuilder()
    for date in DATES[:9]:
        builder.add(day(date, 0.1))
    quiet = day(DATES[9], 0.1)
    held = quiet.events["event_ts"] < session(DATES[9]).open_ns + 200 * MINUTE
    builder.add(day_of([tuple(record) for record in quiet.events[~held].tolist()], NAMES, DATES[9]))
    # EARLY usually has 4,500 shares by noon, LATE 1,500: a morning without one is a day like others.
    assert builder.reference(SymbolTable(NAMES), DATES[10]).usual[30] == pytest.approx([4_050.0, 1_350.0])


def test_part_of_the_pre_market_is_not_compared_with_the_whole() -> None:
    known = replace(Reference.empty(1), pre_volume=np.array([1_000.0]), days=np.array([14]))
    made = Market(SymbolTable(["A"]), session(DATES[0]), known)
    opens = session(DATES[0]).open_ns
    made.backfill(events([trade(opens - 100 * MINUTE, 0, 10.0, 500.0)]))
    made.now = opens - MINUTE
    assert "pre_rvol" not in features_of(made, 0)
    made.now = opens
    assert features_of(made, 0)["pre_rvol"] == pytest.approx(0.5)


def test_a_course_goes_over_a_split_in_the_new_shares() -> None:
    split = Split("EARLY", DATES[5], 10.0, session(DATES[5]).pre_ns)
    builder = ReferenceBuilder([split])
    for n, date in enumerate(DATES[:10]):
        told = day(date)
        if n >= 5:
            told.events["e"][told.events["sym"] == 0] /= 10
        builder.add(told)
    known = builder.reference(SymbolTable(NAMES), DATES[10])
    assert known.usual[12] == pytest.approx([1_800.0, 6_000.0])
    assert known.pre_usual[-1, 0] == pytest.approx(6.0)
    again = ReferenceBuilder([split._replace(date=DATES[10], known_at=session(DATES[10]).pre_ns)])
    for date in DATES[:10]:
        again.add(day(date))
    assert again.reference(SymbolTable(NAMES), DATES[10]).usual[12] == pytest.approx([1_800.0, 6_000.0])


def test_what_is_forgotten_has_no_course_and_days_older_than_fourteen_count_no_more() -> None:
    builder = past(10, times=99.0)
    for date in DATES[10:24]:
        builder.add(day(date))
    assert builder.reference(SymbolTable(NAMES), DATES[24]).usual[12] == pytest.approx([18_000.0, 6_000.0])
    builder.forget(["LATE"])
    usual = builder.reference(SymbolTable(NAMES), DATES[24]).usual
    assert np.isfinite(usual[:, 0]).all()
    assert np.isnan(usual[:, 1]).all()


def test_later_days_change_no_course() -> None:
    builder = past(9)
    known = builder.reference(SymbolTable(NAMES), DATES[9])
    before = known.digest()
    builder.add(day(DATES[9], 70.0))
    assert known.digest() == before
    cut = ReferenceBuilder()
    for date in DATES[:9]:
        cut.add(day(date))
    assert cut.reference(SymbolTable(NAMES), DATES[9]).digest() == before


def test_bars_longer_than_five_minutes_leave_the_market_curve() -> None:
    of = session(DATES[0])
    rows = [bar(of.open_ns + (n + 1) * 30 * MINUTE, 0, 10, 10, 10, 10, 7.0, seconds=1_800) for n in range(13)]
    assert np.isnan(summarise(day_of(rows, NAMES, DATES[0])).course).all()
    fives = [bar(of.open_ns + (n + 1) * 5 * MINUTE, 0, 10, 10, 10, 10, 7.0, seconds=300) for n in range(78)]
    assert summarise(day_of(fives, NAMES, DATES[0])).course[:, 0] == pytest.approx(7.0 * np.arange(79))


def test_within_five_minutes_the_course_goes_the_way_of_the_market() -> None:
    curve = np.linspace(0.2, 1.0, 390)
    empty = Reference.empty(2)
    usual = np.tile(np.arange(79, dtype=np.float32)[:, None] * 100, 2)
    usual[:, 1] = np.nan
    known = replace(empty, usual=usual, curve=curve, adv=np.array([9.0, 1_000.0]), days=np.array([14, 14]))
    by_five = curve[4]
    assert usual_by(known, 2 * MINUTE) == pytest.approx([100 * curve[1] / by_five, 1_000 * curve[1]])
    assert usual_of(known, 0, MINUTE // 2) == pytest.approx(100 * 0.1 / by_five)
    assert usual_of(known, 1, 390 * MINUTE) == pytest.approx(1_000.0)
    even = replace(known, curve=np.full(390, np.nan))
    assert usual_of(even, 0, 6 * MINUTE) == pytest.approx(120.0)
    assert np.isnan(usual_of(even, 1, 6 * MINUTE))
    assert np.isnan(usual_of(replace(known, days=np.array([7, 7])), 0, MINUTE))


def test_real_days_by_plain_pandas() -> None:
    real("us99_1m")
    dates = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 1, 17))][:10]
    builder, frames = ReferenceBuilder(), []
    for date in dates[:9]:
        symbols, of, records = bars("us99_1m", date)
        builder.add(SessionData(symbols, records, date, "real"))
        frame = pd.DataFrame({"sym": records["sym"], "at": records["event_ts"] - of.open_ns, "size": records["e"]})
        frame["name"] = np.array(symbols.names)[frame["sym"]]
        frames.append(frame[(frame["at"] >= 0) & (frame["at"] < 390 * MINUTE)].assign(date=date))
    symbols, of, records = bars("us99_1m", dates[9])
    known = builder.reference(symbols, dates[9])
    whole = pd.concat(frames)
    for minutes in (5, 60, 150, 390):
        made = Market(symbols, of, known, prints=False)
        made.backfill(records[records["ts"] <= of.open_ns + minutes * MINUTE])
        made.now = of.open_ns + minutes * MINUTE
        made.mark_minute(made.now)
        seen = features(made)
        mean = _mean(whole, whole["at"] < minutes * MINUTE)
        fives = _mean(whole, (whole["at"] < minutes * MINUTE) & (whole["at"] >= (minutes - 5) * MINUTE))
        for row, name in enumerate(symbols):
            assert seen["rvol"][row] == pytest.approx(seen["volume"][row] / mean[name], rel=1e-6), (minutes, name)
            assert seen["rvol_5m"][row] == pytest.approx(seen["vol_5m"][row] / fives[name], rel=1e-3), (minutes, name)


def _mean(whole: pd.DataFrame, picked: pd.Series) -> pd.Series:
    days = whole.groupby("name")["date"].nunique()
    found: pd.Series = whole[picked].groupby("name")["size"].sum() / days
    return found
