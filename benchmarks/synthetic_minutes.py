"""The minutes of the synthetic market's liquid symbols beside those of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic_rows import Pool, Row, mean_row, quantile_rows, row
from brokers.sim.market import calibration as measured
from brokers.sim.market.premarket import CROWD_USD
from brokers.sim.synthetic import SyntheticMarket
from qm.rules.calendar import Session

Array = npt.NDArray[np.float64]

LIQUID_USD: Final = 20e6
MOST: Final = 400
PAIRED: Final = 80
QUARTER: Final = 15
LEAST: Final = 20


class Minutes:
    """Gathers the figures of a session's liquid symbols without an event, session by session."""

    def __init__(self, market: SyntheticMarket) -> None:
        self.market = market
        self.figures: list[list[float]] = []
        self.volume: list[Array] = []
        self.sigma: list[Array] = []
        self.each, self.crowd, self.overnight = Pool(), Pool(), Pool()
        self.sessions = 0

    def add(self, of: Session, day: dict[str, Array]) -> None:
        """Take one session."""
        at, self.sessions = self.sessions, self.sessions + 1
        busy = np.zeros(len(self.market.table), np.bool_)
        busy[[event.row for event in self.market.events(of)]] = True
        volume = day["volumes"].sum(axis=0)
        dollars = volume * day["close"]
        u = self.market.universe
        crowd = ~busy & (u.adv * u.price > CROWD_USD) & (volume > 0)
        self.crowd.add(at, pre=day["pre_volume"][crowd] / volume[crowd])
        whole = ~np.isnan(day["closes"]).any(axis=0) & (dollars > LIQUID_USD)
        self.overnight.add(at, gap=day["gap"][whole], move=np.log(day["close"] / day["open"])[whole])
        rows = np.flatnonzero(whole & ~busy)[:MOST]
        if len(rows) < LEAST or of.half:
            return
        log = np.log(day["closes"][:, rows])
        step = np.diff(log, axis=0)
        self.each.add(at, sigma=1e4 * step.std(axis=0))
        shares = day["volumes"][:, rows] / volume[rows]
        auction = float(np.median(day["auction"][rows] / (day["auction"][rows] + volume[rows])))
        ends = [100 * float(shares[0].mean()), 100 * float(shares[-1].mean()), auction]
        spread = float(day["spans"][1:, rows].mean() / np.abs(step).mean())
        self.figures.append([*_returns(log, step), spread, *_volumes(day["volumes"][:, rows], step), *ends])
        self.volume.append(100 * np.median(shares.reshape(-1, QUARTER, len(rows)).sum(axis=1), axis=1))
        # The first return goes from the end of the first minute to that of the second.
        square = np.vstack((np.square(log[0] - np.log(day["open"][rows])), np.square(step)))
        quarters = square.reshape(-1, QUARTER, len(rows)).mean(axis=1) / square.mean(axis=0)
        self.sigma.append(np.sqrt(quarters.mean(axis=1)))

    def rows(self) -> Iterator[Row]:
        """Yield all rows of minutes."""
        if not self.figures:
            return
        for (name, target), found in zip(NAMES, np.array(self.figures).T, strict=True):
            # An autocorrelation of -0.02 is "none": it is met by anything as small.
            within = (target - 0.03, target + 0.03) if name == "return acf 1" else None
            yield mean_row(name, target, found, within=within)
        yield from quantile_rows("1-minute sigma, bp", self.each.whole(), "sigma", measured.SIGMA_1M_BP)
        yield row(
            "overnight share of variance",
            measured.GAP_SHARE,
            self.overnight.whole(),
            lambda d: float(d["gap"].var() / (d["gap"].var() + d["move"].var())),
        )
        yield from quantile_rows("premarket share of volume", self.crowd.whole(), "pre", measured.PRE_SHARE_LIQUID)
        volume, sigma = np.array(self.volume), np.array(self.sigma)
        targets = 100 * np.array(measured.VOLUME_SHARE) / sum(measured.VOLUME_SHARE)
        for at, target in enumerate(targets.tolist()):
            yield mean_row(f"volume of quarter {at + 1}, %", target, volume[:, at])
        for at, target in enumerate(measured.SIGMA_SHAPE):
            yield mean_row(f"volatility of quarter {at + 1}", target, sigma[:, at])


NAMES: Final = (
    ("excess kurtosis", measured.KURTOSIS), ("P(|z|>4), %", measured.OVER_4_SD), ("P(|z|>8), %", measured.OVER_8_SD),
    ("return acf 1", measured.RETURN_ACF),
    *((f"|return| acf {lag}", value) for lag, value in measured.ABS_RETURN_ACF.items()),
    *((f"variance ratio, {k} min", value) for k, value in measured.VARIANCE_RATIO.items()),
    ("pair correlation, 1 min", measured.PAIR_CORR[1]), ("pair correlation, 5 min", measured.PAIR_CORR[5]),
    ("first component", measured.FIRST_COMPONENT), ("bar range / |return|", measured.RANGE_OVER_RETURN),
    ("log volume noise sd", measured.VOLUME_NOISE_SD), ("log volume noise acf 1", measured.VOLUME_NOISE_ACF),
    ("corr(log |return|, log volume)", measured.RETURN_VOLUME_CORR),
    ("first minute, % of volume", 100 * measured.FIRST_MINUTE_SHARE),
    ("last minute, % of volume", 100 * measured.LAST_MINUTE_SHARE),
    ("closing auction, share", measured.CLOSING_AUCTION_SHARE),
)  # fmt: skip


def _returns(log: Array, step: Array) -> list[float]:
    z = step / step.std(axis=0)
    size = np.abs(z) - np.abs(z).mean(axis=0)
    figures = [float((z**4).mean() - 3), 100 * float((np.abs(z) > 4).mean()),
               100 * float((np.abs(z) > 8).mean()), float(np.median((z[1:] * z[:-1]).mean(axis=0)))]  # fmt: skip
    figures += [
        float(np.median((size[k:] * size[:-k]).mean(axis=0) / size.var(axis=0))) for k in measured.ABS_RETURN_ACF
    ]
    for k in measured.VARIANCE_RATIO:
        far = np.diff(log[::k], axis=0)
        figures.append(float(np.mean(np.square(far).sum(axis=0) / np.square(step[: len(far) * k]).sum(axis=0))))
    few, five = (np.asarray(np.corrcoef(moves.T)) for moves in (z[:, :PAIRED], np.diff(log[::5, :PAIRED], axis=0)))
    upper = np.triu_indices(len(few), 1)
    return [*figures, float(few[upper].mean()), float(five[upper].mean()),
            float(np.linalg.eigvalsh(five)[-1] / len(five))]  # fmt: skip


def _volumes(volumes: Array, step: Array) -> list[float]:
    volume = np.log(np.maximum(volumes, 1.0))
    rest = volume - volume.mean(axis=0) - (volume.mean(axis=1) - volume.mean())[:, None]
    moved = np.log(np.abs(step) + 1e-5)
    with_moves = [np.corrcoef(moved[:, at], rest[1:, at])[0, 1] for at in range(rest.shape[1])]
    memory = np.median((rest[1:] * rest[:-1]).mean(axis=0) / rest.var(axis=0))
    return [float(np.median(rest.std(axis=0))), float(memory), float(np.median(with_moves))]
