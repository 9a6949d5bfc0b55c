"""The daily rows of the synthetic market: universe, gaps, ranges, runs, and the shape of eventful days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic_rows import Pool, Row, around, choose, mean_row, quantile_rows, row
from brokers.sim.market import calibration as measured
from brokers.sim.market.calibration import Quantiles
from brokers.sim.market.universe import INDEX_FUNDS, SMALL_CAP_USD
from brokers.sim.synthetic import SyntheticMarket
from qm.rules.calendar import Session

Array = npt.NDArray[np.float64]
Columns = dict[str, Array]

TRADED_USD: Final = 1e6
NOON_MINUTES: Final = 150
TAIL_SHARE: Final = 0.01
LARGE_USD: Final = 5e9


class Daily:
    """Gathers the days of all symbols, those of eventful ones with more columns."""

    def __init__(self, market: SyntheticMarket) -> None:
        self.market = market
        self.days, self.events, self.runners = Pool(), Pool(), Pool()
        self.paused = self.ran = self.sessions = 0
        self.jumps: list[float] = []
        n = len(market.table)
        self._log_volume = np.zeros((3, n))

    def add(self, of: Session, day: dict[str, Array]) -> None:
        """Take one session."""
        at, self.sessions = self.sessions, self.sessions + 1
        known = self.market.reference(of)
        prior, volume = known.prior_close, day["volumes"].sum(axis=0)
        traded = ~np.isnan(day["open"])
        high, gap, dollars = day["high"] / prior - 1.0, day["open"] / prior - 1.0, volume * day["close"]
        move, rvol = np.log(day["close"] / prior), volume / known.adv
        whole = {
            "prior": prior, "gap": gap, "high": high, "move": move, "rvol": rvol, "dollars": dollars,
            "range": (day["high"] - day["low"]) / prior,
        }  # fmt: skip
        self.days.add(at, **{name: column[traded] for name, column in whole.items()})
        log = np.log(volume[traded])
        self._log_volume[:, traded] += np.array([np.ones(len(log)), log, log * log])
        cheap = traded & (prior >= 1.0) & (prior < 20.0)
        event = cheap & (dollars > TRADED_USD) & ((gap >= 0.10) | (high >= 0.30))
        pre_high = day["pre_high"] / day["open"] - 1.0
        columns = {
            "gap": gap, "high": high, "rvol": rvol, "turnover": volume / known.float_shares, "peak": day["peak"],
            "high_open": day["high"] / day["open"] - 1.0, "low_open": day["low"] / day["open"] - 1.0,
            "close_open": day["close"] / day["open"] - 1.0, "off_high": day["close"] / day["high"] - 1.0,
            "pre_high": pre_high, "pre_share": day["pre_volume"] / np.maximum(volume, 1.0),
        }  # fmt: skip
        self.events.add(at, **{name: column[event] for name, column in columns.items()})
        # The 21 real ones ran at any hour: some before the open alone, as one that doubled and opened where it was.
        ran = cheap & (np.fmax(day["pre_high"], day["high"]) / prior - 1.0 >= 0.30)
        self.ran += int(ran.sum())
        self._runners(at, day, np.flatnonzero(ran & (dollars > TRADED_USD)), high >= 0.30)
        for pause in self.market.pauses(of):
            if ran[pause.row]:
                self.paused += 1
                if not np.isnan(pause.reopens):
                    up = 1.0 if pause.band > day["open"][pause.row] else -1.0
                    self.jumps.append(up * (pause.reopens / pause.band - 1.0))

    def _runners(
        self, at: int, day: dict[str, Array], rows: npt.NDArray[np.int64], regular: npt.NDArray[np.bool_]
    ) -> None:
        found = []
        for each in rows:
            shares = np.sort(day["volumes"][:, each])[::-1]
            closes = day["closes"][:, each]
            step = np.diff(np.log(closes[~np.isnan(closes)]))
            early = day["pre_high"][each] > day["high"][each]
            found.append(
                (1e4 * step.std(), 100 * np.expm1(max(day["spans"][:, each].max(), day["pre_span"][each])),
                 shares[:10].sum() / shares.sum(), shares[0] / shares.sum(),
                 day["pre_peak"][each] if early else day["peak"][each], regular[each])
            )  # fmt: skip
        figures = np.array(found).reshape(-1, 6).T
        names = ("sigma", "widest", "ten", "busiest", "peak", "regular")
        self.runners.add(at, **dict(zip(names, figures, strict=True)))

    def rows(self) -> Iterator[Row]:
        """Yield all rows of days and events."""
        days = self.days.whole()
        yield from universe_rows(self.market)
        yield from self._volume_rows()
        yield from price_rows(days)
        yield from count_rows(days, self.sessions)
        yield from event_rows(self.events.whole())
        yield from runner_rows(self.runners.whole())
        runs, share = self.ran, self.paused / max(self.ran, 1)
        within, known = around(measured.PAUSES_PER_RUNNER_DAY), measured.PAUSES_KNOWN
        error = 1.96 * self.paused**0.5 / max(runs, 1)
        yield Row("pauses per runner day", measured.PAUSES_PER_RUNNER_DAY, share, runs, error, within, known)
        jumps = np.array(self.jumps)
        error = 1.96 * float(jumps.std()) / max(len(jumps), 1) ** 0.5 if len(jumps) else float("nan")
        found = float(np.median(jumps)) if len(jumps) else float("nan")
        jump = measured.REOPENING_JUMP
        yield Row("jump of a reopening", jump, found, len(jumps), error, around(jump), measured.REOPENING_KNOWN)

    def _volume_rows(self) -> Iterator[Row]:
        count, total, squares = self._log_volume
        u = self.market.universe
        sd = np.sqrt(np.maximum(squares / np.maximum(count, 1) - np.square(total / np.maximum(count, 1)), 0.0))
        often = count >= max(0.5 * self.sessions, 2)
        groups = (("small", u.cap < SMALL_CAP_USD), ("large", u.cap > LARGE_USD))
        for (name, which), target in zip(groups, measured.DAILY_VOLUME_SD, strict=True):
            values = sd[often & which]
            found = float(np.median(values)) if len(values) else float("nan")
            error = 1.25 * 1.96 * float(values.std()) / max(len(values), 1) ** 0.5 if len(values) else float("nan")
            yield Row(f"sd of daily log volume, {name} companies", target, found, len(values), error, around(target))


def universe_rows(market: SyntheticMarket) -> Iterator[Row]:
    """What stays true of the symbols; it is laid out by ranks, so that there is no sampling error to speak of."""
    u = market.universe
    own = slice(len(INDEX_FUNDS), None)
    n = len(u)

    def exact(name: str, target: float, found: float) -> Row:
        return Row(name, target, found, n, float("nan"), around(target))

    for name, values, targets in (
        ("price, $", u.price, measured.PRICE),
        ("market value, $", u.cap, measured.MARKET_CAP),
    ):
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            target = float(np.interp(share, *targets)) if share in targets[0] else float("nan")
            yield exact(f"{name}, q{100 * share:.0f}", target, float(np.quantile(values[own], share)))
    yield exact("priced at $1-20", 0.49, float(((u.price >= 1.0) & (u.price < 20.0)).mean()))
    intercept, slope, sd = measured.DOLLAR_VOLUME
    log_cap, log_usd = np.log(u.cap[own]), np.log(u.adv[own] * u.price[own])
    fitted = np.polyfit(log_cap, log_usd, 1)
    yield exact("log dollars a day against log market value, slope", slope, float(fitted[0]))
    yield exact("dollars a day at the median company, log", intercept + slope * float(np.median(log_cap)),
                float(np.polyval(fitted, np.median(log_cap))))  # fmt: skip
    yield exact("and sd around it", sd, float((log_usd - np.polyval(fitted, log_cap)).std()))
    for names, places in ((measured.EXCHANGES, u.exchange), (measured.SECTORS, u.sector)):
        for place, (name, share) in enumerate(names):
            yield exact(f"share of {name}", share, float((places == place).mean()))
    low = u.float_shares[own][(u.cap[own] < SMALL_CAP_USD) & (u.price[own] < 20.0)]
    for share, target in zip(measured.LOW_FLOAT[0][1:-1], measured.LOW_FLOAT[1][1:-1], strict=True):
        yield exact(f"float of small companies, q{100 * share:.0f}", target, float(np.quantile(low, share)))


def price_rows(days: Columns) -> Iterator[Row]:
    """The statistics by price."""
    bucket = np.digitize(days["prior"], measured.BUCKET_EDGES)
    for at, name in enumerate(measured.BUCKETS):
        own = choose(days, bucket == at)
        yield row(f"{name}: sd of daily moves, %", measured.DAILY_SD[at], own, lambda d: 100 * float(d["move"].std()))
        yield row(f"{name}: sd of gaps, %", measured.GAP_SD[at], own, lambda d: 100 * float(np.log1p(d["gap"]).std()))
        yield row(
            f"{name}: median range, %", measured.MEDIAN_RANGE[at], own, lambda d: 100 * float(np.median(d["range"]))
        )
        shares = (("gap", 0.05, measured.GAP_OVER_5), ("gap", 0.10, measured.GAP_OVER_10),
                  ("gap", 0.20, measured.GAP_OVER_20), ("high", 0.30, measured.RUN_OVER_30),
                  ("high", 1.00, measured.RUN_OVER_100))  # fmt: skip
        for column, least, table in shares:

            def over(part: Columns, column: str = column, least: float = least) -> float:
                return 100 * float((part[column] > least).mean())

            what = "gaps" if column == "gap" else "runs"
            # A share of few events has at least the error of their number.
            seldom = 1.96 * (100 * table[at] / max(len(own["session"]), 1)) ** 0.5
            yield row(f"{name}: {what} over {least:.0%}, %", table[at], own, over, least=seldom)

    def hill(part: Columns) -> float:
        far = np.sort(np.abs(part["move"]))[::-1][: max(int(TAIL_SHARE * len(part["move"])), 2)]
        return float(1.0 / np.mean(np.log(far[:-1] / far[-1])))

    yield row("tail index of daily moves (Hill)", measured.TAIL, days, hill)


def count_rows(days: Columns, sessions: int) -> Iterator[Row]:
    """The events of a day among symbols at $1-20: within the 95 % of a Poisson law around a day's number."""
    cheap = choose(days, (days["prior"] >= 1.0) & (days["prior"] < 20.0))
    scale = measured.EVENTS_UNIVERSE / max(len(cheap["session"]) / sessions, 1.0)
    gap, high, rvol, rich = cheap["gap"], cheap["high"], cheap["rvol"], cheap["dollars"] > TRADED_USD
    found = {
        "gap5": gap >= 0.05, "gap10": gap >= 0.10, "gap20": gap >= 0.20, "run20": high >= 0.20, "run30": high >= 0.30,
        "run50": high >= 0.50, "run100": high >= 1.0, "rvol5": rvol > 5, "rvol5_gap4": (rvol > 5) & (gap > 0.04),
        "gap10_1m": (gap >= 0.10) & rich, "run30_1m": (high >= 0.30) & rich,
    }  # fmt: skip
    for name, which in found.items():
        target = measured.EVENTS_A_DAY[name]
        a_day = scale * np.bincount(cheap["session"][which].astype(np.int64), minlength=sessions).astype(np.float64)
        wide = 1.96 * target**0.5
        yield mean_row(f"{name} a day", target, a_day, within=(target - wide, target + wide))


