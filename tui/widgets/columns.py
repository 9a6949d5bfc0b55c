"""Columns of a live table: how a row becomes a cell, and which columns fit a width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from qm.wire.replica import Row

Cell = tuple[str, str]
"""Text, not yet padded, and tone."""
Value = float | str | None


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column; its width never depends on what is in it."""

    key: str
    title: str
    width: int
    cell: Callable[[Row], Cell]
    value: Callable[[Row], Value]
    """What sorting and filtering compare."""
    right: bool = True
    """Numbers stand to the right."""
    rank: int = 0
    """When the pane is narrow the highest rank is dropped first; 0 stays."""
    grow: int = 0
    """Columns that a text may take on top of its width when they are free."""


def plain(value: Any) -> str:
    """Return the tone of a value that needs none."""
    del value
    return ""


def faint(value: Any) -> str:
    """Return the tone of a value that matters less."""
    del value
    return "dim"


def number(
    key: str,
    title: str,
    width: int,
    value: Callable[[Row], float | None],
    form: Callable[[Any], str],
    tone: Callable[[Any], str] = plain,
    rank: int = 0,
) -> Column[Row]:
    """Return a column of numbers, written by `form`."""

    def cell(row: Row) -> Cell:
        found = value(row)
        return form(found), tone(found)

    return Column(key, title, width, cell, value, rank=rank)


def words(
    key: str,
    title: str,
    width: int,
    value: Callable[[Row], str],
    tone: Callable[[str], str] = plain,
    rank: int = 0,
    grow: int = 0,
) -> Column[Row]:
    """Return a column of texts."""

    def cell(row: Row) -> Cell:
        found = value(row)
        return found, tone(found)

    return Column(key, title, width, cell, value, right=False, rank=rank, grow=grow)


@dataclass(frozen=True, slots=True)
class Placed(Generic[Row]):
    """A column with its place in the pane."""

    column: Column[Row]
    x: int
    width: int


def place(columns: Sequence[Column[Row]], width: int) -> tuple[Placed[Row], ...]:
    """Return the columns that fit `width`, one blank between them, the worst ranks dropped, texts grown."""
    kept = list(columns)
    while len(kept) > 1 and taken(kept) > width:
        kept.remove(max(reversed(kept), key=lambda column: column.rank))
    free = max(0, width - taken(kept))
    placed, x = [], 0
    for column in kept:
        more = min(column.grow, free)
        free -= more
        placed.append(Placed(column, x, min(column.width + more, max(width, 1))))
        x += column.width + more + 1
    return tuple(placed)


def taken(columns: Sequence[Column[Row]]) -> int:
    """Return the columns of the screen that these take, with the blanks between them."""
    return sum(column.width for column in columns) + len(columns) - 1


def ranked(rows: Sequence[Row], column: Column[Row], *, descending: bool) -> list[Row]:
    """Return the rows sorted by a column; the unknown comes last whichever way, equals keep their order."""
    values = [(column.value(row), row) for row in rows]
    known = [(_comparable(value), row) for value, row in values if _is_known(value)]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + [row for value, row in values if not _is_known(value)]


def _comparable(value: Value) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (value or 0.0, "")


def _is_known(value: Value) -> bool:
    return value is not None and (isinstance(value, str) or not math.isnan(value))
