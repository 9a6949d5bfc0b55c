"""Pauses and bands that a tape of prints does not tell: on hand-made tapes, on any cut, and on a real runner day."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import SECOND, ny
from qm.model.market import Events, Kind, Print, Status, events, trade
from qm.rules.calendar import session
from qm.rules.halts import HaltCode
from qm.rules.lots import round_lots
from qm.rules.luld_tape import LuldTape, tiers

REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
OF = session(dt.date(2025, 11, 14))
OPEN = OF.open_ns
UNKNOWN = np.full(2, np.nan)
PRIOR = np.array([10.0, np.nan])


def at(seconds: float) -> int:
    return OPEN + int(seconds * SECOND)


def told(batch: Events) -> list[tuple[Any, ...]]:
    """What was added: (seconds after the open, row, kind, status or bands)."""
    return [
        (
            (int(r["ts"]) - OPEN) / SECOND,
            int(r["sym"]),
            Status(int(r["code"])).name if r["kind"] == Kind.STATUS else (float(r["a"]), float(r["b"])),
        )
        for r in batch
        if r["kind"] in (Kind.STATUS, Kind.BANDS)
    ]


def tape(prior: Any = PRIOR) -> LuldTape:
    return LuldTape(OF, prior, UNKNOWN)


def test_a_leveraged_fund_has_bands_as_many_times_as_wide() -> None:
    # 10 % of tier two, times three: 11.00 is nowhere near the bands, and moves the mean to 10.50.
    rows = events([trade(at(s), 0, p, 100) for s, p in ((1, 10.0), (60, 11.0), (70, 11.0))])
    assert told(LuldTape(OF, PRIOR, UNKNOWN, np.array([3.0, np.nan])).add(rows)) == [
        (1.0, 0, (7.0, 13.0)),
        (60.0, 0, (7.35, 13.65)),
    ]
    assert told(LuldTape(OF, PRIOR, UNKNOWN, UNKNOWN).add(rows)) == told(tape().add(rows))


def test_a_pause_stands_between_the_prints_that_show_it() -> None:
    # Tier two above $3: 10 % around the opening print of 10.00 are 9.00 and 11.00. 11.00 at 60 s leans on the upper
    # band; 15 s later the pause begins, 5 minutes after that the first print reopens, and is the new reference.
    rows = [trade(at(s), 0, p, 100) for s, p in ((1, 10.0), (60, 11.0), (70, 11.0), (376, 11.5), (377, 11.6))]
    out = tape().add(events(rows))
    assert told(out) == [
        (1.0, 0, (9.0, 11.0)),
        (75.0, 0, "PAUSED"),
        (376.0, 0, "TRADING"),
        (376.0, 0, (10.35, 12.65)),
    ]
    kinds = out["kind"].tolist()
    # Behind the opening print its bands; the pause before the reopening print, and its end right before it.
    assert kinds == [
        Kind.TRADE, Kind.BANDS, Kind.TRADE, Kind.TRADE, Kind.STATUS, Kind.STATUS, Kind.BANDS, Kind.TRADE, Kind.TRADE,
    ]  # fmt: skip


def test_odd_lots_prints_without_a_last_price_and_unknown_closes_tell_nothing() -> None:
    rows = [trade(at(1), 0, 10.0, 99), trade(at(2), 0, 10.0, 100, flag=4), trade(at(3), 1, 10.0, 500)]
    assert told(tape().add(events(rows))) == []


def test_a_print_far_outside_the_bands_is_an_error_until_the_third() -> None:
    # 11.22 is 2 % beyond the upper band of 11.00: up to there it shows a limit state, above only the third in a row.
    once = [trade(at(s), 0, p, 100) for s, p in ((1, 10.0), (60, 13.0), (120, 10.0), (180, 13.0), (181, 13.0))]
    assert told(tape().add(events(once))) == [(1.0, 0, (9.0, 11.0))]
    thrice = [*once, trade(at(182), 0, 13.0, 100), trade(at(300), 0, 13.0, 100)]
    assert told(tape().add(events(thrice)))[1:] == [
        (197.0, 0, "PAUSED"),
        (300.0, 0, "TRADING"),
        (300.0, 0, (11.7, 14.3)),
    ]
    near = [trade(at(s), 0, p, 100) for s, p in ((1, 10.0), (60, 11.22), (80, 11.22))]
    assert told(tape().add(events(near)))[1:] == [(75.0, 0, "PAUSED")]


def test_without_a_trade_the_prior_close_has_bands_after_five_minutes() -> None:
    out = tape().add(events([trade(at(400), 1, 5.0, 100)]))
    assert told(out) == [(300.0, 0, (9.0, 11.0))]


def test_the_closing_auction_of_a_paused_symbol_may_trade() -> None:
    begin = (OF.close_ns - OPEN) / SECOND - 300
    rows = [trade(at(s), 0, p, 100) for s, p in ((1, 10.0), (begin, 11.0), (begin + 420, 12.0))]
    found = told(tape().add(events(rows)))
    assert [(s, what) for s, _, what in found if isinstance(what, str)] == [
        (begin + 15, "PAUSED"),
        (begin + 300, "TRADING"),
    ]
    assert str(found[-2][2]) == "(nan, nan)"


def test_a_pause_tells_its_code_the_band_that_it_was_due_at_and_when_trading_goes_on_at_the_earliest() -> None:
    batch = tape().add(events([trade(at(1), 0, 10.0, 100), trade(at(60), 0, 11.0, 100), trade(at(600), 0, 11.2, 100)]))
    (pause, resumed) = [r for r in batch if r["kind"] == Kind.STATUS]
    assert (pause["flag"], pause["a"]) == (HaltCode.LUDP, 11.0)
    assert (int(pause["ts"]) - OPEN) / SECOND == 75.0
    # Nobody tells when quotes go on; trades may after five minutes.
    assert (pause["b"], pause["c"]) == (0.0, 300.0 * SECOND)
    assert resumed["flag"] == 0


def test_a_pause_that_lasts_into_the_last_ten_minutes_is_put_off_to_the_close() -> None:
    # 15:47 + 15 s of limit state: due at 15:52:15, in the last ten minutes, in which nothing reopens.
    late = 377 * 60
    # The last one is an odd lot, which only tells the time.
    rows = [
        trade(at(s), 0, p, size) for s, p, size in ((late - 300, 10.0, 100), (late, 11.0, 100), (late + 700, 11, 1))
    ]
    statuses = [r for r in tape().add(events(rows)) if r["kind"] == Kind.STATUS]
    ends = [(int(r["ts"]) + int(r["c"]) - OF.close_ns) / SECOND for r in statuses]
    assert [int(r["code"]) for r in statuses] == [Status.PAUSED, Status.PAUSED]
    assert ends == [15.0 - 480.0, 0.0]


OPENING = Print.ALL | Print.OPENING


def test_the_opening_auction_makes_the_first_reference_price_where_the_feed_marks_it() -> None:
    early, auction, later = (
        trade(at(1), 0, 10.0, 100),
        trade(at(20), 0, 10.4, 100, OPENING),
        trade(at(21), 0, 10.4, 100),
    )
    rows = events([early, auction, later])
    assert told(LuldTape(OF, PRIOR, UNKNOWN, openings=True).add(rows)) == [(20.0, 0, (9.36, 11.44))]
    # Where it marks none, the first print of regular hours stands for it.
    assert told(tape().add(rows))[0] == (1.0, 0, (9.0, 11.0))


def test_without_an_opening_print_the_mean_of_five_minutes_or_the_prior_close_is_the_first_reference_price() -> None:
    rows = events([trade(at(1), 0, 10.0, 100), trade(at(2), 0, 10.2, 100), trade(at(400), 0, 10.2, 100)])
    assert told(LuldTape(OF, PRIOR, UNKNOWN, openings=True).add(rows))[0] == (300.0, 0, (9.09, 11.11))
    nothing = events([trade(at(400), 0, 9.9, 100)])
    assert told(LuldTape(OF, PRIOR, UNKNOWN, openings=True).add(nothing))[0] == (300.0, 0, (9.0, 11.0))


def test_tiers_and_lots_have_stand_ins() -> None:
    assert tiers(np.array([1e8, 9.9e7, np.nan]), OF).tolist() == [1, 2, 2]
    assert round_lots(np.array([np.nan, 250.0, 300.0, 1_500.0, 12_000.0]), OF.date).tolist() == [100, 100, 40, 10, 1]
    before = dt.date(2025, 10, 1)
    assert round_lots(np.array([300.0, 12_000.0]), before).tolist() == [100, 100]


PRINTS = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(0, 1), st.sampled_from([9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.5])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60)
@given(PRINTS, st.lists(st.integers(0, 60), max_size=6))
def test_cuts_change_nothing_and_the_future_changes_nothing_earlier(
    prints: list[tuple[int, int, float]], cuts: list[int]
) -> None:
    prior = np.array([10.0, 10.0])
    rows = events([trade(at(s), row, price, 100) for s, row, price in sorted(prints)])
    whole = tape(prior).add(rows)
    assert (np.diff(whole["ts"]) >= 0).all()
    cut = tape(prior)
    parts = [cut.add(part) for part in np.split(rows, sorted(min(c, len(rows)) for c in cuts))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    kept = len(rows) // 2
    early = tape(prior).add(rows[:kept])
    assert whole[: len(early)].tobytes() == early.tobytes()


@settings(max_examples=60)
@given(PRINTS)
def test_nothing_trades_between_a_pause_and_its_end(prints: list[tuple[int, int, float]]) -> None:
    prior = np.array([10.0, 10.0])
    out = tape(prior).add(events([trade(at(s), row, price, 100) for s, row, price in sorted(prints)]))
    status, since = {0: Status.TRADING, 1: Status.TRADING}, {0: 0, 1: 0}
    for r in out:
        row, kind, ts = int(r["sym"]), r["kind"], int(r["ts"])
        if kind == Kind.STATUS:
            # Pauses and their ends take turns, and only a late report lets a pause be shorter than five minutes.
            assert r["code"] != status[row]
            status[row], since[row] = Status(int(r["code"])), ts
        elif kind == Kind.TRADE and status[row] is Status.PAUSED:
            assert ts < since[row] + 10 * SECOND


def test_the_real_runner_day_has_its_two_pauses_and_no_other() -> None:
    folder = REAL / "runners_20251114"
    if not folder.exists():
        pytest.skip(f"no real market data at {folder}: set QM_TEST_DATA")
    table = pq.read_table(folder / "trades.parquet", columns=["ts", "symbol", "price", "size"]).sort_by("ts")
    names = sorted(set(table["symbol"].to_pylist()))
    place = {name: row for row, name in enumerate(names)}
    closes = pq.read_table(REAL / "reference" / "universe_2025-11-13_close.parquet", columns=["symbol", "last"])
    known = dict(zip(closes["symbol"].to_pylist(), closes["last"].to_pylist(), strict=True))
    prior = np.array([known.get(name, np.nan) for name in names])
    prints = zip(*(table[name].to_pylist() for name in ("ts", "symbol", "price", "size")), strict=True)
    records = events([trade(ts, place[name], price, size) for ts, name, price, size in prints])
    out = LuldTape(OF, prior, np.full(len(prior), np.nan)).add(records)
    found = [
        (names[int(r["sym"])], Status(int(r["code"])).name, ny(int(r["ts"])).strftime("%H:%M:%S"))
        for r in out[out["kind"] == Kind.STATUS]
    ]
    assert found == [
        ("HCWB", "PAUSED", "10:08:45"),
        ("HCWB", "TRADING", "10:13:45"),
        ("CMCT", "PAUSED", "15:33:21"),
        ("CMCT", "TRADING", "15:38:21"),
    ]
    # The prints on either side: what the day's own record calls 310 s at HCWB includes the limit state before it.
    for name, began, price, reopened, seconds in (
        ("HCWB", "10:08:36", 3.50, 3.61, 310), ("CMCT", "15:33:21", 10.24, 10.45, 300),
    ):  # fmt: skip
        row = names.index(name)
        mine = out[(out["sym"] == row) & (out["kind"] != Kind.BANDS)]
        resume = int(np.flatnonzero((mine["kind"] == Kind.STATUS) & (mine["code"] == Status.TRADING))[0])
        assert mine["a"][resume + 1] == reopened
        before = mine[:resume][mine["kind"][:resume] == Kind.TRADE]
        assert (ny(int(before["ts"][-1])).strftime("%H:%M:%S"), before["a"][-1]) == (began, price)
        assert int((int(mine["ts"][resume]) - int(before["ts"][-1])) / SECOND) in (seconds - 1, seconds)