def event_rows(events: Columns) -> Iterator[Row]:
    """The shape of gapper days, and of runs, at $1-20 with a million dollars of volume."""
    percent = {name: 100 * events[name] for name in ("high_open", "low_open", "close_open", "off_high", "high")}
    percent["pre_high"] = 100 * np.fmax(events["pre_high"], 0.0)
    all_of = events | {f"{name}_pct": values for name, values in percent.items()}
    gapper, strong = choose(all_of, events["gap"] >= 0.10), choose(all_of, events["gap"] >= 0.20)
    runner = choose(all_of, events["high"] >= 0.30)
    shapes: tuple[tuple[str, Columns, str, Quantiles], ...] = (
        ("gapper high/open, %", gapper, "high_open_pct", measured.GAPPER_HIGH),
        ("gapper low/open, %", gapper, "low_open_pct", measured.GAPPER_LOW),
        ("gapper close/open, %", gapper, "close_open_pct", measured.GAPPER_CLOSE),
        ("gapper rvol", gapper, "rvol", measured.GAPPER_RVOL),
        ("gap 20% turnover of float", strong, "turnover", measured.GAP20_TURNOVER),
        ("gap 20% premarket high/open, %", strong, "pre_high_pct", measured.GAP20_PRE_HIGH),
        ("gapper premarket volume share", gapper, "pre_share", measured.PRE_VOLUME_SHARE),
        ("run-up, %", runner, "high_pct", measured.RUN_UP),
        ("close off the high, %", runner, "off_high_pct", measured.RUN_GIVES_BACK),
    )
    for name, of, column, targets in shapes:
        yield from quantile_rows(name, of, column, targets)

    def falls(part: Columns) -> float:
        return float((part["close_open"] < 0).mean())

    def above(part: Columns) -> float:
        return float((part["high_open"] > np.nan_to_num(part["pre_high"], nan=-1.0)).mean())

    yield row("gapper closes below open", measured.GAPPER_FADES, gapper, falls)
    yield row("gap 20% closes below open", measured.GAP20_FADES, strong, falls)
    yield row(
        "gap 20% high in the morning",
        measured.GAP20_HIGH_IN_MORNING,
        strong,
        lambda d: float((d["peak"] < NOON_MINUTES).mean()),
    )
    yield row("gap 20% high above the premarket's", measured.GAP20_ABOVE_PRE_HIGH, strong, above)
    yield row("gap share of the run", measured.RUN_GAP_SHARE, runner, lambda d: float(np.median(d["gap"] / d["high"])))


def runner_rows(runners: Columns) -> Iterator[Row]:
    """The minutes of runs; what was measured on a dozen of them is known with the error of so few.

    The volatility and the volume of regular minutes are those of symbols that ran in them.
    """
    known = measured.RUNNER_KNOWN
    regular = choose(runners, runners["regular"] > 0.0) if "regular" in runners else runners
    yield row(
        "runner 1-minute sigma, bp",
        measured.RUN_SIGMA_BP,
        regular,
        lambda d: float(np.median(d["sigma"])),
        known=known["sigma"][0],
    )
    yield from quantile_rows(
        "runner's widest minute, %", runners, "widest", measured.RUN_WIDEST_MINUTE, known["widest"]
    )
    for name, column, target in (
        ("runner's ten busiest minutes", "ten", measured.RUN_TOP10_VOLUME),
        ("runner's busiest minute", "busiest", measured.RUN_BUSIEST_MINUTE),
    ):

        def middle(part: Columns, column: str = column) -> float:
            return float(np.median(part[column]))

        yield row(name, target, regular, middle, known=known[column][0])
    yield from quantile_rows(
        "minutes from the open to a runner's high", runners, "peak", measured.RUN_PEAK_MINUTE, known["peak"]
    )
