"""The synthetic market has the numbers that were measured: 250 days of its plan, and some sessions of its minutes.

`python -m benchmarks.synthetic` recomputes all of them from records, and says which are missed.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from brokers.sim.market import calibration as measured
from brokers.sim.market.days import Days
from brokers.sim.market.prints import MOST_AUCTION
from brokers.sim.market.streams import Stream, stream
from brokers.sim.market.tape import MOST_SIZE
from brokers.sim.market.universe import Array, Universe, universe
from brokers.sim.synthetic import SyntheticMarket
from qm.model.market import Kind, Print
from qm.rules.calendar import Session, previous_session, session, sessions

SESSIONS = sessions(dt.date(2026, 1, 2), dt.date(2026, 12, 31))[:250]
SYMBOLS = 2_000
WITHIN = 0.20


class Plan:
    """The daily columns of 250 sessions, one element per symbol and session."""

    def __init__(self) -> None:
        self.universe: Universe = universe(SYMBOLS, stream(3, None, Stream.UNIVERSE), watched=0.0)
        days = Days(self.universe, 3)
        closes = days.closes([previous_session(SESSIONS[0].date), *SESSIONS])
        columns: list[tuple[Array, ...]] = []
        for at, of in enumerate(SESSIONS):
            day = days.day(of)
            opened = days.opens(closes[at], day)
            columns.append((np.exp(closes[at]), opened - closes[at], closes[at + 1] - opened, day.volume))
        prior, gap, move, volume = (np.concatenate(each) for each in zip(*columns, strict=True))
        self.prior, self.gap, self.move, self.rvol = prior, np.expm1(gap), np.expm1(move), volume
        self.dollars = volume * np.tile(self.universe.adv, len(SESSIONS)) * prior
        self.cheap = (prior >= 1.0) & (prior < 20.0)


class Runners:
    """What ran 30 % and more above the close before, at $1-20; from the paths of the events alone."""

    def __init__(self, market: SyntheticMarket, of: list[Session]) -> None:
        high, peak, busiest, early = [], [], [], []
        self.paused, self.cheap, self.any_hour = 0, 0.0, 0
        for each in of:
            marks, paths = market.marks(each), market.event_paths(each)
            prior, grid = np.exp(marks.prior), paths.grid
            self.cheap += float(((prior >= 1.0) & (prior < 20.0)).sum())
            own = prior[grid.rows]
            up = np.exp(grid.log).max(axis=0) / own - 1.0
            ran = np.flatnonzero((own >= 1.0) & (own < 20.0) & (up >= 0.3) & (grid.count > 0).any(axis=0))
            high.append(up[ran])
            peak.append(grid.log[:, ran].argmax(axis=0))
            volume = np.sort(np.maximum(grid.count[:, ran], 0) * grid.size[:, ran], axis=0)
            busiest.append(volume[-10:].sum(axis=0) / volume.sum(axis=0))
            before = market.early(each)
            top = np.where(before.count > 0, before.log[1:], -np.inf).max(axis=0)
            usd = prior[before.rows]
            rose = (usd >= 1.0) & (usd < 20.0) & (np.exp(top) / usd - 1.0 >= 0.3)
            rows = set(grid.rows[ran].tolist()) | set(before.rows[rose].tolist())
            self.any_hour += len(rows)
            self.paused += sum(pause.row in rows for pause in paths.pauses)
            regular = dict(zip(grid.rows.tolist(), grid.log.max(axis=0).tolist(), strict=True))
            tops = dict(zip(before.rows.tolist(), top.tolist(), strict=True))
            early += [tops.get(row, -np.inf) > regular.get(row, -np.inf) for row in sorted(rows)]
        self.early = float(np.mean(early))
        self.high, self.peak, self.busiest = (np.concatenate(each) for each in (high, peak, busiest))

    def ran(self, least: float) -> float:
        """Number of runs, as `cheap` is that of symbols: over all days."""
        return float((self.high >= least).sum())


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan()


def close_to(found: float, target: float, within: float = WITHIN) -> bool:
    return abs(found / target - 1.0) <= within


def test_prices_and_companies_have_the_measured_quantiles(plan: Plan) -> None:
    u = plan.universe
    for share, target in ((0.05, 0.32), (0.25, 4.08), (0.5, 13.45), (0.75, 37.12), (0.95, 200.3)):
        assert close_to(float(np.quantile(u.price, share)), target)
    for share, target in ((0.25, 98e6), (0.5, 878e6), (0.75, 5.06e9)):
        assert close_to(float(np.quantile(u.cap, share)), target)
    assert close_to(float(((u.price >= 1) & (u.price < 20)).mean()), 0.49)
    for place, (_, share) in enumerate(measured.EXCHANGES):
        assert close_to(float((u.exchange == place).mean()), share, 0.05)


def test_events_a_day_lie_within_the_poisson_law(plan: Plan) -> None:
    scale = measured.EVENTS_UNIVERSE / (plan.cheap.sum() / len(SESSIONS))
    found = {
        "gap5": plan.gap >= 0.05,
        "gap10": plan.gap >= 0.10,
        "gap20": plan.gap >= 0.20,
        "rvol5_gap4": (plan.rvol > 5) & (plan.gap > 0.04),
    }
    for name, which in found.items():
        target = measured.EVENTS_A_DAY[name]
        a_day = float((which & plan.cheap).sum()) / len(SESSIONS) * scale
        assert abs(a_day - target) <= 1.96 * target**0.5, (name, a_day)


def test_gappers_close_as_measured(plan: Plan) -> None:
    gapper = plan.cheap & (plan.gap >= 0.10) & (plan.dollars > 1e6)
    for share, target in zip(*measured.GAPPER_CLOSE, strict=True):
        found = 100 * float(np.quantile(plan.move[gapper], share))
        assert abs(found - target) <= max(WITHIN * abs(target), 2.0), (share, found)
    assert close_to(float((plan.move[gapper] < 0).mean()), measured.GAPPER_FADES)
    assert close_to(float((plan.move[gapper & (plan.gap >= 0.20)] < 0).mean()), measured.GAP20_FADES)


@pytest.mark.parametrize("bucket", range(2, len(measured.BUCKETS)))
def test_gaps_by_price(plan: Plan, bucket: int) -> None:
    """From $2 on; below, symbols change their price so much that classes mix (see the benchmark)."""
    own = np.digitize(plan.prior, measured.BUCKET_EDGES) == bucket
    assert close_to(100 * float((plan.gap[own] > 0.05).mean()), measured.GAP_OVER_5[bucket], 0.35)


@pytest.fixture(scope="module")
def runners() -> Runners:
    return Runners(SyntheticMarket(SYMBOLS, 3, watched=0.0), SESSIONS[:40])


def test_as_many_symbols_run_as_were_seen_to(runners: Runners) -> None:
    for least, name in ((0.3, "run30"), (0.5, "run50")):
        a_day = measured.EVENTS_UNIVERSE * runners.ran(least) / runners.cheap
        assert abs(a_day - measured.EVENTS_A_DAY[name]) <= 1.96 * measured.EVENTS_A_DAY[name] ** 0.5, name


def test_runs_have_the_size_and_the_minutes_that_were_measured(runners: Runners) -> None:
    run_up = 100 * np.quantile(runners.high, (0.5, 0.9))
    assert close_to(float(run_up[0]), measured.RUN_UP[1][0])
    assert close_to(float(run_up[1]), measured.RUN_UP[1][1], 0.35)
    assert close_to(float(np.median(runners.busiest)), measured.RUN_TOP10_VOLUME, 0.35)
    # Nearer to the open than to the close, as volatility comes with the news.
    assert 0.4 < float((runners.peak < 150).mean()) < 0.9


def test_every_second_runner_makes_its_high_before_the_open(runners: Runners) -> None:
    assert 0.4 < runners.early < 0.65


def test_a_runner_seldom_pauses(runners: Runners) -> None:
    """Within what the two pauses on 21 days of runners at any hour tell."""
    assert measured.PAUSES_KNOWN[0] < runners.paused / runners.any_hour < measured.PAUSES_KNOWN[1]


def test_minutes_have_no_memory_of_direction_and_cluster_in_size() -> None:
    market = SyntheticMarket(300, 4)
    ratios, memory, tails = [], [], []
    for of in SESSIONS[20:28]:
        busy = {event.row for event in market.events(of)}
        rows = [row for row in range(300) if row not in busy]
        step = np.diff(market.log_marks(of)[:, rows], axis=0)
        far = step.reshape(26, 15, -1).sum(axis=1)
        ratios.append(np.square(far).sum(axis=0) / np.square(step).sum(axis=0))
        z = step / step.std(axis=0)
        size = np.abs(z)
        size -= size.mean(axis=0)
        memory.append(float(np.median((size[1:] * size[:-1]).mean(axis=0) / size.var(axis=0))))
        tails.append(100 * float((np.abs(z) > 4).mean()))
    assert close_to(float(np.concatenate(ratios).mean()), measured.VARIANCE_RATIO[15], 0.1)
    assert close_to(float(np.mean(memory)), measured.ABS_RETURN_ACF[1], 0.25)
    assert close_to(float(np.mean(tails)), measured.OVER_4_SD, 0.25)


def test_the_closing_auction_prints_at_the_close_and_is_a_seventh_of_the_day() -> None:
    market, of = SyntheticMarket(200, 4), session(dt.date(2026, 3, 12))
    *minutes, last = market.minutes(of, of.open_ns)
    assert (last["ts"] == of.close_ns).all()
    assert (last["flag"] == Print.ALL | Print.CLOSING).all()
    volume = np.zeros(200)
    for records in minutes:
        trades = records[records["kind"] == Kind.TRADE]
        np.add.at(volume, trades["sym"], trades["b"])
    share = last["b"] / (last["b"] + volume[last["sym"]])
    assert 0.09 < float(np.median(share)) < 0.15
    close = market.reference(session(dt.date(2026, 3, 13))).prior_close
    assert (last["a"] == close[last["sym"]]).all()


def test_odd_lots_change_the_volume_only() -> None:
    market, of = SyntheticMarket(200, 4), session(dt.date(2026, 3, 12))
    records = np.concatenate(list(market.minutes(of, of.open_ns))[:30])
    trades = records[records["kind"] == Kind.TRADE]
    odd = trades["b"] < 100
    assert 0.2 < float(odd.mean()) < 0.75
    assert (trades["flag"][odd] == Print.VOLUME).all()
    assert (trades["flag"][~odd] & Print.ALL == Print.ALL).all()


def test_the_first_print_of_the_first_minute_is_that_of_the_opening_auction() -> None:
    market, of = SyntheticMarket(200, 4), session(dt.date(2026, 3, 12))
    first, second, *_ = market.minutes(of, of.open_ns)
    trades = first[first["kind"] == Kind.TRADE]
    rows, place = np.unique(trades["sym"], return_index=True)
    opening = trades[trades["flag"] & Print.OPENING > 0]
    assert len(opening) == len(rows) > 50
    assert (np.sort(opening, order="sym") == trades[place]).all()
    assert (opening["flag"] == Print.ALL | Print.OPENING).all()
    assert not (second["flag"][second["kind"] == Kind.TRADE] & (Print.OPENING | Print.CLOSING)).any()


def test_no_print_is_larger_than_prints_are() -> None:
    """In the busiest choice of a market as well, whose largest names trade half of its shares."""
    market, of = SyntheticMarket(60, 3), session(dt.date(2026, 3, 10))
    *minutes, last = market.minutes(of, of.open_ns)
    assert max(float(records["b"][records["kind"] == Kind.TRADE].max()) for records in minutes) <= MOST_SIZE
    assert float(last["b"].max()) <= MOST_AUCTION


def test_the_reference_follows_from_the_session_before() -> None:
    market, of, following = SyntheticMarket(200, 4), session(dt.date(2026, 3, 12)), session(dt.date(2026, 3, 13))
    known = market.reference(following)
    bars = np.concatenate(list(market.minutes(of, of.open_ns, "bars"))[:-1])
    bars = bars[bars["kind"] == Kind.BAR]
    high, low = np.full(200, -np.inf), np.full(200, np.inf)
    np.maximum.at(high, bars["sym"], bars["b"])
    np.minimum.at(low, bars["sym"], bars["c"])
    traded = np.isfinite(high)
    assert (known.prev_high[traded] == high[traded]).all()
    assert (known.prev_low[traded] == low[traded]).all()
    assert (known.high_52w >= np.fmax(known.prev_high, known.prior_close * 0.999)).all()
    assert (known.ssr_carried[traded] == (low <= 0.9 * market.reference(of).prior_close)[traded]).all()
    assert (known.known_at < following.pre_ns).all()
    assert known.noise.shape == (13, 200)
    # A walk's distance from its start grows.
    assert (np.diff(known.noise.mean(axis=1)) > 0).all()
