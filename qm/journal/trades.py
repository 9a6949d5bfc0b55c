"""Trades, flat to flat, built from executions with what was known at entry and at exit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from qm.market.market import Market
from qm.market.rows import BARS
from qm.model.events import Entry, Filled, FlattenStarted, Intended, SessionStarted, Signal, StopMoved, TradeClosed
from qm.model.order import Order, Purpose, Side

ZERO = Decimal(0)
CENT_6 = Decimal("0.000001")


class OpenTrade:
    """A trade that is not flat yet."""

    __slots__ = (
        "ambiguous",
        "bought",
        "bought_usd",
        "entry_seq",
        "fees",
        "first_ts",
        "heat_cents",
        "id",
        "per_share",
        "protect",
        "protect_seq",
        "qty",
        "realized",
        "resting",
        "side",
        "sold",
        "sold_usd",
        "stop",
        "strategy",
        "symbol",
    )

    def __init__(
        self, name: str, order: Order, side: Side, ts: int, stop: float | None, per_share: float, seq: int
    ) -> None:
        self.id, self.symbol, self.strategy, self.side = name, order.symbol, order.strategy, side
        self.first_ts = ts
        self.stop = stop
        """Initial stop, $ per share."""
        self.protect = stop
        """Where the stop is to stand now, $ per share."""
        self.protect_seq = 0
        """The entry that moved it last; 0 while it stands where it began."""
        self.per_share = per_share
        """Risk per share at entry, costs included, $."""
        self.entry_seq = seq
        """The execution that opened it."""
        self.qty = 0
        self.heat_cents = 0
        """What is still at risk, in whole cents: of the shares held, from where the stop stands now."""
        self.bought = self.sold = 0
        self.bought_usd = self.sold_usd = self.fees = self.realized = ZERO
        self.ambiguous = False
        self.resting = True
        """Its stop rests at the broker; False when the strategy leaves at a bar's close."""


