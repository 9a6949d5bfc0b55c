"""From an open position back to flat: leaving, protecting, and the flatten protocol."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from qm.clock import MINUTE
from qm.engine.book import Book
from qm.engine.settings import ExitAtClose
from qm.execution.orders import Working
from qm.journal.trades import OpenTrade
from qm.market.standing import listing_of
from qm.model.effects import Cancel, Notify, Replace, Submit
from qm.model.events import CancelAsked, Flattened, FlattenStarted, Intended, Unprotected
from qm.model.order import Order, OrderStatus, OrderType, Purpose, Side
from qm.rules.ticks import Rounding, round_to_tick

MAX_RENEWALS = 3
"""Protection of a symbol is renewed so often in a session; after that the position is closed instead."""
MAX_REJECTS = 3
"""An exit refused so often by the broker is not repeated before a minute has passed."""
MAX_KEPT = 3
"""A broker that refused so often to replace a stop of a symbol is asked to cancel it instead, and gets a new one."""
END_OF_DAY = "end of day"
"""Why everything is closed when the day ends."""
RETRY = "retry"
"""Key of the timer that repeats what was refused."""


class Closing:
    """Takes positions down, and sees that every open share is covered until then."""

    def __init__(self, book: Book, id_prefix: str) -> None:
        self.book = book
        self.id_prefix = id_prefix
        """Mode letter and run number: the part of an order id that no other run shares."""

    def leave(self, symbol: str, patient: bool = False) -> None:
        """Take the next step in a symbol that is to be left, whole or in part; `patient` repeats what was refused."""
        book = self.book
        wish = book.leaving.wanted(symbol)
        if wish is None or symbol not in book.market.table:
            return
        held = book.portfolio.qty(symbol)
        at_close = book.settings.exit_at_close is ExitAtClose.AUCTION and wish.reason == END_OF_DAY
        if wish.shares:
            step = book.leaving.part(symbol, held, book.orders)
        else:
            step = book.leaving.step(symbol, held, book.orders, at_close)
        for order_id in step.cancel:
            self._cancel(order_id, wish.reason, wish.seq)
        if not step.sell:
            return
        if not patient and book.orders.refusals.get(symbol, 0) >= MAX_REJECTS:
            book.effects.append(Notify("critical", f"{symbol}: the broker refuses to let us out; trying every minute"))
            if not book.market.timers.has(RETRY):
                book.market.timers.set(book.market.now + MINUTE, RETRY)
            return
        trade = book.trades.open.get(symbol)
        strategy = "operator" if trade is None else trade.strategy
        order = Order(
            id=self.order_id(strategy, symbol, "X"),
            symbol=symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            qty=step.sell,
            type=OrderType.MOC if at_close and book.market.now < self._auction_until(symbol) else OrderType.MARKET,
            purpose=wish.purpose,
            strategy=strategy,
            trade="" if trade is None else trade.id,
        )
        self._send_out(order, held, wish.seq)

    @property
    def auction_until_ns(self) -> int:
        """From here on the closing auction may take no order any more, wherever a symbol is listed; ns UTC."""
        return self.book.rules.auctions[OrderType.MOC].enter_until_ns

    def _auction_until(self, symbol: str) -> int:
        book = self.book
        listing = listing_of(book.market, book.market.table.row(symbol)) or ""
        times = book.rules.auction(OrderType.MOC, listing)
        assert times is not None
        return times.enter_until_ns

    def retry(self) -> None:
        """Send again what was refused a minute ago."""
        self.flatten_on(patient=True)

    def tidy(self, symbol: str) -> None:
        """Cancel what would still close a position that is flat already, before it opens another."""
        for w in list(self.book.orders.open(symbol)):
            asleep = w.status is OrderStatus.HELD and not self._parent_done(w)
            if w.order.purpose is not Purpose.ENTRY and not (asleep or w.asked or w.status is OrderStatus.INTENDED):
                self._cancel(w.order.id, "the position is flat", w.seq)

    def protect(self, symbol: str, overdue: bool = False) -> None:
        """Make sure that every open share of a symbol is covered: by a stop, by its strategy, or by being sold.

        Stops that cover more than that, or stand where the strategy no longer wants them, are replaced. A stop whose
        answer is under way is waited for; when it is `overdue`, a leg that did not wake is canceled.
        """
        book = self.book
        held = book.portfolio.qty(symbol)
        if not held or book.leaving.wish(symbol) is not None or symbol not in book.market.table:
            return
        trade = book.trades.open.get(symbol)
        if not book.orders.open(symbol) and self._watched(trade):
            return
        bare = to_cover = max(0, abs(held) - book.orders.leaving(symbol) - book.leaving.waiting(symbol))
        stops = book.orders.stops(symbol)
        awaited = [w for w in stops if self.awaits(w)]
        if stops:
            if trade is not None and not awaited:
                self._adjust(trade, held, to_cover)
            # While a replacement is on its way, what it replaces goes on covering.
            awaited = [w for w in awaited if not self._replacing(w)]
            bare = to_cover - book.orders.protecting(symbol, held)
        if bare <= 0:
            return
        if trade is None:
            text = f"{symbol}: {held} shares are held outside any trade, and nothing protects them"
            book.effects.append(Notify("critical", text))
            return
        if self._watched(trade):
            return
        if awaited:
            if overdue:
                self._hurry(awaited)
            return
        stated = book.state(Unprotected(symbol, bare), trade.entry_seq)
        last = book.market.col["last"].item(book.market.table.row(symbol))
        stop = trade.protect
        broken = stop is None or not (last - stop) * held > 0
        if broken or book.unprotected[symbol] > MAX_RENEWALS:
            self.flatten(symbol, "no stop could be placed", stated.seq)
            return
        assert stop is not None
        order = Order(
            id=self.order_id(trade.strategy, symbol, "P"),
            symbol=symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            qty=bare,
            type=OrderType.STOP,
            purpose=Purpose.PROTECT,
            strategy=trade.strategy,
            stop=self.price(stop),
            trade=trade.id,
        )
        self._send_out(order, held, stated.seq)

    def flatten(self, symbol: str | None, reason: str, cause: int = 0) -> None:
        """Begin to close a symbol, or everything; it ends when the fills say flat."""
        self.book.state(FlattenStarted(symbol, reason), cause)
        self.flatten_on(patient=True)

    def flatten_on(self, patient: bool = False) -> None:
        """Go on with flattening: take the next step in every symbol that is not flat."""
        book = self.book
        everything = bool(book.leaving.flatten_all)
        symbols = dict.fromkeys([*book.leaving.wishes, *book.leaving.parts])
        if everything:
            symbols |= dict.fromkeys([*book.portfolio.positions, *book.orders.open_symbols()])
        for symbol in symbols:
            self.leave(symbol, patient)
        self.flattened(symbols)

    def flattened(self, symbols: Iterable[str]) -> None:
        """State which of these symbols has become flat, and whether everything has."""
        book = self.book
        for symbol in symbols:
            wish = book.leaving.wishes.get(symbol)
            if wish is not None and not book.portfolio.qty(symbol) and not book.orders.open(symbol):
                book.state(Flattened(symbol), wish.seq)
        if book.leaving.flatten_all and not book.portfolio.positions and not book.orders.open_symbols():
            book.state(Flattened(None), book.leaving.flatten_seq)

    def cancel(self, order_id: str, reason: str, cause: int) -> bool:
        """Ask for an order to be canceled; False when there is nothing to cancel."""
        w = self.book.orders.all.get(order_id)
        if w is None or w.done:
            return False
        self._cancel(order_id, reason, cause)
        return True

    def price(self, price: float) -> Decimal:
        """Return a price as an order may carry it."""
        return _nearest(price, self.book.market.session.date)

    def last(self, row: int) -> float | None:
        """Return the last price of a symbol, $; None before the first of the session."""
        last: float = self.book.market.col["last"].item(row)
        return last if last > 0.0 else None

    def order_id(self, strategy: str, symbol: str, leg: str) -> str:
        """Return the id of the next order: derived, and never used before."""
        about = f"{_short(strategy)}-{_digits(self.book.market.session.date)}-{_plain(symbol)}"
        # Counting in the fold, and not in memory, is what keeps an id from being used twice after a restart.
        return f"{self.id_prefix}-{about}-{self.book.orders.count + 1}{leg}"

    def awaits(self, w: Working) -> bool:
        """Say whether an order's next report is on its way: its fate, its waking after its parent's fill, or the end of
        the order that it replaces: only that says how many shares the other has filled."""
        if w.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
            return True
        if self._replacing(w):
            return True
        parent = self.book.orders.all.get(w.order.parent or "")
        return parent is not None and parent.filled > w.active

    def _watched(self, trade: OpenTrade | None) -> bool:
        """Say whether a trade has no stop at the broker because its strategy leaves it, and still works it."""
        if trade is None or trade.resting:
            return False
        work = self.book.desk.works.get(self.book.market.table.row(trade.symbol))
        return work is not None and work.strategy == trade.strategy

    def _replacing(self, w: Working) -> bool:
        replaced = self.book.orders.all.get(w.order.replaces or "")
        return replaced is not None and not replaced.done

    def _parent_done(self, w: Working) -> bool:
        parent = self.book.orders.all.get(w.order.parent or "")
        return parent is None or parent.done

    def _hurry(self, awaited: list[Working]) -> None:
        for w in awaited:
            if w.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
                text = f"{w.order.symbol}: it is not known whether the stop {w.order.id} works"
                self.book.effects.append(Notify("critical", text))
            elif not w.asked:
                self._cancel(w.order.id, "it did not wake when its parent filled", w.seq)

    def _adjust(self, trade: OpenTrade, held: int, to_cover: int) -> None:
        """Reduce and move the working stops of a trade."""
        book, symbol = self.book, trade.symbol
        wanted = None if trade.protect is None else self.price(trade.protect)
        surplus = book.orders.stopping(symbol, held) - to_cover
        for w in reversed(book.orders.stops(symbol)):
            # A leg follows its parent as long as that may fill, and a stop that was met is on its way to the market.
            if w.asked or w.triggered or not w.left or not self._parent_done(w):
                continue
            if w.order.side.sign * held > 0:
                self._cancel(w.order.id, "the position has turned round", w.seq)
                continue
            drop = min(max(surplus, 0), w.left)
            price = wanted or w.order.stop
            if not drop and price == w.order.stop:
                continue
            surplus -= drop
            part = book.leaving.parts.get(symbol)
            cause = part.seq if drop and part else trade.protect_seq or w.seq
            if drop == w.left:
                self._cancel(w.order.id, "nothing is left for it to protect", cause)
            elif book.orders.kept.get(symbol, 0) >= MAX_KEPT:
                self._cancel(w.order.id, "it could not be replaced", cause)
            else:
                self._replace(w, w.left - drop, price, cause)

    def _replace(self, w: Working, qty: int, stop: Decimal | None, cause: int) -> None:
        book, old = self.book, w.order
        order = Order(
            id=self.order_id(old.strategy, old.symbol, "P"),
            symbol=old.symbol,
            side=old.side,
            qty=qty,
            type=OrderType.STOP,
            purpose=Purpose.PROTECT,
            strategy=old.strategy,
            stop=stop,
            trade=old.trade,
            replaces=old.id,
        )
        approved = book.gate.approve_replacement(order, old, w.left)
        if approved is not None:
            book.state(Intended(order, self.last(book.market.table.row(old.symbol))), cause)
            book.effects.append(Replace(old.id, approved))

    def _send_out(self, order: Order, held: int, cause: int) -> None:
        book = self.book
        session = book.market.session
        if book.market.now >= session.close_ns + MINUTE:
            # The session is over: nobody takes an order any more, and the next session closes what is held first.
            return
        others = book.orders.leaving(order.symbol) + book.orders.stopping(order.symbol, held)
        approved = book.gate.approve_leaving(order, held, others)
        if approved is None:
            return
        book.state(Intended(order, self.last(book.market.table.row(order.symbol))), cause)
        book.effects.append(Submit(approved))

    def _cancel(self, order_id: str, reason: str, cause: int) -> None:
        self.book.state(CancelAsked(order_id, reason), cause)
        self.book.effects.append(Cancel(order_id))


@lru_cache(maxsize=4096)
def _nearest(price: float, day: dt.date) -> Decimal:
    # The stop of a trade is compared with its orders at every report.
    return round_to_tick(price, Rounding.NEAREST, day)


@lru_cache(maxsize=64)
def _short(strategy: str) -> str:
    return strategy.replace("_", "")[:6]


@lru_cache(maxsize=64)
def _digits(day: dt.date) -> str:
    return f"{day:%Y%m%d}"


@lru_cache(maxsize=16_384)
def _plain(symbol: str) -> str:
    return symbol.replace(".", "").replace("-", "")[:6]
