"""The symbols of the synthetic market and what stays true of each: price, volatility, volume, spread, float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qm.errors import UsageError
from qm.model.instrument import SymbolTable

Array = npt.NDArray[np.float64]

# Measured over the 7,182 US stocks of 2023-2024, by price; below $1 is left out.
PRICE_EDGES: Final = (1.8, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 400.0)
PRICE_SHARE: Final = (0.071, 0.123, 0.135, 0.206, 0.191, 0.088, 0.082)
DAILY_SD: Final = (0.0641, 0.0587, 0.0469, 0.0327, 0.0289, 0.0258, 0.0236)
QUIET: Final = (0.72, 0.72, 0.75, 0.8, 0.85, 0.92, 0.95)
"""Share of that sd which days without an event have."""
DOLLAR_VOLUME: Final = (111e3, 303e3, 971e3, 1568e3, 7943e3, 39856e3, 109331e3)
MARKET_SYMBOLS: Final = 11_000
TRADES_PER_SHARE: Final = 1 / 150
SPREAD_AT_1M_USD: Final = 0.006
"""Spread, as a fraction of the price, of a stock that trades a million dollars a day."""

INDEX_FUNDS: Final = {"SPY": (640.0, 0.0095, 62e6), "QQQ": (560.0, 0.0125, 41e6)}
"""Typical price in $, daily sd of log returns, shares a day."""


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """One array per trait, all indexed by the symbol's row."""

    table: SymbolTable
    price: Array
    """The price around which the symbol lives, $."""
    sigma: Array
    """Daily sd of log returns without events."""
    adv: Array
    """Typical shares a day in regular hours."""
    volume_sd: Array
    """Sd of the log volume from day to day."""
    spread: Array
    """Typical spread as a fraction of the price; never below one cent in use."""
    load: Array
    """Share of the variance that follows the market."""
    float_shares: Array
    """Shares that trade freely."""
    large: npt.NDArray[np.bool_]
    """In tier 1 of the limit-up limit-down plan."""
    appeal: Array
    """Probability of being the next gapper or runner; sums to one."""

    def __len__(self) -> int:
        return len(self.table)


def universe(symbols: int, rng: np.random.Generator) -> Universe:
    """Draw a universe of `symbols` symbols, SPY and QQQ first; UsageError below 2."""
    if symbols < len(INDEX_FUNDS):
        raise UsageError(
            f"A synthetic market of {symbols} symbols is too small.", "Ask for 2 or more: SPY and QQQ always trade."
        )
    table = SymbolTable([*INDEX_FUNDS, *_tickers(symbols - len(INDEX_FUNDS), rng)])
    bucket = rng.choice(len(PRICE_SHARE), symbols, p=np.array(PRICE_SHARE) / sum(PRICE_SHARE))
    low, high = np.log(np.array(PRICE_EDGES[:-1]))[bucket], np.log(np.array(PRICE_EDGES[1:]))[bucket]
    price = np.exp(low + (high - low) * rng.random(symbols))
    sigma = (np.array(DAILY_SD) * QUIET)[bucket] * np.exp(rng.normal(-0.03, 0.25, symbols))
    # Somebody who watches 500 symbols watches the busier ones.
    busier = float(np.clip((MARKET_SYMBOLS / symbols) ** 0.4, 1.0, 5.0))
    dollars = busier * np.array(DOLLAR_VOLUME)[bucket] * np.exp(rng.normal(0.0, 1.3, symbols))
    adv = np.maximum(dollars / price, 20_000.0)
    spread = SPREAD_AT_1M_USD * (adv * price / 1e6) ** -0.55 * np.exp(rng.normal(0.0, 0.4, symbols))
    spread = np.clip(spread, 0.0, 0.02)
    load = rng.uniform(0.1, 0.4, symbols)
    turnover = np.exp(rng.normal(np.log(0.012), 0.7, symbols))
    for row, (name, (fund_price, fund_sigma, fund_adv)) in enumerate(INDEX_FUNDS.items()):
        assert table.names[row] == name
        price[row], sigma[row], adv[row], spread[row], load[row] = fund_price, fund_sigma, fund_adv, 0.0, 0.95
    float_shares = np.clip(adv / turnover, 8e5, 2e10)
    large = (price > 20.0) & (adv * price > 50e6)
    return Universe(
        table=table,
        price=price,
        sigma=sigma,
        adv=adv,
        volume_sd=np.clip(0.95 - 0.11 * np.log(adv * price / 5e5), 0.4, 0.95),
        spread=spread,
        load=load,
        float_shares=np.rint(float_shares),
        large=large,
        appeal=_appeal(price, adv, float_shares),
    )


def _appeal(price: Array, adv: Array, float_shares: Array) -> Array:
    """Cheap stocks that many watch, with a small float, run; index funds never do."""
    weight = np.where(price < 20.0, 1.0, np.where(price < 60.0, 0.25, 0.04))
    weight *= (float_shares / 2e7) ** -0.3 * np.clip(adv / 5e5, 0.2, 4.0) ** 0.6
    weight[: len(INDEX_FUNDS)] = 0.0
    total = float(weight.sum())
    return weight / total if total > 0 else weight


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
