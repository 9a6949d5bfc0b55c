"""What is wrong with rows of market data, and what is done about it: repaired, refused, or kept and named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np

from qm.clock import SECOND, utc
from qm.history.layout import TRADES, Array
from qm.history.source import BARS, NO_TIME, Columns
from qm.model.instrument import SYMBOL
from qm.rules.symbology import Security, named

_EXAMPLES: Final = 3
_JUMP: Final = 0.5
_LEAST_PRICE: Final = 1e-6
_MOST_PRICE: Final = 1e8
_MOST_SHARES: Final = 1e12
"""Beyond these a number is a mistake of the file, and sums over it are worth nothing."""
_LENGTHS: Final = (1, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 86_400)


class Action(StrEnum):
    """What was done with the rows of a finding."""

    REPAIRED = "repaired"
    REFUSED = "refused"
    KEPT = "kept"


_WEIGHT: Final = (Action.REFUSED, Action.KEPT, Action.REPAIRED)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was wrong or looks strange."""

    what: str
    rows: int
    action: Action
    examples: tuple[str, ...] = ()


class Placed(Finding, frozen=True):
    """A finding in rows, whose examples can be put in order with those of other rows."""

    places: tuple[tuple[int, str], ...] = ()
    """Moment and symbol of each example."""


def checked(columns: Columns, findings: list[Finding], *, updates: bool = False) -> Columns:
    """Return the sound rows, sorted by (ts, symbol) with names in order; adds to `findings` what was wrong.

    With `updates` a bar that is told again corrects the one before it; else the first one stays.
    """
    columns = _sorted(checked_names(columns, findings), findings)
    if columns.layout == BARS:
        return _no_twins(_sound_bars(columns, findings), findings, updates)
    if columns.layout == TRADES:
        columns = refuse(columns, ~_is_price(columns.values["price"]), "price is no positive number", findings)
        size = columns.values["size"]
        return refuse(columns, ~(_is_size(size) & (size > 0)), "size is no positive number", findings)
    return _sound_quotes(columns, findings)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with equal ones of several stretches of rows put together, the weightiest first.

    What was refused comes before what was kept and what was repaired, many rows before few. Examples are the earliest.
    """
    alike: dict[tuple[str, Action], list[Finding]] = {}
    for each in findings:
        alike.setdefault((each.what, each.action), []).append(each)
    whole = [
        Finding(what, sum(each.rows for each in parts), action, _earliest(parts))
        for (what, action), parts in alike.items()
    ]
    return sorted(whole, key=lambda each: (_WEIGHT.index(each.action), -each.rows, each.what))


def _earliest(parts: list[Finding]) -> tuple[str, ...]:
    pairs = {
        each for part in parts if isinstance(part, Placed) for each in zip(part.places, part.examples, strict=True)
    }
    others = {example for part in parts if not isinstance(part, Placed) for example in part.examples}
    # Cut before equal texts are put together, so that what others saw of the same rows makes no difference.
    texts = [*(text for _, text in sorted(pairs)), *sorted(others)][:_EXAMPLES]
    return tuple(dict.fromkeys(texts))


def bar_seconds(columns: Columns) -> int | None:
    """Return the length of bars, in seconds, as the commonest step between two bars of a symbol; None when unclear."""
    order = np.lexsort((columns.ts, columns.symbol))
    steps = np.diff(columns.ts[order])[np.diff(columns.symbol[order]) == 0]
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    if not len(values):
        return None
    commonest = int(values[np.argmax(counts)]) / SECOND
    if 82_800 <= commonest <= 90_000:
        return 86_400
    return int(commonest) if commonest in _LENGTHS else None


def strange_bars(columns: Columns, seconds: int, findings: list[Finding]) -> None:
    """Add what looks strange in sorted bars but is kept: labels off the grid, overlaps, jumps, no volume."""
    off = columns.ts % (seconds * SECOND) != 0
    found(columns, off, f"label is no multiple of {seconds} s", Action.KEPT, findings)
    order = np.lexsort((columns.ts, columns.symbol))
    same = np.diff(columns.symbol[order]) == 0
    steps = np.diff(columns.ts[order])
    close, opens = columns.values["close"][order], columns.values["open"][order]
    overlap = np.zeros(len(order), bool)
    overlap[order[1:]] = same & (steps < seconds * SECOND)
    found(columns, overlap, "overlaps the bar before", Action.KEPT, findings)
    jump = np.zeros(len(order), bool)
    near = same & (steps <= max(1_800, 2 * seconds) * SECOND)
    jump[order[1:]] = near & ~(np.abs(opens[1:] / close[:-1] - 1.0) <= _JUMP)
    found(columns, jump, f"opens more than {_JUMP:.0%} away from the close before", Action.KEPT, findings)
    found(columns, columns.values["volume"] == 0, "no volume", Action.KEPT, findings)


def checked_names(columns: Columns, findings: list[Finding]) -> Columns:
    """Return the rows whose symbol is one, with names in order; adds to `findings` what was wrong."""
    bare = tuple(name.strip() for name in columns.names)
    if bare != columns.names:
        padded = [i for i, name in enumerate(columns.names) if name != bare[i]]
        columns = replace(columns, names=bare)
        found(columns, np.isin(columns.symbol, padded), "blanks around the symbol", Action.REPAIRED, findings)
    columns = _one_spelling(columns, findings)
    bad = [name for name in columns.names if not SYMBOL.match(name)]
    if bad:
        places = [i for i, name in enumerate(columns.names) if not SYMBOL.match(name)]
        rows = np.isin(columns.symbol, places)
        examples = tuple(map(ascii, sorted(bad)[:_EXAMPLES]))
        findings.append(Finding("not a valid symbol", int(rows.sum()), Action.REFUSED, examples))
        columns = columns.take(~rows)
    for security in (Security.TEST, Security.RIGHT, Security.WHEN_ISSUED):
        places = [i for i, name in enumerate(columns.names) if named(name).security is security]
        rows = np.isin(columns.symbol, places)
        found(columns, rows, f"{security}: left out", Action.REPAIRED, findings)
        columns = columns.take(~rows) if rows.any() else columns
    # Codes follow the order of the names from here on, so that sorting by code sorts by name.
    used = {columns.names[i] for i in np.unique(columns.symbol)}
    names = tuple(sorted(used))
    place = {name: i for i, name in enumerate(names)}
    code = np.array([place.get(name, -1) for name in columns.names], np.int32)
    return replace(columns, symbol=code[columns.symbol], names=names)


def _one_spelling(columns: Columns, findings: list[Finding]) -> Columns:
    """Write names as they are written here, as far as they are names at all."""
    ours = tuple(one if SYMBOL.match(one := named(name).symbol) else name for name in columns.names)
    if ours == columns.names:
        return columns
    other = [i for i, name in enumerate(columns.names) if name != ours[i]]
    columns = replace(columns, names=ours)
    found(columns, np.isin(columns.symbol, other), "symbol written in another way", Action.REPAIRED, findings)
    return columns


def _sorted(columns: Columns, findings: list[Finding]) -> Columns:
    by_symbol = np.argsort(columns.symbol, kind="stable")
    same = np.diff(columns.symbol[by_symbol]) == 0
    late = np.zeros(len(columns.ts), bool)
    late[by_symbol[1:]] = same & (np.diff(columns.ts[by_symbol]) < 0)
    found(columns, late, "earlier than the row before it", Action.REPAIRED, findings)
    # Stable: prints of one symbol at one moment stay in the order in which they were told.
    return columns.take(np.lexsort((columns.symbol, columns.ts)))


def _sound_bars(columns: Columns, findings: list[Finding]) -> Columns:
    v = columns.values
    prices = [_is_price(v[name]) for name in ("open", "high", "low", "close")]
    columns = refuse(columns, ~np.logical_and.reduce(prices), "a price is no positive number", findings)
    volume = columns.values["volume"]
    columns = refuse(columns, ~_is_size(volume), "volume is missing or negative", findings)
    v = columns.values
    columns = refuse(columns, v["high"] < v["low"], "high below low", findings)
    v = columns.values
    high, low = np.maximum(v["open"], v["close"]), np.minimum(v["open"], v["close"])
    outside = (v["high"] < high) | (v["low"] > low)
    # Open and close are prints of the bar, so its range must hold them.
    found(columns, outside, "open or close outside high and low", Action.REPAIRED, findings)
    values = v | {"high": np.maximum(v["high"], high), "low": np.minimum(v["low"], low)}
    return replace(columns, values=values)


def _no_twins(columns: Columns, findings: list[Finding], updates: bool) -> Columns:
    again = np.zeros(len(columns.ts), bool)
    again[1:] = (np.diff(columns.ts) == 0) & (np.diff(columns.symbol) == 0)
    equal = again.copy()
    for column in columns.values.values():
        equal[1:] &= (column[1:] == column[:-1]) | (np.isnan(column[1:]) & np.isnan(column[:-1]))
    found(columns, equal, "the same bar twice", Action.REPAIRED, findings)
    other = again & ~equal
    if updates:
        found(columns, other, "corrected by a later bar of the same moment", Action.REPAIRED, findings)
        last = np.ones(len(columns.ts), bool)
        last[:-1] = ~again[1:]
        return columns.take(last)
    found(columns, other, "another bar of the same moment: the first is kept", Action.REFUSED, findings)
    return columns.take(~again)


def _sound_quotes(columns: Columns, findings: list[Finding]) -> Columns:
    v = columns.values
    # A side that is 0 or NaN is a side that is not there.
    sides = [np.isnan(v[name]) | (v[name] == 0) | _is_price(v[name]) for name in ("bid", "ask")]
    columns = refuse(columns, ~(sides[0] & sides[1]), "a price is negative or infinite", findings)
    v = columns.values
    sizes = [_is_size(v[name]) for name in ("bid_size", "ask_size")]
    columns = refuse(columns, ~(sizes[0] & sizes[1]), "a size is missing or negative", findings)
    v = columns.values
    crossed = (v["bid"] > v["ask"]) & (v["ask"] > 0)
    found(columns, crossed, "crossed", Action.KEPT, findings)
    return columns


def two_sided(columns: Columns) -> bool:
    """Say whether any row of quotes has a sound bid and a sound ask."""
    v = columns.values
    sizes = _is_size(v["bid_size"]) & _is_size(v["ask_size"])
    return bool((_is_price(v["bid"]) & _is_price(v["ask"]) & sizes).any())


def _is_price(column: Array) -> Array:
    return np.isfinite(column) & (column >= _LEAST_PRICE) & (column <= _MOST_PRICE)


def _is_size(column: Array) -> Array:
    return np.isfinite(column) & (column >= 0) & (column <= _MOST_SHARES)


def refuse(columns: Columns, bad: Array, what: str, findings: list[Finding]) -> Columns:
    """Return the rows without the bad ones, and add the finding."""
    found(columns, bad, what, Action.REFUSED, findings)
    return columns.take(~bad) if bad.any() else columns


def found(columns: Columns, rows: Array, what: str, action: Action, findings: list[Finding]) -> None:
    """Add a finding of these rows, where there are any; its examples are the earliest, then those first by name."""
    places = np.flatnonzero(rows)
    if not len(places):
        return
    count = len(places)
    if count > _EXAMPLES:
        ts = columns.ts[places]
        places = places[ts <= np.unique(ts)[:_EXAMPLES][-1]]
    pairs = np.unique(np.stack([columns.ts[places], columns.symbol[places].astype(np.int64)], axis=1), axis=0)
    keys = sorted((ts, columns.names[symbol]) for ts, symbol in pairs.tolist())[:_EXAMPLES]
    examples = tuple(f"{name} {_when(ts)}" for ts, name in keys)
    findings.append(Placed(what, count, action, examples, tuple(keys)))


def _when(ts: int) -> str:
    return "at no time" if ts == NO_TIME else f"{utc(ts):%Y-%m-%d %H:%M:%S} UTC"
