"""How well a trade was entered and left, and what getting in cost beside the price at the decision."""

from __future__ import annotations

from typing import NamedTuple

from qm.model.events import TradeClosed
from qm.model.order import Side


class Efficiency(NamedTuple):
    """Places of entry and exit in the range that was traded in between, 1 the best and 0 the worst of it."""

    entry: float
    exit: float
    capture: float | None
    """Gross result per share against the largest unrealized profit; None where there never was one."""

    @property
    def total(self) -> float:
        """Part of the range that the trade took, less than 0 for a loss."""
        return self.entry + self.exit - 1.0


class Shortfall(NamedTuple):
    """What an order cost against the price at its decision, $; less than 0 where it was cheaper."""

    delay: float | None
    """Until the order had arrived; None where the price of that moment is not known."""
    execution: float | None
    """From there to its executions: half the spread, and what it moved."""
    opportunity: float
    """Of the shares that it did not get."""
    total: float
    """What the decision would have made on paper, less what was made."""


def efficiency(side: Side, entered: float, left: float, low: float, high: float) -> Efficiency | None:
    """Return how good entry and exit were within `low` to `high`, the range traded while the position was held, $.

    None where the price never moved. Long: (high - in) / (high - low) and (out - low) / (high - low); short mirrored.
    """
    low, high = min(low, entered, left), max(high, entered, left)
    span = high - low
    if not span > 0.0:
        return None
    if side is Side.SELL:
        entered, left, low, high = -entered, -left, -high, -low
    best = high - entered
    return Efficiency((high - entered) / span, (left - low) / span, (left - entered) / best if best > 0.0 else None)


def efficiency_of(trade: TradeClosed) -> Efficiency | None:
    """Return the efficiency of a trade by its average prices; None where the price never moved, or nothing was held."""
    if not trade.qty:
        return None
    entered, left, sign = float(trade.entry_price), float(trade.exit_price), trade.side.sign
    best, worst = entered + sign * trade.mfe_usd / trade.qty, entered - sign * trade.mae_usd / trade.qty
    return efficiency(trade.side, entered, left, min(best, worst), max(best, worst))


def shortfall(
    side: Side, wanted: int, decided: float, filled: int, paid: float, end: float, arrived: float | None = None
) -> Shortfall:
    """Return the implementation shortfall of an order (Perold 1988), without fees.

    `wanted` shares were decided on at the price `decided`, `filled` of them came at `paid` on average; the others are
    valued at `end`. `arrived` is the price when the order was there, None where it is not known.
    """
    sign = side.sign
    missed = sign * (end - decided) * (wanted - filled)
    delay = None if arrived is None else sign * (arrived - decided) * filled
    execution = None if arrived is None else sign * (paid - arrived) * filled
    return Shortfall(delay, execution, missed, sign * (paid - decided) * filled + missed)