class Trades:
    """Folds executions into trades."""

    def __init__(self) -> None:
        self.open: dict[str, OpenTrade] = {}
        """By symbol; a symbol is in one trade at a time."""
        self._orders: dict[str, tuple[Order, float | None, float]] = {}
        self._yesterday: dict[str, tuple[Order, float | None, float]] = {}
        self._opened: dict[str, int] = {}
        self._entry: dict[str, tuple[int, Signal]] = {}
        """The last signal to enter, with its `seq`, by symbol and by trade."""
        self._exit: dict[str, tuple[int, Signal]] = {}
        self._flatten: dict[str | None, str] = {}
        self._market: Market | None = None
        # Whole cents, so that adding and taking away again leaves nothing behind.
        self._heat_cents = 0

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the trades."""
        return {
            SessionStarted: self._on_session,
            Signal: self._on_signal,
            FlattenStarted: self._on_flatten,
            StopMoved: self._on_stop_moved,
            Intended: self._on_intended,
            Filled: self._on_filled,
        }

    def begin(self, market: Market) -> None:
        """Take the market of a new session."""
        self._market = market

    def close(self, body: Filled) -> TradeClosed | None:
        """Return the whole trade when an execution goes flat; asked before that execution is applied."""
        trade = self.open.get(body.symbol)
        if body.position or trade is None:
            return None
        execution = body.execution
        bought, sold = (trade.bought, trade.sold)
        bought_usd, sold_usd = trade.bought_usd, trade.sold_usd
        if body.side is Side.BUY:
            bought, bought_usd = bought + execution.qty, bought_usd + execution.price * execution.qty
        else:
            sold, sold_usd = sold + execution.qty, sold_usd + execution.price * execution.qty
        gross = trade.realized + body.realized_usd
        fees = trade.fees + execution.fee
        price_in, price_out = (bought_usd / bought).quantize(CENT_6), (sold_usd / sold).quantize(CENT_6)
        if trade.side is Side.SELL:
            price_in, price_out = price_out, price_in
        risk = trade.per_share * trade.qty
        net = gross - fees
        mfe, mae = self._excursions(trade, float(price_in))
        order = self._known(execution.order)[0]
        left = self._exit.get(body.symbol)
        entered = self._entry.get(trade.id)
        return TradeClosed(
            trade=trade.id,
            symbol=trade.symbol,
            strategy=trade.strategy,
            side=trade.side,
            qty=trade.qty,
            opened=trade.first_ts,
            closed=execution.ts,
            entry_price=price_in,
            exit_price=price_out,
            gross_usd=gross,
            fees_usd=fees,
            net_usd=net,
            risk_usd=round(risk, 4),
            r=round(float(net) / risk, 4) if risk > 0 else None,
            mfe_usd=mfe,
            mae_usd=mae,
            reason=self._reason(trade, order, left[1] if left else None),
            ambiguous=trade.ambiguous or execution.ambiguous,
            entry_signal=entered[0] if entered else 0,
            exit_signal=left[0] if left and order.purpose is Purpose.EXIT else 0,
        )

    def heat_usd(self) -> float:
        """Return what is lost if every open trade is stopped out, $."""
        return self._heat_cents / 100

    def state(self) -> object:
        """Return what must be equal after a restart."""
        return [
            [t.id, t.symbol, t.qty, str(t.realized), str(t.fees), t.entry_seq, t.protect, t.protect_seq]
            for t in self.open.values()
        ]

    def _known(self, order_id: str) -> tuple[Order, float | None, float]:
        return self._orders.get(order_id) or self._yesterday[order_id]

    def _reason(self, trade: OpenTrade, order: Order, left: Signal | None) -> str:
        if order.purpose is Purpose.PROTECT:
            return "moved stop" if trade.protect_seq else "stop"
        if order.purpose is Purpose.FLATTEN:
            return self._flatten.get(order.symbol) or self._flatten.get(None, "flatten")
        return left.reason if left else "exit"

    def _excursions(self, trade: OpenTrade, price: float) -> tuple[float, float]:
        assert self._market is not None
        row = self._market.table.row(trade.symbol)
        high, low = self._market.col["since_high"].item(row), self._market.col["since_low"].item(row)
        best, worst = (high - price, price - low) if trade.side is Side.BUY else (price - low, high - price)
        return round(max(0.0, best) * trade.qty, 4), round(max(0.0, worst) * trade.qty, 4)

    def _on_session(self, entry: Entry) -> None:
        self._entry.clear()
        ordered = {v[0].trade for v in self._orders.values()}
        self._opened = {name: n for name, n in self._opened.items() if name in ordered}
        self._exit.clear()
        self._flatten.clear()
        # An order of yesterday may still fill, or be told of again.
        kept = {t.id for t in self.open.values()}
        held_over = {k: v for k, v in self._yesterday.items() if v[0].trade in kept}
        self._yesterday, self._orders = {**held_over, **self._orders}, {}

    def _on_signal(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Signal)
        (self._entry if body.entry else self._exit)[body.symbol] = entry.seq, body

    def _on_flatten(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, FlattenStarted)
        if body.symbol is None:
            self._flatten.clear()
        self._flatten[body.symbol] = body.reason

    def _on_stop_moved(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, StopMoved)
        trade = self.open.get(body.symbol)
        if trade is not None:
            trade.protect, trade.protect_seq, trade.resting = body.stop, entry.seq, True
            left = trade.bought - trade.sold if trade.side is Side.BUY else trade.sold - trade.bought
            self._heat(trade, abs(left))

    def _on_intended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Intended)
        order, sizing = body.order, body.sizing
        stop = None
        if order.purpose is Purpose.ENTRY:
            signal = self._entry.get(order.symbol)
            if signal is not None:
                self._entry[order.trade] = signal
                stop = signal[1].stop
        self._orders[order.id] = (order, stop, sizing.risk_per_share if sizing else 0.0)

    def _on_filled(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Filled)
        execution = body.execution
        order, stop, per_share = self._known(execution.order)
        trade = self.open.get(body.symbol)
        if trade is None:
            # A fill that comes after its trade was closed opens another trade, and must not pass for the first.
            times = self._opened[order.trade] = self._opened.get(order.trade, 0) + 1
            name = order.trade if times == 1 else f"{order.trade}/{times}"
            trade = OpenTrade(name, order, body.side, execution.ts, stop, per_share, entry.seq)
            self.open[body.symbol] = trade
            signal = self._entry.get(order.trade)
            trade.resting = signal is None or signal[1].resting_stop
            self._reset_extremes(body.symbol, execution.ts, float(execution.price))
        trade.ambiguous |= execution.ambiguous
        trade.fees += execution.fee
        trade.realized += body.realized_usd
        amount = execution.price * execution.qty
        if body.side is Side.BUY:
            trade.bought, trade.bought_usd = trade.bought + execution.qty, trade.bought_usd + amount
        else:
            trade.sold, trade.sold_usd = trade.sold + execution.qty, trade.sold_usd + amount
        trade.qty = max(trade.qty, abs(body.position))
        self._heat(trade, abs(body.position))
        if not body.position:
            del self.open[body.symbol]

    def _heat(self, trade: OpenTrade, shares: int) -> None:
        """Count anew what a trade may still lose."""
        secured = 0.0
        if trade.protect is not None and trade.stop is not None:
            secured = (trade.protect - trade.stop) * trade.side.sign
        before, trade.heat_cents = trade.heat_cents, round(shares * max(0.0, trade.per_share - secured) * 100)
        self._heat_cents += trade.heat_cents - before

    def _reset_extremes(self, symbol: str, ts: int, price: float) -> None:
        assert self._market is not None
        col, row = self._market.col, self._market.table.row(symbol)
        high = low = price
        # A fill at a bar's open has that whole bar still before it; one inside the bar does not know which part.
        if col["source"].item(row) == BARS and ts == col["bar_start"].item(row):
            high, low = max(high, col["bar_high"].item(row)), min(low, col["bar_low"].item(row))
        col["since_high"][row], col["since_low"][row] = high, low
