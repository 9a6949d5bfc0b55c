"""Closed trades, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from qm.wire.views import TradeView
from tui.format import clock, in_r, price, signed
from tui.link import Moment
from tui.panes.pane import TablePane
from tui.widgets.cells import by_sign
from tui.widgets.columns import Column, faint, number, words


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A closed trade as a row."""

    trade: TradeView

    @property
    def key(self) -> str:
        """The trade's id."""
        return self.trade.trade

    @property
    def symbol(self) -> str:
        """The symbol traded."""
        return self.trade.symbol

    @property
    def qty(self) -> int:
        """Shares, below zero when the trade was short."""
        short = self.trade.side.casefold() in {"short", "sell"}
        return -self.trade.qty if short else self.trade.qty


class TradesPane(TablePane[TradeRow]):
    """Show the trades of the session."""

    NAME: ClassVar[str] = "trades"
    NUMBER: ClassVar[int] = 7
    EMPTY: ClassVar[str] = "no trade closed yet"

    def columns(self) -> Sequence[Column[TradeRow]]:
        """Return result, prices and reason."""
        return (
            number("closed", "CLOSED", 8, lambda row: row.trade.closed, clock, faint, rank=3),
            words("symbol", "SYM", 6, lambda row: row.symbol),
            number("qty", "QTY", 7, lambda row: row.qty, signed, rank=1),
            number("entry", "IN", 8, lambda row: row.trade.entry_price, price, rank=4),
            number("exit", "OUT", 8, lambda row: row.trade.exit_price, price, rank=4),
            number("net", "NET $", 7, lambda row: row.trade.net_usd, signed, by_sign),
            number("r", "R", 6, lambda row: row.trade.r, in_r, by_sign),
            words("reason", "EXIT", 8, lambda row: row.trade.reason, faint, rank=2, grow=12),
            number("mfe", "MFE $", 6, lambda row: row.trade.mfe_usd, signed, faint, rank=6),
            number("mae", "MAE $", 6, lambda row: row.trade.mae_usd, signed, faint, rank=6),
            words("strategy", "STRATEGY", 10, lambda row: row.trade.strategy, rank=5, grow=6),
        )

    def heading(self, moment: Moment) -> str:
        """Return how many trades were closed, and their result."""
        trades = moment.replica.trades
        return f"TRADES {len(trades)}  net {signed(sum(trade.net_usd for trade in trades), 2)}"

    def rows(self, moment: Moment) -> Sequence[TradeRow]:
        """Return the trades, the newest first."""
        return [TradeRow(trade) for trade in reversed(moment.replica.trades)]
