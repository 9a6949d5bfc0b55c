"""Watchlist, positions, orders and trades as they are shown."""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import Final

from qm.clock import MINUTE
from qm.engine.book import Book
from qm.execution.orders import Working
from qm.journal.trades import OpenTrade
from qm.market.levels import IDLE
from qm.model.events import Released, TradeClosed
from qm.model.order import OrderStatus, Purpose, Side
from qm.strategies.desk import Work
from qm.watchlist.watchlist import Watch
from qm.wire.views import OrderView, PositionView, TradeView, WatchView

ORDERS_SHOWN: Final = 200
WATCHED_SHOWN: Final = 200


class OrderRows:
    """Makes the rows of the newest orders; a row is made again only when something happened to its order."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, OrderView]] = {}

    def rows(self, book: Book) -> list[OrderView]:
        """Return the newest orders of the session and, however old, all that may still fill; newest first."""
        whole = reversed(book.orders.all.values())
        newest = list(islice(whole, ORDERS_SHOWN))
        # Nobody may take a book for flat because an old order was not shown.
        newest += [w for w in whole if not w.done]
        before, self._made = self._made, {}
        out = []
        for w in newest:
            made = before.get(w.order.id)
            view = made[1] if made is not None and made[0] == w.seq else order_view(w)
            self._made[w.order.id] = (w.seq, view)
            out.append(view)
        return out


def order_view(w: Working) -> OrderView:
    """Return one order; a protective leg shows as many shares as its parent's fills made it cover."""
    order = w.order
    note = w.note or ("cancel asked" if w.asked and not w.done else "")
    return OrderView(
        id=order.id,
        symbol=order.symbol,
        side=order.side.value,
        purpose=order.purpose.value,
        type=order.type.value,
        qty=order.qty if not order.parent or not w.active else w.active,
        filled=w.filled,
        avg_price=round(float(w.value / w.filled), 6) if w.filled else None,
        limit=None if order.limit is None else float(order.limit),
        stop=None if order.stop is None else float(order.stop),
        status=w.status.value,
        strategy=order.strategy,
        ts=w.ts,
        note=note,
    )


def trade_view(body: TradeClosed) -> TradeView:
    """Return one closed trade."""
    return TradeView(
        trade=body.trade,
        symbol=body.symbol,
        strategy=body.strategy,
        side=body.side.value,
        qty=body.qty,
        opened=body.opened,
        closed=body.closed,
        entry_price=float(body.entry_price),
        exit_price=float(body.exit_price),
        net_usd=float(body.net_usd),
        fees_usd=float(body.fees_usd),
        r=body.r,
        mfe_usd=body.mfe_usd,
        mae_usd=body.mae_usd,
        reason=body.reason,
    )


def positions(book: Book) -> list[PositionView]:
    """Return the open positions, the oldest first."""
    out = []
    for symbol, position in book.portfolio.positions.items():
        trade = book.trades.open.get(symbol)
        row = book.market.table.row(symbol)
        average = float(position.price)
        unrealized = book.portfolio.unrealized(symbol)
        best, worst = _excursions(book, row, average, trade)
        out.append(
            PositionView(
                symbol=symbol,
                strategy=trade.strategy if trade else "",
                qty=position.qty,
                avg_price=round(average, 6),
                last=_last(book, row),
                unrealized_usd=None if unrealized is None else round(unrealized, 2),
                r=open_r(trade, unrealized),
                stop=_stop(book, symbol, trade),
                protected_qty=min(abs(position.qty), book.orders.protecting(symbol)),
                mfe_usd=best,
                mae_usd=worst,
                opened=trade.first_ts if trade else 0,
            )
        )
    return out


def open_r(trade: OpenTrade | None, unrealized_usd: float | None) -> float | None:
    """Return what a trade has made so far in units of its risk, parts already closed included; None when not known."""
    if trade is None or unrealized_usd is None or not trade.per_share * trade.qty > 0:
        return None
    made = unrealized_usd + float(trade.realized - trade.fees)
    return round(made / (trade.per_share * trade.qty), 2)


