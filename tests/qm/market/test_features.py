"""Features against a straightforward computation from the records themselves, synthetic and real."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from brokers.sim.synthetic import SyntheticMarket
from qm.market.features import ABOUT, NAMES, UNITS, features, features_of, usual_share
from qm.market.market import MINUTE_NS, Market
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events, Kind, Print, Status, bar, events, quote, status, trade
from qm.rules.calendar import Session, session
from tests.qm.engine.drive import DATE, Minutes
from tests.qm.strategies.stage import SESSION, at

REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
Column = npt.NDArray[np.float64]


def ratio(a: float, b: float) -> float:
    return a / b if b > 0 else np.nan


def pct(a: float, b: float) -> float:
    return 100.0 * (ratio(a, b) - 1.0)


def advance(market: Market, records: Events, minutes: int) -> None:
    """Consume records as the core does: at every boundary prices and volumes are remembered."""
    index = 0
    for k in range(1, minutes + 1):
        boundary = market.session.open_ns + k * MINUTE_NS
        end = int(np.searchsorted(records["ts"], boundary, "right"))
        market.replay(records[index:end])
        market.now = boundary
        market.mark_minute(boundary)
        index = end


def straightforward(records: Events, of: Session, ref: Reference, row: int, minutes: int) -> dict[str, float]:
    """The features of one symbol at the end of a minute, from its records and nothing else."""
    now = of.open_ns + minutes * MINUTE_NS
    mine = records[(records["sym"] == row) & (records["ts"] <= now)]
    prints = mine[mine["kind"] == Kind.TRADE]
    of_bars = not len(prints)
    told = mine[mine["kind"] == Kind.BAR] if of_bars else prints

    def by(end: int) -> Column:
        closes: Column = told[told["ts"] <= end]["d" if of_bars else "a"]
        return closes

    def close(minutes_ago: int) -> float:
        boundary = now - minutes_ago * MINUTE_NS
        seen = by(boundary) if boundary > of.open_ns else np.zeros(0)
        return float(seen[-1]) if len(seen) else np.nan

    regular = told[(told["event_ts"] >= of.open_ns) & (told["event_ts"] < of.close_ns)]
    highs, lows, opens, sizes = (regular["b"], regular["c"], regular["a"], regular["e"]) if of_bars else (
        regular["a"], regular["a"], regular["a"], regular["b"]
    )  # fmt: skip
    typical = (regular["b"] + regular["c"] + regular["d"]) / 3 if of_bars else regular["a"]
    volume, money = float(sizes.sum()), float((typical * sizes).sum())
    last = float(by(now)[-1])
    high, low, opened = float(highs.max()), float(lows.min()), float(opens[0])
    early = regular[regular["ts"] <= of.open_ns + 5 * MINUTE_NS]
    quotes = mine[mine["kind"] == Kind.QUOTE]
    bid, ask = (float(quotes["a"][-1]), float(quotes["b"][-1])) if len(quotes) else (np.nan, np.nan)
    halts = mine[mine["kind"] == Kind.STATUS]
    return {
        "last": last,
        "gap_pct": pct(opened, ref.prior_close[row]),
        "chg_pct": pct(last, ref.prior_close[row]),
        "chg_open_pct": pct(last, opened),
        "rvol": ratio(volume, ref.adv[row] * ref.curve[min(minutes, len(ref.curve)) - 1]),
        "opening_rvol": ratio(float(early["e" if of_bars else "b"].sum()), ref.or_volume[row])
        if minutes >= 5
        else np.nan,
        "volume": volume,
        "dollar_volume": money,
        "adv": ref.adv[row],
        "atr": ref.atr[row],
        "mom_1_pct": pct(last, close(1)),
        "mom_5_pct": pct(last, close(5)),
        "mom_15_pct": pct(last, close(15)),
        "vwap_dist_pct": pct(last, ratio(money, volume)),
        "range_pos": ratio(last - low, high - low),
        "range_atr": ratio(high - low, ref.atr[row]),
        "high_age_s": (now - int(regular["ts"][int(highs.argmax())])) / 1e9,
        "spread_bps": 2e4 * (ask - bid) / (ask + bid) if ask >= bid > 0 else np.nan,
        "float_rotation": ratio(volume, ref.float_shares[row]),
        "halted": float(len(halts) > 0 and halts["code"][-1] >= Status.HALTED),
        "ref_days": float(ref.days[row]),
        "float_shares": ref.float_shares[row],
        "open": opened,
        "low_chg_pct": pct(low, ref.prior_close[row]),
        "chg_1_ago_pct": pct(close(1), ref.prior_close[row]),
        "high_dist_atr": ratio(high - last, ref.atr[row]),
        **over_minutes(regular, of, ref, row, minutes),
    }


def over_minutes(regular: Events, of: Session, ref: Reference, row: int, minutes: int) -> dict[str, float]:
    """What compares the last minutes with each other, from the records of the session's regular hours so far."""
    of_bars = regular["kind"][0] == Kind.BAR
    last, size = ("d", "e") if of_bars else ("a", "b")
    typical = (regular["b"] + regular["c"] + regular["d"]) / 3 if of_bars else regular["a"]

    def volume_by(ago: int) -> float:
        return float(regular[size][regular["ts"] <= of.open_ns + (minutes - ago) * MINUTE_NS].sum())

    def below_vwap(ago: int) -> bool:
        seen = regular["ts"] <= of.open_ns + (minutes - ago) * MINUTE_NS
        vwap = ratio(float((typical * regular[size])[seen].sum()), volume_by(ago))
        return bool(seen.any() and regular[last][seen][-1] < vwap)

    vol_5, vol_before = volume_by(0) - volume_by(5), volume_by(5) - volume_by(10)
    usual = np.concatenate([[0.0], ref.curve])
    return {
        "mins_since_open": float(minutes),
        "vol_5m": vol_5,
        "rvol_5m": ratio(vol_5, ref.adv[row] * (usual[minutes] - usual[max(minutes - 5, 0)])),
        "vol_5m_pct": 100 * ratio(vol_5, ref.adv[row]) * 78,
        "vol_surge": ratio(vol_5, vol_before) if minutes >= 10 else np.nan,
        "mins_below_vwap": float(sum(map(below_vwap, range(1, min(20, minutes) + 1)))),
    }


