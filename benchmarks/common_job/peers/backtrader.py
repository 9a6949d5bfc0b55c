"""The common job on backtrader: one Cerebro, a feed of bars per symbol; market orders fill at the next bar's open."""

from __future__ import annotations

import time

started = time.perf_counter()

import backtrader as bt  # noqa: E402  (the import is what is timed)

IMPORT_S = time.perf_counter() - started

from datetime import datetime  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

WAITING, LONG, DONE = 0, 1, 2
DAY_NS = 86_400_000_000_000


class Bars(bt.feed.DataBase):  # type: ignore[misc]  # the peer ships no types
    """The bars of one symbol, in memory: no file and no data frame to read."""

    params = (("columns", None), ("known", None))

    def start(self) -> None:
        super().start()
        self.index = 0

    def _load(self) -> bool:
        index, lines = self.index, self.lines
        if index == len(self.p.known):
            return False
        lines.datetime[0] = self.p.known[index]
        lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = (
            column[index] for column in self.p.columns
        )
        lines.openinterest[0] = 0.0
        self.index = index + 1
        return True


class Breakout(bt.Strategy):  # type: ignore[misc]  # the peer ships no types
    """The rule for all symbols; state per symbol is range's high, range's low, stage."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.states = [[0.0, 0.0, WAITING] for _ in self.datas]

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            done = order.executed
            symbol = int(order.data.p.name[1:])
            self.fills.append((symbol, len(self.fills), order.isbuy(), done.price))

    def next(self) -> None:
        index = (len(self) - 1) % job.MINUTES
        for data, state in zip(self.datas, self.states, strict=True):
            if index == 0:
                state[:] = data.high[0], data.low[0], WAITING
            elif index < job.RANGE_BARS:
                state[0], state[1] = max(state[0], data.high[0]), min(state[1], data.low[0])
            elif state[2] == WAITING:
                if index <= job.LAST_ENTRY and data.close[0] > state[0]:
                    state[2] = LONG
                    self.buy(data=data, size=job.SHARES)
            elif state[2] == LONG and (index == job.EXIT_BAR or data.close[0] <= state[1]):
                state[2] = DONE
                self.sell(data=data, size=job.SHARES)


def engine(bars: job.Bars) -> bt.Cerebro:
    """Build the engine with its feeds, without the observers that draw charts."""
    built = bt.Cerebro(stdstats=False)
    built.broker.setcash(float(job.CAPITAL_USD))
    built.broker.setcommission(commission=job.FEE_USD, commtype=bt.CommInfoBase.COMM_FIXED, stocklike=True)
    _, _, symbols = bars.shape
    # Its clock counts days; a bar is known at its end.
    epoch = bt.date2num(datetime(1970, 1, 1))  # noqa: DTZ001  (it knows no zones)
    known = (epoch + (bars.start_ns.ravel() + job.MINUTE_NS) / DAY_NS).tolist()
    columns = [*bars.dollars().values(), bars.volume.reshape(-1, symbols).astype(float)]
    for index, name in enumerate(job.names(symbols)):
        own = [column[:, index].tolist() for column in columns]
        built.adddata(Bars(name=name, columns=own, known=known, timeframe=bt.TimeFrame.Minutes))
    built.addstrategy(Breakout)
    return built


def main() -> None:
    """Run the job; reading the feeds into its own lines belongs to its run."""
    result = Result("backtrader", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        built = engine(bars)
    with result.stage("run"):
        (strategy,) = built.run()
    result.finish(strategy.fills, built.broker.getvalue() - job.CAPITAL_USD)


if __name__ == "__main__":
    main()
