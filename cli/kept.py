"""`qm backtest compare` and `montecarlo`: what kept runs tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.kept import KeptRun, kept_run
from cli.output import emit, facts, table, usd
from cli.stores import holding, reading
from qm.errors import DataError

if TYPE_CHECKING:
    from backtest.compare import Comparison, Side
    from backtest.intervals import Interval
    from backtest.montecarlo import Futures


def read(run: str) -> KeptRun:
    """Return a kept run; NotFoundError with the nearest ids, DataError when no session of it ended."""
    store, header = holding(run, None)
    with reading(store) as journal:
        found = kept_run(header.id, journal.read(header.id))
    if not found.days:
        raise DataError(f"No session of {run} ended.", "Name a run that was not cut off: qm journal list --run all.")
    return found


def show_comparison(found: Comparison) -> None:
    """Write two runs side by side to stdout."""
    emit(f"{found.sessions} sessions that both have" + (f", {found.left_out} left out" if found.left_out else ""))
    emit()
    rows = [
        ("trades", str(found.first.trades), str(found.second.trades)),
        ("net $", usd(found.first.net_usd), usd(found.second.net_usd)),
        ("mean R", _mean(found.first), _mean(found.second)),
        ("Sharpe a year", _number(found.first.sharpe), _number(found.second.sharpe)),
        ("largest drawdown", f"{found.first.max_drawdown:.2%}", f"{found.second.max_drawdown:.2%}"),
    ]
    table(("", found.first.run, found.second.run), rows, ("",), spare=())
    emit()
    emit(f"A session: {usd(found.difference_usd)} $ for the second{_interval(found.interval)};")
    emit(f"better in {found.better_sessions} sessions, worse in {found.worse_sessions}.")
    emit(found.verdict)


def show_futures(found: Futures) -> None:
    """Write what may come to stdout."""
    emit(
        f"{found.sessions} sessions like those of {found.run}, drawn {found.paths:,} times in blocks of {found.block:g}"
    )
    emit()
    heads = ("of a hundred paths, so many lie below", *found.total_return)
    rows = [
        ("return", *(f"{value:+.2%}" for value in found.total_return.values())),
        ("largest drawdown", *(f"{value:.2%}" for value in found.max_drawdown.values())),
    ]
    table(heads, rows, heads[:1], spare=())
    emit()
    facts(
        [
            ("a loss", f"{found.loss:.1%} of the paths"),
            (f"a fall by {found.ruin_at:.0%}", f"{found.ruin:.1%} of the paths"),
        ]
    )


def _mean(side: Side) -> str:
    return "unknown" if side.mean_r is None else f"{side.mean_r:+.3f}{_interval(side.mean_r_interval)}"


def _interval(of: Interval | None) -> str:
    return "" if of is None else f" ({of.low:+,.3f} to {of.high:+,.3f})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
