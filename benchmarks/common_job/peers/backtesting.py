"""The common job on backtesting.py: it knows one instrument a run, so every symbol is a run of its own."""

from __future__ import annotations

import time

started = time.perf_counter()

from backtesting import Backtest, Strategy, backtesting  # noqa: E402  (the import is what is timed)

IMPORT_S = time.perf_counter() - started

import warnings  # noqa: E402
from typing import Any  # noqa: E402

import pandas as pd  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

WAITING, LONG, DONE = 0, 1, 2

warnings.filterwarnings("ignore")
# Its progress bar would be one per symbol.
backtesting._tqdm = lambda bars, **_: bars  # noqa: SLF001


class Breakout(Strategy):  # type: ignore[misc]  # the peer ships no types
    """The rule for one symbol."""

    def init(self) -> None:
        self.high, self.low, self.stage = 0.0, 0.0, DONE

    def next(self) -> None:
        data = self.data
        index = (len(data) - 1) % job.MINUTES
        if index < job.RANGE_BARS:
            # It is not asked at a frame's first bar: the range is read off its last five at once.
            if index == job.RANGE_BARS - 1:
                self.high, self.low = data.High[-job.RANGE_BARS :].max(), data.Low[-job.RANGE_BARS :].min()
                self.stage = WAITING
        elif self.stage == WAITING:
            if index <= job.LAST_ENTRY and data.Close[-1] > self.high:
                self.stage = LONG
                self.buy(size=job.SHARES)
        elif self.stage == LONG and (index == job.EXIT_BAR or data.Close[-1] <= self.low):
            self.stage = DONE
            self.position.close()


def fee(size: float, _price: float) -> float:
    """Return the job's fee of one fill, $."""
    return abs(size) * job.FEE_USD


def frames(bars: job.Bars) -> list[pd.DataFrame]:
    """Return the bars of each symbol as it wants them."""
    _, _, symbols = bars.shape
    index = pd.DatetimeIndex(bars.start_ns.ravel().astype("datetime64[ns]"))
    columns = bars.dollars() | {"volume": bars.volume.reshape(-1, symbols)}
    return [
        pd.DataFrame({name.title(): column[:, symbol] for name, column in columns.items()}, index=index)
        for symbol in range(symbols)
    ]


def main() -> None:
    """Run the job, one symbol after the other."""
    result = Result("backtesting", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        each = frames(bars)
    with result.stage("run"):
        found: list[Any] = [Backtest(frame, Breakout, cash=job.CAPITAL_USD, commission=fee).run() for frame in each]
    fills: list[Fill] = []
    for symbol, stats in enumerate(found):
        for trade in stats["_trades"].itertuples():
            fills.append((symbol, trade.EntryBar, True, trade.EntryPrice))
            fills.append((symbol, trade.ExitBar, False, trade.ExitPrice))
    result.finish(fills, sum(stats["Equity Final [$]"] - job.CAPITAL_USD for stats in found))


if __name__ == "__main__":
    main()
