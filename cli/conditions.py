"""Conditions on a result, as scripts write them: `net<0`, `trades<100`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

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
    """A field of a summary compared with a number."""

    text: str
    field: str
    sign: str
    limit: float

    def holds(self, summary: Summary) -> str:
        """Say in a sentence that it holds, or that it cannot be judged; empty when it does not hold."""
        value = getattr(summary, self.field)
        # What is not known passes no check.
        if value is None:
            return f"{self.field} is not known, so that {self.text!r} cannot be ruled out."
        if _COMPARE[self.sign](float(value), self.limit):
            return f"{self.field} is {value:g}, and {self.text!r} was not to be."
        return ""


def parse(text: str) -> Condition:
    """Read a condition; UsageError, and NotFoundError with the nearest names of fields."""
    from backtest.summary import Summary

    found = _WORDS.match(text)
    if not found:
        raise UsageError(f"{text!r} is no condition.", "Write it as --fail-if 'net<0': a name, a sign, a number.")
    name, sign, number = found.groups()
    counted = [each for each in Summary.__struct_fields__ if each not in ("run", "journal_hash", "result_hash")]
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
