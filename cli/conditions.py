"""Conditions on a result, as scripts write them: `net<0`, `trades<100`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec

from qm.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from backtest.summary import Summary

_WORDS: Final = re.compile(r"\s*([a-z_]+)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*\Z")
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_SHORT: Final = {
    "net": "net_usd",
    "fees": "fees_usd",
    "drawdown": "max_drawdown_usd",
    "equity": "end_equity_usd",
    "r": "total_r",
    "pf": "profit_factor",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure of a summary compared with a number."""

    text: str
    field: str
    sign: str
    limit: float

    def holds(self, summary: Summary) -> str:
        """Say in a sentence that it holds, or that it cannot be judged; empty when it does not hold."""
        value = figures(summary)[self.field]
        # What is not known passes no check.
        if value is None:
            return f"{self.field} is not known, so that {self.text!r} cannot be ruled out."
        if _COMPARE[self.sign](float(value), self.limit):
            return f"{self.field} is {value:g}, and {self.text!r} was not to be."
        return ""


def names(kind: type[msgspec.Struct]) -> dict[str, None]:
    """Return the names of the figures of a summary and of its parts."""
    out: dict[str, None] = {}
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            out |= names(field.type)
        elif field.type is not str:
            out[field.name] = None
    return out


def figures(summary: msgspec.Struct) -> dict[str, float | None]:
    """Return the figures of a summary by name; one of its own comes before one of a part."""
    own: dict[str, float | None] = {}
    parts: dict[str, float | None] = {}
    for name, value in msgspec.structs.asdict(summary).items():
        if isinstance(value, msgspec.Struct):
            parts |= figures(value)
        elif not isinstance(value, str):
            own[name] = value
    return parts | own


def parse(text: str) -> Condition:
    """Read a condition; UsageError, and NotFoundError with the nearest names of fields."""
    from backtest.summary import Summary

    found = _WORDS.match(text)
    if not found:
        raise UsageError(f"{text!r} is no condition.", "Write it as --fail-if 'net<0': a name, a sign, a number.")
    name, sign, number = found.groups()
    counted = list(names(Summary))
    field = _SHORT.get(name, name)
    if field not in counted:
        raise NotFoundError.of("figure of a result", name, (*counted, *_SHORT))
    try:
        limit = float(number)
    except ValueError:
        limit = float("nan")
    if not isfinite(limit):
        raise UsageError(f"{number!r} in {text!r} is no number.", "E.g. --fail-if 'net<0'.")
    return Condition(text, field, sign, limit)
