"""Print the speed of the synthetic market, and its statistics next to those measured on real sessions.

Run it after touching the generator: `python -m benchmarks.synthetic_market [sessions] [symbols]`.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.measure import seconds
from brokers.sim.market.calibration import VOLUME_SHARE
from brokers.sim.market.events import EventKind
from brokers.sim.market.paths import sigma_curve
from brokers.sim.synthetic import Detail, SyntheticMarket
from qm.clock import MINUTE
from qm.model.market import Kind
from qm.rules.calendar import Session, sessions

Array = npt.NDArray[np.float64]

DETAILS: Final[tuple[Detail, ...]] = ("bars", "trades")
EDGES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1e9)
BUCKETS: Final = ("$1-2", "$2-5", "$5-10", "$10-20", "$20-50", "$50-100", ">$100")
MEASURED_SD: Final = (6.41, 5.87, 4.69, 3.27, 2.89, 2.58, 2.36)
MEASURED_GAP_SD: Final = (4.16, 3.60, 2.84, 2.02, 1.73, 1.55, 1.51)
MEASURED_GAP5: Final = (5.92, 3.62, 2.19, 0.97, 0.64, 0.54, 0.46)


def closes_opens(market: SyntheticMarket, of: Session) -> tuple[Array, Array, Array]:
    """The close before, the first and the last price of each symbol, from its bars; NaN for one that did not trade."""
    prior = market.reference(of).prior_close
    first, last = np.full(len(prior), np.nan), np.full(len(prior), np.nan)
    for records in market.minutes(of, of.open_ns, "bars"):
        bars = records[records["kind"] == Kind.BAR]
        rows = bars["sym"]
        first[rows] = np.where(np.isnan(first[rows]), bars["a"], first[rows])
        last[rows] = bars["d"]
    return prior, first, last


def daily(market: SyntheticMarket, days: list[Session]) -> None:
    """Daily moves and gaps by price."""
    moves = [np.log(np.array(closes_opens(market, of))) for of in days]
    prior, first, last = (np.concatenate(part) for part in zip(*moves, strict=True))
    bucket = np.digitize(np.exp(prior), EDGES) - 1
    print("\ndaily moves, %        sd  measured   gap sd  measured   gap>5%  measured")
    for at, name in enumerate(BUCKETS):
        own = bucket == at
        if own.sum() > 100:
            total, gap = 100 * np.nanstd((last - prior)[own]), 100 * np.nanstd((first - prior)[own])
            large = 100 * np.nanmean(np.abs((first - prior)[own]) > 0.05)
            print(
                f"  {name:10} {total:12.2f} {MEASURED_SD[at]:9.2f} {gap:8.2f} {MEASURED_GAP_SD[at]:9.2f}"
                f" {large:8.2f} {MEASURED_GAP5[at]:9.2f}"
            )


def minutes(market: SyntheticMarket, days: list[Session]) -> None:
    """Tails, memory and volume of symbols without an event."""
    shares: list[Array] = []
    found: list[list[float]] = []
    for of in (day for day in days if not day.half):
        busy = {event.row for event in market.events(of)}
        closes = np.full((of.minutes, len(market.table)), np.nan)
        volume = np.zeros((of.minutes, len(market.table)))
        for at, records in enumerate(market.minutes(of, of.open_ns, "bars")):
            bars = records[records["kind"] == Kind.BAR]
            closes[at, bars["sym"]], volume[at, bars["sym"]] = bars["d"], bars["e"]
        whole = [row for row in range(len(market.table)) if row not in busy and not np.isnan(closes[:, row]).any()]
        move = np.diff(np.log(closes[:, whole]), axis=0) / sigma_curve(of.minutes)[1:, None]
        z = (move - move.mean(axis=0)) / move.std(axis=0)
        size = np.abs(z) - np.abs(z).mean(axis=0)
        memory = [float(np.median((size[k:] * size[:-k]).mean(axis=0) / size.var(axis=0))) for k in (1, 5, 30)]
        pairs = np.corrcoef(z[:, :80].T)[np.triu_indices(min(80, len(whole)), 1)].mean()
        found.append(
            [
                float(np.median((z**4).mean(axis=0) - 3)),
                100 * float((np.abs(z) > 4).mean()),
                100 * float((np.abs(z) > 8).mean()),
                float(np.median((z[1:] * z[:-1]).mean(axis=0))),
                *memory,
                float(pairs),
            ]
        )
        fifteen = volume[:, whole].reshape(26, 15, -1).sum(axis=1)
        shares.append(np.median(fifteen / fifteen.sum(axis=0), axis=1))
    names = (
        "excess kurtosis",
        "P(|z|>4) %",
        "P(|z|>8) %",
        "acf 1",
        "|r| acf 1",
        "|r| acf 5",
        "|r| acf 30",
        "pair corr",
    )
    print("\none-minute moves   here  measured")
    for name, here, real in zip(
        names, np.mean(found, axis=0), (8.2, 0.61, 0.035, -0.02, 0.24, 0.20, 0.14, 0.20), strict=True
    ):
        print(f"  {name:16} {here:7.3f} {real:8.3f}")
    real_shares = 100 * np.array(VOLUME_SHARE) / sum(VOLUME_SHARE)
    print("\nvolume by 15 minutes, %: here, then measured")
    for row in (100 * np.mean(shares, axis=0), real_shares):
        print("  " + " ".join(f"{share:4.1f}" for share in row))


def events(market: SyntheticMarket, days: list[Session]) -> None:
    """Runners, gappers and pauses."""
    runs, offs, highs, pauses, counts = [], [], [], 0, {"gap10": 0, "run30": 0, "run50": 0, "run100": 0}
    for of in days:
        pauses += len(market.pauses(of))
        prior = market.reference(of).prior_close
        bars = np.concatenate(list(market.minutes(of, of.open_ns, "bars")))
        high = np.zeros(len(prior))
        np.maximum.at(high, bars["sym"], np.where(bars["kind"] == Kind.BAR, bars["b"], 0.0))
        for name, least in (("run30", 1.3), ("run50", 1.5), ("run100", 2.0)):
            counts[name] += int((high / prior >= least).sum())
        for event in market.events(of):
            own = bars[(bars["sym"] == event.row) & (bars["kind"] == Kind.BAR)]
            gap = own["a"][0] / prior[event.row] - 1.0
            counts["gap10"] += int(abs(gap) >= 0.10)
            if event.kind is EventKind.RUNNER:
                runs.append(100 * (own["b"].max() / prior[event.row] - 1.0))
                offs.append(100 * (own["d"][-1] / own["b"].max() - 1.0))
                highs.append((own["event_ts"][own["b"].argmax()] - of.open_ns) / MINUTE)
    print(f"\nevents a session: {', '.join(f'{name} {n / len(days):.1f}' for name, n in counts.items())}")
    print("  (3,509 real symbols at $1-20: gap10 21.9, run30 17.7, run50 6.7, run100 2.0)")
    print(f"  runners {len(runs) / len(days):.1f}, pauses {pauses / len(days):.2f}")
    print(f"  run-up %, q 50/90/99: {_quantiles(runs, 50, 90, 99)} (47 123 362)")
    print(f"  close off the high %, q 10..90: {_quantiles(offs, 10, 25, 50, 75, 90)} (-36 -25 -15 -7 -3)")
    print(f"  minute of the high, q 10..90: {_quantiles(highs, 10, 25, 50, 75, 90)} (half of the real ones: premarket)")


def _quantiles(values: list[float], *q: float) -> str:
    return " ".join(f"{value:.0f}" for value in np.percentile(values, q))


def speed(market: SyntheticMarket, of: Session) -> None:
    """Time one session, first things first: its paths, then bars, then quotes and trades."""
    fresh = SyntheticMarket(len(market.table), market.seed)
    took = {"days and reference": seconds(lambda: fresh.reference(of)), "paths": seconds(lambda: fresh.pauses(of))}
    for detail in DETAILS:
        start = time.perf_counter()
        counts = [len(records) for records in fresh.minutes(of, detail=detail)]
        took[detail] = time.perf_counter() - start
        print(f"{detail}: {sum(counts):,} records, {sum(counts) / len(counts):,.0f} a minute")
    print("seconds: " + ", ".join(f"{name} {took_s:.2f}" for name, took_s in took.items()))


def main() -> None:
    """Print all tables."""
    wanted, symbols = (int(text) for text in (sys.argv[1:] + ["40", "500"][len(sys.argv) - 1 :])[:2])
    market = SyntheticMarket(symbols)
    days = sessions(dt.date(2026, 1, 2), dt.date(2026, 12, 31))[:wanted]
    print(f"{symbols} symbols, {len(days)} sessions from {days[0].date}")
    speed(market, days[-1])
    daily(market, days)
    minutes(market, days)
    events(market, days)


if __name__ == "__main__":
    main()
