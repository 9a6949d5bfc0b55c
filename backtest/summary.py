"""What a backtest came to, in the numbers a trader asks for first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from backtest.measures import DayMeasures, TradeMeasures, of_days, of_trades
from qm.model.events import TradeClosed

SCHEMA = 3
"""Version of the JSON that `qm backtest run --json` prints; it goes up when a field changes its meaning."""


class DayResult(msgspec.Struct, frozen=True):
    """One session of the run."""

    session: str
    equity_usd: Decimal
    """At its end."""
    trades: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run; money net of fees."""

    schema: int = SCHEMA
    run: str
    sessions: int
    symbols: int
    records: int
    wakes: int
    trades: int
    wins: int
    win_rate: float | None
    """None without trades."""
    net_usd: float
    fees_usd: float
    total_r: float
    profit_factor: float | None
    """Gross wins over gross losses; None without a loss."""
    start_equity_usd: float
    end_equity_usd: float
    ambiguous: int
    """Trades in which a bar left the order of events open, whatever was assumed about it."""
    ambiguous_share: float | None
    """Of all trades; None without any."""
    by_trade: TradeMeasures
    """Of those trades whose risk at entry is known."""
    by_day: DayMeasures
    journal_hash: str
    """Head of the hash chain over everything decided: equal inputs give an equal hash."""
    result_hash: str
    """sha256 over the trades alone."""
    run_s: float
    records_per_s: float


def summarize(
    run: str,
    trades: Sequence[TradeClosed],
    days: Sequence[DayResult],
    start: Decimal,
    counts: dict[str, int],
    journal_hash: str,
    run_s: float,
) -> Summary:
    """Sum up a run; `counts` holds symbols, records and wakes."""
    nets = [float(t.net_usd) for t in trades]
    rs = [t.r for t in trades if t.r is not None]
    won = sum(n for n in nets if n > 0)
    lost = -sum(n for n in nets if n < 0)
    wins = sum(1 for n in nets if n > 0)
    ambiguous = sum(1 for t in trades if t.ambiguous)
    curve = [float(start), *(float(d.equity_usd) for d in days)]
    return Summary(
        run=run,
        sessions=len(days),
        symbols=counts["symbols"],
        records=counts["records"],
        wakes=counts["wakes"],
        trades=len(trades),
        wins=wins,
        win_rate=wins / len(trades) if trades else None,
        net_usd=round(sum(nets), 2),
        fees_usd=round(sum(float(t.fees_usd) for t in trades), 2),
        total_r=round(sum(rs), 4),
        profit_factor=won / lost if lost > 0 else None,
        start_equity_usd=float(start),
        end_equity_usd=curve[-1],
        ambiguous=ambiguous,
        ambiguous_share=ambiguous / len(trades) if trades else None,
        by_trade=of_trades(rs),
        by_day=of_days(curve),
        journal_hash=journal_hash,
        result_hash=hashlib.sha256(msgspec.json.encode(list(trades))).hexdigest(),
        run_s=run_s,
        records_per_s=counts["records"] / run_s if run_s > 0 else 0.0,
    )
