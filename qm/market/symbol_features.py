"""The features of one symbol, for whoever decides about it: the formulae of all symbols, in one compiled call."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.day_facts import spy_pct, ssr_drop, usual_share, whole_share
from qm.market.five_features import WHOLE, fill_fives
from qm.market.fives import BAND, HIGH
from qm.market.kernel import MINUTE
from qm.market.market import Market
from qm.market.names import NAMES, F
from qm.market.price_features import Moment, fill_pre, fill_prices, fill_quotes, fill_ranges, fill_states
from qm.market.rows import Rows
from qm.market.volume_features import fill_moves, fill_volumes

Array = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Prices = tuple[Array, Array, Array, Array, Array]
"""Prior close, dividend, 52-week high, and high and low of the session before."""
Usual = tuple[Array, Array, Array, Array, Array, Whole]
"""Average volume, true range, opening volume, pre-market volume, shares free to trade, days behind the averages."""
Marks = tuple[Array, Array, Array]
"""A restriction of short sales carried over, narrowest range of seven, inside day."""
Closes = tuple[Array, Array, Array, Array, Array]
"""Prices 1, 2, 5, 10 and 15 boundaries ago."""
Volumes = tuple[Array, Array, Array, Array, Array]
"""Shares up to 5 and 10 boundaries ago, prints up to one ago, minutes below the VWAP, shares of the first five."""

_EVERY: Final = np.arange(len(NAMES), dtype=np.int64)
_WHOLE: Final = tuple((int(f), place) for f, place in WHOLE.items())
_AGO: Final = (1, 2, 5, 10, 15)


def features_of(market: Market, row: int) -> dict[str, float]:
    """Compute the features of one symbol as of the market's now; what is not known is left out."""
    ref, minutes, curve = market.reference, market.minutes, market.reference.curve
    now, opens = market.now, market.session.open_ns
    boundary = now // MINUTE * MINUTE
    one, two, five, ten, fifteen = [boundary - n * MINUTE for n in _AGO]
    close_at, volume_at = minutes.close_at, minutes.volume_at
    found, which = np.empty((len(NAMES), 1)), np.empty(len(NAMES), np.int64)
    known = _fill(
        market.rows,
        (ref.prior_close, ref.dividend, ref.high_52w, ref.prev_high, ref.prev_low),
        (ref.adv, ref.atr, ref.or_volume, ref.pre_volume, ref.float_shares, ref.days),
        (ref.ssr_carried, ref.nr7, ref.inside_day),
        (close_at(one), close_at(two), close_at(five), close_at(ten), close_at(fifteen)),
        (volume_at(five), volume_at(ten), minutes.prints_at(one), minutes.below_at(boundary), market.opening_volume),
        (minutes.fives.opening, minutes.fives.known),
        (spy_pct(market), ssr_drop(market), whole_share(curve, now - opens),
         usual_share(curve, now - opens) - usual_share(curve, five - opens)),
        (now, now - opens, row, row + 1),
        _EVERY,
        found,
        which,
    )  # fmt: skip
    names = NAMES
    return dict(zip([names[n] for n in which[:known].tolist()], found[which[:known], 0].tolist(), strict=True))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill(
    rows: Rows,
    prices: Prices,
    usual: Usual,
    marks: Marks,
    closes: Closes,
    volumes: Volumes,
    fives: tuple[Array, Array],
    day: tuple[float, float, float, float],
    moment: Moment,
    place: Whole,
    out: Array,
    which: Whole,
) -> int:
    """Compute everything of the one symbol in `moment`; returns how many are known, their numbers in `which`."""
    prior_close, dividend, high_52w, prev_high, prev_low = prices
    adv, atr, or_volume, pre_volume, float_shares, days = usual
    carried, nr7, inside_day = marks
    volume_5, volume_10, prints, below, opening_volume = volumes
    opening, known = fives
    spy, drop, share, usual_5 = day
    s = moment[2]
    fill_prices(rows, prior_close, dividend, high_52w, spy, moment, place, out)
    fill_ranges(rows, atr, moment, place, out)
    fill_states(rows, prior_close, carried, drop, moment, place, out)
    fill_quotes(rows, moment, place, out)
    fill_pre(rows, pre_volume, moment, place, out)
    fill_volumes(rows, opening_volume, adv, atr, or_volume, float_shares, days, share, moment, place, out)
    fill_moves(
        rows, closes, (volume_5, volume_10), prints, (prior_close, dividend, adv, days), usual_5, moment, place, out
    )
    fill_fives(rows, opening, known[BAND], known[HIGH], atr, moment, place, out)
    for f, n in _WHOLE:
        out[f, 0] = known[n, s]
    out[F.ADV, 0], out[F.ATR, 0], out[F.REF_DAYS, 0] = adv[s], atr[s], days[s]
    out[F.FLOAT_SHARES, 0], out[F.HIGH_52W, 0] = float_shares[s], high_52w[s]
    out[F.PREV_HIGH, 0], out[F.PREV_LOW, 0], out[F.PREV_CLOSE, 0] = prev_high[s], prev_low[s], prior_close[s]
    out[F.NR7, 0], out[F.INSIDE_DAY, 0] = nr7[s], inside_day[s]
    out[F.ADV_DOLLAR, 0] = adv[s] * prior_close[s]
    out[F.ATR_PCT, 0] = 100.0 * atr[s] / prior_close[s] if prior_close[s] > 0.0 else np.nan
    out[F.MINS_SINCE_OPEN, 0] = moment[1] / MINUTE
    out[F.MINS_BELOW_VWAP, 0] = below[s]
    count = 0
    for n in range(out.shape[0]):
        if np.isfinite(out[n, 0]):
            which[count] = n
            count += 1
    return count
