"""The common job on NautilusTrader's low-level BacktestEngine: one strategy, all symbols, bars loaded beforehand.

It fills a market order at the signal bar's close, which in this data is the price of the next bar's open.
"""

from __future__ import annotations

import time

started = time.perf_counter()

import numpy as np  # noqa: E402  (the import is what is timed)
from nautilus_trader.backtest.config import BacktestEngineConfig  # noqa: E402
from nautilus_trader.backtest.engine import BacktestEngine  # noqa: E402
from nautilus_trader.backtest.models import FixedFeeModel  # noqa: E402
from nautilus_trader.config import LoggingConfig, RiskEngineConfig  # noqa: E402
from nautilus_trader.core.rust.model import AccountType, OmsType, OrderSide  # noqa: E402
from nautilus_trader.model.currencies import USD  # noqa: E402
from nautilus_trader.model.data import Bar, BarType  # noqa: E402
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # noqa: E402
from nautilus_trader.model.instruments import Equity  # noqa: E402
from nautilus_trader.model.objects import Money, Price, Quantity  # noqa: E402
from nautilus_trader.trading.strategy import Strategy  # noqa: E402

IMPORT_S = time.perf_counter() - started

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402

VENUE = Venue("SIM")
WAITING, LONG, DONE = 0, 1, 2


class Breakout(Strategy):  # type: ignore[misc]  # the peer ships no types
    """The rule for all symbols; stages per symbol: day, range's high, range's low, stage."""

    def __init__(self, bar_types: list[BarType], opens: list[int]) -> None:
        super().__init__()
        self.bar_types = bar_types
        self.opens = [*opens, 1 << 62]
        self.day, self.day_open = -1, 0
        self.stages = {bar_type.instrument_id: [-1, 0.0, 0.0, WAITING] for bar_type in bar_types}

    def on_start(self) -> None:
        for bar_type in self.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        ts = bar.ts_event
        if ts > self.opens[self.day + 1]:
            self.day += 1
            self.day_open = self.opens[self.day]
        index = (ts - self.day_open) // job.MINUTE_NS - 1
        instrument = bar.bar_type.instrument_id
        state = self.stages[instrument]
        if state[0] != self.day:
            state[:] = self.day, 0.0, 1e18, WAITING
        if index < job.RANGE_BARS:
            high, low = bar.high.as_double(), bar.low.as_double()
            state[1] = max(state[1], high)
            state[2] = min(state[2], low)
        elif state[3] == WAITING:
            if index <= job.LAST_ENTRY and bar.close.as_double() > state[1]:
                state[3] = LONG
                self.send(instrument, OrderSide.BUY)
        elif state[3] == LONG and (index == job.EXIT_BAR or bar.close.as_double() <= state[2]):
            state[3] = DONE
            self.send(instrument, OrderSide.SELL)

    def send(self, instrument: InstrumentId, side: OrderSide) -> None:
        """Send a market order for the job's shares."""
        self.submit_order(self.order_factory.market(instrument, side, Quantity.from_int(job.SHARES)))


def engine() -> BacktestEngine:
    """Build the engine as it comes, risk engine included, without its log lines."""
    # It would refuse more than 100 orders a second, and the job leaves everything at one moment.
    risk = RiskEngineConfig(max_order_submit_rate="100000/00:00:01")
    built = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), risk_engine=risk))
    fee = FixedFeeModel(Money(job.SHARES * job.FEE_USD, USD), charge_commission_once=False)
    cash = [Money(job.CAPITAL_USD, USD)]
    built.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, cash, base_currency=USD, fee_model=fee)
    return built


def load(built: BacktestEngine, bars: job.Bars) -> list[BarType]:
    """Add the instruments and all bars, in the order of time."""
    _, _, symbols = bars.shape
    known_ns = (bars.start_ns.ravel() + job.MINUTE_NS).astype(np.uint64)
    prices = bars.dollars()
    volume = bars.volume.reshape(-1, symbols).astype(float)
    bar_types, columns = [], []
    for index, name in enumerate(job.names(symbols)):
        instrument = Equity(
            instrument_id=InstrumentId(Symbol(name), VENUE),
            raw_symbol=Symbol(name),
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(100),
            ts_event=0,
            ts_init=0,
        )
        built.add_instrument(instrument)
        bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        ohlc = [np.ascontiguousarray(column[:, index]) for column in prices.values()]
        volumes = np.ascontiguousarray(volume[:, index])
        columns.append(Bar.from_raw_arrays_to_list(bar_type, 2, 0, *ohlc, volumes, known_ns, known_ns))
        bar_types.append(bar_type)
    # Merged here because sort_data() of this version raises TypeError for bars.
    built.add_data([bar for minute in zip(*columns, strict=True) for bar in minute], sort=True)
    return bar_types


def main() -> None:
    """Run the job."""
    result = Result("nautilus", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        built = engine()
        bar_types = load(built, bars)
        built.add_strategy(Breakout(bar_types, bars.start_ns[:, 0].tolist()))
    with result.stage("run"):
        built.run()
    fills: list[Fill] = [
        (int(str(order.instrument_id.symbol)[1:]), order.ts_last, order.side == OrderSide.BUY, order.avg_px)
        for order in built.cache.orders()
    ]
    account = built.cache.account_for_venue(VENUE)
    result.finish(fills, account.balance_total(USD).as_double() - job.CAPITAL_USD)


if __name__ == "__main__":
    main()
