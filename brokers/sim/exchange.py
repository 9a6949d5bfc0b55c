"""The simulated exchange: it lives in the market's own order of events and fills as honestly as the data allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from brokers.sim.auctions import OVER, above_bid, is_over, of_bar, of_print, remember, settle_untold, worked
from brokers.sim.bars import Bar, BarMatch
from brokers.sim.book import Book, Plain, Resting, Traded, problem, unfit
from brokers.sim.clearing import Before, Clearing, Costs, Moment
from brokers.sim.fills import meet_print, meet_quote
from brokers.sim.restrictions import hold_back, outermost, short_problem
from brokers.sim.settings import MS, SimSettings
from brokers.sim.spreads import spread_of
from qm.clock import SECOND
from qm.market.market import Market, Record
from qm.market.rows import PRINTS
from qm.market.standing import listing_of
from qm.model.approved import Approved
from qm.model.inputs import Accepted, AnyReport, CancelRefusal, Gone, Refusal, StopMet, Wake
from qm.model.market import Kind, Print, Status
from qm.model.order import FOR_AUCTIONS, Order, OrderStatus, Purpose, Side
from qm.rules.auctions import may_cancel, may_enter

BAR, TRADE, QUOTE, STATUS = int(Kind.BAR), int(Kind.TRADE), int(Kind.QUOTE), int(Kind.STATUS)
HALTED = int(Status.HALTED)
ENTRY, SELL = Purpose.ENTRY, Side.SELL
ELIGIBLE = int(Print.LAST | Print.HIGH_LOW)


class SimExchange:
    """A `Venue` on armed levels; construct with a market, a fee schedule and the assumptions.

    Never: at the record during which an order was submitted, before it is live (`latency_ns`), while its symbol is
    halted or paused, outside the volatility bands, outside regular hours (unless marked for extended hours, which only
    limit orders can be), at a price off the tick, beyond a limit, across zero for an order that is not an entry, short
    what cannot be borrowed, or short into the bid while short sales are restricted. Orders for an auction fill in it
    alone, see `brokers.sim.auctions`; they are taken, and given back, until the cut-offs of the listing exchange.

    Where the feed tells bands, a print or the far side of a quote beyond them fills nothing. Where it tells none, what
    it shows as traded was inside them, and only slippage on top of that stops at the bands as they are estimated.

    On bars:
    - Market: at the open of the first bar that begins at or after the order is live. An order that goes live inside a
      bar fills in that bar, at the open moved against it (see `Bar.price_at`).
    - Stop: when the range touches it, at the stop, or at the open when that is beyond it.
    - Limit: on arrival at the open when that is at least a tick better. Once it has had to wait at its limit, when the
      open or the range is a tick through it.
    - Stop limit: triggered as a stop, then a limit. In the bar that triggers it, it fills when the stop, and failing
      that the close, is a tick better than the limit.
    - A bar without volume fills nothing, nor does a bar inside which quotes were seen: those have decided already.

    On prints and quotes (prints count when they may set both the last price and the high or low):
    - Market, and what a stop becomes: at a quote, its far side; at a print, the worse of the print and the far side of
      a valid quote no older than `quote_age_ms`.
    - Stop: triggered by a print at or beyond it; where a symbol has no prints, by the near side of a quote, so that any
      trade would have been beyond it.
    - Limit: on arrival it takes what a market order would get, if the limit allows. Once it has had to wait it fills
      at its limit, when a print trades a tick through it or the far side of a quote reaches it.

    Where no quote prices the taking of liquidity, slippage is added, inside the limit: the largest of basis points,
    ticks and half of the spread. A cap by `participation` leaves
    the rest working. A leg is held until its parent fills, and never works more shares than its parent has filled.

    A bar may leave it open what happened first: whether a leg was reached after its parent filled inside the bar, and
    whether the stop or the target of a position was. `intrabar` says what is then assumed:

    - pessimistic: a leg's stop was reached after its parent filled, its target before; a position's stop came first.
    - path: what follows from `Bar.reached`.
    - optimistic: the opposite of pessimistic.

    Entries fill alike in all three. So does an order of its own that goes live inside a bar: a stop counts as touched,
    a limit fills only when that is certain. An execution is `ambiguous` when another order of events could have made
    the trade another one: of a parent, when it is open if its leg was reached; of a leg and an exit, when they filled
    because of what was assumed. It follows from bar and orders alone, never from `intrabar`. A trade that is spared one
    stop may still fare worse afterwards, so that whole runs need not be in the order of the three.

    Executions carry the start of their bar, or the time at which the order went live in it.

    Reports come in this order: at the open, limits of exits that precede their stops, stops inside the bar, limits
    inside the bar; within each by submission, with a leg right after its parent.
    """

    def __init__(self, market: Market, costs: Costs, settings: SimSettings | None = None) -> None:
        self._settings = settings or SimSettings()
        self._clearing = Clearing(costs, self._settings, market.session.date, self._bands, self._spread)
        self.begin(market)

    def begin(self, market: Market) -> None:
        """Go on in the market of a new session; ValueError while orders of the last one work (see `end_session`)."""
        if self._clearing.orders:
            raise ValueError("orders of the session before are still working")
        self._market = market
        if market.session.date != self._clearing.day:
            self._clearing.begin(market.session.date)
        self._books: dict[int, Book] = {}
        self._bid, self._ask, self._quote_ts = market.col["bid"], market.col["ask"], market.col["quote_ts"]
        self._bid_size, self._ask_size = market.col["bid_size"], market.col["ask_size"]
        self._last_ts = market.col["ts"]
        self._source, self._status = market.col["source"], market.col["status"]
        self._low, self._high = market.col["band_low"], market.col["band_high"]
        self._opens, self._closes = market.session.open_ns, market.session.close_ns

    def restore(
        self,
        working: Iterable[Plain],
        executions: int,
        positions: Mapping[str, int] | None = None,
        traded: Iterable[Before] = (),
    ) -> None:
        """Take up the working orders, the count of executions and the signed positions with which a journal ends.

        `traded` are the executions of the session so far: on their sum its fees are rounded, and what they took of a
        quote a moment ago is not there yet. The market must have been replayed to there.
        """
        clearing = self._clearing
        clearing.executions = executions
        clearing.recall(traded)
        clearing.positions = {symbol: shares for symbol, shares in (positions or {}).items() if shares}
        working = tuple(working)
        for order, _, filled, status, active, sent_ns, triggered in working:
            row = self._market.table.row(order.symbol)
            one = self._rest(order, row, sent_ns)
            one.filled = filled
            one.active = order.qty if active is None else active
            one.held = status is OrderStatus.HELD
            if filled or triggered:
                one.stop, one.told = None, True
            met = max(self._last_ts.item(row), self._quote_ts.item(row))
            if one.auction is not None:
                self._recall_close(row, one)
            else:
                one.patient = one.limit is not None and one.stop is None and one.live < met
        for order, leg_of, *_ in working:
            parent = clearing.orders.get(leg_of) if leg_of is not None else None
            if parent is not None:
                one = clearing.orders[order.id]
                parent.leg, one.parent = one, parent
                one.active = min(parent.filled, order.qty)
        for row in list(self._books):
            self._settle(row)

    def submit(self, order: Approved[Order], leg: Approved[Order] | None, now: int) -> Sequence[AnyReport]:
        """Take an order and the leg that its fills wake: both are accepted, or both refused.

        An id that works already is accepted again and changes nothing.
        """
        parent, child = order.value, leg.value if leg is not None else None
        if parent.id not in self._clearing.orders:
            row, why = self._refuses(parent, now)
            if child is not None and not why:
                why = self._refuses(child, now)[1]
                why = why or ("" if child.symbol == parent.symbol else "a leg of another symbol")
            if why:
                return [Refusal(one.id, now, why) for one in (parent, child) if one is not None]
            one = self._rest(parent, row, now)
            if child is not None:
                held = one.leg = self._rest(child, row, now)
                held.parent, held.held, held.active = one, True, 0
            self._settle(row)
        accepted = Accepted(parent.id, now, "sim-" + parent.id)
        if child is None:
            return (accepted,)
        return (accepted, Accepted(child.id, now, "sim-" + child.id, held=True))

    def cancel(self, order_id: str, now: int) -> Sequence[AnyReport]:
        """Cancel the rest of an order at once; one that has ended was reported before, so nothing is said of it.

        After the cut-off of its auction an order goes on, and the answer says so.
        """
        one = self._clearing.orders.get(order_id)
        if one is None:
            return ()
        if one.auction is not None:
            listing = listing_of(self._market, self._market.table.row(one.order.symbol))
            allowed = may_cancel(one.order.type, self._market.session, now, listing)
            if not allowed.ok:
                return (CancelRefusal(order_id, now, allowed.reason),)
        reports: list[AnyReport] = []
        self._clearing.end(one, "canceled", now, reports)
        self._settle(self._market.table.row(one.order.symbol))
        return reports

    def replace(self, order_id: str, order: Approved[Order], now: int) -> Sequence[AnyReport]:
        """Let an order take the place of one that waits for its stop or limit; else refuse it and change nothing."""
        new, old = order.value, self._clearing.orders.get(order_id)
        if old is None:
            return [Refusal(new.id, now, "there is nothing to replace")]
        row, why = self._refuses(new, now)
        why = why or unfit(old, new)
        if why:
            return [Refusal(new.id, now, why)]
        reports: list[AnyReport] = []
        self._clearing.end(old, "replaced", now, reports)
        self._rest(new, row, now)
        self._settle(row)
        return [*reports, Accepted(new.id, now, "sim-" + new.id)]

    def end_session(self, now: int) -> Sequence[AnyReport]:
        """Expire what still works, in the order of submission, once a closing auction that nobody told is settled."""
        orders = self._clearing.orders
        reports: list[AnyReport] = []
        if orders:
            moment = Moment(now, now, self._market.consumed, inf, reports)
            for row, book in self._books.items():
                if self._status.item(row) < HALTED:
                    settle_untold(book, self._market, row, moment, self._clearing)
            reports += [Gone(name, now, "end of the session", expired=True) for name in orders]
        for one in orders.values():
            one.done = True
        orders.clear()
        for row in list(self._books):
            self._settle(row)
        return reports

    def on_wake(self, wake: Wake) -> Sequence[AnyReport]:
        """Let the orders of the symbol that woke meet the record that woke it."""
        row, market = wake.sym, self._market
        book, record = self._books.get(row), market.record
        if book is None or record is None:
            return ()
        at, kind = record[1], record[3]
        if kind == STATUS:
            _mark(book, at, halted=record[5] >= HALTED)
            return ()
        regular = self._opens <= at < self._closes
        if self._status.item(row) >= HALTED or not (regular or book.special):
            return ()
        reports: list[AnyReport] = []
        moment = Moment(wake.ts, at, market.consumed, inf, reports)
        orders = self._awake(book, row, reports)
        if book.special:
            orders = self._special(book, orders, row, record, moment)
        if kind == BAR:
            self._bar(orders, row, record, moment)
        elif kind == TRADE:
            self._print(orders, row, record, moment)
        elif kind == QUOTE:
            self._quote(orders, row, record, moment)
        for one in book.orders:
            if one.stop is None and not (one.told or one.done or one.filled):
                one.told = True
                reports.append(StopMet(one.order.id, wake.ts))
        if book.special:
            self._expire(book, at, kind, moment)
        self._settle(row)
        return reports

    def _awake(self, book: Book, row: int, reports: list[AnyReport]) -> list[Resting]:
        orders, market = book.orders, self._market
        if market.reopened_ns:
            # What happened before the whole market went on is not for an order that waited.
            for one in orders:
                one.live = max(one.live, market.reopened_ns)
        if book.shorts and hold_back(orders, market, row, self._clearing, reports):
            return [one for one in orders if not one.done]
        return orders

    def _special(self, book: Book, orders: list[Resting], row: int, record: Record, moment: Moment) -> list[Resting]:
        """Let a print fill the orders of its auction; return those that the record may fill otherwise."""
        of = self._market.session
        remember(book, record, of)
        if record[3] == BAR:
            return above_bid(of_bar(orders, record, of), record[6], self._market, row)
        if record[3] == TRADE:
            auction = above_bid(of_print(orders, record, of), record[6], self._market, row)
            moment.room = self._clearing.room(record[7])
            for one in auction:
                if one.since < moment.number and not one.held:
                    self._clearing.fill(one, record[6], moment, moment.at)
        return [one for one in orders if worked(one, moment.at, of)]

    def _expire(self, book: Book, at: int, kind: int, moment: Moment) -> None:
        for one in book.orders:
            if one.auction is not None and not one.done and is_over(one, at, kind, self._market.session):
                self._clearing.end(one, OVER, moment.now, moment.reports, expired=True)

    def _bar(self, orders: list[Resting], row: int, record: Record, moment: Moment) -> None:
        ts, start, _, _, _, seconds, opened, high, low, close, volume = record
        if self._source.item(row) == PRINTS:
            return
        if self._quote_ts.item(row) > start:
            # An auction has one price, whatever was quoted around it.
            orders = [one for one in orders if one.auction is not None]
        if not (0.0 < low <= opened <= high and low <= close <= high):
            return
        end = start + seconds * SECOND if seconds > 0 else ts
        if not volume > 0.0:
            for one in orders:
                # Nobody traded while it was there: from then on it waits at its limit.
                waits = one.limit is not None and one.stop is None and not (one.held or one.auction)
                one.patient = one.patient or (waits and one.live < end)
            return
        moment.room = self._clearing.room(volume)
        moment.low, moment.high = low, high
        BarMatch(orders, Bar(start, end, opened, high, low, close), moment, self._clearing).run()

    def _print(self, orders: list[Resting], row: int, record: Record, moment: Moment) -> None:
        price, size = record[6], record[7]
        if record[4] & ELIGIBLE != ELIGIBLE or not price > 0.0:
            return
        low, high = self._told_bands(row)
        if not low <= price <= high:
            # It is exempt from the plan or wrong: nobody else could have traded there.
            return
        moment.room = self._clearing.shown(size)
        bid, ask = self._bid.item(row), self._ask.item(row)
        known = low <= bid < ask <= high and bid > 0.0
        if known and record[0] - self._quote_ts.item(row) <= self._settings.quote_age_ms * MS:
            moment.low, moment.high = low, high
            sides = self._sides(row, (bid, ask, self._bid_size.item(row), self._ask_size.item(row)), moment)
            meet_print(orders, price, (bid, ask), moment, sides, self._clearing)
        else:
            moment.low = moment.high = price
            meet_print(orders, price, None, moment, (moment, moment), self._clearing)

    def _quote(self, orders: list[Resting], row: int, record: Record, moment: Moment) -> None:
        bid, ask, bid_size, ask_size = record[6:10]
        if not 0.0 < bid < ask:
            return
        moment.low, moment.high = self._told_bands(row)
        triggers = self._source.item(row) != PRINTS
        buys, sells = self._sides(row, (bid, ask, bid_size, ask_size), moment)
        meet_quote(orders, bid, ask, triggers, buys, sells, self._clearing)

    def _sides(self, row: int, quote: tuple[float, float, float, float], moment: Moment) -> tuple[Moment, Moment]:
        """Return the moment for those who buy at the ask of a quote, and for those who sell at its bid."""
        bid, ask, bid_size, ask_size = quote
        symbol, offered = self._market.table.names[row], self._clearing.offered
        low, high = moment.low, moment.high
        to_buy = offered(symbol, 1, ask, ask_size, moment.at) if low <= ask <= high else 0.0
        to_sell = offered(symbol, -1, bid, bid_size, moment.at) if low <= bid <= high else 0.0
        return moment.at_quote(ask, to_buy), moment.at_quote(bid, to_sell)

    def _told_bands(self, row: int) -> tuple[float, float]:
        low, high = self._low.item(row), self._high.item(row)
        return (low, high) if low < high else (-inf, inf)

    def _refuses(self, order: Order, now: int) -> tuple[int, str]:
        """Return the row of the symbol, and why the order cannot be taken, or ""."""
        market, settings, symbol = self._market, self._settings, order.symbol
        if symbol not in market.table:
            return -1, f"{symbol} is not traded here"
        row = market.table.row(symbol)
        if order.type in FOR_AUCTIONS:
            allowed = may_enter(order.type, market.session, now, listing_of(market, row))
            if not allowed.ok:
                return row, allowed.reason
        if order.extended and not settings.extended_hours:
            return row, "no order is worked in extended hours here"
        position = self._clearing.positions.get(symbol, 0)
        why = problem(order, position, settings.shorts, market.session.date)
        if not why and order.purpose is ENTRY and order.side is SELL and position < order.qty:
            why = short_problem(order, market, settings.borrow)
        return row, why

    def _bands(self, symbol: str, told: bool) -> tuple[float, float]:
        row = self._market.table.row(symbol)
        return self._told_bands(row) if told else outermost(self._market, row)

    def _spread(self, symbol: str, price: float) -> float:
        return spread_of(self._market, self._market.table.row(symbol), price)

    def _rest(self, order: Order, row: int, now: int) -> Resting:
        market, settings = self._market, self._settings
        one = Resting(order, now + settings.latency_ns, market.consumed, settings.shorts, market.session.date)
        one.halted = self._status.item(row) >= HALTED
        self._clearing.orders[order.id] = one
        book = self._books.get(row)
        if book is None:
            book = self._books[row] = Book()
        book.orders.append(one)
        book.shorts = book.shorts or one.shorts
        book.special = book.special or one.auction is not None or bool(order.extended)
        return one

    def _recall_close(self, row: int, one: Resting) -> None:
        col = self._market.col
        at, price = col["at"].item(row), col["last"].item(row)
        if one.live <= at < self._closes and at >= self._opens:
            self._books[row].close = Traded(at, price, col["bar_volume"].item(row))

    def _settle(self, row: int) -> None:
        book = self._books[row]
        book.settle(self._market.levels, row)
        if not book.orders:
            del self._books[row]


def _mark(book: Book, at: int, *, halted: bool) -> None:
    for one in book.orders:
        # What happened before trading resumed is not for an order that waited: it is live from here.
        if one.halted and not halted:
            one.live = max(one.live, at)
        one.halted = halted
