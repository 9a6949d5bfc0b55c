"""The radar of the running engine: as it is, or beat by beat."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec

from cli.link import ask
from cli.output import console, emit, emit_json, table
from cli.places import the_running
from cli.radar import SCHEMA
from qm.clock import ny
from qm.wire.client import Client
from qm.wire.replica import Replica
from qm.wire.views import RadarView, StatusView


def show_now(mode: str | None, limit: int, *, as_json: bool) -> int:
    """Show the radar of the engine as it is at this moment; returns the exit code."""
    _, of = the_running(mode)
    status = msgspec.convert(ask(of, "/v1/status"), StatusView)
    rows = msgspec.convert(ask(of, "/v1/radar", limit=str(limit)), list[RadarView])
    if as_json:
        emit_json(_data(status, rows))
    else:
        _show(status, rows)
    return 0


def follow(mode: str | None, limit: int, *, as_json: bool) -> int:
    """Show every beat of the engine until it ends or Ctrl-C; returns the exit code.

    On a terminal each beat replaces the one before.
    """
    _, of = the_running(mode)
    try:
        asyncio.run(_follow(Client(of.socket), limit, as_json=as_json))
    except KeyboardInterrupt:
        return 130
    return 0


async def _follow(client: Client, limit: int, *, as_json: bool) -> None:
    told = 0
    replica = Replica()
    async with client:
        await client.hello()
        async for frame in client.frames():
            replica.apply(frame)
            status = replica.status
            if status is None or status.beat == told:
                continue
            told = status.beat
            rows = replica.radar.rows()[:limit]
            if as_json:
                # One line each, also on a terminal: it is read by programs.
                emit(msgspec.json.encode(_data(status, rows)).decode())
                sys.stdout.flush()
            else:
                if sys.stdout.isatty():
                    console().clear()
                _show(status, rows)


def _data(status: StatusView, rows: list[RadarView]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": status.run,
        "mode": status.mode,
        "session": status.session,
        "ts": status.beat,
        "regime": status.regime,
        "stretch": status.stretch,
        "ranked": status.radar_count,
        "rows": rows,
    }


def _show(status: StatusView, rows: list[RadarView]) -> None:
    beat = f"{ny(status.beat):%H:%M:%S} New York" if status.beat else "no beat yet"
    emit(f"{status.session} {beat}, {status.radar_count:,} ranked, {status.stretch}, market {status.regime}")
    emit()
    heads = ("rank", "symbol", "score", "last", "chg %", "rvol", "moved", "a min", "list", "flags", "why")
    cells = [
        (
            str(row.rank) if row.rank else "-",
            row.symbol,
            f"{row.score:.1f}",
            f"{row.last:,.2f}",
            _number(row.chg_pct, "+.1f"),
            _number(row.rvol, ".1f"),
            _number(row.rank_change, "+d"),
            _number(row.velocity, "+.1f"),
            "" if row.listed_min is None else f"{row.listed_min} min",
            row.flags,
            row.why,
        )
        for row in rows
    ]
    table(heads, cells, ("symbol", "flags", "why"), spare=("a min", "list", "rvol"))


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
