"""Features of volume: against what is usual, and the price at which it was done."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.kernel import MINUTE
from qm.market.names import F
from qm.market.price_features import Array, Moment, Places, before_dividend, pct, ratio
from qm.market.rows import PRINTS, Rows

Days = npt.NDArray[np.int64]

VOLUMES: Final = (
    *(F.RVOL, F.OPENING_RVOL, F.VOLUME, F.DOLLAR_VOLUME, F.FLOAT_ROTATION, F.RVOL_DAY, F.PROJ_VOLUME),
    *(F.VWAP, F.VWAP_DIST_PCT, F.VWAP_DIST_ATR, F.VWAP_SIGMA, F.VWAP_Z),
)
MOVES: Final = (
    *(F.MOM_1_PCT, F.MOM_2_PCT, F.MOM_5_PCT, F.MOM_10_PCT, F.MOM_15_PCT, F.CHG_1_AGO_PCT, F.VELOCITY),
    *(F.PRINTS_PER_MIN, F.VOL_5M, F.RVOL_5M, F.VOL_5M_PCT, F.VOL_SURGE),
)
FIVE_MINUTES_OF_A_DAY: Final = 78
"""Five-minute stretches in regular hours."""
NOISE: Final = 1e-12
"""Part of a mean of squares below which a difference of two is nothing."""
MIN_DAYS: Final = 8
"""Sessions that must stand behind what is usual by a minute; 0 sessions are a baseline from elsewhere."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _usual(adv: float, days: int) -> float:
    return adv if days >= MIN_DAYS or days == 0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_volumes(
    rows: Rows,
    opening_volume: Array,
    adv: Array,
    atr: Array,
    or_volume: Array,
    float_shares: Array,
    days: Days,
    share: float,
    moment: Moment,
    place: Places,
    out: Array,
) -> None:
    """Compute `VOLUMES`; `share` of a day's volume is usually done by the end of this minute."""
    _, _, start, stop = moment
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last, volume, pv = r["last"], r["volume"], r["pv"]
        vwap = ratio(pv, volume)
        # About the anchor the squares are small, so that their difference keeps its digits; the last ones are noise.
        squares, away = ratio(r["pdd"], volume), (vwap - r["anchor"]) ** 2
        variance = squares - away
        sigma = np.sqrt(variance if variance > NOISE * squares else 0.0) if variance == variance else np.nan
        out[place[F.RVOL], k] = ratio(volume, _usual(adv[s], days[s]) * share)
        out[place[F.OPENING_RVOL], k] = ratio(opening_volume[s], or_volume[s])
        out[place[F.VOLUME], k] = volume
        out[place[F.DOLLAR_VOLUME], k] = pv
        out[place[F.FLOAT_ROTATION], k] = ratio(volume, float_shares[s])
        out[place[F.RVOL_DAY], k] = ratio(volume, adv[s])
        out[place[F.PROJ_VOLUME], k] = ratio(volume, share)
        out[place[F.VWAP], k] = vwap
        out[place[F.VWAP_DIST_PCT], k] = pct(last, vwap)
        out[place[F.VWAP_DIST_ATR], k] = ratio(last - vwap, atr[s])
        out[place[F.VWAP_SIGMA], k] = sigma
        out[place[F.VWAP_Z], k] = ratio(last - vwap, sigma)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_moves(
    rows: Rows,
    closes: tuple[Array, Array, Array, Array, Array],
    volumes: tuple[Array, Array],
    prints: Array,
    known: tuple[Array, Array, Array, Days],
    usual_5: float,
    moment: Moment,
    place: Places,
    out: Array,
) -> None:
    """Compute `MOVES`.

    `closes` are the prices 1, 2, 5, 10 and 15 boundaries ago, `volumes` the shares up to 5 and 10, `prints` those up to
    one ago, `known` prior close, dividend, average volume and days; `usual_5` is the share of a day's volume that is
    usually done since five boundaries ago.
    """
    now, since_open, start, stop = moment
    close_1, close_2, close_5, close_10, close_15 = closes
    volume_5, volume_10 = volumes
    prior_close, dividend, adv, days = known
    # Inside a minute the last five are up to six: paces are compared, not sums.
    part = (now % MINUTE) / MINUTE
    fives = 5.0 + part
    whole_ten = since_open // MINUTE >= 10
    for s in range(start, stop):
        r = rows[s]
        k = s - start
        last = r["last"]
        vol_5, vol_before = r["volume"] - volume_5[s], volume_5[s] - volume_10[s]
        out[place[F.MOM_1_PCT], k] = pct(last, close_1[s])
        out[place[F.MOM_2_PCT], k] = pct(last, close_2[s])
        out[place[F.MOM_5_PCT], k] = pct(last, close_5[s])
        out[place[F.MOM_10_PCT], k] = pct(last, close_10[s])
        out[place[F.MOM_15_PCT], k] = pct(last, close_15[s])
        out[place[F.CHG_1_AGO_PCT], k] = pct(close_1[s], before_dividend(prior_close[s], dividend[s]))
        out[place[F.VELOCITY], k] = (last - close_1[s]) / (1.0 + part)
        out[place[F.PRINTS_PER_MIN], k] = (r["prints"] - prints[s]) / (1.0 + part) if r["source"] == PRINTS else np.nan
        out[place[F.VOL_5M], k] = vol_5
        out[place[F.RVOL_5M], k] = ratio(vol_5, _usual(adv[s], days[s]) * usual_5)
        out[place[F.VOL_5M_PCT], k] = 100.0 * FIVE_MINUTES_OF_A_DAY * ratio(vol_5 * 5.0, adv[s] * fives)
        out[place[F.VOL_SURGE], k] = ratio(vol_5 * 5.0, vol_before * fives) if whole_ten else np.nan
