"""Prior closes that are not believed, and those that must be."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qm.clock import MINUTE
from qm.history.doubts import Doubt, doubted, first_prices, without
from qm.market.reference import Column, Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Print, bar, events, quote, trade
from tests.qm.history.markets import OPEN, real


def doubts(prior: float, first: float, **more: float) -> list[Doubt]:
    known = Reference.empty(1)
    known.prior_close[0] = prior
    nan = np.full(1, np.nan)
    return doubted(
        SymbolTable(["A"]),
        known,
        np.array([first]),
        shares=np.array([more["shares"]]) if "shares" in more else nan,
        own_close=np.array([more["own_close"]]) if "own_close" in more else nan,
        sure=np.array([bool(more.get("sure", 0))]),
    )


@pytest.mark.parametrize(
    ("prior", "first"),
    [
        # YDKG of 2025-11-14, and reverse splits of 2023: 1:26, 1:10, 1:10.
        (0.02, 1.83),
        (0.2074, 4.60),
        (0.188, 1.78),
        (0.3265, 2.58),
        # NVDA of 2024-06-10, 10:1.
        (1_208.88, 120.37),
    ],
)
def test_a_price_of_another_kind_of_share_is_not_believed(prior: float, first: float) -> None:
    (found,) = doubts(prior, first)
    assert (found.symbol, found.prior_close, found.first) == ("A", prior, first)
    assert found.text.startswith("A is not measured against its prior close of")
    # Who knows better says so.
    assert doubts(prior, first, sure=1) == []


@pytest.mark.parametrize(
    ("prior", "first"),
    [
        (2.00, 6.00),
        (2.00, 10.00),
        # BNOX of 2023-09-28, the highest of the real ones: 5.8 times.
        (0.985, 5.72),
        # A crash is a crash: VTYX, MURA, and AAPL of 2000-09-29.
        (14.09, 2.90),
        (69.315, 16.69),
        (53.38, 28.06),
        (10.0, 5.0),
        # ACRS of 2023-11-13: nobody splits a stock of 4.76 $ into seven.
        (4.755, 0.70),
        (float("nan"), 5.0),
        (10.0, float("nan")),
    ],
)
def test_a_runner_and_a_crash_are_believed(prior: float, first: float) -> None:
    assert doubts(prior, first) == []


@pytest.mark.parametrize(("prior", "first"), [(645.57, 92.69), (499.23, 127.67), (235.50, 116.69), (131.80, 43.66)])
def test_a_high_price_that_opens_at_a_whole_part_was_split(prior: float, first: float) -> None:
    # AAPL 7:1 of 2014 and 4:1 of 2020, IBM 2:1 of 1999, EEM 3:1 of 2008.
    assert len(doubts(prior, first)) == 1


def test_the_shares_outstanding_tell_a_small_split_from_a_run() -> None:
    # 1:4 and a little up, the shares a quarter; a run of the same size with all shares still there.
    assert "a split" in doubts(1.0, 4.3, shares=0.25)[0].why
    assert doubts(1.0, 4.3, shares=1.0) == []
    assert doubts(1.0, 4.3) == []
    # An offering doubles the shares of a company that falls: that halves nothing.
    assert doubts(1.0, 0.9, shares=2.0) == []


def test_two_sources_that_contradict_each_other_are_both_not_believed() -> None:
    assert "its own last price was 0.4" in doubts(1.0, 1.1, own_close=0.4)[0].why
    assert doubts(1.0, 1.1, own_close=0.97) == []


def test_what_is_doubted_is_unknown_in_every_column() -> None:
    known = Reference.empty(2)
    for name in ("prior_close", "atr", "adv", "or_volume", "float_shares", "pre_volume", "high_52w", "nr7"):
        getattr(known, name)[:] = 1.0
    known.days[:] = 14
    known.noise[:] = 0.01
    without(known, [1])
    for name in ("prior_close", "atr", "adv", "or_volume", "float_shares", "pre_volume", "high_52w", "nr7"):
        column: Column = getattr(known, name)
        assert column[0] == 1.0
        assert np.isnan(column[1])
    assert known.days.tolist() == [14, 0]
    assert np.isnan(known.noise[:, 1]).all()


def test_the_first_price_is_the_first_that_counts() -> None:
    rows = [
        quote(OPEN - 9, 0, 8.0, 9.0),
        trade(OPEN - 8, 0, 99.0, 5, Print.VOLUME),
        trade(OPEN - 7, 0, 7.0, 100),
        trade(OPEN - 6, 0, 6.0, 100),
        bar(OPEN + MINUTE, 1, 5.0, 6.0, 4.0, 5.5, 10),
    ]
    found = first_prices(events(rows), 3)
    assert found[:2].tolist() == [7.0, 5.0]
    assert np.isnan(found[2])
    many = events([trade(OPEN + i, i % 2, 10.0 + i, 100) for i in range(200_000)])
    assert first_prices(many, 2).tolist() == [10.0, 11.0]


def test_real_gappers_are_believed_all(tmp_path: Path) -> None:
    table: Any = pq.read_table(real("reference/gappers_2016_2019.parquet"), columns=["open", "gap_pct"])
    opened, gap = (table[name].to_numpy() for name in ("open", "gap_pct"))
    prior = opened / (1.0 + gap / 100.0)
    assert len(opened) == 2_465
    # One is a split: Xerox, 1:4 on 2017-06-15. Without its shares nobody can tell it from a run.
    assert sum(bool(doubts(a, b)) for a, b in zip(prior.tolist(), opened.tolist(), strict=True)) == 0


def test_real_splits_of_large_companies_are_seen(tmp_path: Path) -> None:
    table = pq.read_table(real("lean/daily.parquet"))
    symbol = table["symbol"].cast(pa.string()).to_numpy(zero_copy_only=False)
    opened, close = table["open"].to_numpy(), table["close"].to_numpy()
    same = np.flatnonzero(symbol[1:] == symbol[:-1])
    away = opened[same + 1] / close[same]
    picked = same[(away > 1.8) | (away < 0.6)]
    seen = {
        f"{symbol[i]} {table['ts'][int(i) + 1].as_py() // 86_400_000_000_000}": bool(
            doubts(float(close[i]), float(opened[i + 1]))
        )
        for i in picked
    }
    days = {name: int(np.datetime64(day, "D").astype(int)) for name, day in SPLITS_AND_CRASHES}
    for name, split in (("AAPL 7:1", True), ("AAPL 4:1", True), ("AAPL crash", False), ("QQQ 2:1", True)):
        assert seen[f"{name.split()[0]} {days[name]}"] is split, name


SPLITS_AND_CRASHES = (
    ("AAPL 7:1", "2014-06-09"),
    ("AAPL 4:1", "2020-08-31"),
    ("AAPL crash", "2000-09-29"),
    ("QQQ 2:1", "2000-03-20"),
)


def test_real_snapshots_of_two_days_show_the_splits_between_them() -> None:
    columns = ["symbol", "last", "ts"]
    table = pq.read_table(real("reference/universe_snapshots.parquet"), columns=columns)
    symbol = table["symbol"].cast(pa.string()).to_pylist()
    day = (table["ts"].to_numpy() // 86_400_000_000_000).tolist()
    last: dict[int, dict[str, float]] = {}
    for name, price, each in zip(symbol, table["last"].to_pylist(), day, strict=True):
        last.setdefault(each, {})[name] = price
    first, second, third, *_ = sorted(last)
    # ALUR 1:20 and MTH 2:1 on 2025-01-03, CMCT 1:10 and IDAI on 2025-01-06; of about 7,000 symbols nobody else.
    for before, after, split in ((first, second, {"ALUR", "MTH"}), (second, third, {"CMCT", "IDAI"})):
        shared = [name for name in last[before] if name in last[after] and last[before][name] > 0]
        assert len(shared) > 6_900
        assert {name for name in shared if doubts(last[before][name], last[after][name])} == split
