"""A run as its journal tells it, for whoever compares runs long after they were made."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtest.summary import DayResult
from qm.model.events import Entry, SessionEnded, SessionStarted, TradeClosed

Array = npt.NDArray[np.float64]


class KeptRun(NamedTuple):
    """What a run came to, session by session."""

    run: str
    start: Decimal
    """Equity before the first session, $."""
    days: list[DayResult]
    """The sessions that ended."""
    trades: list[list[TradeClosed]]
    """By session."""

    def returns(self) -> Array:
        """Return each session's return on the equity with which it began."""
        curve = np.array([float(self.start), *(float(day.equity_usd) for day in self.days)])
        out: Array = curve[1:] / curve[:-1] - 1.0
        return out

    def results(self) -> Array:
        """Return each session's change of equity, $."""
        return np.diff(np.array([float(self.start), *(float(day.equity_usd) for day in self.days)]))


def kept_run(run: str, entries: Iterable[Entry]) -> KeptRun:
    """Read the sessions and trades of a run out of its entries; a session that never ended is left out."""
    start: Decimal | None = None
    days: list[DayResult] = []
    trades: list[list[TradeClosed]] = []
    closed: list[TradeClosed] = []
    for entry in entries:
        body = entry.body
        if isinstance(body, SessionStarted):
            start = body.equity if start is None else start
            closed = []
        elif isinstance(body, TradeClosed):
            closed.append(body)
        elif isinstance(body, SessionEnded):
            days.append(DayResult(body.session, body.equity, len(closed)))
            trades.append(closed)
            closed = []
    return KeptRun(run, Decimal(0) if start is None else start, days, trades)
