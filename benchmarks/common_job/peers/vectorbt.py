"""The common job on vectorbt: entry and exit matrices over all bars, filled at the next bar's open; no event engine."""

from __future__ import annotations

import time

started = time.perf_counter()

import vectorbt as vbt  # noqa: E402  (the import is what is timed)

IMPORT_S = time.perf_counter() - started

import warnings  # noqa: E402

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

warnings.filterwarnings("ignore")

Mask = npt.NDArray[np.bool_]


def masks(prices: dict[str, npt.NDArray[np.float64]], shape: tuple[int, int, int]) -> tuple[Mask, Mask]:
    """Return where to enter and where to leave, at the bar after the signal; all days under each other."""
    days, minutes, symbols = shape
    high, low, close = (prices[name].reshape(shape) for name in ("high", "low", "close"))
    above = close > high[:, : job.RANGE_BARS].max(1, keepdims=True)
    above[:, : job.RANGE_BARS] = False
    above[:, job.LAST_ENTRY + 1 :] = False
    first = above & (np.cumsum(above, axis=1) == 1)
    below = close <= low[:, : job.RANGE_BARS].min(1, keepdims=True)
    below[:, job.EXIT_BAR] = True
    below[:, job.EXIT_BAR + 1 :] = False
    enter, leave = np.zeros(shape, bool), np.zeros(shape, bool)
    enter[:, 1:] = first[:, :-1]
    leave[:, 1:] = below[:, :-1]
    return enter.reshape(days * minutes, symbols), leave.reshape(days * minutes, symbols)


def main() -> None:
    """Run the job twice: the first run compiles where nothing is cached, the second counts."""
    result = Result("vectorbt", IMPORT_S)
    bars = result.bars()
    columns = job.names(bars.shape[2])
    with result.stage("load"):
        index = pd.DatetimeIndex(bars.start_ns.ravel().astype("datetime64[ns]"))
        prices = bars.dollars()
        opened, close = (pd.DataFrame(prices[name], index=index, columns=columns) for name in ("open", "close"))

    def run() -> tuple[vbt.Portfolio, float]:
        enter, leave = (pd.DataFrame(mask, index=index, columns=columns) for mask in masks(prices, bars.shape))
        portfolio = vbt.Portfolio.from_signals(
            close,
            enter,
            leave,
            price=opened,
            size=job.SHARES,
            fixed_fees=job.SHARES * job.FEE_USD,
            init_cash=float(job.CAPITAL_USD),
            freq="1min",
        )
        portfolio.orders.count()
        return portfolio, float(portfolio.total_profit().sum())

    with result.stage("first"):
        run()
    with result.stage("run"):
        portfolio, pnl_usd = run()
    orders = portfolio.orders.values
    fills: list[Fill] = [
        (int(order["col"]), int(order["idx"]), int(order["side"]) == 0, float(order["price"])) for order in orders
    ]
    result.finish(fills, pnl_usd)


if __name__ == "__main__":
    main()
