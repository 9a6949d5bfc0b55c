"""The projected tables in SQLite: rows to statements and back."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from qm.store.projections import OrderRow, PositionRow, Projection, Row, TradeRow

R = TypeVar("R", OrderRow, TradeRow, PositionRow)

_TABLES: Final[dict[type[Row], str]] = {OrderRow: "orders", TradeRow: "trades", PositionRow: "positions"}
_INSERTS: Final = {
    kind: f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(kind.__struct_fields__))})"  # noqa: S608 - our own names
    for kind, table in _TABLES.items()
}


def write(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Put rows into their tables, in place of what stood there."""
    for row in rows:
        db.execute(_INSERTS[type(row)], tuple(msgspec.to_builtins(row).values()))


def clear(db: sqlite3.Connection, run: str) -> None:
    """Remove the projected rows of a run."""
    db.execute("DELETE FROM orders WHERE run = ?", (run,))
    db.execute("DELETE FROM trades WHERE run = ?", (run,))
    db.execute("DELETE FROM positions WHERE run = ?", (run,))


def restore(db: sqlite3.Connection, projection: Projection) -> None:
    """Load the stored rows of the projection's run into it."""
    projection.restore(of_run(db, OrderRow, projection.run))
    projection.restore(of_run(db, TradeRow, projection.run))
    projection.restore(of_run(db, PositionRow, projection.run))


def of_run(db: sqlite3.Connection, kind: type[R], run: str) -> list[R]:
    """Return the rows of one run, ordered by their key."""
    return _select(db, kind, "WHERE run = ? ORDER BY 2", (run,))


def trades(
    db: sqlite3.Connection,
    *,
    run: str | None,
    symbol: str | None,
    strategy: str | None,
    since: dt.date | None,
    limit: int | None,
) -> list[TradeRow]:
    """Return closed trades of all runs that fit every given filter, the latest first."""
    wanted = {"run = ?": run, "symbol = ?": symbol, "strategy = ?": strategy}
    wanted["session >= ?"] = None if since is None else since.isoformat()
    given = {clause: value for clause, value in wanted.items() if value is not None}
    where = f"WHERE {' AND '.join(given)} " if given else ""
    return _select(
        db,
        TradeRow,
        f"{where}ORDER BY closed DESC, run DESC, seq DESC LIMIT ?",
        (*given.values(), -1 if limit is None else limit),
    )


def _select(db: sqlite3.Connection, kind: type[R], rest: str, values: tuple[Any, ...]) -> list[R]:
    fields = kind.__struct_fields__
    found = db.execute(f"SELECT {', '.join(fields)} FROM {_TABLES[kind]} {rest}", values)  # noqa: S608 - our own names
    return [msgspec.convert(dict(zip(fields, row, strict=True)), kind, strict=False) for row in found]
