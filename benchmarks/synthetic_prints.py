"""The prints and quotes of the synthetic market beside those of a real runner day, and of small and large companies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic_rows import Interval, Pool, Row, quantile_rows, row
from brokers.sim.market import calibration as measured
from brokers.sim.market.events import TEN
from brokers.sim.market.universe import TRADE_SHARES
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE, SECOND
from qm.market.reference import Reference
from qm.model.market import Events, Kind
from qm.rules.calendar import Session

Array = npt.NDArray[np.float64]

TAPES: Final = 12
"""Runners of a session."""
TRADES: Final = (300, 35_000)
"""The real tapes had so many."""
FEWEST: Final = 500
CALM: Final = 150
"""Symbols of a session without an event whose spreads are looked at."""
FUNDS: Final = 2
LIQUID_USD: Final = 100e6
STEP_S: Final = 5
OPENING, MIDDAY = (0, 10), (120, 240)
"""Minutes after the open."""

KNOWN: Final = {"trade size": measured.PRINTS_SIZE_KNOWN, "seconds between trades": measured.PRINTS_WAIT_KNOWN}


class Prints:
    """Gathers the tapes of runners, the spreads and the bounces of others, session by session."""

    def __init__(self, market: SyntheticMarket) -> None:
        self.market = market
        self.trades, self.quotes, self.waits = Pool(), Pool(), Pool()
        self.tapes, self.spreads, self.bounces = Pool(), Pool(), Pool()
        self.sessions = 0

    def add(self, of: Session) -> None:
        """Take one session."""
        at, self.sessions = self.sessions, self.sessions + 1
        known = self.market.reference(of)
        runners, thin, liquid = self._runners(of, known), self._thin(of), self._liquid(of)
        wanted = np.zeros(len(self.market.table), np.bool_)
        wanted[[*runners, *thin, *liquid]] = True
        tape = np.concatenate([records[wanted[records["sym"]]] for records in self.market.minutes(of, of.pre_ns)])
        tape = tape[tape["ts"] < of.close_ns]
        order = np.argsort(tape["sym"], kind="stable")
        tape = tape[order]
        bounds = np.searchsorted(tape["sym"], np.arange(len(wanted) + 1))
        for each in runners:
            self._runner(at, of, tape[bounds[each] : bounds[each + 1]])
        for each in thin:
            self._spread(at, of, tape[bounds[each] : bounds[each + 1]])
        for each in liquid:
            self._bounce(at, of, tape[bounds[each] : bounds[each + 1]])

    def _runners(self, of: Session, known: Reference) -> list[int]:
        found = [
            each.row
            for each in self.market.events(of)
            if (each.gap >= TEN or each.gap == 0.0)
            and each.rvol > 2
            and TRADES[0] < known.adv[each.row] * each.rvol / TRADE_SHARES < TRADES[1]
            and 1.0 <= known.prior_close[each.row] < 20.0
        ]
        return found[:TAPES]

    def _thin(self, of: Session) -> list[int]:
        busy = {event.row for event in self.market.events(of)}
        return [int(each) for each in np.flatnonzero(self.market.universe.thin) if int(each) not in busy][:CALM]

    def _liquid(self, of: Session) -> list[int]:
        busy, u = {event.row for event in self.market.events(of)}, self.market.universe
        rows = np.flatnonzero(~u.thin & (u.adv * u.price > LIQUID_USD))
        return [int(each) for each in rows[FUNDS:] if int(each) not in busy][:CALM]

    def _runner(self, at: int, of: Session, tape: Events) -> None:
        trades, quotes = tape[tape["kind"] == Kind.TRADE], tape[tape["kind"] == Kind.QUOTE]
        if not FEWEST <= len(trades) <= TRADES[1]:
            return
        last = np.maximum.accumulate(np.where(tape["kind"] == Kind.QUOTE, np.arange(len(tape)), 0))
        middle = (0.5 * (tape["a"] + tape["b"]))[last[tape["kind"] == Kind.TRADE]]
        side = np.sign(trades["a"] - middle)
        side = side[side != 0]
        change, gaps = np.diff(trades["a"]), np.diff(trades["ts"])
        self.trades.add(at, size=trades["b"])
        self.quotes.add(at, depth=quotes["c"])
        self.waits.add(at, s=gaps / SECOND)
        minute = (trades["ts"] - of.open_ns) // MINUTE
        count = np.bincount(minute[minute >= 0], minlength=of.minutes)
        figures = {
            "odd lots": (trades["b"] < 100).mean(), "exactly 100": (trades["b"] == 100).mean(),
            "same microsecond": (gaps < 1_000).mean(), "price unchanged": (change == 0).mean(),
            **{f"side acf {lag}": acf(side, lag) for lag in measured.SIGN_ACF},
            "tick acf": acf(np.sign(change[change != 0]), 1), "quotes": len(quotes) / len(trades),
            "trades": float(count.sum()), "shape": negative_binomial(count),
        }  # fmt: skip
        self.tapes.add(at, **{name: np.array([value]) for name, value in figures.items()})

    def _spread(self, at: int, of: Session, tape: Events) -> None:
        trades = int(((tape["kind"] == Kind.TRADE) & (tape["ts"] >= of.open_ns)).sum())
        wide = _weighted_bp(tape, of, 0, of.minutes)
        if trades >= 20 and wide > 0:
            self.spreads.add(at, trades=np.array([np.log(trades)]), bp=np.array([np.log(wide)]))

    def _bounce(self, at: int, of: Session, tape: Events) -> None:
        trades = tape[tape["kind"] == Kind.TRADE]
        marks = of.open_ns + np.arange(STEP_S, of.minutes * 60, STEP_S) * SECOND
        place = np.searchsorted(trades["ts"], marks, side="right") - 1
        log = np.log(trades["a"][np.maximum(place, 0)])
        fine = np.square(np.diff(log)).sum()
        opening, midday = _weighted_bp(tape, of, *OPENING), _weighted_bp(tape, of, *MIDDAY)
        early = _weighted_bp(tape, of, -60, 0)
        if fine > 0 and midday > 0:
            ratios = [np.square(np.diff(log[::k])).sum() / fine for k in (12, 60, 180)]
            columns = dict(zip(("m1", "m5", "m15", "open", "early"),
                               [*ratios, opening / midday, early / midday], strict=True))  # fmt: skip
            self.bounces.add(at, **{name: np.array([value]) for name, value in columns.items()})

    def rows(self) -> Iterator[Row]:
        """Yield all rows of prints and quotes; figures of a tape are medians over the tapes."""
        tapes = self.tapes.whole()
        if len(tapes["session"]):
            known = measured.PRINTS_KNOWN
            for name, pool, column, targets in (
                ("trade size", self.trades, "size", measured.TRADE_SIZE),
                ("depth", self.quotes, "depth", measured.DEPTH),
                ("seconds between trades", self.waits, "s", measured.BETWEEN_TRADES_S),
            ):
                yield from quantile_rows(name, pool.whole(), column, targets, KNOWN.get(name))
            figures = {
                "odd lots": measured.ODD_LOTS, "exactly 100": measured.ROUND_HUNDRED,
                "same microsecond": measured.SAME_MICROSECOND, "price unchanged": measured.PRICE_UNCHANGED,
                **{f"side acf {lag}": value for lag, value in measured.SIGN_ACF.items()},
                "tick acf": measured.TICK_ACF,
            }  # fmt: skip
            for name, target in figures.items():
                yield _median_row(name, target, tapes, name, known=known[name])
            low, high = measured.QUOTES_PER_TRADE
            yield _median_row("quotes per trade", low, tapes, "quotes", within=(0.8 * low, 1.2 * high))
            for trades, shape in measured.COUNT_SHAPE:
                near = np.abs(tapes["trades"] / trades - 1.0) < 0.6
                name = f"shape of trades a minute, {trades:,.0f} a day"
                own, shapes = {key: values[near] for key, values in tapes.items()}, measured.COUNT_SHAPE_KNOWN
                yield _median_row(name, shape, own, "shape", known=shapes[trades])
        spreads = self.spreads.whole()
        if len(spreads["session"]):
            yield row("log spread against log trades, slope", measured.SPREAD_FIT[1], spreads, _slope)
            yield row("and sd around it", measured.SPREAD_FIT[2], spreads, _scatter)
        bounces = self.bounces.whole()
        if len(bounces["session"]):
            for (name, target), column in zip(measured.FIVE_SECONDS_RATIO.items(), ("m1", "m5", "m15"), strict=True):
                yield _median_row(f"variance of {name} to that of 5 s", target, bounces, column)
            yield _median_row("spread of the first 10 minutes", 1.8, bounces, "open", within=(1.0, 2.6))
            yield _median_row("spread before the open", 4.0, bounces, "early", within=(2.0, 30.0))


def negative_binomial(counts: npt.NDArray[np.int64]) -> float:
    """Return the shape of the negative binomial law under which counts are likeliest, by bisection of its logarithm.

    The slope of the log likelihood in the shape k is the sum over counts of 1/k + ... + 1/(k + count - 1), less
    n ln(1 + mean / k).
    """
    more = np.array([(counts > step).sum() for step in range(int(counts.max(initial=0)))], np.float64)
    steps, low, high = np.arange(len(more)), -7.0, 5.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        k = np.exp(middle)
        slope = (more / (k + steps)).sum() - len(counts) * np.log1p(counts.mean() / k)
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.exp(low))


def acf(values: Array, lag: int) -> float:
    """Return the autocorrelation at a lag."""
    away = values - values.mean()
    return float((away[lag:] * away[:-lag]).mean() / away.var())


def _median_row(
    name: str,
    target: float,
    of: dict[str, Array],
    column: str,
    *,
    within: Interval | None = None,
    known: Interval | None = None,
) -> Row:
    return row(name, target, of, lambda part: float(np.median(part[column])), within=within, known=known)


def _weighted_bp(tape: Events, of: Session, first: int, last: int) -> float:
    """Spread in basis points from one minute after the open to another, by time."""
    quotes = tape[tape["kind"] == Kind.QUOTE]
    begin, end = of.open_ns + first * MINUTE, of.open_ns + last * MINUTE
    since = np.clip(quotes["ts"], begin, end)
    until = np.append(since[1:], end)
    weight = (until - since).astype(np.float64)
    if not weight.sum() > 0:
        return float("nan")
    wide = 2e4 * (quotes["b"] - quotes["a"]) / (quotes["b"] + quotes["a"])
    return float((wide * weight).sum() / weight.sum())


def _slope(of: dict[str, Array]) -> float:
    return float(np.polyfit(of["trades"], of["bp"], 1)[0])


def _scatter(of: dict[str, Array]) -> float:
    return float((of["bp"] - np.polyval(np.polyfit(of["trades"], of["bp"], 1), of["trades"])).std())
