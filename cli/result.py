"""The result of a backtest, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from backtest.bounds import Bound, apart, doubts
from backtest.check import Report
from backtest.exposure import Exposure, exposure
from backtest.intervals import too_few
from backtest.measures import DayMeasures
from backtest.runner import Outcome
from cli.output import emit, facts, table, usd
from cli.trial import Trial
from qm.clock import ny
from qm.model.events import TradeClosed

TRADES_SHOWN: Final = 15
SESSIONS_SHOWN: Final = 10
DIFFERENCES_SHOWN: Final = 3
FIELDS_SHOWN: Final = 4


def as_data(trial: Trial, outcome: Outcome, run: str, bounds: Sequence[Bound], *, interrupted: bool) -> dict[str, Any]:
    """Return what `--json` prints: the summary, what it was run on, and every session and trade."""
    fills, stressed = apart(bounds)
    return {
        **msgspec.to_builtins(outcome.summary),
        "run": run,
        "dataset": trial.chosen.name,
        "first": trial.chosen.dates[0],
        "last": outcome.days[-1].session,
        "interrupted": interrupted,
        "costs": trial.order.costs,
        "stress": trial.order.stress,
        "fills": trial.fills,
        "bounds": fills,
        "stressed": stressed,
        "warnings": doubts(fills),
        "told": outcome.told,
        "exposure": exposure(outcome.trades, outcome.days, outcome.summary.start_equity_usd),
        "code": trial.code,
        "settings": msgspec.json.Decoder().decode(trial.settings.text()),
        "days": outcome.days,
        "closed_trades": outcome.trades,
    }


def show(trial: Trial, outcome: Outcome, run: str, bounds: Sequence[Bound]) -> None:
    """Write the result as tables to stdout."""
    s = outcome.summary
    emit(f"{trial.strategies} on {trial.chosen.name}, {trial.chosen.dates[0]} to {outcome.days[-1].session}")
    emit()
    facts(
        [
            ("sessions", f"{s.sessions:,} ({s.symbols:,} symbols, {s.records:,} records)"),
            ("trades", f"{s.trades:,}" + (f", {s.wins:,} won ({s.win_rate:.0%})" if s.win_rate is not None else "")),
            ("net", f"{usd(s.net_usd)} $ after {s.fees_usd:,.2f} $ fees, {s.total_r:+.2f} R"),
            ("a trade", _or_none(s.by_trade.mean_r, "{:+.3f} R on average", "no trade with a known risk")),
            ("profit factor", _or_none(s.profit_factor, "{:.2f}", "not known: nothing was lost")),
            ("sharpe", _sharpe(s.by_day)),
            (
                "drawdown",
                f"{s.by_day.max_drawdown_usd:,.2f} $ ({s.by_day.max_drawdown:.2%}) at most, at sessions' ends",
            ),
            ("exposure", _exposure(exposure(outcome.trades, outcome.days, s.start_equity_usd))),
            ("equity", f"{s.start_equity_usd:,.2f} $ to {s.end_equity_usd:,.2f} $"),
            ("costs", trial.costs),
            ("open order", _open_order(trial.fills, bounds[0])),
            ("took", f"{s.run_s:.2f} s ({s.records_per_s:,.0f} records/s, {s.wakes:,} wakes)"),
            ("journal", f"{s.journal_hash[:16]}, result {s.result_hash[:16]}"),
        ]
    )
    fills, stressed = apart(bounds)
    if len(fills) > 1:
        emit()
        _bounds(fills)
    if len(stressed) > 1:
        emit()
        _stressed(stressed)
    if outcome.trades:
        emit()
        trades(outcome.trades[-TRADES_SHOWN:])
        if len(outcome.trades) > TRADES_SHOWN:
            emit(f"The last {TRADES_SHOWN} of {s.trades:,} trades.")
    for text, times in outcome.told.items():
        emit(text + (f" ({times:,} times)" if times > 1 else ""))
    for text in doubts(fills):
        emit(text)
    if few := too_few(s.trades):
        emit(few)
    if run:
        emit(f"Kept as {run}: qm journal list --run {run}")


def _sharpe(days: DayMeasures) -> str:
    if days.sharpe is None:
        return "not known: the days do not differ"
    error = "" if days.sharpe_se is None else f", give or take {days.sharpe_se:.2f} (one standard error)"
    return f"{days.sharpe:.2f} a year{error}, over {days.sessions} sessions"


def _exposure(of: Exposure) -> str:
    if of.in_market is None or of.most_gross is None or of.most_heat is None:
        return "not known: no session"
    return (
        f"{of.in_market:.1%} of the time in the market, {of.most_positions} positions at most,"
        f" {of.most_gross:.0%} of the equity, {of.most_heat:.2%} at stake"
    )


def _open_order(fills: str, of: Bound) -> str:
    if of.ambiguous_share is None:
        return f"no trade; {fills} was to be assumed"
    return f"{of.ambiguous_share:.1%} of the trades ({of.ambiguous:,}), in bars that tell no order; taken as {fills}"


def _bounds(bounds: Sequence[Bound]) -> None:
    rows = [
        (
            each.fills,
            usd(each.net_usd),
            _or_none(each.mean_r, "{:+.3f}", "?"),
            f"{each.trades:,}",
            _or_none(each.ambiguous_share, "{:.1%}", "?"),
        )
        for each in bounds
    ]
    table(("assumed", "net $", "mean R", "trades", "open order"), rows, left=("assumed",))


def _stressed(bounds: Sequence[Bound]) -> None:
    rows = [
        (f"{each.stress:g} times", usd(each.net_usd), _or_none(each.mean_r, "{:+.3f}", "?"), f"{each.trades:,}")
        for each in bounds
    ]
    table(("slippage", "net $", "mean R", "trades"), rows, left=("slippage",))


def show_check(strategies: str, found: Report) -> None:
    """Write what came of looking for peeking to stdout."""
    if found.clean:
        emit(
            f"{strategies}: nothing depends on its future. {found.entries:,} decisions were made again in"
            f" {found.trials} runs over {found.sessions} sessions."
        )
        return
    emit(f"{strategies} LOOKS INTO THE FUTURE: {len(found.differences)} of {found.trials} runs decided otherwise.")
    for each in found.differences[:DIFFERENCES_SHOWN]:
        emit()
        emit(f"{each.session}, future {each.future} at {ny(each.at):%H:%M:%S} New York, entry {each.seq}:")
        before, after = (_parts(text) for text in (each.before, each.after))
        emit(f"  before  {_brief(before)}")
        emit(f"  after   {_brief(after)}")
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if before and after:
            told = ", ".join(f"{name} {before.get(name)} -> {after.get(name)}" for name in changed[:FIELDS_SHOWN])
            emit(f"  other   {told}{', ...' if len(changed) > FIELDS_SHOWN else ''}")


def _parts(entry: str) -> dict[str, Any]:
    """Return the fields of an entry that is JSON, those of a field below it by both names; none of no entry."""
    if not entry:
        return {}
    _, ts, _, _, body = msgspec.json.decode(entry)
    found: dict[str, Any] = {"time": f"{ny(ts):%H:%M:%S}"}
    for name, value in body.items():
        inside = value.items() if isinstance(value, dict) else ((None, value),)
        found.update((name if part is None else f"{name}.{part}", each) for part, each in inside)
    return found


def _brief(parts: dict[str, Any]) -> str:
    told = [str(parts[name]) for name in ("time", "event", "strategy", "symbol", "side", "reason") if parts.get(name)]
    return ", ".join(told) or "nothing"


def trades(closed: list[TradeClosed]) -> None:
    """Write closed trades as a table to stdout."""
    heads = ("session", "opened", "closed", "symbol", "side", "qty", "entry", "exit", "net $", "R", "left because")
    rows = [
        (
            f"{ny(t.opened):%Y-%m-%d}",
            f"{ny(t.opened):%H:%M:%S}",
            f"{ny(t.closed):%H:%M:%S}",
            t.symbol,
            "long" if t.side == "buy" else "short",
            f"{t.qty:,}",
            f"{t.entry_price:.2f}",
            f"{t.exit_price:.2f}",
            usd(float(t.net_usd)),
            _or_none(t.r, "{:+.2f}", "?"),
            t.reason,
        )
        for t in closed
    ]
    left = ("session", "opened", "closed", "symbol", "side", "left because")
    table(heads, rows, left, spare=("closed", "side", "left because", "qty"))


def _or_none(value: float | None, form: str, otherwise: str) -> str:
    return otherwise if value is None else form.format(value)
