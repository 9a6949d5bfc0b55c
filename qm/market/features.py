"""What the radar, the scans and the explanations compare, as of one moment.

NaN is "not known" everywhere and never passes a comparison; no feature is ever infinite. The formulae are the trader's
usual ones; volume is compared with the same symbol's own earlier days, never across vendors. They stand once, compiled,
for one symbol or for all.
"""

from __future__ import annotations

from enum import IntEnum
from math import isfinite

import numba
import numpy as np
import numpy.typing as npt

from qm.market.market import KEPT_MINUTES, MINUTE_NS, Market
from qm.market.rows import Rows

Array = npt.NDArray[np.float64]


class F(IntEnum):
    """Columns of the feature matrix."""

    LAST = 0
    GAP_PCT = 1
    CHG_PCT = 2
    CHG_OPEN_PCT = 3
    RVOL = 4
    OPENING_RVOL = 5
    VOLUME = 6
    DOLLAR_VOLUME = 7
    ADV = 8
    ATR = 9
    MOM_1_PCT = 10
    MOM_5_PCT = 11
    MOM_15_PCT = 12
    VWAP_DIST_PCT = 13
    RANGE_POS = 14
    RANGE_ATR = 15
    HIGH_AGE_S = 16
    SPREAD_BPS = 17
    FLOAT_ROTATION = 18
    HALTED = 19
    REF_DAYS = 20
    FLOAT_SHARES = 21
    OPEN = 22
    MINS_SINCE_OPEN = 23
    VOL_5M = 24
    RVOL_5M = 25
    VOL_5M_PCT = 26
    VOL_SURGE = 27
    LOW_CHG_PCT = 28
    CHG_1_AGO_PCT = 29
    MINS_BELOW_VWAP = 30
    HIGH_DIST_ATR = 31


NAMES: tuple[str, ...] = tuple(f.name.lower() for f in F)
"""Every feature, by the name that scans and explanations use."""
UNITS: dict[str, str] = {
    "last": "$",
    "gap_pct": "%",
    "chg_pct": "%",
    "chg_open_pct": "%",
    "rvol": "x",
    "opening_rvol": "x",
    "volume": "shares",
    "dollar_volume": "$",
    "adv": "shares",
    "atr": "$",
    "mom_1_pct": "%",
    "mom_5_pct": "%",
    "mom_15_pct": "%",
    "vwap_dist_pct": "%",
    "range_pos": "",
    "range_atr": "x",
    "high_age_s": "s",
    "spread_bps": "bp",
    "float_rotation": "x",
    "halted": "",
    "ref_days": "days",
    "float_shares": "shares",
    "open": "$",
    "mins_since_open": "min",
    "vol_5m": "shares",
    "rvol_5m": "x",
    "vol_5m_pct": "%",
    "vol_surge": "x",
    "low_chg_pct": "%",
    "chg_1_ago_pct": "%",
    "mins_below_vwap": "min",
    "high_dist_atr": "x",
}
"""Unit of every feature."""
ABOUT: dict[str, str] = {
    "last": "last eligible price",
    "gap_pct": "from the prior close to the open; before the open, to the last price",
    "chg_pct": "from the prior close to the last price",
    "chg_open_pct": "from the open to the last price",
    "rvol": "volume of the day against what is usual by this minute",
    "opening_rvol": "volume of the first five minutes against what is usual; from 09:35",
    "volume": "shares of regular hours so far",
    "dollar_volume": "traded in regular hours so far",
    "adv": "average volume of a day's regular hours, earlier days",
    "atr": "average true range of a day, earlier days",
    "mom_1_pct": "since the minute boundary one minute ago",
    "mom_5_pct": "since the minute boundary five minutes ago",
    "mom_15_pct": "since the minute boundary fifteen minutes ago",
    "vwap_dist_pct": "from the volume-weighted average price of regular hours to the last price",
    "range_pos": "place between the low (0) and the high (1) of regular hours",
    "range_atr": "high less low of regular hours, in average true ranges",
    "high_age_s": "since the high of regular hours was made",
    "spread_bps": "ask less bid against the middle; unknown where no quotes are told",
    "float_rotation": "volume against the shares free to trade",
    "halted": "trading is halted or paused",
    "ref_days": "sessions behind the averages",
    "float_shares": "shares free to trade",
    "open": "first price of regular hours",
    "mins_since_open": "since 09:30; less than 0 before",
    "vol_5m": "volume since the minute boundary five minutes ago",
    "rvol_5m": "vol_5m against what is usual in the same minutes",
    "vol_5m_pct": "pace of vol_5m against that of an average day, whatever the time of day",
    "vol_surge": "pace of vol_5m against that of the five minutes before; from 09:40",
    "low_chg_pct": "from the prior close to the low of regular hours",
    "chg_1_ago_pct": "chg_pct as it was at the minute boundary one minute ago",
    "mins_below_vwap": "of the twenty minutes before the last one, those that ended below the VWAP",
    "high_dist_atr": "from the last price up to the high of regular hours, in average true ranges",
}
"""Meaning of every feature, for people."""
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