def agree(market: Market, records: Events, minutes: int, rows: list[int]) -> None:
    matrix = features(market)
    for row in rows:
        wanted = straightforward(records, market.session, market.reference, row, minutes)
        for name, value in wanted.items():
            found = float(matrix[name][row])
            assert found == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (market.table.names[row], name)
        one = features_of(market, row)
        assert one == matrix.of(row)
        assert all(np.isfinite(list(one.values())))
        one = {name: value for name, value in one.items() if name in wanted}
        assert set(one) == {name for name, value in wanted.items() if np.isfinite(value)}


@pytest.mark.parametrize("minutes", [1, 3, 5, 6, 17, 30])
def test_features_of_a_synthetic_market(minutes: int) -> None:
    synthetic = SyntheticMarket(60, seed=3)
    of = session(DATE)
    market = Market(synthetic.table, of, synthetic.reference(of))
    records = np.concatenate(list(Minutes(synthetic, minutes + 1)))
    advance(market, records, minutes)
    regular = records[
        (records["kind"] == Kind.TRADE) & (records["event_ts"] >= of.open_ns) & (records["ts"] <= market.now)
    ]
    whole = regular[regular["flag"] == Print.ALL]
    assert len(whole) == len(regular), "the synthetic market has prints that may not set everything"
    traded = np.unique(whole["sym"]).tolist()
    assert len(traded) > 20
    agree(market, records, minutes, traded)


