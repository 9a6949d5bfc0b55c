"""The common job on our engine, as `backtest` runs it: ledger, risk gate, journal with its hash chain, explanation."""

from __future__ import annotations

import time

started = time.perf_counter()

from backtest.runner import Plan, run  # noqa: E402  (the import is what is timed)
from qm.engine.day import Day  # noqa: E402

IMPORT_S = time.perf_counter() - started

from datetime import date as Date  # noqa: E402, N812
from decimal import Decimal  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.common_job import job  # noqa: E402
from benchmarks.common_job.breakout import NAME, breakout  # noqa: E402
from benchmarks.common_job.result import Fill, Result  # noqa: E402
from qm.engine.settings import EngineSettings  # noqa: E402
from qm.market.reference import Reference  # noqa: E402
from qm.model.instrument import SymbolTable  # noqa: E402
from qm.model.market import EVENT, Kind  # noqa: E402
from qm.model.order import Side  # noqa: E402
from qm.risk.limits import RiskSettings  # noqa: E402
from qm.rules.calendar import session  # noqa: E402

UNLIMITED = RiskSettings(
    max_heat=1.0,
    day_loss=1.0,
    max_positions=100_000,
    min_price=0.0,
    max_orders_per_min=1_000_000,
    last_entry_min=0,
    min_stop_ticks=0.0,
    min_stop_spreads=0.0,
    min_stop_atr=0.0,
    max_of_volume=1.0,
    max_stop_pct=100.0,
    min_risk_used=0.0,
    min_band_pct=0.0,
    margin_headroom=0.0,
)
"""Every check is made; none may stop a trade that the peers make."""


class PerShare:
    """The job's commission, and no other fee."""

    rate = Decimal(str(job.FEE_USD))

    def of_day(self, date: Date, /) -> PerShare:
        """Return itself: the price list is the same every day."""
        return self

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "", /) -> Decimal:
        """Return the fee of one execution, $."""
        return self.rate * qty


def records(bars: job.Bars) -> list[Day]:
    """Turn the bars into one array of market records per day, as the day cache holds them."""
    days, minutes, symbols = bars.shape
    table = SymbolTable(job.names(symbols))
    made = []
    for index, date in enumerate(job.sessions(days)):
        events = np.zeros((minutes, symbols), EVENT)
        start = bars.start_ns[index][:, None]
        events["ts"], events["event_ts"] = start + job.MINUTE_NS, start
        events["sym"], events["kind"], events["code"] = np.arange(symbols), Kind.BAR, 60
        prices = (bars.open, bars.high, bars.low, bars.close)
        for field, column in zip("abcd", prices, strict=True):
            events[field] = column[index] / 100.0
        events["e"] = bars.volume[index]
        made.append(Day(table, session(date), Reference.empty(symbols), prints=False, batches=[events.ravel()]))
    return made


def plan() -> Plan:
    """Return what to run."""
    settings = EngineSettings(strategies=(), scans=(), flat_min=0.0, risk=UNLIMITED)
    return Plan(
        settings=settings,
        strategies={NAME: breakout()},
        equity=Decimal(job.CAPITAL_USD),
        fees=PerShare(),
        assigned={NAME: ()},
    )


def main() -> None:
    """Run the job; the compiled loop comes from its cache on disk, or is compiled in the stage `load`."""
    result = Result("qm", IMPORT_S)
    bars = result.bars()
    with result.stage("load"):
        days = records(bars)
    with result.stage("warm"):
        run(plan(), records(job.make_bars(1, 1)))
    with result.stage("run"):
        outcome = run(plan(), days)
    fills: list[Fill] = []
    for trade in outcome.trades:
        symbol = int(trade.symbol[1:])
        fills.append((symbol, trade.opened, True, float(trade.entry_price)))
        fills.append((symbol, trade.closed, False, float(trade.exit_price)))
    summary = outcome.summary
    result.finish(fills, summary.net_usd, wakes=summary.wakes, entries=outcome.journal.head(outcome.header.id)[0])


if __name__ == "__main__":
    main()
