"""Features of a synthetic market against plain pandas, and what they are where something is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.market.blocks import BLOCK
from qm.market.features import ABOUT, NAMES, UNITS, features
from qm.market.market import Market, before
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.market.usual import usual_share
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind, Status, bar, events, quote, status, trade
from qm.rules.calendar import session
from tests.qm.engine.drive import DATE, Minutes
from tests.qm.market.frames import Tape, expected
from tests.qm.strategies.stage import SESSION, at

BEFORE = 6
"""Minutes before the open at which the first boundary is marked."""


def advance(market: Market, records: Events, minutes: int) -> None:
    """Consume records as the core does, with every boundary marked."""
    index = 0
    for k in range(-BEFORE, minutes + 1):
        boundary = market.session.open_ns + k * MINUTE
        end = index + before(records[index:], boundary)
        market.replay(records[index:end])
        market.now = boundary
        market.mark_minute(boundary)
        index = end


def quoted(records: Events, row: int, now: int) -> dict[str, float]:
    """What the last quote and status of a symbol tell."""
    mine = records[(records["sym"] == row) & (records["ts"] <= now)]
    quotes, told = mine[mine["kind"] == Kind.QUOTE], mine[mine["kind"] == Kind.STATUS]["code"]
    found = {
        "halted": float(len(told) > 0 and told[-1] >= Status.HALTED),
        "halts_today": float(((told[1:] >= Status.HALTED) & (told[:-1] < Status.HALTED)).sum() + (told[:1] > 1).sum()),
    }
    if not len(quotes):
        return found
    ts, bid, ask, buyers, sellers = (float(quotes[name][-1]) for name in ("ts", "a", "b", "c", "d"))
    if not ask >= bid > 0:
        return found | dict.fromkeys(("spread_bps", "book_imb", "quote_age_s"), np.nan)
    return found | {
        "spread_bps": 2e4 * (ask - bid) / (ask + bid),
        "book_imb": (buyers - sellers) / (buyers + sellers),
        "quote_age_s": (now - int(quotes["ts"][-1])) / 1e9 if ts else np.nan,
    }


@pytest.mark.parametrize("minutes", [1, 6, 30])
def test_features_of_a_synthetic_market(minutes: int) -> None:
    synthetic = SyntheticMarket(60, seed=3)
    of = session(DATE)
    market = Market(synthetic.table, of, synthetic.reference(of))
    records = np.concatenate(list(Minutes(synthetic, minutes + 1)))
    advance(market, records, minutes)
    told = records[(records["kind"] == Kind.TRADE) & (records["ts"] < market.now)]
    traded = np.unique(told[told["event_ts"] >= of.open_ns]["sym"]).tolist()
    assert len(traded) > 20
    matrix, spy = features(market), Tape.of(records, market.table.row("SPY"))
    for row in traded[::3]:
        wanted = expected(Tape.of(records, row), spy, of, market.reference, row, market.now)
        wanted |= quoted(records, row, market.now)
        for name, value in wanted.items():
            found = float(matrix[name][row])
            place = (market.table.names[row], name)
            assert found == pytest.approx(value, rel=1e-9, abs=1e-7, nan_ok=True), place
        one = features_of(market, row)
        assert one == matrix.of(row)
        assert all(np.isfinite(list(one.values())))


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
    shares = [usual_share(curve, int(minute * MINUTE)) for minute in (-1, 0, 0.5, 1, 1.5, 3, 99)]
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


@pytest.mark.parametrize("minutes", [-30, 40])
def test_what_is_asked_for_is_what_all_features_say(minutes: int) -> None:
    """More symbols than fit a block, and one that would be alone in the last."""
    synthetic = SyntheticMarket(2 * BLOCK + 1, seed=3)
    of = session(DATE)
    market = Market(synthetic.table, of, synthetic.reference(of))
    records = synthetic.minutes(of, of.open_ns - 40 * MINUTE, "trades")
    for minute, batch in enumerate(records, -39):
        market.replay(batch)
        market.now = of.open_ns + minute * MINUTE
        market.mark_minute(market.now)
        if minute == minutes:
            break
    everything = features(market)
    some = ("vwap_z", "chg_pct", "red_bars_5m", "or_dir", "mins_since_open", "atr_pct", "ssr")
    asked = features(market, needed=some)
    assert sorted(asked.names) == sorted(some)
    for name in NAMES:
        # Of the others, each with those made of the same parts.
        assert np.array_equal(asked[name], everything[name], equal_nan=True), name


def test_an_empty_market_is_one_until_its_first_record() -> None:
    of = session(DATE)
    market = Market(SymbolTable(["AAPL"]), of, Reference.empty(1))
    asked = ("last", "pre_volume", "mom_5_pct")
    empty = features(market, needed=asked)
    for minute in range(1, 8):
        market.now = of.pre_ns + minute * MINUTE
        market.mark_minute(market.now)
        empty = features(market, needed=asked)
        assert [empty[name][0] for name in asked] == pytest.approx([np.nan, 0.0, np.nan], nan_ok=True)
    for minute in range(8, 15):
        market.replay(events([trade(of.pre_ns + minute * MINUTE - 1, 0, 10.0 + minute, 100)]))
        market.now = of.pre_ns + minute * MINUTE
        market.mark_minute(market.now)
    found = features(market, needed=asked)
    # 24 $ after 19 $ five minutes ago; nobody traded at the boundaries that were empty.
    assert [found[name][0] for name in asked] == pytest.approx([24.0, 700.0, 100 * (24 / 19 - 1)])
    # What was seen of the empty market stays what it was.
    assert np.isnan(empty["last"][0])
