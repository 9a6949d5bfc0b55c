"""Positions, cash and profit, folded from executions.

Double entry: every execution moves cash, inventory at cost, fees and realized profit so that the four always sum to
the money that was put in. Average cost; the execution that goes flat takes the whole rest of the cost, so nothing is
left over by rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numba
import numpy as np
import numpy.typing as npt

from qm.market.market import Market
from qm.market.rows import Rows
from qm.model.events import Entry, Filled, SessionStarted
from qm.model.order import Side

ZERO = Decimal(0)
CENT_8 = Decimal("0.00000001")


@numba.njit(cache=True)
def _marks(held: npt.NDArray[np.float64], rows: Rows) -> tuple[float, float]:
    # Every entry asks for it, so it may not cost an array per question.
    net = gross = 0.0
    for s in range(held.shape[0]):
        if held[s] != 0.0:
            value = held[s] * rows[s]["last"]
            net += value
            gross += abs(value)
    return net, gross


class Position:
    """Shares of one symbol, signed, and what they cost."""

    __slots__ = ("cost", "qty")

    def __init__(self) -> None:
        self.qty = 0
        self.cost = ZERO
        """$ paid for the shares held; negative for a short position."""

    @property
    def price(self) -> Decimal:
        """Average price, $ per share."""
        return self.cost / self.qty if self.qty else ZERO


class Portfolio:
    """The account of one run."""

    def __init__(self) -> None:
        self.cash = ZERO
        self.fees = ZERO
        self.realized = ZERO
        """Gross realized profit of the run."""
        self.deposited = ZERO
        self.day_equity = ZERO
        """Equity at the start of the session."""
        self.day_fees = ZERO
        self.day_realized = ZERO
        self.positions: dict[str, Position] = {}
        """Open positions only."""
        self.stranded: tuple[str, ...] = ()
        """Those whose symbol is not in this session: they have no price."""
        self._market: Market | None = None
        self._held = np.zeros(0)

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the account."""
        return {SessionStarted: self._on_session, Filled: self._on_filled}

    def open(self, market: Market) -> None:
        """Take the market of a new session; positions keep their shares."""
        self._market = market
        self._held = np.zeros(len(market.table))
        self.stranded = tuple([symbol for symbol in self.positions if symbol not in market.table])
        for symbol, position in self.positions.items():
            # What the session does not know has no price either: it counts at cost.
            if symbol in market.table:
                self._held[market.table.row(symbol)] = position.qty

    def qty(self, symbol: str) -> int:
        """Signed shares held."""
        position = self.positions.get(symbol)
        return position.qty if position else 0

    def effect(self, symbol: str, side: Side, qty: int, price: Decimal) -> tuple[int, Decimal]:
        """Return the position after an execution, and the gross profit that it realizes."""
        position = self.positions.get(symbol)
        held = position.qty if position else 0
        signed = qty if side is Side.BUY else -qty
        after = held + signed
        if position is None or (held > 0) == (signed > 0):
            return after, ZERO
        closing = min(qty, abs(held))
        whole = closing == abs(held)
        cost = position.cost if whole else (position.cost * closing / abs(held)).quantize(CENT_8)
        proceeds = price * closing
        return after, proceeds - cost if held > 0 else -cost - proceeds

    def equity(self) -> Decimal:
        """Cash and positions at the last price, $; a position without a price counts at cost."""
        value = self.cash
        for symbol, position in self.positions.items():
            last = self._last(symbol)
            value += Decimal(last).quantize(CENT_8) * position.qty if last > 0 else position.cost
        return value

    def marks(self) -> tuple[float, float]:
        """Return (net, gross) market value of the positions, $: gross counts shorts as positive."""
        if not self.positions or self._market is None:
            return 0.0, 0.0
        net, gross = _marks(self._held, self._market.rows)
        return float(net), float(gross)

    def unrealized(self, symbol: str) -> float | None:
        """Open profit of a position at the last price, $; None without a price."""
        position = self.positions.get(symbol)
        last = self._last(symbol)
        if position is None or not last > 0:
            return None
        return last * position.qty - float(position.cost)

    def day_usd(self) -> float:
        """Net profit of the session so far, open positions at the last price, $."""
        net, _ = self.marks()
        return float(self.cash - self.day_equity) + net

    def imbalance(self) -> Decimal:
        """Return what the books are out by; always zero, or a bug."""
        inventory = sum((p.cost for p in self.positions.values()), ZERO)
        return self.cash + inventory + self.fees - self.realized - self.deposited

    def state(self) -> object:
        """Return what must be equal after a restart."""
        held = [[symbol, p.qty, str(p.cost)] for symbol, p in sorted(self.positions.items())]
        return [str(self.cash), str(self.fees), str(self.realized), str(self.deposited), str(self.day_equity), held]

    def _last(self, symbol: str) -> float:
        if self._market is None or symbol not in self._market.table:
            return 0.0
        return float(self._market.col["last"][self._market.table.row(symbol)])

    def _on_session(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, SessionStarted)
        if not self.deposited:
            self.cash = self.deposited = body.equity
        self.day_equity = body.equity
        self.day_fees = self.day_realized = ZERO

    def _on_filled(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Filled)
        execution = body.execution
        signed = execution.price * (execution.qty if body.side is Side.BUY else -execution.qty)
        position = self.positions.get(body.symbol)
        if position is None:
            position = self.positions[body.symbol] = Position()
        position.qty = body.position
        position.cost += signed + body.realized_usd
        self.cash -= signed + execution.fee
        self.fees += execution.fee
        self.day_fees += execution.fee
        self.realized += body.realized_usd
        self.day_realized += body.realized_usd
        if not body.position:
            assert not position.cost, "a flat position still has a cost"
            del self.positions[body.symbol]
        if self._market is not None:
            self._held[self._market.table.row(body.symbol)] = body.position
