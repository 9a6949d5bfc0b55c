"""A run cut into groups, and what it would have come to at other costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from backtest.intervals import tier
from qm.clock import MINUTE, ny
from qm.model.events import TradeClosed

EXTRA_CENTS = (0, 1, 2, 4)
"""Cents a share and side that a run is asked to bear on top of its costs."""


class Group(NamedTuple):
    """Trades with something in common."""

    name: str
    trades: int
    win_rate: float
    mean_r: float | None
    net_usd: float
    tier: str
    """What so many trades on so many sessions can carry."""


Key = Callable[[TradeClosed], str]


def half_hour(trade: TradeClosed) -> str:
    """Return the half hour of New York in which a trade was opened."""
    at = ny(trade.opened - trade.opened % (30 * MINUTE))
    return f"{at:%H:%M}"


def weekday(trade: TradeClosed) -> str:
    """Return the day of the week, Monday first when sorted."""
    at = ny(trade.opened)
    return f"{at.isoweekday()} {at:%a}"


def groups(trades: Iterable[TradeClosed], key: Key) -> list[Group]:
    """Return the trades by group, in the order of the names; groups that are empty are not there."""
    found: dict[str, list[TradeClosed]] = {}
    for trade in trades:
        found.setdefault(key(trade), []).append(trade)
    return [_group(name, found[name]) for name in sorted(found)]


def by_context(trades: Sequence[TradeClosed], contexts: Mapping[str, Mapping[str, object]], name: str) -> list[Group]:
    """Return the trades by something that was known at their entry, by trade id; nothing when it was never known."""
    if not any(name in context for context in contexts.values()):
        return []
    return groups(trades, lambda trade: str(contexts.get(trade.trade, {}).get(name, "unknown")))


def at_other_costs(trades: Sequence[TradeClosed]) -> list[tuple[int, float]]:
    """Return (cents a share and side, net $) if each share had cost so much more, both ways."""
    shares = sum(2 * trade.qty for trade in trades)
    net = sum(float(trade.net_usd) for trade in trades)
    return [(cents, round(net - shares * cents / 100, 2)) for cents in EXTRA_CENTS]


def _group(name: str, of: list[TradeClosed]) -> Group:
    known = [trade.r for trade in of if trade.r is not None]
    sessions = len({ny(trade.opened).date() for trade in of})
    return Group(
        name=name,
        trades=len(of),
        win_rate=sum(1 for trade in of if trade.net_usd > 0) / len(of),
        mean_r=sum(known) / len(known) if known else None,
        net_usd=round(sum(float(trade.net_usd) for trade in of), 2),
        tier=tier(len(of), sessions),
    )
