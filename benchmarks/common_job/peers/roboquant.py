"""The common job on roboquant: one event per minute with every asset's bar; orders fill at the next event's open."""

from __future__ import annotations

import time

started = time.perf_counter()

import roboquant as rq  # noqa: E402  (the import is what is timed)
from roboquant.account import Account  # noqa: E402
from roboquant.brokers.simbroker import SimBroker  # noqa: E402
from roboquant.event import Bar, Event  # noqa: E402
from roboquant.feeds.historic import HistoricFeed  # noqa: E402
from roboquant.monetary import USD, Amount  # noqa: E402
from roboquant.order import Order  # noqa: E402
from roboquant.traders.trader import Trader  # noqa: E402

IMPORT_S = time.perf_counter() - started

from array import array  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

WAITING, LONG, DONE = 0, 1, 2


class Feed(HistoricFeed):  # type: ignore[misc]  # the peer ships no types
    """All bars, in memory."""

    def __init__(self, bars: job.Bars) -> None:
        super().__init__()
        _, _, symbols = bars.shape
        assets = [rq.Stock(name) for name in job.names(symbols)]
        columns = [*bars.dollars().values(), bars.volume.reshape(-1, symbols)]
        for minute, start_ns in enumerate(bars.start_ns.ravel().tolist()):
            known = datetime.fromtimestamp(start_ns // 1_000_000_000 + 60, UTC)
            values = zip(*(column[minute].tolist() for column in columns), strict=True)
            for asset, ohlcv in zip(assets, values, strict=True):
                self._add_item(known, Bar(asset, array("d", ohlcv), "1Min"))


class Broker(SimBroker):  # type: ignore[misc]  # the peer ships no types
    """Its simulated broker with the job's fee."""

    def _fee(self, trade: Any) -> Amount:
        return Amount(USD, abs(float(trade.size)) * job.FEE_USD)


class Breakout(Trader):  # type: ignore[misc]  # the peer ships no types
    """The rule for all symbols; state per symbol is range's high, range's low, stage."""

    def __init__(self) -> None:
        self.index = -1
        self.state: dict[Any, list[Any]] = {}

    def create_orders(self, signals: list[Any], event: Event, account: Account) -> list[Order]:
        self.index = index = (self.index + 1) % job.MINUTES
        orders = []
        for bar in event.items:
            _, high, low, close, _ = bar.ohlcv
            state = self.state.get(bar.asset)
            if index == 0 or state is None:
                self.state[bar.asset] = [high, low, WAITING]
            elif index < job.RANGE_BARS:
                state[0], state[1] = max(state[0], high), min(state[1], low)
            elif state[2] == WAITING:
                if index <= job.LAST_ENTRY and close > state[0]:
                    state[2] = LONG
                    orders.append(Order(bar.asset, job.SHARES, close * 2))
            elif state[2] == LONG and (index == job.EXIT_BAR or close <= state[1]):
                state[2] = DONE
                orders.append(Order(bar.asset, -job.SHARES, close / 2))
        return orders


def main() -> None:
    """Run the job."""
    result = Result("roboquant", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        feed = Feed(bars)
        feed.assets()
        broker = Broker(deposit=Amount(USD, float(job.CAPITAL_USD)))
    with result.stage("run"):
        account = rq.run(feed, None, trader=Breakout(), broker=broker)
    fills: list[Fill] = [
        (int(fill.asset.symbol[1:]), order, float(fill.size) > 0, float(fill.price))
        for order, fill in enumerate(account.trades)
    ]
    result.finish(fills, account.cash[USD] - job.CAPITAL_USD)


if __name__ == "__main__":
    main()
