import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from qm.clock import MINUTE
from qm.errors import DataError
from qm.history.reference import LEAST_DAYS, ReferenceBuilder, Split
from qm.history.summary import summarise
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Print, bar, trade
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import DAY, NEXT, OPEN, day_of, full_day, imported, real

AB = SymbolTable("AB")


def test_a_full_day_of_bars() -> None:
    day = summarise(full_day(10.0, 100.0))
    assert day.close.tolist() == [11.0, 11.0]
    assert day.high.tolist() == [10.5, 10.5]
    assert day.low.tolist() == [9.5, 9.5]
    assert day.volume.tolist() == [39_000.0, 39_000.0]
    assert day.opening.tolist() == [500.0, 500.0]
    assert day.curve == pytest.approx(np.arange(1, 391) / 390)


def test_without_a_bar_at_the_close_the_last_price_counts() -> None:
    day = summarise(day_of([bar(OPEN + MINUTE, 0, 10, 11, 9, 10.5, 7), bar(OPEN + 2 * MINUTE, 0, 10, 11, 9, 10.7, 7)]))
    assert day.close[0] == 10.7
    assert np.isnan([day.close[1], day.high[1], day.low[1], day.volume[1], day.opening[1]]).all()


def test_only_regular_hours_make_the_range_and_the_volume() -> None:
    close = session(DAY).close_ns
    rows = [
        bar(OPEN, 0, 50, 60, 1, 50, 1_000),
        bar(OPEN + MINUTE, 0, 10, 11, 9, 10, 7),
        bar(close + 2 * MINUTE, 0, 5, 90, 1, 5, 9),
    ]
    day = summarise(day_of(rows))
    assert (day.high[0], day.low[0], day.volume[0], day.close[0]) == (11, 9, 7, 10)


def test_prints_say_the_same_as_far_as_their_conditions_let_them() -> None:
    close = session(DAY).close_ns
    rows = [
        trade(OPEN, 0, 10.0, 100),
        trade(OPEN + 1, 0, 30.0, 5, Print.VOLUME),
        trade(OPEN + 6 * MINUTE, 0, 12.0, 50),
        trade(OPEN + 7 * MINUTE, 1, 7.0, 5, Print.VOLUME),
        trade(close, 0, 11.5, 1_000, Print.VOLUME),
        trade(close + 1, 0, 11.25, 1_000),
        trade(close + 2, 0, 11.0, 1_000),
    ]
    day = summarise(day_of(rows))
    assert (day.high[0], day.low[0], day.volume[0], day.opening[0]) == (12.0, 10.0, 155.0, 105.0)
    assert day.close[0] == 11.25
    assert day.volume[1] == 5.0
    assert np.isnan([day.high[1], day.close[1]]).all()


def test_bars_and_prints_are_never_added_up() -> None:
    day = summarise(day_of([trade(OPEN, 0, 99.0, 500), bar(OPEN + MINUTE, 0, 10, 11, 9, 10, 7)]))
    assert (day.volume[0], day.high[0]) == (7, 11)


def test_a_half_day_ends_early_and_makes_no_curve() -> None:
    half = full_day(10.0, 100.0, day=dt.date(2025, 7, 3))
    day = summarise(half)
    assert (day.close[0], day.volume[0]) == (11.0, 21_000.0)
    assert np.isnan(day.curve).all()


def test_long_bars_do_not_pretend_to_know_the_opening() -> None:
    rows = [bar(session(DAY).close_ns, 0, 10, 11, 9, 10.5, 1_000, seconds=23_400)]
    day = summarise(day_of(rows))
    assert (day.close[0], day.volume[0]) == (10.5, 1_000)
    assert np.isnan(day.opening[0])
    assert np.isnan(day.curve).all()


def test_a_made_up_market_may_trade_on_a_sunday() -> None:
    sunday = dt.date(2025, 1, 5)
    rows = [bar(OPEN + 3 * 86_400 * 10**9 + MINUTE, 0, 10, 11, 9, 10, 7)]
    assert summarise(day_of(rows, day=sunday)).volume[0] == 7


def test_before_the_first_day_nothing_is_known() -> None:
    found = ReferenceBuilder().reference(AB, DAY)
    assert found.digest() == Reference.empty(2).digest()


