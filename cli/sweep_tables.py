"""Sweeps and what came of them, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backtest.measures import DayMeasures
from backtest.walkforward import WalkForward
from cli.output import emit, facts, say, table, usd

PBO_MOST: Final = 0.1
DSR_LEAST: Final = 0.95


def show(found: dict[str, Any]) -> None:
    """Write what came of a sweep as tables to stdout."""
    emit(f"{found['sweep']}: {found['made']} of {found['planned']} trials, {found['failed']} failed")
    emit()
    best = found["best"]
    if best:
        params = list(best[0]["params"])
        heads = ("trial", *params, found["objective"], "trades", "net $", "mean R", "Sharpe", "drawdown")
        table(heads, [_row(each, params) for each in best], heads[:1], spare=("drawdown", "Sharpe"))
        emit()
        facts(
            [
                ("deflated Sharpe", _judged(found["deflated_sharpe"], DSR_LEAST, above=True)),
                ("overfitting", _judged(found["overfitting"], PBO_MOST, above=False)),
                ("trials ever", f"{found['tried']:,} of this strategy; each makes the best one prove less"),
            ]
        )
    elif found["made"]:
        say(f"No trial came to a known {found['objective']}: one session, or none that differ, has none.")
    for error, count in found["errors"].items():
        say(f"{count} failed: {error}")


def show_all(rows: Sequence[dict[str, Any]]) -> None:
    """Write the sweeps of the ledger as a table to stdout."""
    heads = ("sweep", "dataset", "from", "to", "varied", "trials", "made")
    table(
        heads,
        [
            (r["sweep"], r["dataset"], r["first"], r["last"], " ".join(r["vary"]), str(r["trials"]), str(r["made"]))
            for r in rows
        ],
        ("sweep", "dataset", "varied"),
        spare=("to", "from"),
    )


def show_walk(found: WalkForward) -> None:
    """Write what came of choosing ahead to stdout."""
    params = list(found.folds[0].params)
    heads = ("sessions", *params, "trial", "Sharpe before", "return after", "better than")
    rows = [
        (
            f"{fold.test[0] + 1}-{fold.test[1]}",
            *(fold.params[name] for name in params),
            str(fold.trial),
            "?" if fold.train_sharpe is None else f"{fold.train_sharpe * 252**0.5:.2f}",
            f"{fold.test_return:+.2%}",
            f"{fold.rank:.0%}",
        )
        for fold in found.folds
    ]
    table(heads, rows, heads[:1], spare=("trial",))
    emit()
    facts(
        [
            ("chosen ahead", _days(found.chosen)),
            ("by hindsight", _days(found.hindsight)),
            ("efficiency", "not known" if found.efficiency is None else f"{found.efficiency:.0%} of the Sharpe before"),
            ("changes", f"{found.changes} of {len(found.folds) - 1} choices were other than the one before"),
        ]
    )


def _days(of: DayMeasures) -> str:
    sharpe = "unknown" if of.sharpe is None else f"{of.sharpe:.2f}"
    return f"{of.total_return:+.2%}, Sharpe {sharpe}, drawdown {of.max_drawdown:.2%}, {of.sessions} sessions"


def _row(each: dict[str, Any], params: Sequence[str]) -> tuple[str, ...]:
    s = each["summary"]
    return (
        str(each["number"]),
        *(each["params"][name] for name in params),
        f"{each['objective']:,.3f}",
        f"{s['trades']:,}",
        usd(s["net_usd"]),
        "?" if s["by_trade"]["mean_r"] is None else f"{s['by_trade']['mean_r']:+.3f}",
        "?" if s["by_day"]["sharpe"] is None else f"{s['by_day']['sharpe']:.2f}",
        f"{s['by_day']['max_drawdown']:.2%}",
    )


def _judged(value: float | None, limit: float, *, above: bool) -> str:
    if value is None:
        return "not known: too few sessions or trials"
    good = value >= limit if above else value <= limit
    sign = "at least" if above else "at most"
    word = "passes" if good else "does not pass"
    return f"{value:.1%}, {word}: {sign} {limit:.0%} is wanted"
