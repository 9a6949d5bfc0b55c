"""What an import would store: its first rows, and what only several sessions together make suspicious."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from qm.clock import ny
from qm.history.checks import Action, Finding
from qm.history.doubts import doubted
from qm.history.layout import TRADES, length_of
from qm.history.sound import Sound
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.rules.calendar import Session

ROWS: Final = 5
_EXAMPLES: Final = 3
_APART: Final = 7
"""Days between two sessions from which on prices may have gone anywhere."""


class FirstRows(msgspec.Struct, frozen=True):
    """The first rows of a kind as they would be stored."""

    kind: str
    session: str
    columns: tuple[str, ...]
    """`ts` in ns UTC, `time` in New York, `symbol`, then numbers."""
    rows: tuple[tuple[int | str | float | None, ...], ...]
    """None is not a number."""


class Preview:
    """Looks at the sessions of an import, in the order of their dates within a kind."""

    def __init__(self) -> None:
        self.first: list[FirstRows] = []
        self._last: dict[str, tuple[Session, float]] = {}
        self._name = ""

    def look(self, name: str, kind: str, of: Session, sound: Sound, findings: list[Finding]) -> None:
        """Take in a session of what becomes `kind`, and add prices that look split since the one before."""
        if name != self._name:
            self._name, self._last = name, {}
            self._show(kind, of, sound)
        if name == TRADES or length_of(name) is not None:
            self._compare(of, sound, findings)

    def _show(self, kind: str, of: Session, sound: Sound) -> None:
        rows = next(sound.blocks()).take(np.s_[:ROWS])
        values = [[_plain(value) for value in column.tolist()] for column in rows.values.values()]
        times = [f"{ny(ts):%Y-%m-%d %H:%M:%S.%f %Z}" for ts in rows.ts.tolist()]
        symbols = [rows.names[code] for code in rows.symbol.tolist()]
        lines = tuple(zip(rows.ts.tolist(), times, symbols, *values, strict=True))
        self.first.append(FirstRows(kind, of.date.isoformat(), ("ts", "time", "symbol", *rows.values), lines))

    def _compare(self, of: Session, sound: Sound, findings: list[Finding]) -> None:
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for rows in sound.blocks():
            v = rows.values
            used, places = np.unique(rows.symbol, return_index=True)
            ends = len(rows.ts) - 1 - np.unique(rows.symbol[::-1], return_index=True)[1]
            opens, closes = (v["price"], v["price"]) if self._name == TRADES else (v["open"], v["close"])
            for code, place, end in zip(used.tolist(), places.tolist(), ends.tolist(), strict=True):
                first.setdefault(rows.names[code], float(opens[place]))
                last[rows.names[code]] = float(closes[end])
        names = [name for name in first if name in self._last and (of.date - self._last[name][0].date).days < _APART]
        known = Reference.empty(len(names))
        known.prior_close[:] = [self._last[name][1] for name in names]
        unknown = np.full(len(names), np.nan)
        prices = np.array([first[name] for name in names], np.float64)
        sure = np.zeros(len(names), bool)
        found = doubted(SymbolTable(names), known, prices, shares=unknown, own_close=unknown, sure=sure)
        if found:
            examples = tuple(
                f"{each.symbol} {each.prior_close:,.4g} to {each.first:,.4g}" for each in found[:_EXAMPLES]
            )
            what = "symbol looks split since the session before: import splits as well (--kind splits)"
            findings.append(Finding(what, len(found), Action.KEPT, tuple(f"{each} on {of.date}" for each in examples)))
        self._last |= {name: (of, price) for name, price in last.items()}


def _plain(value: Any) -> int | float | None:
    return None if value != value else value
