"""What a sweep varies: parameters with the values that are tried."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isfinite
from typing import NamedTuple

import numpy as np

from qm.errors import UsageError

GRID_MOST = 100_000
"""A larger grid is a mistake, or needs another method."""

Params = dict[str, str]
"""Parameters of a trial as they would be typed."""


class Axis(NamedTuple):
    """One parameter that is varied, over listed values or over a range."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    """0 where the range has no steps."""
    whole: bool = False
    """Whole numbers only."""

    def listed(self) -> tuple[str, ...]:
        """Return all its values; UsageError for a range without steps."""
        if self.values:
            return self.values
        step = self.step or (1.0 if self.whole else 0.0)
        if not step:
            raise UsageError(
                f"{self.name} has no steps, so that a grid never ends.",
                f"Write {self.name}={self.low:g}..{self.high:g}:STEP.",
            )
        count = int((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.text(self.low + n * step) for n in range(count))

    def text(self, value: float) -> str:
        """Return a value as it would be typed."""
        return str(round(value)) if self.whole else f"{value:.6g}"


def parse_axis(text: str) -> Axis:
    """Read `name=1,2,3`, `name=0.5..2` or `name=0.5..2:0.25`; UsageError."""
    name, equals, given = (part.strip() for part in text.partition("="))
    if not (name and equals and given):
        raise UsageError(f"{text!r} varies nothing.", "Write name=1,2,3 or name=0.5..2:0.25.")
    if ".." not in given:
        values = tuple(part.strip() for part in given.split(","))
        if "" in values or len(set(values)) < len(values):
            raise UsageError(f"{text!r} has an empty or a double value.", "Write name=1,2,3.")
        return Axis(name, values)
    span, _, step = given.partition(":")
    low, _, high = span.partition("..")
    try:
        bounds = float(low), float(high), float(step) if step else 0.0
    except ValueError:
        bounds = (np.nan, np.nan, np.nan)
    if not (all(map(isfinite, bounds)) and bounds[0] < bounds[1] and bounds[2] >= 0):
        raise UsageError(f"{text!r} is no range.", "Write name=0.5..2 or name=0.5..2:0.25, the lower end first.")
    whole = all(part.strip().lstrip("-").isdecimal() for part in (low, high, *([step] if step else [])))
    return Axis(name, (), *bounds, whole)


def axes(given: Sequence[str]) -> tuple[Axis, ...]:
    """Read all axes; UsageError when there is none, or two of one parameter."""
    found = tuple(parse_axis(text) for text in given)
    if not found or len({axis.name for axis in found}) < len(found):
        raise UsageError("A sweep varies at least one parameter, each once.", "Write --vary name=1,2,3.")
    return found


def grid(of: Sequence[Axis]) -> list[Params]:
    """Return every combination, the last axis changing fastest; UsageError when there are too many."""
    size = 1
    for axis in of:
        size *= len(axis.listed())
    if size > GRID_MOST:
        raise UsageError(
            f"The grid has {size:,} combinations.", f"At most {GRID_MOST:,}: vary less, or draw at random."
        )
    names = [axis.name for axis in of]
    return [dict(zip(names, values, strict=True)) for values in product(*(axis.listed() for axis in of))]


def draw(of: Sequence[Axis], count: int, seed: int) -> list[Params]:
    """Return so many random combinations; the same seed gives the same, and more of them begin with the same."""
    rng = np.random.default_rng(seed)
    return [{axis.name: _drawn(axis, float(rng.random())) for axis in of} for _ in range(count)]


def ordered(text: str) -> tuple[float, str]:
    """Return what puts values of a parameter in order: numbers by size, words behind them."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _drawn(axis: Axis, at: float) -> str:
    if axis.values or axis.step or axis.whole:
        listed = axis.listed()
        return listed[int(at * len(listed))]
    return axis.text(axis.low + at * (axis.high - axis.low))
