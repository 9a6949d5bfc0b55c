"""`qm data known`: what was known about each symbol before a session."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

from cli.markets import catalogue, read_symbols
from cli.output import emit, emit_json, say, table
from qm.clock import ny
from qm.errors import NotFoundError, UsageError
from qm.history.known import Before, Known
from qm.market.climate import said, told
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable

_COLUMNS: Final = (
    "prior_close",
    "adv",
    "atr",
    "or_volume",
    "pre_volume",
    "float_shares",
    "prev_high",
    "prev_low",
    "high_52w",
    "split_factor",
)


def show_known(
    dataset: str, on: dt.date | None, symbols: str | None, kind: str | None, *, as_json: bool = False
) -> None:
    """Print what was known before a session of a dataset, by default its last; NotFoundError, UsageError, DataError."""
    of = catalogue()
    dates = of.sessions(dataset, kind=kind)
    date = on or dates[-1]
    if date not in dates:
        raise UsageError(f"Dataset {dataset} has no session on {date}.", f"It has {dates[0]} to {dates[-1]}.")
    kinds = kind.split("+") if kind else of.kinds(dataset)
    data = of.load(dataset, date, kind)
    before = Known(of, dataset, kinds, date).before(data)
    rows = _rows(data.symbols, symbols)
    if as_json:
        emit_json(_as_data(dataset, date, before, data.symbols, rows))
    else:
        _show(dataset, date, before, data.symbols, rows)


def _rows(known: SymbolTable, symbols: str | None) -> list[int]:
    if not symbols:
        return sorted(range(len(known)), key=lambda row: known.names[row])
    wanted = read_symbols(symbols)
    for name in wanted:
        if name not in known:
            raise NotFoundError.of("symbol of this session", name, known)
    return [known.row(name) for name in wanted]


def _as_data(dataset: str, date: dt.date, before: Before, symbols: SymbolTable, rows: list[int]) -> dict[str, Any]:
    doubts = {doubt.symbol: doubt for doubt in before.doubts}
    found = []
    for row in rows:
        name = symbols.names[row]
        values = {column: _number(before.reference, column, row) for column in _COLUMNS}
        doubt = doubts.get(name)
        known_at = int(before.reference.known_at[row])
        found.append(
            {
                "symbol": name,
                **values,
                "days": int(before.reference.days[row]),
                "known_at": known_at or None,
                "doubt": None if doubt is None else doubt.text,
            }
        )
    return {
        "schema": 1,
        "dataset": dataset,
        "session": date.isoformat(),
        "closes_of": before.closes_of.isoformat() if before.closes_of else None,
        "official": before.official,
        "climate": told(before.reference.climate),
        "symbols": found,
    }


def _number(known: Reference, column: str, row: int) -> float | None:
    value = float(getattr(known, column)[row])
    return None if math.isnan(value) else value


def _show(dataset: str, date: dt.date, before: Before, symbols: SymbolTable, rows: list[int]) -> None:
    known = before.reference
    source = f"closes of {before.closes_of} from a file" if before.closes_of else "closes of its own history"
    source = f"official closes of {before.official:,} symbols, else {source}" if before.official else source
    emit(f"{dataset} before {date}: {source}")
    if climate := said(told(known.climate)):
        emit(climate)
    heads = ("symbol", "prior close", "known", "days", "adv", "atr", "opening vol", "float", "split")
    made = [
        (
            symbols.names[row],
            _text(known.prior_close[row], "{:,.4f}"),
            f"{ny(int(known.known_at[row])):%m-%d %H:%M}" if known.known_at[row] else "-",
            str(int(known.days[row])),
            _text(known.adv[row], "{:,.0f}"),
            _text(known.atr[row], "{:,.4f}"),
            _text(known.or_volume[row], "{:,.0f}"),
            _text(known.float_shares[row], "{:,.0f}"),
            _text(known.split_factor[row], "{:g}"),
        )
        for row in rows
    ]
    table(heads, made, left=("symbol", "known"))
    shown = {symbols.names[row] for row in rows}
    for doubt in before.doubts:
        if doubt.symbol in shown:
            emit(f"not believed: {doubt.text}")
    if not known.days.any():
        say(f"{dataset} has no earlier sessions: averages are not known.")


def _text(value: float, form: str) -> str:
    return "-" if math.isnan(value) else form.format(value)