def watchlist(book: Book, released: dict[str, Released]) -> list[WatchView]:
    """Return the watched symbols, the longest there first, and after them those that a strategy was assigned.

    `released` says by symbol who let go of it last.
    """
    watched = book.watchlist.watched()
    names = book.market.table.names
    symbols = list(islice(dict.fromkeys([*watched, *(names[row] for row in book.desk.works)]), WATCHED_SHOWN))
    return [_watch(book, symbol, watched.get(symbol), released.get(symbol)) for symbol in symbols]


def _watch(book: Book, symbol: str, watch: Watch | None, released: Released | None) -> WatchView:
    market = book.market
    row = market.table.row(symbol)
    work, trade = book.desk.works.get(row), book.trades.open.get(symbol)
    entering = next((w for w in book.orders.open(symbol) if w.order.purpose is Purpose.ENTRY), None)
    state, strategy, reason = _state(book, row, work, trade, entering, released)
    entry, stop = _levels(book, symbol, row, work, trade, entering)
    left = None
    # When its time is over it stays as long as a hit is alive or something is held: nobody knows how long that is.
    if watch is not None and watch.until > market.now and not watch.pinned:
        left = -(-(watch.until - market.now) // MINUTE)
    last, prior = _last(book, row), float(market.reference.prior_close[row])
    return WatchView(
        symbol=symbol,
        strategy=strategy,
        state=state,
        reason=reason or (watch.reason if watch else "assigned"),
        last=last,
        chg_pct=round(100 * (last / prior - 1), 2) if last is not None and prior > 0 else None,
        entry=entry,
        stop=stop,
        minutes_left=left,
    )


def _state(
    book: Book,
    row: int,
    work: Work | None,
    trade: OpenTrade | None,
    entering: Working | None,
    released: Released | None,
) -> tuple[str, str, str]:
    """Return state, strategy and, where it has its own, the reason."""
    if trade is not None:
        return "in position", trade.strategy, ""
    if work is not None:
        levels = book.market.levels
        armed = entering or levels.of(row, work.strategy) != IDLE or work.strategy in levels.followers(row)
        return "armed" if armed else "planned", work.strategy, ""
    if released is not None:
        state = "released" if released.reason == f"{released.strategy} failed" else "done"
        return state, released.strategy, released.reason
    return "watched", "", ""


def _levels(
    book: Book, symbol: str, row: int, work: Work | None, trade: OpenTrade | None, entering: Working | None
) -> tuple[float | None, float | None]:
    """Return the price at which a symbol is, or would be, entered, and the stop."""
    if trade is not None:
        position = book.portfolio.positions.get(symbol)
        return (round(float(position.price), 6) if position else None), _stop(book, symbol, trade)
    if entering is not None:
        order = entering.order
        at = order.stop if order.stop is not None else order.limit
        leg = next((w.order.stop for w in book.orders.open(symbol) if w.order.parent == order.id), None)
        return (None if at is None else float(at)), (None if leg is None else float(leg))
    if work is None:
        return None, None
    up, down, close_up, close_down = book.market.levels.of(row, work.strategy)
    return next((level for level in (up, close_up, down, close_down) if isfinite(level)), None), None


def _stop(book: Book, symbol: str, trade: OpenTrade | None) -> float | None:
    """Return the price of the stop that works, or the one that the strategy keeps itself."""
    for w in book.orders.open(symbol):
        if w.order.purpose is Purpose.PROTECT and w.status is OrderStatus.WORKING and w.order.stop is not None:
            return float(w.order.stop)
    return None if trade is None or trade.protect is None else round(trade.protect, 4)


def _last(book: Book, row: int) -> float | None:
    last = float(book.market.col["last"][row])
    return last if last > 0 else None


def _excursions(book: Book, row: int, average: float, trade: OpenTrade | None) -> tuple[float | None, float | None]:
    """Return the largest open profit and loss that the position has seen, $; None when nobody looked."""
    high, low = float(book.market.col["since_high"][row]), float(book.market.col["since_low"][row])
    if trade is None or not (isfinite(high) and isfinite(low)):
        return None, None
    best, worst = (high - average, average - low) if trade.side is Side.BUY else (average - low, high - average)
    return round(max(0.0, best) * trade.qty, 2), round(max(0.0, worst) * trade.qty, 2)
