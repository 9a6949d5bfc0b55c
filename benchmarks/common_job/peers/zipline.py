"""The common job on zipline-reloaded: a bundle of minute bars, written beforehand; one algorithm for all assets."""

from __future__ import annotations

import os
import tempfile
import time

# It keeps its bundles where this says, and in the home folder otherwise.
folder = tempfile.TemporaryDirectory(prefix="zipline-")
os.environ["ZIPLINE_ROOT"] = folder.name

started = time.perf_counter()

from zipline import run_algorithm  # noqa: E402  (the import is what is timed)
from zipline.api import order, set_commission, set_slippage, symbol  # noqa: E402
from zipline.data import bundles  # noqa: E402
from zipline.finance import commission  # noqa: E402
from zipline.finance.slippage import SlippageModel  # noqa: E402

IMPORT_S = time.perf_counter() - started

import logging  # noqa: E402
import warnings  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

WAITING, LONG, DONE = 0, 1, 2
BUNDLE = "common_job"

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


class NextOpen(SlippageModel):  # type: ignore[misc]  # the peer ships no types
    """Fills the whole order at the open of the bar after it."""

    def process_order(self, data: Any, waiting: Any) -> tuple[float, int]:
        return data.current(waiting.asset, "open"), waiting.amount


def ingest(bars: job.Bars) -> pd.DatetimeIndex:
    """Write the bars as a bundle of its own form, and return the days."""
    _, _, symbols = bars.shape
    names = job.names(symbols)
    days = pd.DatetimeIndex(job.sessions(bars.shape[0]))
    known = pd.DatetimeIndex((bars.start_ns.ravel() + job.MINUTE_NS).astype("datetime64[ns]")).tz_localize("UTC")
    columns = bars.dollars() | {"volume": bars.volume.reshape(-1, symbols)}

    def minutes(index: int) -> pd.DataFrame:
        return pd.DataFrame({name: column[:, index] for name, column in columns.items()}, index=known)

    def daily(index: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "open": bars.open[:, 0, index] / 100.0,
                "high": bars.high[:, :, index].max(1) / 100.0,
                "low": bars.low[:, :, index].min(1) / 100.0,
                "close": bars.close[:, -1, index] / 100.0,
                "volume": bars.volume[:, :, index].sum(1),
            },
            index=days,
        )

    def write(_environ: Any, assets: Any, minute_bars: Any, daily_bars: Any, adjustments: Any, *_: Any) -> None:
        listed = {
            "symbol": names,
            "asset_name": names,
            "start_date": days[0],
            "end_date": days[-1],
            "auto_close_date": days[-1] + pd.Timedelta(days=10),
            "exchange": "NYSE",
        }
        exchange = {"exchange": ["NYSE"], "canonical_name": ["NYSE"], "country_code": ["US"]}
        assets.write(equities=pd.DataFrame(listed, index=range(symbols)), exchanges=pd.DataFrame(exchange))
        minute_bars.write(((index, minutes(index)) for index in range(symbols)), show_progress=False)
        daily_bars.write(((index, daily(index)) for index in range(symbols)), show_progress=False)
        adjustments.write()

    bundles.register(BUNDLE, write, "NYSE", start_session=days[0], end_session=days[-1], minutes_per_day=job.MINUTES)
    bundles.ingest(BUNDLE, show_progress=False)
    return days


def cents(prices: Any) -> Any:
    """Return prices in whole cents: its two ways to the same stored price differ in the last bits."""
    return np.rint(prices.to_numpy() * 100)


class Breakout:
    """The rule for all symbols, as its callbacks."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.index = -1

    def initialize(self, context: Any) -> None:
        self.assets = [symbol(name) for name in self.names]
        set_slippage(NextOpen())
        set_commission(commission.PerShare(cost=job.FEE_USD, min_trade_cost=0))

    def handle_data(self, context: Any, data: Any) -> None:
        self.index = index = (self.index + 1) % job.MINUTES
        if index == job.RANGE_BARS - 1:
            self.high = cents(data.history(self.assets, "high", job.RANGE_BARS, "1m").max())
            self.low = cents(data.history(self.assets, "low", job.RANGE_BARS, "1m").min())
            self.stage = np.full(len(self.assets), WAITING)
        if not job.RANGE_BARS <= index <= job.EXIT_BAR:
            return
        close = cents(data.current(self.assets, "close"))
        buys = (self.stage == WAITING) & (close > self.high) & (index <= job.LAST_ENTRY)
        sells = (self.stage == LONG) & ((close <= self.low) | (index == job.EXIT_BAR))
        for asset in np.flatnonzero(buys):
            order(self.assets[asset], job.SHARES)
        for asset in np.flatnonzero(sells):
            order(self.assets[asset], -job.SHARES)
        self.stage[buys], self.stage[sells] = LONG, DONE


def main() -> None:
    """Run the job."""
    result = Result("zipline", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        days = ingest(bars)
    rule = Breakout(job.names(bars.shape[2]))
    with result.stage("run"):
        found = run_algorithm(
            start=days[0],
            end=days[-1],
            initialize=rule.initialize,
            handle_data=rule.handle_data,
            capital_base=job.CAPITAL_USD,
            bundle=BUNDLE,
            data_frequency="minute",
            benchmark_returns=pd.Series(0.0, index=days),
        )
    done = [each for day in found["transactions"] for each in day]
    fills: list[Fill] = [
        (int(each["sid"].symbol[1:]), number, each["amount"] > 0, each["price"]) for number, each in enumerate(done)
    ]
    result.finish(fills, found["portfolio_value"].iloc[-1] - job.CAPITAL_USD)


if __name__ == "__main__":
    main()
