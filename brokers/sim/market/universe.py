"""The symbols of the synthetic market and what stays true of each: price, volatility, volume, spread, float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market import calibration as measured
from brokers.sim.market.calibration import Quantiles
from qm.errors import UsageError
from qm.model.instrument import SymbolTable

Array = npt.NDArray[np.float64]

TRADE_SHARES: Final = 166.0
"""Mean shares of a trade."""
PRICE_FOLLOWS_SIZE: Final = 0.9
"""Correlation of ranks of price and market value: cheap stocks are small companies."""
MOST_TRADED: Final = (5e10, 3e8)
"""Dollars and shares a usual day."""
SMALL_CAP_USD: Final = 3e8
NBBO_OF_VENUE: Final = 0.25
"""The national best spread as a share of one venue's: 21 to 108 bp in six runners, where the fit says 70 to 400."""
WIDEST: Final = 0.03
"""Widest usual spread."""
SPREAD_AT_1M_USD: Final = 0.004
"""Spread, as a fraction of the price, of a larger stock that trades a million dollars a day."""
QUIET_VOLUME_SD: Final = (0.90, 0.40)
"""Sd of log volume from day to day without events, small and large; with them it comes to `DAILY_VOLUME_SD`."""
OWN_WILD, TRADED_WILD = 0.18, 0.17
"""Sd of the log of a symbol's volatility, at its price: its own part, and what goes with the dollars it trades."""
WATCHED: Final = 0.5
"""A market of few symbols is a choice of the busier ones, by this power of how few they are: 500 random symbols have
one runner a day, and most of them hardly trade. At 0 it is a random choice."""
FLOAT_TRADES: Final = 0.7
"""Correlation of a small company's float with the shares that it trades."""
LATE: Final = 0.14
"""Share of the symbols that follow the market a minute later: pairs go together less by minutes than by five."""
INDEX_FUNDS: Final = {"SPY": (640.0, 0.0095, 62e6), "QQQ": (560.0, 0.0125, 41e6)}
"""Typical price in $, daily sd of log returns, shares a day."""


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """One array per trait, all indexed by the symbol's row."""

    table: SymbolTable
    price: Array
    """The price around which the symbol lives, $."""
    cap: Array
    """Market value, $."""
    bucket: npt.NDArray[np.int64]
    """Place of the price in the table of `calibration.BUCKETS`."""
    wild: Array
    """Volatility as a multiple of what is usual at that price."""
    adv: Array
    """Typical shares a day in regular hours."""
    volume_sd: Array
    """Sd of the log volume from day to day."""
    spread: Array
    """Typical spread as a fraction of the price; never below one tick in use."""
    thin: npt.NDArray[np.bool_]
    """A small company, whose spread follows from the trades of the day."""
    load: Array
    """Share of the ordinary variance that follows the market."""
    late: npt.NDArray[np.bool_]
    """What all have in common reaches it a minute later."""
    float_shares: Array
    """Shares that trade freely."""
    large: npt.NDArray[np.bool_]
    """In tier 1 of the limit-up limit-down plan."""
    exchange: npt.NDArray[np.int64]
    """Place in `calibration.EXCHANGES`."""
    sector: npt.NDArray[np.int64]
    """Place in `calibration.SECTORS`."""
    eventful: float
    """Events as a multiple of what so many random symbols would have."""

    def __len__(self) -> int:
        return len(self.table)


