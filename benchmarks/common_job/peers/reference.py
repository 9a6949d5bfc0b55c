"""The expected answer, without any engine."""

from __future__ import annotations

from benchmarks.common_job import job
from benchmarks.common_job.result import Fill, Result


def main() -> None:
    """Run the job."""
    result = Result("reference", import_s=0.0)
    bars = result.bars()
    with result.stage("run"):
        trades = job.answer(bars)
    fills: list[Fill] = []
    for trade in trades:
        at = trade.day * job.MINUTES
        fills.append((trade.symbol, at + trade.entry_bar, True, trade.bought / 100))
        fills.append((trade.symbol, at + trade.exit_bar, False, trade.sold / 100))
    result.finish(fills, job.pnl_usd(trades), stops=sum(trade.exit_bar != job.EXIT_BAR for trade in trades))


if __name__ == "__main__":
    main()
