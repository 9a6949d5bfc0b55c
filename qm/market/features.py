"""What the radar, the scans and the explanations compare, as of one moment.

NaN is "not known" everywhere and never passes a comparison; no feature is ever infinite. The formulae are the trader's
usual ones; volume is compared with the same symbol's own earlier days, never across vendors. They stand once, compiled,
for one symbol or for all.
"""

from __future__ import annotations

from math import isfinite

import numba
import numpy as np
import numpy.typing as npt

from qm.market.market import KEPT_MINUTES, MINUTE_NS, Market
from qm.market.names import ABOUT, FLAGS, NAMES, UNITS, F
from qm.market.rows import Rows

__all__ = ["ABOUT", "FLAGS", "NAMES", "UNITS", "F", "Features", "features", "features_of", "named", "usual_share"]

Array = npt.NDArray[np.float64]


FIVE_MINUTES_OF_A_DAY = 78
"""Five-minute stretches in regular hours."""
VWAP_MINUTES = 20
"""Minutes that `mins_below_vwap` looks back on."""


class Features:
    """The features of all symbols at one moment, each a column of float64 by row."""

    def __init__(self, ts: int, matrix: Array) -> None:
        self.ts = ts
        self.matrix = matrix
        """float64[feature, row]."""

    def __getitem__(self, name: str) -> Array:
        column: Array = self.matrix[F[name.upper()]]
        return column

    def of(self, row: int) -> dict[str, float]:
        """Return one symbol's known features."""
        return named(self.matrix[:, row].tolist())


def named(values: list[float]) -> dict[str, float]:
    """Name the known features of one symbol, in the order of `F`; what is not known is left out."""
    return {name: value for name, value in zip(NAMES, values, strict=True) if isfinite(value)}


def features(market: Market, out: Array | None = None) -> Features:
    """Compute every feature of every symbol as of the market's now."""
    matrix = np.empty((len(NAMES), len(market.table))) if out is None else out
    _fill(market, 0, len(market.table), matrix)
    return Features(market.now, matrix)


def features_of(market: Market, row: int) -> dict[str, float]:
    """Compute the features of one symbol as of the market's now."""
    matrix = np.empty((len(NAMES), 1))
    _fill(market, row, row + 1, matrix)
    return named(matrix[:, 0].tolist())


def _fill(market: Market, start: int, stop: int, out: Array) -> None:
    ref, rows = market.reference, market.rows
    since_open = market.now - market.session.open_ns
    minute = since_open // MINUTE_NS
    share = float(ref.curve[min(minute, len(ref.curve)) - 1]) if minute > 0 else np.nan
    known = (ref.prior_close, ref.adv, ref.atr)
    other = (ref.or_volume, ref.float_shares, ref.days)
    at = (market.now, since_open, start, stop, out)
    _compute(rows, market.closes, market.opening_volume, *known, *other, share, *at)
    usual_5 = usual_share(ref.curve, since_open) - usual_share(ref.curve, (minute - 5) * MINUTE_NS)
    # Named, and not computed yet.
    out[F.HIGH_DIST_ATR + 1 :] = np.nan
    _compute_minutes(rows, market.closes, market.volumes, market.below_vwap, *known, usual_5, *at)


