"""Recompute the measured statistics on generated days of the synthetic market, and say which of them it misses.

`python -m benchmarks.synthetic` takes 250 sessions of 7,182 symbols, some minutes; `--sessions 10 --symbols 500` less.
A statistic is met within 20 % of what was measured, a count of events within the 95 % of a Poisson law around it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.measure import report
from benchmarks.synthetic_prints import print_rows
from benchmarks.synthetic_rows import Row, count, near, quantiles
from brokers.sim.market import calibration as measured
from brokers.sim.market.calibration import Quantiles
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.model.market import Kind
from qm.rules.calendar import Session, sessions

Array = npt.NDArray[np.float64]
Pool = dict[str, list[Array]]

LIQUID_USD: Final = 20e6
TRADED_USD: Final = 1e6
NOON_MINUTES: Final = 150
FIRST_DAY: Final = dt.date(2026, 1, 2)
PRINT_DAYS: Final = 2
"""Sessions of which single prints and quotes are looked at."""


def day_of_bars(market: SyntheticMarket, of: Session) -> dict[str, Array]:
    """One session from its minute bars: daily columns by symbol, closes and volumes by minute, premarket highs."""
    n = len(market.table)
    day = {name: np.full(n, np.nan) for name in ("open", "close", "pre_high", "pre_volume")}
    day["high"], day["low"], day["peak"] = np.full(n, -np.inf), np.full(n, np.inf), np.zeros(n)
    closes, volume, spans = np.full((of.minutes, n), np.nan), np.zeros((of.minutes, n)), np.zeros((of.minutes, n))
    day["pre_volume"][:] = 0.0
    auction = np.zeros(n)
    for records in market.minutes(of, of.pre_ns, "bars"):
        bars = records[records["kind"] == Kind.BAR]
        if not len(bars):
            continue
        rows, minute = bars["sym"], int(bars["event_ts"][0] - of.open_ns) // MINUTE
        if minute < 0:
            day["pre_high"][rows] = np.fmax(day["pre_high"][rows], bars["b"])
            day["pre_volume"][rows] += bars["e"]
        elif minute < of.minutes:
            day["open"][rows] = np.where(np.isnan(day["open"][rows]), bars["a"], day["open"][rows])
            day["peak"][rows] = np.where(bars["b"] > day["high"][rows], minute, day["peak"][rows])
            day["high"][rows] = np.maximum(day["high"][rows], bars["b"])
            day["low"][rows] = np.minimum(day["low"][rows], bars["c"])
            closes[minute, rows], volume[minute, rows] = bars["d"], bars["e"]
            spans[minute, rows] = np.log(bars["b"] / bars["c"])
        else:
            day["close"][rows], auction[rows] = bars["d"], bars["e"]
    return day | {"closes": closes, "volumes": volume, "spans": spans, "auction": auction}


def daily(market: SyntheticMarket, of: Session, day: dict[str, Array], pool: Pool) -> None:
    """Gaps, ranges, runs and the shape of eventful days."""
    known = market.reference(of)
    prior, volume = known.prior_close, day["volumes"].sum(axis=0)
    traded = ~np.isnan(day["open"])
    keep = {
        "prior": prior, "gap": day["open"] / prior - 1.0, "high": day["high"] / prior - 1.0,
        "move": np.log(day["close"] / prior), "range": (day["high"] - day["low"]) / prior,
        "high_open": day["high"] / day["open"] - 1.0, "low_open": day["low"] / day["open"] - 1.0,
        "close_open": day["close"] / day["open"] - 1.0, "off_high": day["close"] / day["high"] - 1.0,
        "rvol": volume / known.adv, "dollars": volume * day["close"], "turnover": volume / known.float_shares,
        "peak": day["peak"], "pre_high": day["pre_high"] / day["open"] - 1.0,
        "pre_share": day["pre_volume"] / np.maximum(volume, 1.0),
    }  # fmt: skip
    for name, column in keep.items():
        pool[name].append(column[traded])
    cheap = traded & (prior >= 1.0) & (prior < 20.0) & (keep["high"] >= 0.3) & (keep["dollars"] > TRADED_USD)
    for row in np.flatnonzero(cheap):
        shares = np.sort(day["volumes"][:, row])[::-1]
        step = np.diff(np.log(day["closes"][:, row][~np.isnan(day["closes"][:, row])]))
        pool["runner_minutes"].append(
            np.array([1e4 * step.std(), 100 * np.expm1(day["spans"][:, row].max()), shares[:10].sum() / shares.sum(),
                      shares[0] / shares.sum()])
        )  # fmt: skip


def minutes(market: SyntheticMarket, of: Session, day: dict[str, Array], pool: Pool) -> None:
    """One-minute returns and volumes of liquid symbols without an event."""
    busy = {event.row for event in market.events(of)}
    dollars = day["volumes"].sum(axis=0) * day["close"]
    whole = ~np.isnan(day["closes"]).any(axis=0) & (dollars > LIQUID_USD)
    rows = np.array([row for row in np.flatnonzero(whole) if row not in busy][:400], dtype=np.int64)
    if len(rows) < 20 or of.half:
        return
    log = np.log(day["closes"][:, rows])
    step = np.diff(log, axis=0)
    z = step / step.std(axis=0)
    size = np.abs(z) - np.abs(z).mean(axis=0)
    figures = [1e4 * np.median(step.std(axis=0)), np.median((z**4).mean(axis=0) - 3), 100 * (np.abs(z) > 4).mean(),
               100 * (np.abs(z) > 8).mean(), np.median((z[1:] * z[:-1]).mean(axis=0))]  # fmt: skip
    figures += [float(np.median((size[k:] * size[:-k]).mean(axis=0) / size.var(axis=0))) for k in (1, 5, 30)]
    for k in (5, 15, 30):
        far = np.diff(log[::k], axis=0)
        whole_minutes = len(far) * k
        figures.append(float(np.mean(np.square(far).sum(axis=0) / np.square(step[:whole_minutes]).sum(axis=0))))
    few = z[:, :80]
    figures.append(float(np.corrcoef(few.T)[np.triu_indices(few.shape[1], 1)].mean()))
    five = np.diff(log[::5, :80], axis=0)
    corr = np.corrcoef(five.T)
    figures += [float(corr[np.triu_indices(len(corr), 1)].mean()), float(np.linalg.eigvalsh(corr)[-1] / len(corr))]
    figures.append(float(day["spans"][1:, rows].mean() / np.abs(step).mean()))
    volume = np.log(np.maximum(day["volumes"][:, rows], 1.0))
    rest = volume - volume.mean(axis=0) - (volume.mean(axis=1) - volume.mean())[:, None]
    figures += [
        float(np.median(rest.std(axis=0))),
        float(np.median((rest[1:] * rest[:-1]).mean(axis=0) / rest.var(axis=0))),
    ]
    moved = np.log(np.abs(step) + 1e-5)
    figures.append(float(np.median([np.corrcoef(moved[:, at], rest[1:, at])[0, 1] for at in range(len(rows))])))
    pool["minutes"].append(np.array(figures))
    shares = day["volumes"][:, rows] / day["volumes"][:, rows].sum(axis=0)
    pool["shape"].append(100 * np.median(shares.reshape(26, 15, -1).sum(axis=1), axis=1))
    total = day["auction"][rows] + day["volumes"][:, rows].sum(axis=0)
    pool["ends"].append(
        np.array([100 * np.mean(shares[0]), 100 * np.mean(shares[-1]), np.median(day["auction"][rows] / total)])
    )


MINUTE_NAMES: Final = (
    ("1-minute sigma, bp, median", measured.SIGMA_1M_BP[1][2]), ("excess kurtosis", measured.KURTOSIS),
    ("P(|z|>4), %", measured.OVER_4_SD), ("P(|z|>8), %", measured.OVER_8_SD), ("return acf 1", measured.RETURN_ACF),
    *((f"|return| acf {lag}", value) for lag, value in measured.ABS_RETURN_ACF.items()),
    *((f"variance ratio, {k} min", value) for k, value in measured.VARIANCE_RATIO.items()),
    ("pair correlation, 1 min", measured.PAIR_CORR[1]), ("pair correlation, 5 min", measured.PAIR_CORR[5]),
    ("first component", measured.FIRST_COMPONENT), ("bar range / |return|", measured.RANGE_OVER_RETURN),
    ("log volume noise sd", measured.VOLUME_NOISE_SD), ("log volume noise acf 1", measured.VOLUME_NOISE_ACF),
    ("corr(log |return|, log volume)", measured.RETURN_VOLUME_CORR),
)  # fmt: skip


def minute_rows(pool: Pool) -> Iterator[Row]:
    """The statistics of liquid minutes."""
    if not pool["minutes"]:
        return
    for (name, target), found in zip(MINUTE_NAMES, np.mean(pool["minutes"], axis=0), strict=True):
        # An autocorrelation of -0.02 is "none": it is met by anything as small.
        yield near(name, target, float(found), least=0.03 if name == "return acf 1" else 0.0)
    first, last, auction = np.mean(pool["ends"], axis=0)
    yield near("first minute, % of volume", 100 * measured.FIRST_MINUTE_SHARE, float(first))
    yield near("last minute, % of volume", 100 * measured.LAST_MINUTE_SHARE, float(last))
    yield near("closing auction, share", measured.CLOSING_AUCTION_SHARE, float(auction))
    shares = 100 * np.array(measured.VOLUME_SHARE) / sum(measured.VOLUME_SHARE)
    for at, found in enumerate(np.mean(pool["shape"], axis=0)):
        yield near(f"volume of quarter {at + 1}, %", float(shares[at]), float(found))


def daily_rows(all_of: dict[str, Array], days: int, often: float) -> Iterator[Row]:
    """The statistics by price, and the events a day."""
    bucket = np.digitize(all_of["prior"], measured.BUCKET_EDGES)
    gaps = np.log1p(all_of["gap"])
    for at, name in enumerate(measured.BUCKETS):
        own = bucket == at
        yield near(f"{name}: sd of daily moves, %", measured.DAILY_SD[at], 100 * float(np.std(all_of["move"][own])))
        yield near(f"{name}: sd of gaps, %", measured.GAP_SD[at], 100 * float(np.std(gaps[own])))
        yield near(f"{name}: median range, %", measured.MEDIAN_RANGE[at], 100 * float(np.median(all_of["range"][own])))
        for least, table in ((0.05, measured.GAP_OVER_5), (0.10, measured.GAP_OVER_10), (0.20, measured.GAP_OVER_20)):
            share = 100 * float((all_of["gap"][own] > least).mean()) / (often if at else 1.0)
            yield near(f"{name}: gaps over {least:.0%}, %", table[at], share)
        run = 100 * float((all_of["high"][own] > 0.3).mean()) / (often if at else 1.0)
        yield near(f"{name}: runs over 30%, %", measured.RUN_OVER_30[at], run)
    cheap = (all_of["prior"] >= 1.0) & (all_of["prior"] < 20.0)
    scale = measured.EVENTS_UNIVERSE / (cheap.sum() / days) / often
    gap, high, rvol, rich = all_of["gap"], all_of["high"], all_of["rvol"], all_of["dollars"] > TRADED_USD
    found = {
        "gap5": gap >= 0.05, "gap10": gap >= 0.10, "gap20": gap >= 0.20, "run20": high >= 0.20, "run30": high >= 0.30,
        "run50": high >= 0.50, "run100": high >= 1.0, "rvol5": rvol > 5, "rvol5_gap4": (rvol > 5) & (gap > 0.04),
        "gap10_1m": (gap >= 0.10) & rich, "run30_1m": (high >= 0.30) & rich,
    }  # fmt: skip
    for name, which in found.items():
        yield count(f"{name} a day", measured.EVENTS_A_DAY[name], float((which & cheap).sum()) / days * scale)


def event_rows(all_of: dict[str, Array], pool: Pool) -> Iterator[Row]:
    """The shape of gapper and runner days at $1-20 with a million dollars of volume."""
    cheap = (all_of["prior"] >= 1.0) & (all_of["prior"] < 20.0) & (all_of["dollars"] > TRADED_USD)
    gapper, strong = cheap & (all_of["gap"] >= 0.10), cheap & (all_of["gap"] >= 0.20)
    shapes: tuple[tuple[str, Array, Quantiles], ...] = (
        ("gapper high/open, %", 100 * all_of["high_open"][gapper], measured.GAPPER_HIGH),
        ("gapper low/open, %", 100 * all_of["low_open"][gapper], measured.GAPPER_LOW),
        ("gapper close/open, %", 100 * all_of["close_open"][gapper], measured.GAPPER_CLOSE),
        ("gapper rvol", all_of["rvol"][gapper], measured.GAPPER_RVOL),
        ("gap 20% turnover of float", all_of["turnover"][strong], measured.GAP20_TURNOVER),
        ("gap 20% premarket high/open, %", 100 * np.fmax(all_of["pre_high"][strong], 0.0), measured.GAP20_PRE_HIGH),
        ("gapper premarket volume share", all_of["pre_share"][gapper], measured.PRE_VOLUME_SHARE),
    )
    for name, values, target in shapes:
        yield from quantiles(name, values, target)
    yield near("gapper closes below open", measured.GAPPER_FADES, float((all_of["close_open"][gapper] < 0).mean()))
    yield near("gap 20% closes below open", measured.GAP20_FADES, float((all_of["close_open"][strong] < 0).mean()))
    morning = float((all_of["peak"][strong] < NOON_MINUTES).mean())
    yield near("gap 20% high in the morning", measured.GAP20_HIGH_IN_MORNING, morning)
    above = all_of["high_open"][strong] > np.nan_to_num(all_of["pre_high"][strong], nan=-1.0)
    yield near("gap 20% high above the premarket's", measured.GAP20_ABOVE_PRE_HIGH, float(above.mean()))
    runner = cheap & (all_of["high"] >= 0.30)
    yield from quantiles("run-up, %", 100 * all_of["high"][runner], measured.RUN_UP)
    yield from quantiles("close off the high, %", 100 * all_of["off_high"][runner], measured.RUN_GIVES_BACK)
    share = float(np.median((all_of["gap"] / all_of["high"])[runner]))
    yield near("gap share of the run", measured.RUN_GAP_SHARE, share)
    if pool["runner_minutes"]:
        sigma, widest, ten, busiest = np.array(pool["runner_minutes"]).T
        yield near("runner 1-minute sigma, bp", measured.RUN_SIGMA_BP, float(np.median(sigma)))
        yield from quantiles("runner's widest minute, %", widest, measured.RUN_WIDEST_MINUTE)
        yield near("runner's ten busiest minutes", measured.RUN_TOP10_VOLUME, float(np.median(ten)))
        yield near("runner's busiest minute", measured.RUN_BUSIEST_MINUTE, float(np.median(busiest)))


def recompute(symbols: int, days: int, seed: int) -> list[Row]:
    """Return all rows over `days` whole sessions."""
    market, pool = SyntheticMarket(symbols, seed), defaultdict[str, list[Array]](list)
    chosen = [each for each in sessions(FIRST_DAY, FIRST_DAY + dt.timedelta(days=2 * days + 20)) if not each.half][
        :days
    ]
    paused = 0
    for at, of in enumerate(chosen):
        day = day_of_bars(market, of)
        prior = market.reference(of).prior_close
        ran = (day["high"] >= 1.3 * prior) & (prior >= 1.0) & (prior < 20.0)
        paused += sum(bool(ran[pause.row]) for pause in market.pauses(of))
        daily(market, of, day, pool)
        minutes(market, of, day, pool)
        print(f"\r{at + 1} of {len(chosen)} sessions", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    all_of = {
        name: np.concatenate(parts)
        for name, parts in pool.items()
        if name not in {"minutes", "shape", "ends", "runner_minutes"}
    }
    often = market.universe.eventful
    cheap = (all_of["prior"] >= 1.0) & (all_of["prior"] < 20.0)
    rows = [*daily_rows(all_of, len(chosen), often), *event_rows(all_of, pool), *minute_rows(pool)]
    rows += print_rows(market, chosen[: min(PRINT_DAYS, days)])
    runs = max(float((cheap & (all_of["high"] >= 0.30)).sum()), 1.0)
    return [*rows, near("pauses per runner day", measured.PAUSES_PER_RUNNER_DAY, paused / runs)]


def main() -> None:
    """Print the table; the last line says how many are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--symbols", type=int, default=7_182)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows = recompute(asked.symbols, asked.sessions, asked.seed)
    table = [row.cells() for row in rows]
    figures = {row.name: {"measured": row.target, "found": row.found, "met": row.met} for row in rows}
    report(
        f"synthetic ({asked.symbols:,} symbols, {asked.sessions} sessions)",
        ["", "measured", "found", "off", "met"],
        table,
        figures,
    )
    print(f"\n{sum(row.met for row in rows)} of {len(rows)} are met")


if __name__ == "__main__":
    main()