def test_averages_run_over_the_days_there_are_and_fourteen_at_most() -> None:
    builder = ReferenceBuilder()
    volumes: list[float] = []
    for i, each in enumerate(sessions(dt.date(2025, 1, 2), dt.date(2025, 1, 31))):
        found = builder.reference(AB, each.date)
        if volumes:
            assert found.prior_close[0] == 10.0 + i
            assert found.curve[-1] == 1.0
        if i < LEAST_DAYS:
            assert np.isnan([found.adv[0], found.or_volume[1]]).all()
        else:
            assert found.adv[0] == pytest.approx(np.mean(volumes[-14:]) * 390)
            assert found.or_volume[1] == pytest.approx(np.mean(volumes[-14:]) * 5)
        assert found.days.tolist() == [min(i, 14)] * 2
        builder.add(full_day(10.0 + i, 100.0 * (i + 1), day=each.date))
        volumes.append(100.0 * (i + 1))


def test_true_range_is_wilders() -> None:
    builder = ReferenceBuilder()
    expected = np.nan
    for i, each in enumerate(sessions(dt.date(2025, 1, 2), dt.date(2025, 2, 14))):
        # Each day opens a dollar below the close before and ranges over one.
        builder.add(full_day(10.0 + (i % 3) * 2, 1.0, day=each.date))
        high, low = 10.5 + (i % 3) * 2, 9.5 + (i % 3) * 2
        before = np.nan if i == 0 else 11.0 + ((i - 1) % 3) * 2
        true_range = np.nanmax([high - low, abs(high - before), abs(low - before)])
        count = min(i + 1, 14)
        expected = true_range if i == 0 else (expected * (count - 1) + true_range) / count
        assert builder.reference(AB, each.date + dt.timedelta(1)).atr[1] == pytest.approx(expected)


def test_symbols_come_late_and_go_missing() -> None:
    builder = ReferenceBuilder()
    builder.add(full_day(10.0, 100.0, ("A",), DAY))
    builder.add(full_day(20.0, 100.0, ("B", "C"), NEXT))
    found = builder.reference(SymbolTable(["C", "A", "NEW"]), dt.date(2025, 1, 6))
    assert found.prior_close[:2].tolist() == [21.0, 11.0]
    assert found.days.tolist() == [1, 1, 0]
    assert np.isnan([found.prior_close[2], found.adv[2], found.atr[2]]).all()


def test_a_session_is_not_known_before_it_was() -> None:
    builder = ReferenceBuilder()
    builder.add(full_day(10.0, 100.0, day=NEXT))
    with pytest.raises(DataError, match="was not known"):
        builder.reference(AB, NEXT)
    with pytest.raises(DataError, match="comes after"):
        builder.add(full_day(10.0, 100.0, day=DAY))
    assert builder.last == NEXT


def test_the_future_changes_no_earlier_reference() -> None:
    builder = ReferenceBuilder()
    builder.add(full_day(10.0, 100.0))
    found = builder.reference(AB, NEXT)
    before = found.digest()
    builder.add(full_day(99.0, 900.0, day=NEXT))
    assert found.digest() == before


def history(sessions_: list[dt.date], price: float = 10.0, volume: float = 100.0) -> ReferenceBuilder:
    builder = ReferenceBuilder()
    for date in sessions_:
        builder.add(full_day(price, volume, day=date))
    return builder


DATES = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 2, 14))]


def test_splits_and_floats_are_applied_as_of_the_session() -> None:
    builder = history(DATES[:8])
    plain = builder.reference(AB, DATES[8])
    found = builder.reference(AB, DATES[8], factors={"A": 50.0, "NONE": 2.0}, float_shares={"B": 1e6, "NONE": 1.0})
    assert found.prior_close.tolist() == [550.0, 11.0]
    assert (found.prev_high[0], found.prev_low[0], found.prev_open[0]) == (525.0, 475.0, 500.0)
    assert found.atr[0] == plain.atr[0] * 50
    assert found.adv[0] == plain.adv[0] / 50
    assert found.or_volume[0] == plain.or_volume[0] / 50
    assert found.split_factor.tolist() == [50.0, 1.0]
    assert found.float_shares[1] == 1e6
    assert builder.reference(AB, DATES[8]).digest() == plain.digest()


def split(date: dt.date, factor: float, known: dt.date | None = None) -> Split:
    return Split("A", date, factor, session(known or date).pre_ns)