def usual_share(curve: Array, since_open: int) -> float:
    """Return the share of a day's regular volume that is usually done `since_open` ns after the open."""
    if since_open <= 0:
        return 0.0
    minute, rest = divmod(since_open, MINUTE_NS)
    if minute >= len(curve):
        return float(curve[-1])
    before = float(curve[minute - 1]) if minute else 0.0
    return before + (float(curve[minute]) - before) * rest / MINUTE_NS


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _ratio(a: float, b: float) -> float:
    # Nothing compares with zero, and infinity would pass the conditions that NaN fails.
    return a / b if b > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _compute(
    rows: Rows,
    closes: Array,
    opening_volume: Array,
    prior_close: Array,
    adv: Array,
    atr: Array,
    or_volume: Array,
    float_shares: Array,
    days: npt.NDArray[np.int64],
    share: float,
    now: int,
    since_open: int,
    start: int,
    stop: int,
    out: Array,
) -> None:
    boundary = now // MINUTE_NS
    ago_1 = (boundary - 1) % KEPT_MINUTES
    ago_5 = (boundary - 5) % KEPT_MINUTES
    ago_15 = (boundary - 15) % KEPT_MINUTES
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last, high, low, opened, volume, pv = r["last"], r["high"], r["low"], r["open"], r["volume"], r["pv"]
        prior, day_atr = prior_close[s], atr[s]
        bid, ask = r["bid"], r["ask"]
        out[0, k] = last
        out[1, k] = 100.0 * (_ratio(last if since_open < 0 else opened, prior) - 1.0)
        out[2, k] = 100.0 * (_ratio(last, prior) - 1.0)
        out[3, k] = 100.0 * (_ratio(last, opened) - 1.0)
        out[4, k] = _ratio(volume, adv[s] * share)
        out[5, k] = _ratio(opening_volume[s], or_volume[s])
        out[6, k] = volume
        out[7, k] = pv
        out[8, k] = adv[s]
        out[9, k] = day_atr
        out[10, k] = 100.0 * (_ratio(last, closes[ago_1, s]) - 1.0)
        out[11, k] = 100.0 * (_ratio(last, closes[ago_5, s]) - 1.0)
        out[12, k] = 100.0 * (_ratio(last, closes[ago_15, s]) - 1.0)
        out[13, k] = 100.0 * (_ratio(last * volume, pv) - 1.0)
        out[14, k] = _ratio(last - low, high - low)
        out[15, k] = _ratio(high - low, day_atr)
        out[16, k] = (now - r["high_ts"]) / 1e9 if r["high_ts"] > 0 else np.nan
        out[17, k] = 2e4 * (ask - bid) / (bid + ask) if ask >= bid > 0.0 else np.nan
        out[18, k] = _ratio(volume, float_shares[s])
        out[19, k] = 1.0 if r["status"] >= 2 else 0.0
        out[20, k] = days[s]
        out[21, k] = float_shares[s]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _compute_minutes(
    rows: Rows,
    closes: Array,
    volumes: Array,
    below_vwap: npt.NDArray[np.bool_],
    prior_close: Array,
    adv: Array,
    atr: Array,
    usual_5: float,
    now: int,
    since_open: int,
    start: int,
    stop: int,
    out: Array,
) -> None:
    boundary = now // MINUTE_NS
    ago_1 = (boundary - 1) % KEPT_MINUTES
    ago_5 = (boundary - 5) % KEPT_MINUTES
    ago_10 = (boundary - 10) % KEPT_MINUTES
    # Inside a minute the last five are up to six: paces are compared, not sums.
    fives = 5 + (now % MINUTE_NS) / MINUTE_NS
    whole_ten = since_open // MINUTE_NS >= 10
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        prior = prior_close[s]
        vol_5, vol_before = r["volume"] - volumes[ago_5, s], volumes[ago_5, s] - volumes[ago_10, s]
        below = 0.0
        for minute in range(boundary - VWAP_MINUTES, boundary):
            below += below_vwap[minute % KEPT_MINUTES, s]
        out[22, k] = r["open"]
        out[23, k] = since_open / MINUTE_NS
        out[24, k] = vol_5
        out[25, k] = _ratio(vol_5, adv[s] * usual_5)
        out[26, k] = 100.0 * FIVE_MINUTES_OF_A_DAY * _ratio(vol_5 * 5.0, adv[s] * fives)
        out[27, k] = _ratio(vol_5 * 5.0, vol_before * fives) if whole_ten else np.nan
        out[28, k] = 100.0 * (_ratio(r["low"], prior) - 1.0)
        out[29, k] = 100.0 * (_ratio(closes[ago_1, s], prior) - 1.0)
        out[30, k] = below
        out[31, k] = _ratio(r["high"] - r["last"], atr[s])
