"""What the rules of the market forbid at the simulated exchange: fills outside the bands, and some short sales."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Final

from brokers.sim.book import Resting
from brokers.sim.clearing import Clearing
from qm.market.market import Market
from qm.market.standing import availability, bands_of, restricted, standing
from qm.model.inputs import AnyReport
from qm.model.order import Order
from qm.rules.borrow import Shares, ShortPolicy, may_short
from qm.rules.ssr import LIMITED, lowest_short_price

RESTRICTED: Final = "short sales are restricted"


def outermost(market: Market, row: int) -> tuple[float, float]:
    """Return the lowest and highest price that a symbol may trade at now, told or estimated; (0, inf) without bands."""
    _, lower, upper, _ = bands_of(market, row)
    return (0.0, inf) if lower is None or upper is None else (lower, upper)


def short_problem(order: Order, market: Market, policy: ShortPolicy) -> str:
    """Say why an order may not open a short position, or return "".

    While short sales are restricted only a limit order above the bid may; where the feed tells no bid, above the last
    price. A restriction that is not known, because the prior close is not, forbids nothing here: the gate refuses it.
    """
    row = market.table.row(order.symbol)
    seen = standing(market, row)
    price, usd = (None if value is None else Decimal(repr(value)) for value in (seen.price, seen.day_usd))
    borrowed = may_short(order.qty, Shares(availability(market, row)), policy, market.session.date, price, usd)
    if not borrowed.ok:
        return f"{order.symbol} cannot be sold short: {borrowed.reason}"
    if not seen.restricted:
        return ""
    bid = seen.bid if seen.bid is not None else seen.price
    if order.type not in LIMITED or order.limit is None or bid is None:
        return f"{RESTRICTED}: only limit orders above the bid may be sent"
    lowest = lowest_short_price(Decimal(repr(bid)), market.session.date)
    return (
        ""
        if order.limit >= lowest
        else f"{RESTRICTED}: {order.limit} lies below {lowest}, the first tick above the bid"
    )


def hold_back(orders: list[Resting], market: Market, row: int, to: Clearing, reports: list[AnyReport]) -> bool:
    """Once short sales are restricted, let resting ones only give liquidity; say whether some were ended instead."""
    shorts = [one for one in orders if one.shorts and not one.done]
    if not shorts or not restricted(market, row):
        return False
    ended = False
    for one in shorts:
        if to.positions.get(one.order.symbol, 0) >= one.active - one.filled:
            continue
        if one.order.type in LIMITED:
            # In an auction nobody takes or gives: it has one price.
            one.patient = one.auction is None
        else:
            to.end(one, RESTRICTED, market.now, reports)
            ended = True
    return ended
