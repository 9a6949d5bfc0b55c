"""A copy of what the daemon shows, kept equal to it by a snapshot and then numbered changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from qm.errors import ProtocolError
from qm.wire.protocol import LOG_LINES, Delta, Frame, Snapshot
from qm.wire.views import (
    HealthView,
    LogView,
    OrderView,
    PnlView,
    PositionView,
    RadarView,
    StatusView,
    TradeView,
    WatchView,
)


class Keyed(Protocol):
    """A row that names itself."""

    @property
    def key(self) -> str:
        """Name the row."""


Row = TypeVar("Row", bound=Keyed)
Put_co = TypeVar("Put_co", bound=Keyed, covariant=True)


class Changes(Protocol[Put_co]):
    """What the four table deltas have in common."""

    @property
    def put(self) -> Sequence[Put_co]:
        """Rows that are new or different."""

    @property
    def gone(self) -> list[str]:
        """Keys of rows that are no more."""

    @property
    def order(self) -> list[str] | None:
        """All keys in rank order; None when it follows from the order before."""


class Table(Generic[Row]):
    """Rows by key, and the order in which the daemon ranks them."""

    def __init__(self) -> None:
        self.by_key: dict[str, Row] = {}
        self.order: list[str] = []

    def __len__(self) -> int:
        return len(self.order)

    def rows(self) -> list[Row]:
        """Return the rows in the daemon's order."""
        return [self.by_key[key] for key in self.order]

    def replace(self, rows: Iterable[Row]) -> None:
        """Forget everything and take `rows`."""
        self.by_key = {row.key: row for row in rows}
        self.order = list(self.by_key)

    def plan(self, changes: Changes[Row] | None) -> Callable[[], None]:
        """Return what carries out the changes of one frame; `ProtocolError` when its order does not name its rows."""
        if changes is None:
            return _nothing
        rows = dict(self.by_key)
        for key in changes.gone:
            rows.pop(key, None)
        rows.update((row.key, row) for row in changes.put)
        order = reorder(self.order, rows, changes.order)
        if len(order) != len(rows) or set(order) != rows.keys():
            raise ProtocolError("The engine sent an order that does not fit its rows.", "Attach again.")

        def commit() -> None:
            self.by_key, self.order = rows, order

        return commit


def _nothing() -> None:
    return None


def reorder(before: Sequence[str], rows: Mapping[str, object], order: list[str] | None) -> list[str]:
    """Return the stated order, or the order before without what went and with what is new at its end."""
    if order is not None:
        return list(order)
    kept = [key for key in before if key in rows]
    known = set(kept)
    return kept + [key for key in rows if key not in known]


class Replica:
    """Everything a client shows; `seq` is the last frame applied, -1 before the first snapshot."""

    def __init__(self) -> None:
        self.seq = -1
        self.status: StatusView | None = None
        self.health: HealthView | None = None
        self.pnl: PnlView | None = None
        self.radar: Table[RadarView] = Table()
        self.watch: Table[WatchView] = Table()
        self.positions: Table[PositionView] = Table()
        self.orders: Table[OrderView] = Table()
        self.trades: list[TradeView] = []
        self.log: deque[LogView] = deque(maxlen=LOG_LINES)

    @property
    def ready(self) -> bool:
        """Say whether a snapshot has arrived."""
        return self.status is not None

    def apply(self, frame: Frame) -> None:
        """Take one frame.

        Raises `ProtocolError` when the frame does not follow the last one: the replica is then unchanged and needs a
        snapshot, which is applied whatever its number.
        """
        if isinstance(frame, Snapshot):
            self._replace(frame)
        elif not self.follows(frame):
            raise ProtocolError(
                f"Frame {frame.seq} does not follow frame {self.seq}.", "Wait for a snapshot, or attach again."
            )
        else:
            self._change(frame)
        self.seq = frame.seq

    def follows(self, frame: Frame) -> bool:
        """Say whether `frame` can be applied now."""
        return isinstance(frame, Snapshot) or (self.ready and frame.seq == self.seq + 1)

    def snapshot(self) -> Snapshot | None:
        """Return the state as a snapshot, equal to the daemon's at the same `seq`; None before the first one."""
        if self.status is None or self.health is None or self.pnl is None:
            return None
        return Snapshot(
            seq=self.seq,
            status=self.status,
            health=self.health,
            pnl=self.pnl,
            radar=self.radar.rows(),
            watch=self.watch.rows(),
            positions=self.positions.rows(),
            orders=self.orders.rows(),
            trades=list(self.trades),
            log=list(self.log),
        )

    def _replace(self, frame: Snapshot) -> None:
        self.status, self.health, self.pnl = frame.status, frame.health, frame.pnl
        self.radar.replace(frame.radar)
        self.watch.replace(frame.watch)
        self.positions.replace(frame.positions)
        self.orders.replace(frame.orders)
        self.trades = list(frame.trades)
        self.log = deque(frame.log, maxlen=LOG_LINES)

    def _change(self, frame: Delta) -> None:
        # All tables plan before one commits: a refused frame must not leave half of itself behind.
        commits = (
            self.radar.plan(frame.radar),
            self.watch.plan(frame.watch),
            self.positions.plan(frame.positions),
            self.orders.plan(frame.orders),
        )
        for commit in commits:
            commit()
        self.status = frame.status or self.status
        self.health = frame.health or self.health
        self.pnl = frame.pnl or self.pnl
        self.trades.extend(frame.trades)
        self.log.extend(frame.log)