@pytest.mark.parametrize("minutes", [1, 5, 16, 120])
def test_features_of_real_bars(minutes: int) -> None:
    path = REAL / "us99_1m"
    files = sorted(path.glob("*.parquet"))
    if not files:
        pytest.skip(f"no real bars at {path}: set QM_TEST_DATA")
    table, of, records = real_day(files[0])
    rng = np.random.default_rng(1)
    n = len(table)
    ref = replace(
        Reference.empty(n),
        prior_close=rng.uniform(10, 500, n),
        adv=rng.uniform(1e5, 1e7, n),
        atr=rng.uniform(0.1, 10, n),
        or_volume=rng.uniform(1e4, 1e6, n),
        curve=np.linspace(1 / 390, 1.0, 390),
        days=np.full(n, 14),
    )
    market = Market(table, of, ref, prints=False)
    advance(market, records, minutes)
    seen = records[(records["event_ts"] >= of.open_ns) & (records["ts"] <= market.now)]
    rows = np.unique(seen["sym"])[:25].tolist()
    assert len(rows) > 10
    agree(market, records, minutes, rows)


def real_day(path: Path) -> tuple[SymbolTable, Session, Events]:
    """The first session of a file of minute bars, as records."""
    bars = pq.read_table(path).to_pydict()
    stamp = next(name for name in ("ts", "timestamp", "time", "datetime") if name in bars)
    times = np.array([np.datetime64(t.replace(tzinfo=None) if hasattr(t, "replace") else t, "ns") for t in bars[stamp]])
    starts = times.astype(np.int64)
    names = np.array(bars["symbol"])
    of = session(times.min().astype("datetime64[D]").item())
    inside = (starts >= of.pre_ns) & (starts < of.post_ns)
    table = SymbolTable(sorted(set(names[inside].tolist())))
    records = np.zeros(int(inside.sum()), EVENT)
    records["event_ts"] = starts[inside]
    records["ts"] = starts[inside] + MINUTE_NS
    records["sym"] = table.rows(names[inside].tolist())
    records["kind"], records["code"] = Kind.BAR, 60
    for field, name in zip("abcde", ("open", "high", "low", "close", "volume"), strict=True):
        records[field] = np.array(bars[name])[inside]
    ordered: Events = records[np.argsort(records["ts"], kind="stable")]
    return table, of, ordered


# --- what is not known -------------------------------------------------------------------------------------------


def market_with(*rows: tuple[Any, ...], **known: float) -> Market:
    columns: dict[str, Any] = {name: np.array([value]) for name, value in known.items()}
    market = Market(SymbolTable(["AAA"]), SESSION, replace(Reference.empty(1), **columns))
    market.replay(events(list(rows)))
    return market


def test_nothing_is_known_before_the_first_record() -> None:
    known = features_of(market_with(), 0)
    at_all_times = {"halted", "ref_days", "mins_since_open"}
    counted = {"pre_volume", "pre_dollar_volume", "highs_today", "halts_today", "quarantined", "revised"}
    assert set(known) == {"volume", "dollar_volume", "vol_5m", "mins_below_vwap", *counted, *at_all_times}


def test_before_the_open_the_gap_is_that_of_the_last_price() -> None:
    known = features_of(market_with(trade(at(-10), 0, 11.0, 100.0), prior_close=10.0), 0)
    assert known["gap_pct"] == pytest.approx(10.0)
    assert known["volume"] == 0.0
    assert "rvol" not in known


