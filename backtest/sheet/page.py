"""The tear sheet put together: what a run came to, what it was run on, and each of its larger trades as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backtest.bounds import Bound, bound, doubts
from backtest.evidence import Evidence
from backtest.exposure import exposure
from backtest.intervals import Interval, of_mean, tier, too_few
from backtest.kept import KeptRun
from backtest.montecarlo import Futures, drawable, futures
from backtest.sheet import breakdowns, charts, pictures
from backtest.sheet.breakdowns import Group
from backtest.sheet.heat import calendar
from backtest.sheet.periods import extremes, falls, sessions, years
from backtest.sheet.story import Story, stories
from backtest.summary import DayResult, Summary
from qm.clock import ny
from qm.engine.day import Day
from qm.journal.quality import efficiency_of
from qm.market.climate import AS_VIX
from qm.market.names import known
from qm.model.events import Entry, TradeClosed

if TYPE_CHECKING:
    from jinja2 import Environment

ROWS_MOST = 2_000
"""Trades listed."""
DRAWN = 2_000
"""Times that the sessions are drawn again."""
NARROW_WEEKS = 20
"""Weeks of the calendar in one row on a telephone."""


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
    """The journal of the run; stops, targets, executions and contexts are read from it."""
    market: Iterable[Day] = ()
    """The sessions once more, for the charts of the trades; without them there are none."""
    warnings: Sequence[str] = ()
    fills: str = "pessimistic"
    """What was assumed where a bar left the order of events open."""
    bounds: Sequence[Bound] = ()
    """The run under each assumption that was made, itself first; nothing for itself alone."""
    stressed: Sequence[Bound] = ()
    """The run at each multiple of slippage and spreads that was made, itself first; nothing for itself alone."""
    sources: Sequence[str] = ()
    """What proves which data it was: digests of the files' manifests, or the spec of what is made up."""
    evidence: Evidence | None = None
    """What its Sharpe ratio proves."""


def render(sheet: Sheet) -> str:
    """Return the page: one HTML file that needs nothing else."""
    return environment().get_template("page.html").render(_contents(sheet))


def environment() -> Environment:
    """Return what fills the templates."""
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
    env.filters["taken"] = lambda trade: None if (found := efficiency_of(trade)) is None else found.total
    env.filters["kept"] = lambda trade: None if (found := efficiency_of(trade)) is None else found.capture
    env.filters["signed_pct"] = lambda value: "" if value is None else f"{value:+.2%}"
    env.filters["time"] = lambda ns: f"{ny(ns):%Y-%m-%d %H:%M:%S}"
    env.filters["sign"] = lambda value: "" if value is None or value == 0 else "up" if value > 0 else "down"
    return env


def _contents(sheet: Sheet) -> dict[str, Any]:
    trades, s = sheet.trades, sheet.summary
    told = stories(sheet.entries)
    known = [trade for trade in trades if trade.r is not None]
    interval = of_mean([t.r for t in known if t.r is not None], [ny(t.opened).date() for t in known])
    of = sessions(s, sheet.days)
    tables = _tables(trades, told)
    best, worst = extremes(of)
    return {
        "sheet": sheet,
        "s": s,
        "interval": interval,
        "tier": tier(len(trades), len({ny(trade.opened).date() for trade in trades})),
        "warnings": [*sheet.warnings, *_warnings(sheet, interval)],
        "curves": pictures.curves(of, s.start_equity_usd),
        "years": years(of),
        "month_reach": max((abs(part) for year in years(of) for part in year.months if part), default=0.0),
        "calendar": calendar(of),
        "narrow_calendar": calendar(of, NARROW_WEEKS),
        "falls": falls(of, s.start_equity_usd),
        "best": best,
        "worst": worst,
        "sessions": of,
        "pictures": pictures.together(known),
        "exposure": exposure(trades, sheet.days, s.start_equity_usd),
        "futures": _again(sheet),
        "tables": tables,
        "judged": sum(group.interval is not None for found in tables.values() for group, _ in found),
        "costs": breakdowns.at_other_costs(trades),
        "fees": breakdowns.at_other_fees(trades),
        "spare": breakdowns.spare_cents(trades),
        "ambiguous_usd": sum(float(trade.net_usd) for trade in trades if trade.ambiguous),
        "charts": pictures.one_by_one(trades, sheet.market, told),
        "listed": trades[:ROWS_MOST],
    }


def _tables(trades: Sequence[TradeClosed], told: Mapping[str, Story]) -> dict[str, list[tuple[Group, str]]]:
    signals = {name: story.signal for name, story in told.items() if story.signal is not None}
    contexts = {name: signal.context for name, signal in signals.items()}
    features = {name: known(signal.features) for name, signal in signals.items()}
    found = {
        "strategy": breakdowns.groups(trades, lambda trade: trade.strategy),
        "half hour of entry": breakdowns.groups(trades, breakdowns.half_hour),
        "day of the week": breakdowns.groups(trades, breakdowns.weekday),
        "side": breakdowns.groups(trades, lambda trade: "long" if trade.side == "buy" else "short"),
        "regime": breakdowns.by_context(trades, contexts, "regime"),
        "5-day volatility of SPY before the open, %": breakdowns.by_context(trades, contexts, AS_VIX),
        "session phase": breakdowns.by_context(trades, contexts, "phase"),
        "price at entry": breakdowns.groups(trades, breakdowns.price),
        "time held": breakdowns.groups(trades, breakdowns.hold),
        **{name: breakdowns.by_feature(trades, features, *what) for name, what in breakdowns.FEATURES.items()},
        "left because": breakdowns.groups(trades, breakdowns.reason),
    }
    intervals = [group.interval for listed in found.values() for group in listed if group.interval is not None]
    # One scale for the whole page, so that whiskers compare; the widest few may end at its edge.
    ends = sorted(max(abs(each.low), abs(each.high)) for each in intervals)
    reach = ends[int(0.8 * (len(ends) - 1))] if ends else 1.0
    return {name: [(group, _whisker(group, reach)) for group in listed] for name, listed in found.items() if listed}


def _whisker(group: Group, reach: float) -> str:
    of = group.interval
    return "" if of is None else charts.whisker(of.value, of.low, of.high, reach)


def _warnings(sheet: Sheet, interval: Interval | None) -> list[str]:
    s = sheet.summary
    out = []
    if few := too_few(s.trades):
        out.append(few)
    if interval is not None and not interval.sign_known:
        out.append("The interval of the mean result holds zero: this could be no edge at all.")
    out += doubts(sheet.bounds or [bound(sheet.fills, s)])
    if s.by_trade.best_share is not None and s.by_trade.best_share > 1:
        out.append("Without the best twentieth of its trades the run loses.")
    return out


def _again(sheet: Sheet) -> Futures | None:
    kept = KeptRun(sheet.title, Decimal(str(sheet.summary.start_equity_usd)), list(sheet.days), [])
    return futures(kept, DRAWN) if drawable(kept) else None
