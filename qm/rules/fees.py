"""What a trade costs on top of its price: regulatory fees by date, and the broker's commission.

Section 31 and the trading activity fee are charged on sales, the audit trail fee on both sides. Alpaca adds each of
them up per account and day and rounds the sum up to the cent. What differs from broker to broker is the commission.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from qm.model.order import Side
from qm.rules.access import access_fee_cap
from qm.rules.dated import Schedule, schedule
from qm.rules.rates import CAT, SECTION_31, TAF

ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")


class Fees(NamedTuple):
    """The parts of what an execution costs, $."""

    commission: Decimal
    sec: Decimal
    """SEC Section 31."""
    taf: Decimal
    """FINRA trading activity fee."""
    cat: Decimal
    """Consolidated audit trail."""

    @property
    def total(self) -> Decimal:
        return self.commission + self.sec + self.taf + self.cat

    def rounded_up(self) -> Fees:
        """Each part rounded up to the cent."""
        return Fees(*(part.quantize(CENT, ROUND_CEILING) for part in self))


@dataclass(frozen=True, slots=True)
class Price:
    """What a broker takes for an order: per share, at least and at most so much, and what it passes on."""

    per_share: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum_fraction: Decimal | None = None
    """Of the value of the order."""
    passed_on: Decimal = ZERO
    """$ per share of others, on top of all this."""
    taking: bool = False
    """Passed on as well: the most that an exchange may charge for taking a quote. Orders that wait pay less."""

    def of(self, qty: int, price: Decimal, day: dt.date) -> Decimal:
        """Return the commission of an order filled at once, $."""
        charge = max(self.per_share * qty, self.minimum)
        if self.maximum_fraction is not None:
            charge = min(charge, self.maximum_fraction * qty * price)
        more = self.passed_on
        if self.taking:
            more += access_fee_cap(price, day) or ZERO
        return charge + more * qty


@dataclass(frozen=True, slots=True)
class Commission:
    """A broker's price list by date."""

    id: str
    prices: Schedule[Price]


def _commission(name: str, price: Price, source: str) -> Commission:
    return Commission(name, schedule(f"commission {name}", ("1998-01-01", price, source)))


_ALL_YEARS: Final = "; used for all years; not read in the original: dates."
_IBKR_MOST: Final = Decimal("0.01")
NO_COMMISSION: Final = _commission("zero", Price(), "Alpaca brokerage fee schedule; used for all years.")
IBKR_FIXED: Final = _commission(
    "ibkr_fixed",
    Price(Decimal("0.005"), Decimal(1), _IBKR_MOST),
    "Interactive Brokers Pro, fixed pricing of US shares" + _ALL_YEARS,
)
IBKR_TIERED: Final = _commission(
    "ibkr_tiered",
    Price(Decimal("0.0035"), Decimal("0.35"), _IBKR_MOST, passed_on=Decimal("0.0002"), taking=True),
    "Interactive Brokers Pro, tiered pricing of US shares, lowest volume, with clearing" + _ALL_YEARS,
)
ALPACA_ELITE: Final = _commission(
    "alpaca_elite", Price(Decimal("0.004")), "Alpaca Elite, all in, per share" + _ALL_YEARS
)

COMMISSIONS: Final[dict[str, Commission]] = {
    each.id: each for each in (NO_COMMISSION, IBKR_FIXED, IBKR_TIERED, ALPACA_ELITE)
}
"""Price lists by name."""
COMMISSION_PRICES: Final = {name: each.prices for name, each in COMMISSIONS.items()}
"""Their tables by name."""


class _Rates(NamedTuple):
    sec: Decimal
    """$ per $ sold."""
    taf: Decimal
    taf_cap: Decimal
    cat: Decimal


@lru_cache(maxsize=16_384)
def _rates(day: dt.date) -> _Rates:
    return _Rates(SECTION_31.at(day) / 1_000_000, *TAF.at(day), CAT.at(day))


def buy_fees(day: dt.date, qty: int) -> Fees:
    """Return the regulatory fees of a purchase of `qty` shares, not rounded; its price does not matter."""
    return Fees(ZERO, ZERO, ZERO, _rates(day).cat * qty)


def sell_fees(day: dt.date, qty: int, price: Decimal) -> Fees:
    """Return the regulatory fees of a sale, long or short, of `qty` shares at `price`, not rounded."""
    sec, taf, taf_cap, cat = _rates(day)
    return Fees(ZERO, sec * price * qty, min(taf * qty, taf_cap), cat * qty)


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """The fees of one account: regulatory ones by date, and the commission of its broker."""

    commission: Commission = NO_COMMISSION

    @property
    def id(self) -> str:
        """What results and journals call this schedule."""
        return f"us_equities+{self.commission.id}"

    def parts(self, side: Side, qty: int, price: Decimal, date: dt.date) -> Fees:
        """Return the parts of the fees of an execution, not rounded."""
        fees = buy_fees(date, qty) if side is Side.BUY else sell_fees(date, qty, price)
        if self.commission is NO_COMMISSION:
            return fees
        return fees._replace(commission=self.commission.prices.at(date).of(qty, price, date))

    def round_trip_usd(self, qty: int, price: float, date: dt.date) -> float:
        """Return what buying and selling `qty` shares at one price costs, $, not rounded; 0 for no price."""
        if not 0.0 < price < float("inf"):
            return 0.0
        at = Decimal(repr(price))
        return float(sum((self.parts(side, qty, at, date).total for side in Side), ZERO))

    def of_day(self, date: dt.date) -> DayFees:
        """Return the running fees of a session."""
        return DayFees(self, date)


class DayFees:
    """The fees of an account's day as its executions come in: each part is rounded up once, over the whole day.

    The charges of the executions add up to what the broker takes in the evening, however small the fills were. A
    commission has its minimum and its maximum per order, however many fills it took.
    """

    __slots__ = ("_cat", "_commission", "_orders", "_price", "_rates", "_sec", "_taf", "charged", "date", "schedule")

    def __init__(self, schedule: FeeSchedule, date: dt.date) -> None:
        self.schedule = schedule
        self.date = date
        self.charged = ZERO
        """$ charged so far."""
        self._rates = _rates(date)
        self._price = schedule.commission.prices.at(date)
        self._sec = self._taf = self._cat = self._commission = ZERO
        self._orders: dict[str, tuple[int, Decimal, Decimal]] = {}
        """By order: shares and $ filled, and its commission so far."""

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "") -> Decimal:
        """Return what this execution adds to the day's fees, $; zero while cents rounded up before still cover it."""
        sec, taf, cap, cat = self._rates
        shares = Decimal(qty)
        self._cat += cat * shares
        if side is Side.SELL:
            self._sec += sec * price * shares
            self._taf += min(taf * shares, cap)
        if self.schedule.commission is not NO_COMMISSION:
            self._commission += self._commissioned(qty, price, order)
        due = sum((_cents_up(part) for part in (self._sec, self._taf, self._cat, self._commission)), ZERO)
        added = due - self.charged
        self.charged = due
        return added

    def _commissioned(self, qty: int, price: Decimal, order: str) -> Decimal:
        if not order:
            return self._price.of(qty, price, self.date)
        filled, value, before = self._orders.get(order, (0, ZERO, ZERO))
        filled, value = filled + qty, value + price * qty
        whole = self._price.of(filled, value / filled, self.date)
        self._orders[order] = (filled, value, whole)
        return whole - before


def _cents_up(part: Decimal) -> Decimal:
    return part.quantize(CENT, ROUND_CEILING) if part else ZERO