def universe(symbols: int, rng: np.random.Generator, watched: float = WATCHED) -> Universe:
    """Draw a universe of `symbols` symbols, SPY and QQQ first; UsageError below 2."""
    if symbols < len(INDEX_FUNDS):
        raise UsageError(
            f"A synthetic market of {symbols} symbols is too small.", "Ask for 2 or more: SPY and QQQ always trade."
        )
    table = SymbolTable([*INDEX_FUNDS, *_tickers(symbols - len(INDEX_FUNDS), rng)])
    chosen = max(measured.MEASURED_SYMBOLS / symbols, 1.0) ** watched
    size, own = rng.standard_normal((2, symbols))
    cap = _spread_out(size, measured.MARKET_CAP)
    ranks = PRICE_FOLLOWS_SIZE * size + np.sqrt(1.0 - PRICE_FOLLOWS_SIZE**2) * own
    price = _spread_out(ranks, measured.PRICE)
    intercept, slope, sd = measured.DOLLAR_VOLUME
    dollars = np.exp(intercept + slope * np.log(cap) + sd * rng.standard_normal(symbols))
    adv = np.maximum(chosen * dollars / price, 4_000.0 * (chosen - 1.0) + 100.0)
    adv = np.minimum(adv, np.minimum(MOST_TRADED[0] / price, MOST_TRADED[1]))
    floats = measured.FLOAT_OF_OUTSTANDING * cap / price
    small = (cap < SMALL_CAP_USD) & (price < 20.0)
    traded = FLOAT_TRADES * _within(adv, np.zeros(symbols, np.int64)) + (1.0 - FLOAT_TRADES**2) ** 0.5 * own
    floats[small] = _spread_out(traded[small], measured.LOW_FLOAT)
    bucket = np.digitize(price, measured.BUCKET_EDGES)
    wild = np.exp(OWN_WILD * rng.standard_normal(symbols) + TRADED_WILD * _within(adv * price, bucket))
    load = 0.10 + 0.40 * _ranks(size) * rng.uniform(0.5, 1.0, symbols)
    noise = rng.standard_normal(symbols)
    for row, (fund_price, fund_sigma, fund_adv) in enumerate(INDEX_FUNDS.values()):
        price[row], adv[row], load[row], cap[row], floats[row] = fund_price, fund_adv, 0.95, 4e11, 9e8
        wild[row] = 100.0 * fund_sigma / measured.DAILY_SD[-1]
    usd = adv * price
    thin = (cap < 2e9) & (price < 50.0) & (usd < 5e7)
    spread = SPREAD_AT_1M_USD * (usd / 1e6) ** -0.55 * np.exp(0.4 * noise)
    first, trades, scatter = measured.SPREAD_FIT
    fitted = NBBO_OF_VENUE * 1e-4 * np.exp(first + trades * np.log(adv / TRADE_SHARES + 10.0) + scatter * noise)
    spread = np.clip(np.where(thin, fitted, spread), 0.0, WIDEST)
    spread[: len(INDEX_FUNDS)] = 0.0
    exchange, sector = (_choice(of, symbols, rng) for of in (measured.EXCHANGES, measured.SECTORS))
    late = rng.random(symbols) < LATE
    late[: len(INDEX_FUNDS)] = False
    return Universe(
        table=table,
        price=price,
        cap=cap,
        bucket=bucket,
        wild=wild,
        adv=adv,
        volume_sd=np.interp(np.log(cap), np.log((2e8, 5e9)), QUIET_VOLUME_SD),
        spread=spread,
        thin=thin,
        load=load,
        late=late,
        float_shares=np.rint(np.maximum(floats, 2e5)),
        large=(cap > 5e9) & (price > 3.0),
        exchange=exchange,
        sector=sector,
        eventful=chosen,
    )


def quantile(share: Array, of: Quantiles) -> Array:
    """Return the values at the probabilities `share`, between the knots by their logs; all values positive."""
    found: Array = np.exp(np.interp(share, of[0], np.log(of[1])))
    return found


def _ranks(values: Array) -> Array:
    """Ranks as evenly spaced probabilities: even a small universe has the quantiles of a large one."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = (np.arange(len(values)) + 0.5) / len(values)
    return ranks


def _within(values: Array, groups: npt.NDArray[np.int64]) -> Array:
    """Place of each value in its group, from -1.7 to 1.7: of mean 0 and variance 1."""
    places = np.zeros(len(values))
    for group in np.unique(groups):
        at = np.flatnonzero(groups == group)
        places[at] = 12**0.5 * (_ranks(values[at]) - 0.5)
    return places


def _spread_out(values: Array, over: Quantiles) -> Array:
    return quantile(_ranks(values), over)


def _choice(of: tuple[tuple[str, float], ...], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    shares = np.array([share for _, share in of])
    return np.searchsorted(np.cumsum(shares / shares.sum()), _ranks(rng.random(count)))


def _tickers(count: int, rng: np.random.Generator) -> list[str]:
    """Distinct names of three or four letters, in alphabetical order."""
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    common = np.array(list("ACEILMNOPRST"))
    names: set[str] = set()
    while len(names) < count:
        batch = rng.integers(0, 1 << 16, (count, 5)).tolist()
        for first, second, third, fourth, length in batch:
            if len(names) == count:
                break
            name = letters[first % 26] + common[second % 12] + letters[third % 26]
            names.add(str(name + common[fourth % 12]) if length % 3 else str(name))
        names -= INDEX_FUNDS.keys()
    return sorted(names)
