"""The pictures of a run: its equity, its trades together, and the larger trades one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from backtest.sheet import charts
from backtest.sheet.bars import around
from backtest.sheet.periods import Session
from backtest.sheet.story import Story
from backtest.sheet.trade import chart
from qm.clock import MINUTE, ny
from qm.engine.day import Day
from qm.model.events import TradeClosed

CHARTS_MOST = 120
"""Trades shown as a chart, those with the largest results; a page of thousands opens nowhere."""
POINTS_MOST = 1_500
"""Trades drawn as a point each."""
ENDS = (-5.0, 10.0)
"""Results beyond these share a bar of the histogram, R: one runner would make all others invisible."""
NARROW = 420
"""Width of what is drawn a second time for a telephone, px: a wide picture made small cannot be read."""

Picture = tuple[str, str, str]
"""Caption, drawing for a wide screen, drawing for a narrow one (empty when one fits both)."""


def curves(sessions: Sequence[Session], start_usd: float) -> list[Picture]:
    """Draw equity and falls; nothing without a session."""
    if not sessions:
        return []
    names = ["start", *(each.date.isoformat() for each in sessions)]
    equity = [start_usd, *(each.equity_usd for each in sessions)]
    falls = [0.0, *(-100 * each.fall for each in sessions)]

    def drawn(width: int, height: int) -> tuple[str, str]:
        return (
            charts.line(equity, names, "Equity", width=width, height=height),
            charts.line(falls, names, "Drawdown", kind="fall", unit="%", width=width, height=height * 3 // 5),
        )

    wide, narrow = drawn(900, 260), drawn(NARROW, 220)
    return [
        ("Equity at the ends of sessions, $", wide[0], narrow[0]),
        ("Fall from the highest equity so far", wide[1], narrow[1]),
    ]


def together(known: Sequence[TradeClosed]) -> list[Picture]:
    """Draw the results of the trades whose risk is known; nothing without one."""
    rs = [trade.r for trade in known if trade.r is not None]
    if not rs:
        return []
    beyond = min(rs) < ENDS[0] or max(rs) > ENDS[1]
    width = 0.25 if min(max(rs), ENDS[1]) - max(min(rs), ENDS[0]) <= 8 else 0.5
    ordered = sorted(known, key=lambda trade: trade.closed)
    total = list(accumulate((trade.r or 0.0 for trade in ordered), initial=0.0))
    names = ["start", *(f"{ny(trade.closed):%Y-%m-%d}" for trade in ordered)]
    found = [
        (
            "Results of trades, R" + (f"; those beyond {ENDS[0]:g} and {ENDS[1]:g} in the last bars" if beyond else ""),
            charts.histogram(rs, width, "Results of trades", "R", ENDS),
            "",
        ),
        ("Sum of the results, trade by trade, R", charts.line(total, names, "Sum of R", width=440), ""),
    ]
    # The largest results are the ones that must not be missing.
    shown = sorted((each for each in known if each.risk_usd > 0), key=lambda each: -abs(each.r or 0.0))[:POINTS_MOST]
    best, worst, held = [], [], []
    for trade in shown:
        r = trade.r or 0.0
        name = f"{trade.symbol} {ny(trade.opened):%m-%d %H:%M} {r:+.2f} R"
        best.append((trade.mfe_usd / trade.risk_usd, r, r > 0, name))
        worst.append((trade.mae_usd / trade.risk_usd, r, r > 0, name))
        held.append(((trade.closed - trade.opened) / MINUTE, r, r > 0, name))
    if best:
        found += [
            ("Result against the best open profit (MFE)", _scatter(best, "MFE", "best open profit, R"), ""),
            ("Result against the worst open loss (MAE)", _scatter(worst, "MAE", "worst open loss, R"), ""),
            ("Result against the time held", _scatter(held, "Time held", "minutes"), ""),
        ]
    return found


def one_by_one(
    trades: Sequence[TradeClosed], market: Iterable[Day], stories: Mapping[str, Story]
) -> list[tuple[TradeClosed, Story, str]]:
    """Draw the trades with the largest results, in the order in which they were opened."""
    largest = sorted(trades, key=lambda trade: -abs(trade.net_usd))[:CHARTS_MOST]
    out = []
    for trade, minutes in around(largest, market):
        story = stories.get(trade.trade, Story())
        drawn = chart(trade, minutes, story)
        if drawn:
            out.append((trade, story, drawn))
    return sorted(out, key=lambda each: each[0].opened)


def _scatter(points: Sequence[tuple[float, float, bool, str]], title: str, x_name: str) -> str:
    return charts.scatter(points, title, x_name, "result, R")
