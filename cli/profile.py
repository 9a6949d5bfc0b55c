"""`qm data profile`: what is known of each symbol before the next session, and how its volume spreads over the day."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import emit, emit_json, say, table

if TYPE_CHECKING:
    from qm.history.profiles import Profile

_TIMES: Final = (("09:35", 5), ("10:00", 30), ("11:00", 90), ("12:00", 150), ("14:00", 270), ("15:30", 360))
"""Minutes of regular hours that are over at a time."""


def profile(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of `qm data ls`.")],
    on: Annotated[
        str | None, typer.Option("--session", metavar="DATE", help="Before which session; the one after its last.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A,B|@FILE", help="Only these.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Which data, where it has several.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as Parquet, a row per symbol and minute.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what is known of each symbol before a session: prior close, usual volume, ATR, and volume by the minute.

    Nothing of that session or later is read. Averages are over the last fourteen full sessions and need eight of them;
    the shares say how much of a day's regular volume is usually done by a time. `qm data known` shows what a run takes
    on a session of the dataset, its first prices included.

    \b
    qm data profile us99_1m
    qm data profile us99_1m --session 2025-01-16 --symbols AAPL,TSLA --out profile.parquet
    """
    from cli.feeds import parse_date
    from cli.markets import catalogue, read_symbols
    from qm.errors import NotFoundError
    from qm.history.profiles import profile as build
    from qm.history.profiles import write_profile

    found = build(catalogue(), dataset, parse_date(on, "--session") if on else None, kind)
    rows = list(range(len(found.symbols)))
    if symbols:
        wanted = read_symbols(symbols)
        for name in wanted:
            if name not in found.symbols:
                raise NotFoundError.of("symbol of this dataset", name, found.symbols)
        rows = [found.symbols.row(name) for name in wanted]
    if out is not None:
        write_profile(found, rows, out)
        say(f"{out}: {len(rows):,} symbols before {found.on}")
    if as_json:
        emit_json(_as_data(dataset, found, rows))
    elif out is None:
        _show(dataset, found, rows)


def _as_data(dataset: str, of: Profile, rows: list[int]) -> dict[str, Any]:
    known = of.reference
    return {
        "schema": 1,
        "dataset": dataset,
        "session": of.on.isoformat(),
        "days": [day.isoformat() for day in of.days],
        "symbols": [
            {
                "symbol": of.symbols.names[row],
                "prior_close": _number(known.prior_close[row]),
                "adv": _number(known.adv[row]),
                "atr": _number(known.atr[row]),
                "days": int(known.days[row]),
                "known_at": int(known.known_at[row]) or None,
                "share": None if math.isnan(of.share[row, 0]) else of.share[row].tolist(),
            }
            for row in rows
        ],
    }


def _show(dataset: str, of: Profile, rows: list[int]) -> None:
    known = of.reference
    span = f"{len(of.days)} full sessions, {of.days[0]} to {of.days[-1]}" if of.days else "no full session"
    emit(f"{dataset} before {of.on}: averages over {span}")
    heads = ("symbol", "prior close", "days", "adv", "atr", *(f"by {time}" for time, _ in _TIMES))
    made = [
        (
            of.symbols.names[row],
            _text(known.prior_close[row], ",.4f"),
            str(int(known.days[row])),
            _text(known.adv[row], ",.0f"),
            _text(known.atr[row], ",.4f"),
            *(_text(of.share[row, minutes - 1], ".1%") for _, minutes in _TIMES),
        )
        for row in rows
    ]
    table(heads, made, left=("symbol",))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _text(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
