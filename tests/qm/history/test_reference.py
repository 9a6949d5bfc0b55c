import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from qm.clock import MINUTE
from qm.errors import DataError
from qm.history.reference import ReferenceBuilder, summarise
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
            assert found.adv[0] == pytest.approx(np.mean(volumes[-14:]) * 390)
            assert found.or_volume[1] == pytest.approx(np.mean(volumes[-14:]) * 5)
            assert found.prior_close[0] == 10.0 + i
            assert found.curve[-1] == 1.0
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


def test_splits_and_floats_are_applied_as_of_the_session() -> None:
    builder = ReferenceBuilder()
    builder.add(full_day(10.0, 100.0))
    plain = builder.reference(AB, NEXT)
    found = builder.reference(AB, NEXT, factors={"A": 50.0, "NONE": 2.0}, float_shares={"B": 1e6, "NONE": 1.0})
    assert found.prior_close.tolist() == [550.0, 11.0]
    assert found.atr[0] == plain.atr[0] * 50
    assert found.adv[0] == plain.adv[0] / 50
    assert found.or_volume[0] == plain.or_volume[0] / 50
    assert found.float_shares[1] == 1e6
    assert builder.reference(AB, NEXT).digest() == plain.digest()


def test_equal_knowledge_has_an_equal_digest() -> None:
    first, second = Reference.empty(3), Reference.empty(3)
    second.atr[0] = -np.nan
    assert first.digest() == second.digest()
    for name in ("prior_close", "adv", "atr", "or_volume", "float_shares", "days", "curve"):
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
