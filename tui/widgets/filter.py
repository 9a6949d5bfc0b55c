"""Which rows a table keeps: `abc` (has the text), `!abc` (has it not), `rvol>5` (a column compared with a number)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from qm.wire.replica import Row
from tui.widgets.columns import Column

COMPARISON = re.compile(
    r"(?P<key>[a-z_%]+)\s*(?P<sign><=|>=|<|>|=)\s*(?P<number>[+-]?\d+(?:\.\d*)?)(?P<unit>[kmb]?)", re.IGNORECASE
)
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


@dataclass(frozen=True, slots=True)
class Filter(Generic[Row]):
    """A filter as it was typed, and what it keeps."""

    text: str
    takes: Callable[[Row], bool]


def parse(text: str, columns: Sequence[Column[Row]]) -> Filter[Row] | None:
    """Return the filter that `text` means, None for none; parts with blanks between them must all hold.

    Raises `ValueError` with a sentence when it compares a column that is not there.
    """
    parts = text.split()
    if not parts:
        return None
    tests = [_part(part, columns) for part in parts]
    return Filter(" ".join(parts), lambda row: all(test(row) for test in tests))


def _part(part: str, columns: Sequence[Column[Row]]) -> Callable[[Row], bool]:
    compared = COMPARISON.fullmatch(part)
    if compared is not None:
        return _comparison(compared, columns)
    if part.startswith("!") and len(part) > 1:
        wanted = _part(part[1:], columns)
        return lambda row: not wanted(row)
    needle = part.casefold()
    return lambda row: any(needle in str(column.value(row)).casefold() for column in columns if _is_text(column, row))


def _comparison(compared: re.Match[str], columns: Sequence[Column[Row]]) -> Callable[[Row], bool]:
    key = compared["key"].lower()
    column = next((column for column in columns if key in {column.key, column.title.lower()}), None)
    if column is None:
        raise ValueError(f"No column is called {key!r}; there are {', '.join(each.key for each in columns)}.")
    value, holds = column.value, SIGNS[compared["sign"]]
    bound = float(compared["number"]) * UNITS[compared["unit"].lower()]

    def takes(row: Row) -> bool:
        found = value(row)
        # What is unknown passes no comparison.
        return isinstance(found, int | float) and holds(found, bound)

    return takes


def _is_text(column: Column[Row], row: Row) -> bool:
    return isinstance(column.value(row), str)
