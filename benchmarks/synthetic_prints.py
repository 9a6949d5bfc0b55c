"""The prints and quotes of the synthetic market's runners beside those of a real runner day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic_rows import Row, near, quantiles
from brokers.sim.market import calibration as measured
from brokers.sim.market.events import TEN
from brokers.sim.market.universe import TRADE_SHARES
from brokers.sim.synthetic import SyntheticMarket
from qm.model.market import Events, Kind
from qm.rules.calendar import Session

Array = npt.NDArray[np.float64]


def runner_tapes(market: SyntheticMarket, days: Sequence[Session], most: int = 12) -> Iterator[Events]:
    """Yield the records of eventful symbols, one symbol's session at a time."""
    for of in days:
        known = market.reference(of)
        rows = [
            each.row
            for each in market.events(of)
            if (each.gap >= TEN or each.gap == 0.0)
            and each.rvol > 2
            # The real tapes had 300 to 35,000 trades.
            and 300 < known.adv[each.row] * each.rvol / TRADE_SHARES < 35_000
        ]
        cheap = [row for row in rows if 1.0 <= known.prior_close[row] < 20.0][:most]
        wanted = np.zeros(len(market.table), np.bool_)
        wanted[cheap] = True
        tape = np.concatenate([records[wanted[records["sym"]]] for records in market.minutes(of, of.pre_ns)])
        for row in cheap:
            yield tape[(tape["sym"] == row) & (tape["ts"] < of.close_ns)]


def acf(values: Array, lag: int) -> float:
    """Return the autocorrelation at a lag."""
    away = values - values.mean()
    return float((away[lag:] * away[:-lag]).mean() / away.var())


def print_rows(market: SyntheticMarket, days: Sequence[Session]) -> Iterator[Row]:
    """Sizes, times, sides, prices, depths and the number of quotes; medians over the symbols."""
    sizes: list[Array] = []
    depths: list[Array] = []
    between: list[Array] = []
    figures: list[list[float]] = []
    for tape in runner_tapes(market, days):
        trades, quotes = tape[tape["kind"] == Kind.TRADE], tape[tape["kind"] == Kind.QUOTE]
        if len(trades) < 500:
            continue
        last = np.maximum.accumulate(np.where(tape["kind"] == Kind.QUOTE, np.arange(len(tape)), 0))
        middle = (0.5 * (tape["a"] + tape["b"]))[last[tape["kind"] == Kind.TRADE]]
        side = np.sign(trades["a"] - middle)
        side = side[side != 0]
        change = np.diff(trades["a"])
        moved = np.sign(change[change != 0])
        gaps = np.diff(trades["ts"])
        sizes.append(trades["b"])
        depths.append(quotes["c"])
        between.append(gaps / 1e9)
        figures.append(
            [float((trades["b"] < 100).mean()), float((trades["b"] == 100).mean()), float((gaps < 1_000).mean()),
             float((change == 0).mean()), *(acf(side, lag) for lag in measured.SIGN_ACF), acf(moved, 1),
             len(quotes) / len(trades)]
        )  # fmt: skip
    if not figures:
        return
    yield from quantiles("trade size", np.concatenate(sizes), measured.TRADE_SIZE)
    yield from quantiles("depth", np.concatenate(depths), measured.DEPTH)
    yield from quantiles("seconds between trades", np.concatenate(between), measured.BETWEEN_TRADES_S)
    targets = (
        ("odd lots", measured.ODD_LOTS), ("exactly 100", measured.ROUND_HUNDRED),
        ("same microsecond", measured.SAME_MICROSECOND), ("price unchanged", measured.PRICE_UNCHANGED),
        *((f"side acf {lag}", value) for lag, value in measured.SIGN_ACF.items()), ("tick acf", measured.TICK_ACF),
        ("quotes per trade", measured.QUOTES_PER_TRADE[0]),
    )  # fmt: skip
    for (name, target), found in zip(targets, np.median(figures, axis=0), strict=True):
        yield near(name, target, float(found))
