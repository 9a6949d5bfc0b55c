"""The change between two states of the screen, as the frame that a replica turns back into the second state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from qm.wire.protocol import Delta, OrderDelta, PositionDelta, RadarDelta, Snapshot, WatchDelta
from qm.wire.replica import Row, reorder

Value = TypeVar("Value")
Changed: TypeAlias = tuple[list[Row], list[str], list[str] | None]


def diff(before: Snapshot, after: Snapshot) -> Delta:
    """Return the delta numbered `after.seq`; closed trades and log lines of `before` are taken to be still there."""
    radar, watch = rows(before.radar, after.radar), rows(before.watch, after.watch)
    positions, orders = rows(before.positions, after.positions), rows(before.orders, after.orders)
    seen = before.log[-1].seq if before.log else -1
    return Delta(
        seq=after.seq,
        status=_new(before.status, after.status),
        health=_new(before.health, after.health),
        pnl=_new(before.pnl, after.pnl),
        radar=RadarDelta(*radar) if radar else None,
        watch=WatchDelta(*watch) if watch else None,
        positions=PositionDelta(*positions) if positions else None,
        orders=OrderDelta(*orders) if orders else None,
        trades=after.trades[len(before.trades) :],
        log=[line for line in after.log if line.seq > seen],
    )


def rows(before: Sequence[Row], after: Sequence[Row]) -> Changed[Row] | None:
    """Return what to put, the keys that are gone and the order where it must be said; None when nothing changed."""
    old = {row.key: row for row in before}
    new = {row.key: row for row in after}
    put = [row for key, row in new.items() if old.get(key) != row]
    gone = [key for key in old if key not in new]
    kept = {key: row for key, row in old.items() if key in new}
    kept.update((row.key, row) for row in put)
    order = list(new)
    said = None if reorder(list(old), kept, None) == order else order
    return (put, gone, said) if put or gone or said is not None else None


def _new(before: Value, after: Value) -> Value | None:
    return None if before == after else after
