"""Orders meet a print, a quote, or whatever price the market asks of those who take."""

from __future__ import annotations

from brokers.sim.book import Resting
from brokers.sim.clearing import Clearing, Moment


def take(
    one: Resting, price: float, slip: float, edge: float, moment: Moment, to: Clearing, doubt: bool = False
) -> None:
    """Let an order take liquidity at the market's price: a market order always, a limit order when `edge` allows."""
    if one.limit is None or one.sign * (edge - price) >= 0.0:
        to.fill(one, price + one.sign * slip, moment, max(moment.at, one.live), doubt)
    else:
        one.patient = True


def meet_print(
    orders: list[Resting],
    price: float,
    quote: tuple[float, float] | None,
    moment: Moment,
    sides: tuple[Moment, Moment],
    to: Clearing,
) -> None:
    """Match orders with a print; `quote` is the bid and ask that stood around it, when they can be trusted.

    Who waits at a limit trades with the print, who takes with the quote: `sides` are what it offers to those who buy,
    and to those who sell.
    """
    buys, sells = sides
    for one in orders:
        if one.held or one.since >= moment.number or one.live > moment.at:
            continue
        sign = one.sign
        if one.stop is not None:
            if sign * (price - one.stop) < 0.0:
                continue
            one.stop = None
        elif one.patient:
            if sign * (one.reach - price) >= 0.0:
                to.fill(one, one.limit or price, moment, moment.at)
            continue
        if quote is None:
            take(one, price, to.slip(one, price), one.reach, moment, to)
        else:
            far, side = (max(quote[1], price), buys) if sign > 0 else (min(quote[0], price), sells)
            take(one, far, to.widens * (quote[1] - quote[0]), one.limit or far, side, to)


def meet_quote(
    orders: list[Resting], bid: float, ask: float, triggers: bool, buys: Moment, sells: Moment, to: Clearing
) -> None:
    """Match orders with a quote whose bid is below its ask; `triggers` says that it also triggers stops."""
    for one in orders:
        sign = one.sign
        near, far, moment = (bid, ask, buys) if sign > 0 else (ask, bid, sells)
        if one.held or one.since >= moment.number or one.live > moment.at:
            continue
        if one.stop is not None:
            if not triggers or sign * (near - one.stop) < 0.0:
                continue
            one.stop = None
        if one.patient and one.limit is not None:
            if sign * (one.limit - far) >= 0.0:
                to.fill(one, one.limit, moment, moment.at)
        else:
            take(one, far, to.widens * (ask - bid), one.limit or far, moment, to)
