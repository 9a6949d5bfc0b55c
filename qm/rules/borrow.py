"""Borrowing shares to sell short: the locate, what it costs, and what a backtest may assume."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from qm.rules.allowed import Allowed, no, yes
from qm.rules.dated import schedule

ZERO: Final = Decimal(0)


class Availability(StrEnum):
    """What the broker says of the shares of a symbol."""

    EASY = "easy_to_borrow"
    HARD = "hard_to_borrow"
    """A locate must be bought first."""
    NONE = "not_shortable"
    UNKNOWN = "unknown"


TOLD: Final = (Availability.NONE, Availability.HARD, Availability.EASY)
"""Those that a broker can tell, by the number that stands for each in columns; what nobody told has none."""


class ShortPolicy(StrEnum):
    """When a short sale may be opened."""

    OFF = "off"
    EASY = "etb"
    """The broker says that the shares are easy to borrow."""
    PROXY = "etb_proxy"
    """Large liquid stocks stand for those that are easy to borrow, where nobody kept what the broker said that day."""
    LOCATED = "located"
    """Easy to borrow, or located."""
    ANY = "any"
    """Everything can be borrowed, and what is not known restricts nothing: for results to be checked by hand."""


@dataclass(frozen=True, slots=True)
class BorrowRule:
    """What a short sale needs, and how a borrow is charged."""

    locate: bool = True
    """A broker must have located the shares before the sale."""
    year_days: int = 360
    """Days by which the annual rate is divided."""
    proxy_price_usd: Decimal = Decimal(5)
    proxy_day_usd: Decimal = Decimal(20_000_000)
    """Average $ traded in a day."""


BORROW: Final = schedule(
    "locate rule",
    ("1998-01-01", BorrowRule(locate=False), "Before Regulation SHO; the exchanges' own rules are not modelled."),
    (
        "2005-01-03",
        BorrowRule(),
        "Regulation SHO Rule 203(b)(1), SEC Rel. 34-50103; the day count is custom, the proxy our own assumption.",
    ),
)


class Shares(NamedTuple):
    """What is known of borrowing a symbol; None is unknown."""

    availability: Availability = Availability.UNKNOWN
    located: int = 0
    """Shares of a locate that was bought."""
    locate_usd: Decimal | None = None
    """Fee per share of a locate; not given back when nothing is sold."""
    rate: Decimal | None = None
    """Fraction per year of the value of the shares; due only when they are held to settlement."""


def may_short(
    qty: int, shares: Shares, policy: ShortPolicy, day: dt.date, price: Decimal | None, day_usd: Decimal | None
) -> Allowed:
    """Say whether `qty` shares may be sold short; `price` and average `day_usd` matter to the proxy alone."""
    rule = BORROW.at(day)
    if policy is ShortPolicy.OFF:
        return no("short sales are switched off")
    if policy is ShortPolicy.ANY:
        return yes("everything counts as borrowed")
    if policy is ShortPolicy.PROXY and shares.availability is Availability.UNKNOWN:
        large = (price or ZERO) >= rule.proxy_price_usd and (day_usd or ZERO) >= rule.proxy_day_usd
        return yes("stands for easy to borrow") if large else no("too small or cheap to stand for easy to borrow")
    if shares.availability is Availability.EASY:
        return yes("easy to borrow")
    if policy is ShortPolicy.LOCATED and shares.availability is Availability.HARD and shares.located >= qty:
        return yes(f"{shares.located} shares located")
    return no(f"{shares.availability.value.replace('_', ' ')} and not located")


def locate_fee(qty: int, shares: Shares) -> Decimal | None:
    """Return the fee, $, of locating `qty` shares; zero when easy to borrow, None when unknown."""
    if shares.availability is Availability.EASY:
        return ZERO
    return None if shares.locate_usd is None else shares.locate_usd * qty


def borrow_fee(value_usd: Decimal, shares: Shares, nights: int, day: dt.date) -> Decimal | None:
    """Return the fee, $, of holding a short position over `nights`; zero within a day, None when unknown."""
    if nights == 0:
        return ZERO
    return None if shares.rate is None else value_usd * shares.rate * nights / BORROW.at(day).year_days
