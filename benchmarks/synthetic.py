"""Recompute the measured statistics on generated days of the synthetic market, and say which of them it misses.

`python -m benchmarks.synthetic` takes 250 sessions of 3,600 symbols, half an hour of one processor; with `--sessions 10
--symbols 1000` it takes less. Sessions are gone through one by one: days and minutes of all of them, single prints of
some. A statistic is met within 20 % of what was measured, a count of events within the 95 % of a Poisson law around it.
What lies farther off, but not farther than the sampling error of either side allows, is shown as `error`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.measure import report
from benchmarks.synthetic_days import Daily
from benchmarks.synthetic_minutes import Minutes
from benchmarks.synthetic_prints import Prints
from benchmarks.synthetic_rows import COLUMNS, Row
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.model.market import Kind
from qm.rules.calendar import Session, sessions

Array = npt.NDArray[np.float64]

FIRST_DAY: Final = dt.date(2026, 1, 2)
SYMBOLS: Final = 3_600
PRINT_SESSIONS: Final = 12
"""Sessions of which single prints and quotes are looked at, spread over all."""
PRINT_SYMBOLS: Final = 2_000


def day_of_bars(market: SyntheticMarket, of: Session) -> dict[str, Array]:
    """One session from its minute bars: daily columns by symbol, closes and volumes by minute, premarket highs."""
    n = len(market.table)
    day = {name: np.full(n, np.nan) for name in ("open", "close", "pre_high")}
    day |= {name: np.zeros(n) for name in ("pre_volume", "pre_span", "pre_peak", "peak")}
    day["high"], day["low"] = np.full(n, -np.inf), np.full(n, np.inf)
    closes, volume, spans = np.full((of.minutes, n), np.nan), np.zeros((of.minutes, n)), np.zeros((of.minutes, n))
    auction = np.zeros(n)
    for records in market.minutes(of, of.pre_ns, "bars"):
        bars = records[records["kind"] == Kind.BAR]
        if not len(bars):
            continue
        rows, minute = bars["sym"], int(bars["event_ts"][0] - of.open_ns) // MINUTE
        span = np.log(bars["b"] / bars["c"])
        if minute < 0:
            higher = ~(bars["b"] <= day["pre_high"][rows])
            day["pre_peak"][rows[higher]] = minute
            day["pre_high"][rows] = np.fmax(day["pre_high"][rows], bars["b"])
            day["pre_span"][rows] = np.maximum(day["pre_span"][rows], span)
            day["pre_volume"][rows] += bars["e"]
        elif minute < of.minutes:
            day["open"][rows] = np.where(np.isnan(day["open"][rows]), bars["a"], day["open"][rows])
            day["peak"][rows] = np.where(bars["b"] > day["high"][rows], minute, day["peak"][rows])
            day["high"][rows] = np.maximum(day["high"][rows], bars["b"])
            day["low"][rows] = np.minimum(day["low"][rows], bars["c"])
            closes[minute, rows], volume[minute, rows], spans[minute, rows] = bars["d"], bars["e"], span
        else:
            day["close"][rows], auction[rows] = bars["d"], bars["e"]
    return day | {"closes": closes, "volumes": volume, "spans": spans, "auction": auction}


def chosen_sessions(count: int) -> list[Session]:
    """Return the first whole sessions from `FIRST_DAY` on."""
    found = sessions(FIRST_DAY, min(FIRST_DAY + dt.timedelta(days=2 * count + 20), dt.date(2027, 12, 31)))
    return [each for each in found if not each.half][:count]


def recompute(symbols: int, count: int, seed: int, prints: int = PRINT_SESSIONS) -> list[Row]:
    """Return all rows over `count` whole sessions, prints over some of them in a market of fewer symbols."""
    market = SyntheticMarket(symbols, seed, watched=0.0)
    daily, minutes = Daily(market), Minutes(market)
    chosen = chosen_sessions(count)
    for at, of in enumerate(chosen):
        # First, while the paths of the session before are at hand.
        prior = market.reference(of).prior_close
        day = day_of_bars(market, of)
        day["gap"] = np.log(day["open"] / prior)
        daily.add(of, day)
        minutes.add(of, day)
        _tell(f"{at + 1} of {len(chosen)} sessions")
    tapes = Prints(SyntheticMarket(min(symbols, PRINT_SYMBOLS), seed, watched=0.0))
    few = chosen[:: max(len(chosen) // max(prints, 1), 1)][:prints]
    for at, of in enumerate(few):
        tapes.add(of)
        _tell(f"prints of {at + 1} of {len(few)} sessions")
    print(file=sys.stderr)
    return [*daily.rows(), *minutes.rows(), *tapes.rows()]


def main() -> None:
    """Print the table; the last lines say how many are met, and which are missed beyond doubt."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--prints", type=int, default=PRINT_SESSIONS, help="sessions of single prints")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows = recompute(asked.symbols, asked.sessions, asked.seed, asked.prints)
    figures = {
        row.name: {"measured": row.target, "found": row.found, "error": row.error, "n": row.size, "met": row.met}
        for row in rows
    }
    name = f"synthetic ({asked.symbols:,} symbols, {asked.sessions} sessions)"
    report(name, COLUMNS, [row.cells() for row in rows], figures)
    met, missed = sum(row.met for row in rows), [row for row in rows if row.told_apart]
    print(f"\n{met} of {len(rows)} are met, {len(rows) - met - len(missed)} lie within the sampling error")
    for row in missed:
        print(f"missed: {row.name}: measured {row.target:,.3g}, found {row.found:,.3g}")


def _tell(what: str) -> None:
    print(f"\r{what}    ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