@pytest.mark.parametrize("name", ["prior_close", "adv", "atr", "or_volume", "float_shares"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_no_feature_is_ever_infinite(name: str, value: float) -> None:
    market = market_with(trade(at(0.5), 0, 10.0, 100.0), quote(at(0.6), 0, 0.0, 10.1), **{name: value})
    matrix = features(market).matrix
    assert not np.isinf(matrix).any()
    assert "spread_bps" not in features_of(market, 0)


@pytest.mark.parametrize(("code", "halted"), [(Status.TRADING, 0.0), (Status.HALTED, 1.0), (Status.PAUSED, 1.0)])
def test_a_halt_and_a_pause_are_halts(code: Status, halted: float) -> None:
    assert features_of(market_with(status(at(1), 0, code)), 0)["halted"] == halted


@pytest.mark.parametrize(("bid", "ask", "known"), [(10.0, 10.1, True), (10.1, 10.1, True), (10.2, 10.1, False)])
def test_a_crossed_market_has_no_spread(bid: float, ask: float, known: bool) -> None:
    assert ("spread_bps" in features_of(market_with(quote(at(1), 0, bid, ask)), 0)) is known


def test_three_prints_give_the_vwap_of_the_textbook() -> None:
    market = market_with(
        *[trade(at(0.1 * k), 0, p, v) for k, (p, v) in enumerate([(10.0, 100.0), (10.1, 300.0), (10.2, 100.0)])]
    )
    assert market.rows["pv"][0] / market.rows["volume"][0] == pytest.approx(10.10)
    assert features_of(market, 0)["vwap_dist_pct"] == pytest.approx(100 * (10.2 / 10.1 - 1))


def test_every_feature_has_a_unit_and_a_meaning() -> None:
    assert set(UNITS) == set(NAMES)
    assert set(ABOUT) == set(NAMES)


def test_a_bar_counts_as_its_typical_price() -> None:
    known = features_of(market_with(bar(at(1), 0, 10.0, 10.6, 9.8, 10.2, 1000.0)), 0)
    assert known["dollar_volume"] == pytest.approx(1000 * 10.2)
    assert known["range_pos"] == pytest.approx(0.5)


def volumes_by_minute(of: Market, minutes: list[float]) -> None:
    """Bars of a flat price, a minute each, up to the end of the last one."""
    for k, volume in enumerate(minutes, 1):
        of.replay(events([bar(at(k), 0, 10.0, 10.0, 10.0, 10.0, volume)]))
        of.now = at(k)
        of.mark_minute(of.now)


def test_the_pace_of_the_last_minutes_is_compared_with_like_with_like() -> None:
    market = market_with(adv=780_000.0)
    market.reference.curve[:] = np.arange(1, 391) / 390
    volumes_by_minute(market, [1_000.0] * 10 + [6_000.0] * 5)
    known = features_of(market, 0)
    assert known["vol_5m"] == 30_000
    # An average day does 10,000 shares in five minutes.
    assert known["vol_5m_pct"] == pytest.approx(300)
    assert known["rvol_5m"] == pytest.approx(3)
    assert known["vol_surge"] == pytest.approx(6)


def test_inside_a_minute_paces_are_not_inflated_by_the_part_of_a_sixth() -> None:
    market = market_with(adv=780_000.0)
    market.reference.curve[:] = np.arange(1, 391) / 390
    volumes_by_minute(market, [2_000.0] * 15)
    market.replay(events([trade(at(15.5), 0, 10.0, 1_000.0)]))
    market.now = at(15.5)
    known = features_of(market, 0)
    assert known["vol_5m"] == 11_000
    for name, wanted in {"vol_5m_pct": 100.0, "rvol_5m": 1.0, "vol_surge": 1.0}.items():
        assert known[name] == pytest.approx(wanted), name


def test_a_surge_needs_ten_whole_minutes() -> None:
    market = market_with()
    volumes_by_minute(market, [1_000.0] * 9)
    assert "vol_surge" not in features_of(market, 0)
    market.now = at(10)
    assert features_of(market, 0)["vol_surge"] == pytest.approx(4 / 5)


def test_the_usual_share_goes_evenly_through_a_minute_and_stays_within_the_day() -> None:
    curve = np.array([0.4, 0.6, 1.0])
    shares = [usual_share(curve, int(minute * MINUTE_NS)) for minute in (-1, 0, 0.5, 1, 1.5, 3, 99)]
    assert shares == pytest.approx([0, 0, 0.2, 0.4, 0.5, 1, 1])


def test_minutes_below_the_vwap_count_the_twenty_before_the_last() -> None:
    market = market_with()
    counted = []
    for k in range(1, 31):
        price = 20.0 if k <= 3 else 10.0 if k <= 28 else 30.0
        market.replay(events([bar(at(k), 0, price, price, price, price, 100.0)]))
        market.now = at(k)
        market.mark_minute(market.now)
        counted.append(features_of(market, 0)["mins_below_vwap"])
    assert counted[:6] == [0, 0, 0, 0, 1, 2]
    assert counted[27:] == [20, 20, 19]


def test_before_the_open_the_minutes_since_it_are_negative() -> None:
    assert features_of(market_with(trade(at(-10), 0, 11.0, 100.0)), 0)["mins_since_open"] == pytest.approx(-10)
