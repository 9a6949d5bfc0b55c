"""The tear sheet put together: what a run came to, what it was run on, and each of its larger trades as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backtest.bounds import Bound, bound, doubts
from backtest.intervals import Interval, of_mean, tier
from backtest.measures import drawdowns
from backtest.sheet import charts
from backtest.sheet.bars import around
from backtest.sheet.breakdowns import at_other_costs, by_context, groups, half_hour, weekday
from backtest.sheet.trade import chart
from backtest.summary import DayResult, Summary
from qm.clock import ny
from qm.engine.day import Day
from qm.model.events import Entry, Intended, Signal, TradeClosed
from qm.model.order import Purpose

CHARTS_MOST = 120
"""Trades shown as a chart, those with the largest results; a page of thousands opens nowhere."""
ROWS_MOST = 2_000
"""Trades listed."""
FEW_TRADES = 100


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a tear sheet is made of."""

    title: str
    facts: Sequence[tuple[str, str]]
    """What it was run on, under which settings, with which hashes: name and value."""
    settings: str
    """The settings that decided, as JSON."""
    summary: Summary
    days: Sequence[DayResult]
    trades: Sequence[TradeClosed]
    entries: Iterable[Entry] = ()
    """The journal of the run; stops and contexts are read from it."""
    market: Iterable[Day] = ()
    """The sessions once more, for the charts of the trades; without them there are none."""
    warnings: Sequence[str] = field(default=())
    fills: str = "pessimistic"
    """What was assumed where a bar left the order of events open."""
    bounds: Sequence[Bound] = ()
    """The run under each assumption that was made, itself first; nothing for itself alone."""


def render(sheet: Sheet) -> str:
    """Return the page: one HTML file that needs nothing else."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("backtest.sheet"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["usd"] = lambda value: "unknown" if value is None else f"{value:+,.2f}"
    env.filters["num"] = lambda value: "unknown" if value is None else f"{value:,.2f}"
    env.filters["pct"] = lambda value: "unknown" if value is None else f"{value:.1%}"
    env.filters["time"] = lambda ns: f"{ny(ns):%Y-%m-%d %H:%M:%S}"
    return env.get_template("page.html").render(_contents(sheet))


def _contents(sheet: Sheet) -> dict[str, Any]:
    trades, days = sheet.trades, sheet.days
    signals = _signals(sheet.entries)
    known = [trade for trade in trades if trade.r is not None]
    interval = of_mean([t.r for t in known if t.r is not None], [ny(t.opened).date() for t in known])
    contexts = {name: getattr(signal, "context", {}) for name, signal in signals.items()}
    tables = {
        "half hour of entry": groups(trades, half_hour),
        "strategy": groups(trades, lambda trade: trade.strategy),
        "side": groups(trades, lambda trade: "long" if trade.side == "buy" else "short"),
        "day of the week": groups(trades, weekday),
        "session phase": by_context(trades, contexts, "phase"),
        "regime": by_context(trades, contexts, "regime"),
        "left because": groups(trades, lambda trade: trade.reason),
    }
    return {
        "sheet": sheet,
        "s": sheet.summary,
        "interval": interval,
        "tier": tier(len(trades), len({ny(trade.opened).date() for trade in trades})),
        "warnings": [*sheet.warnings, *_warnings(sheet, interval)],
        "curves": _curves(sheet.summary, days),
        "pictures": _pictures(known),
        "tables": {name: found for name, found in tables.items() if found},
        "costs": at_other_costs(trades),
        "ambiguous_usd": sum(float(trade.net_usd) for trade in trades if trade.ambiguous),
        "charts": _charts(sheet, signals),
        "listed": trades[:ROWS_MOST],
    }


def _signals(entries: Iterable[Entry]) -> dict[str, Signal]:
    """Return the signal that each entry order followed from; trades are named after their entry order."""
    found: dict[str, Signal] = {}
    by_seq: dict[int, Signal] = {}
    for entry in entries:
        body = entry.body
        if isinstance(body, Signal) and body.entry:
            by_seq[entry.seq] = body
        elif isinstance(body, Intended) and body.order.purpose is Purpose.ENTRY and entry.cause in by_seq:
            found[body.order.id] = by_seq.pop(entry.cause)
    return found


def _warnings(sheet: Sheet, interval: Interval | None) -> list[str]:
    s = sheet.summary
    out = []
    if s.trades < FEW_TRADES:
        out.append(f"{s.trades} trades prove nothing; {FEW_TRADES} are the least that may.")
    if interval is not None and not interval.sign_known:
        out.append("The interval of the mean result holds zero: this could be no edge at all.")
    out += doubts(sheet.bounds or [bound(sheet.fills, s)])
    if s.by_trade.best_share is not None and s.by_trade.best_share > 1:
        out.append("Without the best twentieth of its trades the run loses.")
    return out


def _curves(summary: Summary, days: Sequence[DayResult]) -> list[tuple[str, str]]:
    if not days:
        return []
    names = ["start", *(day.session for day in days)]
    equity = [summary.start_equity_usd, *(float(day.equity_usd) for day in days)]
    import numpy as np

    falls = [-100 * fall for fall in drawdowns(np.asarray(equity, np.float64)).tolist()]
    return [
        ("Equity at the ends of sessions, $", charts.line(equity, names, "Equity")),
        (
            "Fall from the highest equity so far",
            charts.line(falls, names, "Drawdown", kind="fall", unit="%", height=150),
        ),
    ]


def _pictures(known: Sequence[TradeClosed]) -> list[tuple[str, str]]:
    rs = [trade.r for trade in known if trade.r is not None]
    if not rs:
        return []
    width = 0.5 if max(rs) - min(rs) <= 20 else 1.0
    best, worst = [], []
    for trade in known:
        if trade.risk_usd > 0 and trade.r is not None:
            name = f"{trade.symbol} {ny(trade.opened):%m-%d %H:%M} {trade.r:+.2f} R"
            won = trade.r > 0
            best.append((trade.mfe_usd / trade.risk_usd, trade.r, won, name))
            worst.append((trade.mae_usd / trade.risk_usd, trade.r, won, name))
    found = [("Results of trades, R", charts.histogram(rs, width, "Results of trades", "R"))]
    if best:
        found += [
            ("Result against the best open profit", charts.scatter(best, "MFE", "best open profit, R", "result, R")),
            ("Result against the worst open loss", charts.scatter(worst, "MAE", "worst open loss, R", "result, R")),
        ]
    return found


def _charts(sheet: Sheet, signals: Mapping[str, Signal]) -> list[tuple[TradeClosed, Signal | None, str]]:
    largest = sorted(sheet.trades, key=lambda trade: -abs(trade.net_usd))[:CHARTS_MOST]
    out = []
    for trade, minutes in around(largest, sheet.market):
        signal = signals.get(trade.trade)
        drawn = chart(trade, minutes, None if signal is None else signal.stop)
        if drawn:
            out.append((trade, signal, drawn))
    return sorted(out, key=lambda each: each[0].opened)