def test_history_is_carried_over_a_split_in_the_new_shares() -> None:
    # 1:10 on the eleventh session: prices times ten, volume a tenth.
    builder = ReferenceBuilder([split(DATES[10], 10.0)])
    for i, date in enumerate(DATES[:20]):
        after = date >= DATES[10]
        known = builder.reference(AB, date)
        if i == 10:
            assert known.prior_close.tolist() == [110.0, 11.0]
            assert known.split_factor.tolist() == [10.0, 1.0]
            assert known.adv[0] == pytest.approx(390 * 100 / 10)
        elif i > 10:
            assert known.split_factor[0] == 1.0
            assert known.adv[0] == pytest.approx(390 * 100 / 10)
            # Each day ranges over 10 in the new shares, and opens 10 below the close before.
            assert known.atr[0] == pytest.approx(builder_atr(i))
        whole = full_day(10.0, 100.0, day=date)
        if after:
            a = whole.events["sym"] == 0
            for price in "abcd":
                whole.events[price][a] *= 10
            whole.events["e"][a] /= 10
        builder.add(whole)


def builder_atr(sessions_: int) -> float:
    # The first session has no close before it: 1.00; all others reach from 9.50 to the close of 11.00: 1.50. In new
    # shares ten times that.
    atr = 1.0
    for i in range(1, sessions_):
        count = min(i + 1, 14)
        atr = (atr * (count - 1) + 1.5) / count
    return atr * 10


def test_a_split_that_nobody_knew_of_in_time_is_not_applied_and_then_mixes_nothing() -> None:
    late = [split(DATES[9], 10.0, known=DATES[11])]
    builder = ReferenceBuilder(late)
    for date in DATES[:10]:
        assert builder.reference(AB, date).split_factor[0] != 10.0
        builder.add(full_day(10.0, 100.0, day=date))
    assert builder.reference(AB, DATES[10]).prior_close[0] == 11.0
    builder.add(full_day(10.0, 100.0, day=DATES[10]))
    # Known before the twelfth session: what lies before it is of two kinds of shares, hence of none.
    known = builder.reference(AB, DATES[11])
    assert np.isnan([known.prior_close[0], known.adv[0], known.atr[0]]).all()
    assert known.prior_close[1] == 11.0
    builder.add(full_day(10.0, 100.0, day=DATES[11]))
    known = builder.reference(AB, DATES[12])
    assert (known.prior_close[0], known.days[0]) == (11.0, 1)


def test_half_days_are_no_days_of_an_average() -> None:
    dates = [each.date for each in sessions(dt.date(2025, 6, 23), dt.date(2025, 7, 8))]
    half = dt.date(2025, 7, 3)
    builder = ReferenceBuilder()
    for date in dates:
        builder.add(full_day(10.0, 1_000.0 if date == half else 100.0, day=date))
    known = builder.reference(AB, dt.date(2025, 7, 9))
    assert known.days[0] == len(dates) - 1
    assert known.adv[0] == pytest.approx(39_000)
    assert known.or_volume[0] == pytest.approx(500)


def test_a_symbol_that_was_gone_for_long_comes_back_as_another() -> None:
    dates = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 3, 14))]
    builder = ReferenceBuilder()
    builder.add(full_day(10.0, 100.0, day=dates[0]))
    for date in dates[1:11]:
        builder.add(full_day(10.0, 100.0, ("B",), day=date))
    # Ten sessions missed, and two holidays in between: still the same. One more: nobody knows.
    assert builder.reference(AB, dates[11]).prior_close[0] == 11.0
    builder.add(full_day(10.0, 100.0, ("B",), day=dates[11]))
    assert np.isnan(builder.reference(AB, dates[12]).prior_close[0])
    builder.add(full_day(90.0, 100.0, day=dates[12]))
    known = builder.reference(AB, dates[13])
    assert (known.prior_close[0], known.days[0], known.atr[0]) == (91.0, 1, 1.0)
    assert known.days[1] == 13


def test_the_day_before_is_told_by_its_range_and_shape() -> None:
    builder = ReferenceBuilder()
    # Ranges 9, 8, 7, 6, 5, 4, 3 around 20, each inside the one before.
    for i, date in enumerate(DATES[:7]):
        assert np.isnan(builder.reference(AB, date).nr7).all()
        half = (9 - i) / 2
        builder.add(day_of([bar(session(date).open_ns + MINUTE, 0, 20, 20 + half, 20 - half, 21, 7)], day=date))
    known = builder.reference(AB, DATES[7])
    assert (known.prev_open[0], known.prev_high[0], known.prev_low[0]) == (20.0, 21.5, 18.5)
    assert (known.nr7[0], known.inside_day[0]) == (1.0, 1.0)
    assert np.isnan([known.prev_high[1], known.nr7[1], known.inside_day[1]]).all()
    assert known.known_at[0] == session(DATES[6]).close_ns
    date = DATES[7]
    builder.add(day_of([bar(session(date).open_ns + MINUTE, 0, 20, 22.5, 19.5, 21, 7)], day=date))
    known = builder.reference(AB, DATES[8])
    # A range of 3 is as narrow as the narrowest, not narrower; and its high lies above.
    assert (known.nr7[0], known.inside_day[0]) == (0.0, 0.0)


