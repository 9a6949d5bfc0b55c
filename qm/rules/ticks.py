"""The smallest price step, and rounding prices to it on the side that the order needs."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from qm.model.order import Side
from qm.rules.dated import schedule


class Rounding(StrEnum):
    """To which neighbour a price goes that lies between two ticks."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True)
class TickRule:
    """Price steps by price: `fine` below `edge`, `coarse` from it on; $."""

    edge: Decimal
    fine: Decimal
    coarse: Decimal


TICKS: Final = schedule(
    "tick size",
    (
        "1998-01-01",
        TickRule(Decimal(1), Decimal("0.0001"), Decimal("0.01")),
        "Regulation NMS Rule 612 (2006-01-31); used for the years before it as well, fractions are not modelled.",
    ),
)
"""The half-penny of 2027-11-01 (SEC Rel. 34-105656) is an attribute of the symbol and will not come through here."""

EXACT: Final = 1e-7
"""Fractions of a tick that a float price owes to its binary form and not to its trader."""

_MODES: Final = {Rounding.DOWN: ROUND_FLOOR, Rounding.UP: ROUND_CEILING, Rounding.NEAREST: ROUND_HALF_EVEN}


def tick_size(price: Decimal | float, day: dt.date) -> Decimal:
    """Return the smallest step, $, of quotes and orders at this price."""
    rule = TICKS.at(day)
    return rule.fine if price < rule.edge else rule.coarse


def on_tick(price: Decimal, day: dt.date) -> bool:
    """Say whether an order may carry this price."""
    return price % tick_size(price, day) == 0


def round_to_tick(price: Decimal | float, mode: Rounding, day: dt.date) -> Decimal:
    """Return the nearest price on the tick grid, at or on the asked side of `price`; ValueError unless finite and > 0.

    A float within a ten-millionth of a tick of the grid counts as on it.
    """
    if not (math.isfinite(price) and price > 0):
        raise ValueError(f"{price} is not a price")
    if isinstance(price, Decimal):
        tick = tick_size(price, day)
        return (price / tick).to_integral_value(_MODES[mode]) * tick
    return grid(day).rounded(price, mode)


class Grid:
    """The ticks of one date as floats, for those who ask at every execution."""

    __slots__ = ("_coarse", "_edge", "_fine", "_per_coarse", "_per_fine")

    def __init__(self, rule: TickRule) -> None:
        # Comparing a float with a Decimal costs more than all the rest of a rounding.
        self._edge = float(rule.edge)
        self._fine, self._coarse = rule.fine, rule.coarse
        self._per_fine, self._per_coarse = float(1 / rule.fine), float(1 / rule.coarse)

    def rounded(self, price: float, mode: Rounding) -> Decimal:
        """Return what `round_to_tick` returns for a price that is finite and > 0."""
        if price < self._edge:
            tick, steps = self._fine, price * self._per_fine
        else:
            tick, steps = self._coarse, price * self._per_coarse
        whole = round(steps)
        if abs(steps - whole) > EXACT:
            if mode is Rounding.DOWN:
                whole = math.floor(steps)
            elif mode is Rounding.UP:
                whole = math.ceil(steps)
        return whole * tick

    def tick(self, price: float) -> float:
        """Return the smallest step at a price, $."""
        return 1.0 / (self._per_fine if price < self._edge else self._per_coarse)


@lru_cache(maxsize=16_384)
def grid(day: dt.date) -> Grid:
    """Return the ticks of a date."""
    return Grid(TICKS.at(day))


def passive(side: Side) -> Rounding:
    """Return the rounding that never pays more than the price meant: down to buy, up to sell."""
    return Rounding.DOWN if side is Side.BUY else Rounding.UP


def aggressive(side: Side) -> Rounding:
    """Return the rounding that never asks for less room than the price meant: up to buy, down to sell."""
    return Rounding.UP if side is Side.BUY else Rounding.DOWN
