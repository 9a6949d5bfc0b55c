"""The synthetic market is the same everywhere, in order, and made of prices that could be real."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from brokers.sim.market.history import before
from brokers.sim.market.premarket import CROWD_USD
from brokers.sim.synthetic import Detail, SyntheticMarket
from qm.clock import MINUTE
from qm.errors import UsageError
from qm.model.instrument import SYMBOL
from qm.model.market import Events, Kind
from qm.rules.calendar import Session, next_session, session

ROOT = Path(__file__).parents[3]
DAY = session(dt.date(2026, 11, 23))
HALF_DAY = session(dt.date(2026, 11, 27))
SYMBOLS = 80

DIGEST = """
import datetime as dt, hashlib
from brokers.sim.synthetic import SyntheticMarket
from qm.rules.calendar import session
market, day, whole = SyntheticMarket(80, 7), session(dt.date(2026, 11, 23)), hashlib.sha256()
for detail in ("trades", "bars"):
    for records in market.minutes(day, day.pre_ns, detail):
        whole.update(records.tobytes())
print(whole.hexdigest(), market.reference(day).digest(), ",".join(market.table))
"""


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(SYMBOLS, 7)


@pytest.fixture(scope="module")
def trading_day(market: SyntheticMarket) -> Events:
    return np.concatenate(list(market.minutes(DAY, DAY.pre_ns)))


def digest(market: SyntheticMarket, of: Session, start_ns: int | None = None, detail: Detail = "trades") -> str:
    whole = hashlib.sha256()
    for records in market.minutes(of, start_ns, detail):
        whole.update(records.tobytes())
    return whole.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_every_process_on_every_processor() -> None:
    found = set()
    wide = " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))
    # On a processor without wide registers numpy computes with other code.
    for hash_seed, zone, without in (("0", "UTC", ""), ("4242", "Asia/Tokyo", wide)):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "NPY_DISABLE_CPU_FEATURES": without}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_a_session_does_not_depend_on_what_was_asked_before(market: SyntheticMarket) -> None:
    following = next_session(DAY.date)
    fresh = SyntheticMarket(SYMBOLS, 7)
    assert digest(fresh, following) == digest(market, following)
    assert digest(fresh, DAY) == digest(market, DAY)
    assert fresh.reference(DAY).digest() == market.reference(DAY).digest()
    assert digest(SyntheticMarket(SYMBOLS, 8), DAY) != digest(market, DAY)


@pytest.mark.parametrize("detail", ["trades", "bars"])
def test_starting_later_gives_the_same_records(market: SyntheticMarket, detail: Detail) -> None:
    whole = list(market.minutes(DAY, DAY.pre_ns, detail))
    assert len(whole) == 330 + 390 + 1
    for minute in (325, 330, 500, 720):
        late = next(market.minutes(DAY, DAY.pre_ns + minute * MINUTE, detail))
        assert late.tobytes() == whole[minute].tobytes()
    assert list(market.minutes(DAY, DAY.close_ns + MINUTE, detail)) == []


def test_two_readers_of_one_market_do_not_disturb_each_other(market: SyntheticMarket) -> None:
    following = next_session(DAY.date)
    alone = [list(islice(market.minutes(of), 8)) for of in (DAY, following)]
    pairs = zip(islice(market.minutes(DAY), 8), islice(market.minutes(following), 8), strict=True)
    for at, pair in enumerate(pairs):
        assert [each.tobytes() for each in pair] == [alone[0][at].tobytes(), alone[1][at].tobytes()]


def test_records_come_in_order_and_in_their_minute(market: SyntheticMarket) -> None:
    begin = DAY.pre_ns
    for records in market.minutes(DAY, DAY.pre_ns):
        if len(records):
            assert begin <= records["ts"][0]
            assert records["ts"][-1] < begin + MINUTE
            assert (np.diff(records["ts"]) >= 0).all()
            assert (records["ts"] == records["event_ts"]).all()
        begin += MINUTE
    assert begin == DAY.close_ns + MINUTE


def test_quotes_are_never_crossed_and_trades_lie_within_them(trading_day: Events) -> None:
    quotes = trading_day[trading_day["kind"] == Kind.QUOTE]
    assert (quotes["b"] > quotes["a"]).all()
    for row in range(SYMBOLS):
        own = trading_day[trading_day["sym"] == row]
        last = np.maximum.accumulate(np.where(own["kind"] == Kind.QUOTE, np.arange(len(own)), -1))
        # The closing auction is a market of its own.
        trades = (own["kind"] == Kind.TRADE) & (last >= 0) & (own["ts"] < DAY.close_ns)
        bid, ask, price = own["a"][last[trades]], own["b"][last[trades]], own["a"][trades]
        assert (bid <= price).all()
        assert (price <= ask).all()
        assert (own["b"][trades] >= 1).all()


def test_prices_are_whole_cents_from_a_dollar_on_and_hundredths_below(trading_day: Events) -> None:
    trades = trading_day[trading_day["kind"] == Kind.TRADE]
    quotes = trading_day[trading_day["kind"] == Kind.QUOTE]
    for prices in (trades["a"], quotes["a"], quotes["b"]):
        assert (prices > 0.0).all()
        tick = np.where(prices >= 1.0, 100.0, 10_000.0)
        assert (np.rint(prices * tick) / tick == prices).all()
    for sizes in (trades["b"], quotes["c"], quotes["d"]):
        assert (sizes >= 1).all()
        assert (sizes == np.rint(sizes)).all()


def test_before_the_last_minutes_only_news_and_crowds_trade(market: SyntheticMarket, trading_day: Events) -> None:
    early = trading_day[trading_day["ts"] < DAY.open_ns - 5 * MINUTE]
    news = {event.row for event in market.events(DAY) if event.news}
    rows = set(early["sym"].tolist())
    traits = market.universe
    crowd = set(np.flatnonzero(traits.adv * traits.price > CROWD_USD).tolist())
    assert news & rows
    assert rows <= news | crowd
    assert len(rows) < 0.6 * SYMBOLS
    quoted = trading_day[(trading_day["ts"] < DAY.open_ns) & (trading_day["kind"] == Kind.QUOTE)]
    assert set(quoted["sym"].tolist()) == set(range(SYMBOLS))


def test_what_is_usual_before_the_open_is_what_is_traded_before_the_open(market: SyntheticMarket) -> None:
    usual = market.reference(DAY).pre_usual
    past = before(DAY, 14)
    done = np.zeros((331, SYMBOLS))
    for of in past:
        for minute, records in zip(range(330), market.minutes(of, of.pre_ns, "bars"), strict=False):
            bars = records[records["kind"] == Kind.BAR]
            done[minute + 1, bars["sym"]] += bars["e"] / len(past)
    course = np.cumsum(done, axis=0)[::15]
    traders = course[-1] > 0
    np.testing.assert_array_equal(traders, usual[-1] > 0)
    each, expected = (found[:, traders] / found[-1, traders] for found in (course, usual))
    np.testing.assert_allclose(each.mean(axis=1), expected.mean(axis=1), atol=0.03)
    assert course[-1].sum() == pytest.approx(usual[-1].sum(), rel=0.05)


def test_bars_are_known_at_their_end_and_hold_together(market: SyntheticMarket) -> None:
    begin = DAY.open_ns
    for records in market.minutes(DAY, DAY.open_ns, "bars"):
        bars = records[records["kind"] == Kind.BAR]
        assert (bars["ts"] == begin + MINUTE).all()
        assert (bars["event_ts"] == begin).all()
        assert (np.diff(bars["sym"]) > 0).all()
        opened, high, low, close, volume = (bars[name] for name in "abcde")
        assert (low <= np.minimum(opened, close)).all()
        assert (high >= np.maximum(opened, close)).all()
        assert (low > 0.0).all()
        assert (volume >= 1).all()
        begin += MINUTE


def test_a_session_goes_on_from_the_close_before(market: SyntheticMarket) -> None:
    following = next_session(DAY.date)
    prior = market.reference(following).prior_close
    last = list(market.minutes(DAY, DAY.close_ns - MINUTE, "bars"))[-1]
    assert len(last) > SYMBOLS // 2
    assert (last["d"] == prior[last["sym"]]).all()
    opened = next(market.minutes(following, following.open_ns, "bars"))
    quiet = [row for row in range(SYMBOLS) if row not in {event.row for event in market.events(following)}]
    gaps = np.abs(opened["a"] / prior[opened["sym"]] - 1.0)[np.isin(opened["sym"], quiet)]
    assert 0 < float(np.median(gaps)) < 0.03


def test_half_days_are_short(market: SyntheticMarket) -> None:
    minutes = list(market.minutes(HALF_DAY, HALF_DAY.open_ns, "bars"))
    assert len(minutes) == 210 + 1
    assert int(minutes[-1]["event_ts"][-1]) == HALF_DAY.close_ns


def test_reference_knows_only_what_came_before(market: SyntheticMarket) -> None:
    reference = market.reference(DAY)
    assert len(reference) == SYMBOLS
    assert (reference.days == 14).all()
    for column in (reference.prior_close, reference.adv, reference.atr, reference.or_volume, reference.float_shares):
        assert np.isfinite(column).all()
        assert (column > 0).all()
    assert (np.diff(reference.curve) > 0).all()
    assert reference.curve[-1] == pytest.approx(1.0)
    first = market.reference(session(dt.date(1998, 1, 2)))
    assert np.isnan(first.prior_close).all()
    third = market.reference(session(dt.date(1998, 1, 6)))
    assert (third.days == 1).all()


def test_the_first_and_the_last_session_of_the_calendar_trade(market: SyntheticMarket) -> None:
    for day in (dt.date(1998, 1, 2), dt.date(2027, 12, 31)):
        records = next(market.minutes(session(day), session(day).open_ns, "bars"))
        assert len(records) > SYMBOLS // 4


def test_symbols() -> None:
    for count in (2, 500):
        names = SyntheticMarket(count).table.names
        assert len(names) == count
        assert names[:2] == ("SPY", "QQQ")
        assert all(SYMBOL.match(name) for name in names)
    with pytest.raises(UsageError, match="too small"):
        SyntheticMarket(1)
    assert sum(len(each) for each in SyntheticMarket(2).minutes(DAY)) > 1000