def test_a_fall_of_a_tenth_restricts_short_sales_one_session_on() -> None:
    builder = ReferenceBuilder()
    lows = (20.0, 18.0, 18.01, 25.0)
    closes = (20.0, 20.0, 20.0, 25.0)
    told = []
    for date, low, close in zip(DATES, lows, closes, strict=False):
        told.append(float(builder.reference(AB, date).ssr_carried[0]))
        builder.add(day_of([bar(session(date).open_ns + MINUTE, 0, close, close, low, close, 7)], day=date))
    told.append(float(builder.reference(AB, DATES[4]).ssr_carried[0]))
    # 20.00 less a tenth is 18.00: reached on the second day, not on the third.
    assert np.isnan(told[:2]).all()
    assert told[2:] == [1.0, 0.0, 0.0]


def test_volume_before_the_open_and_the_noise_of_a_day() -> None:
    builder = ReferenceBuilder()
    for date in DATES[:8]:
        opens = session(date).open_ns
        rows = [
            bar(opens - 60 * MINUTE, 0, 10, 10, 10, 10, 40),
            bar(opens, 0, 10, 10, 10, 10, 2),
            bar(opens + MINUTE, 0, 10, 10, 10, 10, 100),
            bar(opens + 30 * MINUTE, 0, 10.2, 10.2, 10.2, 10.2, 100),
            bar(opens + 60 * MINUTE, 0, 9.9, 9.9, 9.9, 9.9, 100),
            bar(opens + 390 * MINUTE, 0, 10.5, 10.5, 10.5, 10.5, 100),
        ]
        builder.add(day_of(rows, day=date))
    known = builder.reference(AB, DATES[8])
    assert known.pre_volume[0] == 42.0
    assert known.pre_volume[1] == 0.0
    # 10:00, 10:30, then nothing changes until the last half hour.
    assert known.noise[:, 0] == pytest.approx([0.02, *[0.01] * 11, 0.05])
    assert np.isnan(known.noise[:, 1]).all()


def test_a_feed_of_regular_hours_does_not_say_that_nothing_traded_before() -> None:
    assert np.isnan(history(DATES[:9]).reference(AB, DATES[9]).pre_volume).all()


def test_the_high_of_a_year_needs_a_year() -> None:
    dates = [each.date for each in sessions(dt.date(2024, 1, 2), dt.date(2025, 2, 14))]
    builder = ReferenceBuilder()
    for i, date in enumerate(dates):
        known = builder.reference(AB, date).high_52w[0]
        reached = date >= dt.date(2024, 12, 24)
        assert np.isnan(known) != reached, date
        if reached:
            year = [day for day in dates[:i] if day >= date - dt.timedelta(weeks=52)]
            assert known == max(peak(day) for day in year)
        high = peak(date)
        builder.add(day_of([bar(session(date).open_ns + MINUTE, 0, 10, high, 9, 10, 7)], day=date))


def peak(day: dt.date) -> float:
    return 90.0 if day == dt.date(2024, 1, 25) else 20.0 + day.day / 100


def test_equal_knowledge_has_an_equal_digest() -> None:
    first, second = Reference.empty(3), Reference.empty(3)
    second.atr[0] = -np.nan
    assert first.digest() == second.digest()
    for name in ("prior_close", "adv", "atr", "or_volume", "float_shares", "days", "curve", "pre_volume", "known_at"):
        other = Reference.empty(3)
        getattr(other, name)[0] = 1
        assert other.digest() != first.digest()
    assert Reference.empty(2).digest() != first.digest()


def test_the_official_close_of_real_days(tmp_path: Path) -> None:
    catalogue, _ = imported(tmp_path, real("us99_1m"))
    builder = ReferenceBuilder()
    for date in catalogue.sessions("made_up", until=dt.date(2025, 1, 8)):
        builder.add(catalogue.load("made_up", date))
    symbols = SymbolTable(["AAPL", "MSFT"])
    found = builder.reference(symbols, dt.date(2025, 1, 10))
    # As published for 2025-01-08.
    assert found.prior_close == pytest.approx([242.70, 424.56], rel=2e-4)
    assert found.days.tolist() == [5, 5]
    assert np.diff(found.curve).min() >= 0
