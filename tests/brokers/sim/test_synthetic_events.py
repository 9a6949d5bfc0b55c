"""What happens in the synthetic market: runners that run, pauses that stop prints, days with the usual shape."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from brokers.sim.market.events import EventKind
from brokers.sim.market.grid import Pause
from brokers.sim.market.walks import sigma_curve, volume_curve
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.model.market import Events, Kind, Status
from qm.rules.calendar import Session, session, sessions

SESSIONS = sessions(dt.date(2026, 7, 1), dt.date(2026, 9, 30))


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(500, 1)


@pytest.fixture(scope="module")
def paused(market: SyntheticMarket) -> tuple[Session, Pause]:
    """The first pause of that summer after which trading resumed."""
    for each in SESSIONS:
        for pause in market.pauses(each):
            if pause.end_ns < each.close_ns - 5 * MINUTE:
                return each, pause
    raise AssertionError("no pause in three months")


def around(market: SyntheticMarket, of: Session, pause: Pause) -> Events:
    """The records of the paused symbol from five minutes before its pause to five after."""
    found = []
    start = of.open_ns + max((pause.begin_ns - of.open_ns) // MINUTE - 5, 0) * MINUTE
    for records in market.minutes(of, start):
        found.append(records[records["sym"] == pause.row])
        if len(records) and records["ts"][-1] > pause.end_ns + 5 * MINUTE:
            break
    return np.concatenate(found)


def test_a_pause_stops_prints_and_quotes_and_says_so(market: SyntheticMarket, paused: tuple[Session, Pause]) -> None:
    of, pause = paused
    records = around(market, of, pause)
    status = records[records["kind"] == Kind.STATUS]
    assert [(int(each["ts"]), int(each["code"])) for each in status[:2]] == [
        (pause.begin_ns, Status.PAUSED),
        (pause.end_ns, Status.TRADING),
    ]
    # Five minutes, and five more for each time that the auction would have left its collars.
    assert (pause.end_ns - pause.begin_ns) % (5 * MINUTE) == 0
    assert pause.end_ns > pause.begin_ns
    inside = (records["ts"] >= pause.begin_ns) & (records["ts"] <= pause.end_ns)
    assert (records["kind"][inside] == Kind.STATUS).all()
    trades = records[records["kind"] == Kind.TRADE]
    before, after = trades[trades["ts"] < pause.begin_ns], trades[trades["ts"] > pause.end_ns]
    assert len(before) > 0
    assert int(after["ts"][0]) < pause.end_ns + MINUTE


def test_no_trade_leaves_the_band_at_which_its_symbol_pauses(
    market: SyntheticMarket, paused: tuple[Session, Pause]
) -> None:
    of, pause = paused
    trades = around(market, of, pause)
    minute = pause.begin_ns - (pause.begin_ns - of.open_ns) % MINUTE
    last = trades[(trades["kind"] == Kind.TRADE) & (trades["ts"] >= minute) & (trades["ts"] < pause.begin_ns)]
    first = float(next(iter(trades[trades["kind"] == Kind.TRADE]["a"])))
    band = pause.band
    assert len(last) > 0
    if band > first:
        assert last["a"].max() <= band
    else:
        assert last["a"].min() >= band


def test_bars_carry_the_same_pauses(market: SyntheticMarket, paused: tuple[Session, Pause]) -> None:
    of, pause = paused
    records = np.concatenate(list(market.minutes(of, of.open_ns, "bars")))
    assert (np.diff(records["ts"]) >= 0).all()
    own = records[records["sym"] == pause.row]
    status = own[own["kind"] == Kind.STATUS]
    assert pause.begin_ns in status["ts"].tolist()
    bars = own[own["kind"] == Kind.BAR]
    whole = (bars["event_ts"] >= pause.begin_ns) & (bars["ts"] <= pause.end_ns)
    assert not whole.any()


def test_pauses_are_rare_and_most_symbols_never_have_one(market: SyntheticMarket) -> None:
    paused = [{pause.row for pause in market.pauses(each)} for each in SESSIONS[:30]]
    assert 10 <= sum(len(rows) for rows in paused) <= 90
    assert len(set.union(*paused)) < 100


def test_there_were_no_pauses_before_the_plan(market: SyntheticMarket) -> None:
    assert all(not market.pauses(each) for each in sessions(dt.date(2012, 11, 1), dt.date(2012, 11, 9)))


def test_runners_run_and_gappers_gap(market: SyntheticMarket) -> None:
    moves, calm, gaps = [], [], []
    for each in SESSIONS[:20]:
        events = market.events(each)
        assert len({event.row for event in events}) == len(events)
        marks = market.marks(each)
        busy = {event.row for event in events}
        move = np.abs(marks.closed - marks.opened)
        calm.append(float(np.median(move[[row for row in range(500) if row not in busy]])))
        for event in events:
            if event.kind is EventKind.RUNNER:
                moves.append(float(move[event.row]))
            elif event.kind is EventKind.GAPPER:
                gaps.append(abs(float(marks.opened[event.row] - marks.prior[event.row])))
    assert float(np.median(moves)) > 4.0 * float(np.mean(calm))
    assert float(np.quantile(gaps, 0.1)) > 0.04


def test_what_spikes_runs_before_the_open_and_is_back_at_it(market: SyntheticMarket) -> None:
    up, gaps = [], []
    for each in SESSIONS[:8]:
        marks = market.marks(each)
        spikes = {event.row for event in market.events(each) if event.kind is EventKind.SPIKE}
        top = np.zeros(500)
        for records in market.minutes(each, each.pre_ns, "bars"):
            if len(records) and records["event_ts"][0] >= each.open_ns:
                break
            bars = records[records["kind"] == Kind.BAR]
            top[bars["sym"]] = np.maximum(top[bars["sym"]], bars["b"])
        rows = [row for row in spikes if top[row] > 0.0]
        up += np.log(top[rows] / np.exp(marks.prior[rows])).tolist()
        gaps += np.abs(marks.opened[rows] - marks.prior[rows]).tolist()
    assert len(up) > 10
    assert float(np.median(up)) > 0.15
    assert float(np.median(gaps)) < 0.05


def test_nothing_in_a_path_tells_its_direction(market: SyntheticMarket) -> None:
    """The sum of (move until now) x (move from now on) over its expected spread under a fair game: a z-score."""
    paths = []
    for each in SESSIONS[:40]:
        events = market.events(each)
        rows = [event.row for event in events if event.kind is not EventKind.GAPPER or abs(event.gap) < 0.09]
        if rows and not each.half:
            paths.append(market.log_marks(each)[:, rows])
    for hour in (30, 60, 120, 240):
        score = spread = 0.0
        for log in paths:
            product = (log[hour] - log[0]) * (log[-1] - log[hour])
            score += float(product.sum())
            spread += float(np.square(product).sum())
        assert abs(score) < 3.5 * spread**0.5


def test_the_day_has_the_shape_of_a_day() -> None:
    volume, sigma = volume_curve(390), sigma_curve(390)
    assert volume.sum() == pytest.approx(1.0)
    assert np.square(sigma).sum() == pytest.approx(1.0)
    assert volume[:30].sum() > 2.0 * volume[180:210].sum()
    assert volume[-30:].sum() > 2.0 * volume[180:210].sum()
    assert sigma[:15].mean() > 3.0 * sigma[180:195].mean()
    assert volume_curve(210).sum() == pytest.approx(1.0)
    assert len(sigma_curve(210)) == 210


def test_trades_add_up_to_the_volume_of_the_day(market: SyntheticMarket) -> None:
    of = session(dt.date(2026, 9, 1))
    volume = np.zeros(500)
    for records in market.minutes(of, of.open_ns):
        trades = records[(records["kind"] == Kind.TRADE) & (records["ts"] < of.close_ns)]
        np.add.at(volume, trades["sym"], trades["b"])
    bars = np.concatenate(list(market.minutes(of, of.open_ns, "bars"))[:-1])
    expected = np.zeros(500)
    np.add.at(expected, bars["sym"], bars["e"])
    ratio = volume[expected > 0] / expected[expected > 0]
    assert 0.97 < float(np.median(ratio)) < 1.03
    # Single sizes are wild: only many of them add up.
    busy = expected[expected > 0] > 1_000_000
    assert busy.sum() > 50
    assert float(np.quantile(np.abs(np.log(ratio[busy])), 0.95)) < 0.3
    usual = volume / market.reference(of).adv
    assert 0.5 < float(np.median(usual)) < 2.0
    assert float(usual[[event.row for event in market.events(of)]].max()) > 5.0
