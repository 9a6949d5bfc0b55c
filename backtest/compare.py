"""Two runs side by side, session by session: is one better, or only luckier?"""

from __future__ import annotations

import msgspec
import numpy as np

from backtest.intervals import Interval, of_difference, of_mean
from backtest.kept import KeptRun
from backtest.measures import of_days
from qm.errors import UsageError

SCHEMA = 1


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two, over the sessions that both have."""

    run: str
    trades: int
    net_usd: float
    mean_r: float | None
    mean_r_interval: Interval | None
    """None where there is too little to say."""
    sharpe: float | None
    max_drawdown: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the second run did better than the first, sessions in pairs."""

    schema: int = SCHEMA
    sessions: int
    left_out: int
    """Sessions that only one of the two has."""
    first: Side
    second: Side
    better_sessions: int
    worse_sessions: int
    """Sessions in which the second made more, or less, than the first; the rest were equal."""
    difference_usd: float
    """Mean difference of a session, second less first."""
    interval: Interval | None
    """Of `difference_usd`; None where there is too little to say."""
    verdict: str


def compare(first: KeptRun, second: KeptRun) -> Comparison:
    """Compare two runs over the sessions that both have; UsageError when there are none."""
    ours = {day.session: n for n, day in enumerate(first.days)}
    theirs = {day.session: n for n, day in enumerate(second.days)}
    both = [session for session in ours if session in theirs]
    if not both:
        raise UsageError(
            f"{first.run} and {second.run} have no session in common.", "Compare runs over the same sessions."
        )
    a, b = [ours[session] for session in both], [theirs[session] for session in both]
    mine, other = first.results()[a], second.results()[b]
    found = of_difference(mine, other)
    return Comparison(
        sessions=len(both),
        left_out=len(ours) + len(theirs) - 2 * len(both),
        first=_side(first, a),
        second=_side(second, b),
        better_sessions=int((other > mine).sum()),
        worse_sessions=int((other < mine).sum()),
        difference_usd=round(float((other - mine).mean()), 2),
        interval=found,
        verdict=_verdict(found, bool((other == mine).all())),
    )


def _side(of: KeptRun, picked: list[int]) -> Side:
    trades = [(of.days[n].session, trade) for n in picked for trade in of.trades[n]]
    known = [(session, trade.r) for session, trade in trades if trade.r is not None]
    # The curve that these sessions alone would have drawn.
    curve = np.cumprod([float(of.start), *(1 + of.returns()[picked])])
    measured = of_days(curve.tolist())
    return Side(
        run=of.run,
        trades=len(trades),
        net_usd=round(float(of.results()[picked].sum()), 2),
        mean_r=sum(r for _, r in known) / len(known) if known else None,
        mean_r_interval=of_mean([r for _, r in known], [session for session, _ in known]),
        sharpe=measured.sharpe,
        max_drawdown=measured.max_drawdown,
    )


def _verdict(interval: Interval | None, equal: bool) -> str:
    if equal:
        return "The two came to the same in every session."
    if interval is None:
        return "There is too little to say which is better."
    if not interval.sign_known:
        return "The difference may well be luck: its interval holds zero."
    return f"The {'second' if interval.low > 0 else 'first'} is better by more than luck explains, on these sessions."
