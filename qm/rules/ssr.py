"""The short sale restriction: what triggers it, how long it holds, and at which prices one may still sell short."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from math import nan
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from qm.model.order import LIMITS, STOPS
from qm.rules.calendar import Session, next_session, previous_session
from qm.rules.dated import schedule
from qm.rules.ticks import Rounding, round_to_tick, tick_size

SSR_DROP: Final = schedule(
    "short sale restriction",
    ("1998-01-01", None, "Before the alternative uptick rule; the older tick tests are not modelled."),
    (
        "2011-02-28",
        Decimal("0.10"),
        "Regulation SHO Rule 201, SEC Rel. 34-61595 and 34-63247 (compliance date), staff FAQ 2.2 on retriggering.",
    ),
)
"""Fall from the prior close, as a fraction, that restricts short sales for the rest of the day and the next session."""


EXACT: Final = 1e-9
"""$ that binary fractions may put between a price and the trigger."""
Prices = TypeVar("Prices", float, npt.NDArray[np.float64])
LIMITED: Final = LIMITS - STOPS
"""Types of order that may sell short under it: those with a limit from the start, auctions included."""


def ssr_trigger(prior_close: Decimal, day: dt.date) -> Decimal | None:
    """Return the price at or below which a regular-hours trade restricts short sales; None before the rule."""
    drop = SSR_DROP.at(day)
    return None if drop is None else prior_close * (1 - drop)


def ssr_trigger_usd(prior_close: Prices, day: dt.date) -> Prices:
    """Return `ssr_trigger` for closes as floats, one or many, with room for what is not exact in them; NaN for none."""
    drop = SSR_DROP.at(day)
    return prior_close * (nan if drop is None else 1.0 - float(drop)) + EXACT


def ssr_until(triggered: dt.date) -> dt.date:
    """Return the last session on which a restriction triggered on `triggered` holds."""
    return next_session(triggered).date


def lowest_short_price(bid: Decimal, day: dt.date) -> Decimal:
    """Return the lowest price, $, of a short sale under the restriction: the first tick above the national best bid."""
    above = round_to_tick(bid, Rounding.UP, day)
    return above if above > bid else above + tick_size(above, day)


def may_sell_short_at(price: Decimal, bid: Decimal | None, day: dt.date) -> bool:
    """Say whether a restricted short sale may carry this limit; False without a national best bid."""
    return bid is not None and price >= lowest_short_price(bid, day)


class ShortSaleRestriction:
    """Whether short sales of one symbol are restricted in a session.

    `prior_close` is that of the listing market, $; None where it is unknown, and then no trade can trigger.
    `triggered_on` is the last earlier date on which the restriction was triggered, as the exchanges publish it.
    """

    __slots__ = ("_carried", "_of", "since_ns", "trigger")

    def __init__(self, of: Session, prior_close: Decimal | None, triggered_on: dt.date | None = None) -> None:
        self._of = of
        self._carried = triggered_on is not None and previous_session(of.date).date <= triggered_on < of.date
        if SSR_DROP.at(of.date) is None:
            self._carried = False
        self.trigger = None if prior_close is None else ssr_trigger(prior_close, of.date)
        """Price that triggers, $; None where nothing can."""
        self.since_ns: int | None = of.pre_ns if self._carried else None
        """From when short sales are restricted in this session; None while they are not."""

    @property
    def triggered_today(self) -> bool:
        """Whether the next session will be restricted as well."""
        return self.since_ns is not None and not self._carried

    def trade(self, ns: int, price: Decimal) -> bool:
        """Take a trade that sets the last price; say whether it triggered the restriction, or triggered it again."""
        if self.trigger is None or self.triggered_today or not self._of.open_ns <= ns < self._of.close_ns:
            return False
        if not price <= self.trigger:
            return False
        if self.since_ns is None:
            self.since_ns = ns
        self._carried = False
        return True

    def restricted(self, ns: int) -> bool:
        """Say whether short sales are restricted at `ns`; also outside regular hours, while bids are published."""
        return self.since_ns is not None and self.since_ns <= ns < self._of.post_ns
