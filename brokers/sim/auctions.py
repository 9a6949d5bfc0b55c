"""The opening and the closing auction at the simulated exchange: which orders they fill, and at what price.

On bars the opening auction traded at the open of the bar that begins with regular hours, within their first minute, and
the closing auction at the open of the first bar that begins at the close or later. On prints both are prints that are
marked as such. Its volume, and so the cap by participation, is that of the bar or of the print.

Where a feed tells no closing auction, its orders fill at the last price of regular hours that was told since they were
there, or at the largest print after it, and the execution is ambiguous. An opening auction that is not told fills
nothing. What is left of an order after its auction expires.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from brokers.sim.book import Book, Resting, Traded
from brokers.sim.clearing import Clearing, Moment
from qm.clock import MINUTE
from qm.market.market import Market, Record
from qm.market.standing import restricted
from qm.model.market import Kind, Print
from qm.model.order import TimeInForce
from qm.rules.calendar import Session

BAR, TRADE = int(Kind.BAR), int(Kind.TRADE)
OPENING, CLOSING, ELIGIBLE = int(Print.OPENING), int(Print.CLOSING), int(Print.LAST | Print.HIGH_LOW)
OPG, CLS = TimeInForce.OPG, TimeInForce.CLS
LATEST_OPEN: Final = 5 * MINUTE
"""Orders for the opening auction wait so long for its print: it may be delayed."""
OVER: Final = "its auction is over"


def worked(one: Resting, at: int, of: Session) -> bool:
    """Say whether an order is worked at `at`, outside any auction: in regular hours, when marked in extended ones."""
    if one.auction is not None:
        return False
    return of.open_ns <= at < of.close_ns or (bool(one.order.extended) and of.pre_ns <= at < of.post_ns)


def of_bar(orders: Iterable[Resting], record: Record, of: Session) -> list[Resting]:
    """Return the orders that a bar may fill: those that are worked, and those of the auction at its open."""
    start, price = record[1], record[6]
    which = None
    if of.open_ns <= start < of.open_ns + MINUTE:
        which = OPG
    elif start >= of.close_ns:
        which = CLS
    return [
        one
        for one in orders
        if worked(one, start, of)
        or (which is not None and one.auction is which and one.live <= start and allows(one, price))
    ]


def of_print(orders: Iterable[Resting], record: Record, of: Session) -> list[Resting]:
    """Return the orders for the auction that a print is of and whose limits allow its price."""
    at, flag, price = record[1], record[4], record[6]
    if flag & ELIGIBLE != ELIGIBLE or not price > 0.0:
        return []
    opening = flag & OPENING and of.open_ns <= at < of.close_ns
    closing = flag & CLOSING and at >= of.close_ns
    found = []
    for one in orders:
        if one.live <= at and ((opening and one.auction is OPG) or (closing and one.auction is CLS)):
            one.met = True
            if allows(one, price):
                found.append(one)
    return found


def allows(one: Resting, price: float) -> bool:
    """Say whether an order for an auction trades at its price: who has a limit at it may go away empty-handed."""
    return one.limit is None or one.sign * (one.reach - price) >= 0.0


def above_bid(orders: list[Resting], price: float, market: Market, row: int) -> list[Resting]:
    """Leave out short sales that are restricted and whose auction is not above the bid, or the last price before."""
    shorts = [one for one in orders if one.auction is not None and one.shorts]
    if not shorts or not restricted(market, row):
        return orders
    bid = market.col["bid"].item(row)
    if price > (bid if bid > 0.0 else market.col["before"].item(row)):
        return orders
    return [one for one in orders if one not in shorts]


def is_over(one: Resting, at: int, kind: int, of: Session) -> bool:
    """Say whether what is left of an order has missed its auction once a record of `at` was seen."""
    if one.auction is OPG:
        return at >= (of.open_ns if kind == BAR else of.open_ns + LATEST_OPEN)
    return one.auction is CLS and kind == BAR and at >= of.close_ns


def remember(book: Book, record: Record, of: Session) -> None:
    """Keep the trade that would stand for the closing auction if nobody told it."""
    at, kind = record[1], record[3]
    if kind == BAR:
        if of.open_ns <= at < of.close_ns and record[10] > 0.0:
            book.close = Traded(at, record[9], record[10])
    elif kind == TRADE and at >= of.open_ns and record[4] & ELIGIBLE == ELIGIBLE and record[6] > 0.0:
        before = book.close
        if before is None or at < of.close_ns or before.at < of.close_ns or record[7] > before.volume:
            book.close = Traded(at, record[6], record[7])


def settle_untold(book: Book, market: Market, row: int, moment: Moment, to: Clearing) -> None:
    """Fill at the end of the session what waits for a closing auction that nobody told; no restricted short sale."""
    close, of = book.close, market.session
    if close is None:
        return
    moment.room = to.room(close.volume)
    held_back = restricted(market, row)
    for one in book.orders:
        waits = one.auction is CLS and not (one.done or one.met or (one.shorts and held_back))
        if waits and one.live <= of.close_ns and allows(one, close.price):
            to.fill(one, close.price, moment, of.close_ns, ambiguous=True)
