"""How much of the time a run was in the market, how many positions it held, and how much it had at stake at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from backtest.measures import Array
from backtest.summary import DayResult
from qm.clock import MINUTE
from qm.model.events import TradeClosed
from qm.rules.calendar import session

Times = npt.NDArray[np.int64]


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """Over the regular hours of all sessions; a position counts whole until it is flat. None without a session."""

    in_market: float | None
    """Share of the time with a position."""
    mean_positions: float | None
    """Of all the time, that without a position too."""
    most_positions: int
    mean_gross: float | None
    """What positions cost at their entry, as a share of the equity at the start of the session, over all the time."""
    most_gross: float | None
    mean_heat: float | None
    """What their stops would have lost, as a share of the same equity, over all the time; as far as it is known."""
    most_heat: float | None
    median_hold_min: float | None
    """Minutes from the first execution to the last; None without a trade."""
    trades_a_session: float | None


def exposure(trades: Sequence[TradeClosed], days: Sequence[DayResult], start_usd: float) -> Exposure:
    """Measure the positions of a run against its sessions; `start_usd` is the equity before the first one."""
    opened = np.array([trade.opened for trade in trades], np.int64)
    closed = np.array([trade.closed for trade in trades], np.int64)
    cost = np.array([trade.qty * float(trade.entry_price) for trade in trades], np.float64)
    risk = np.array([max(0.0, trade.risk_usd) for trade in trades], np.float64)
    whole = held = 0.0
    areas, most = np.zeros(3), np.zeros(3)
    equity = start_usd
    for day in days:
        of = session(dt.date.fromisoformat(day.session))
        whole += of.close_ns - of.open_ns
        mine = (opened < of.close_ns) & (closed > of.open_ns)
        if mine.any() and equity > 0:
            # A position that was held over from an earlier session counts here from the open on.
            between = np.maximum(opened[mine], of.open_ns), np.minimum(closed[mine], of.close_ns)
            steps, lengths = _levels(*between, np.column_stack([np.ones(mine.sum()), cost[mine], risk[mine]]))
            steps[:, 1:] /= equity
            held += float(lengths[steps[:-1, 0] > 0].sum())
            areas += lengths @ steps[:-1]
            most = np.maximum(most, steps.max(axis=0))
        equity = float(day.equity_usd)
    means = [float(area / whole) if whole else None for area in areas]
    return Exposure(
        in_market=held / whole if whole else None,
        mean_positions=means[0],
        most_positions=int(most[0]),
        mean_gross=means[1],
        most_gross=float(most[1]) if days else None,
        mean_heat=means[2],
        most_heat=float(most[2]) if days else None,
        median_hold_min=float(np.median(closed - opened) / MINUTE) if trades else None,
        trades_a_session=len(trades) / len(days) if days else None,
    )


def _levels(start: Times, end: Times, of: Array) -> tuple[Array, Array]:
    """Return what is held from each change on, float64[change, column], and how long until the next, ns."""
    at = np.concatenate([end, start])
    # What is left at a moment makes room before what is entered at the same one.
    order = np.argsort(at, kind="stable")
    steps = np.cumsum(np.vstack([-of, of])[order], axis=0)
    return steps, np.diff(at[order]).astype(np.float64)
