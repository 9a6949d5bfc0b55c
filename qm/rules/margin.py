"""Margin: which regime an account trades under on a day, what a position ties up, and how far equity reaches."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from qm.model.order import Side
from qm.rules.allowed import Allowed, no, yes
from qm.rules.dated import Schedule, schedule

ONE: Final = Decimal(1)


class Regime(StrEnum):
    """How day trading in a margin account is limited."""

    REG_T = "reg_t"
    """Before there were rules for day traders."""
    LEGACY_PDT = "legacy_pdt"
    """Pattern day traders need a minimum of equity, and others may make few day trades."""
    INTRADAY_MARGIN = "intraday_margin"
    """Equity must cover the maintenance requirement at every moment."""


class Broker(StrEnum):
    """Brokers whose change to the new rule is known, or known not to be; SIM follows the rule from its first day."""

    SIM = "sim"
    ALPACA = "alpaca"
    ROBINHOOD = "robinhood"
    TASTYTRADE = "tastytrade"
    IBKR = "ibkr"
    SCHWAB = "schwab"
    TRADIER = "tradier"


_RULE: Final = "FINRA Rule 4210, SR-FINRA-2025-017, SEC Rel. 34-105226, Regulatory Notice 26-10"


def _regimes(broker: Broker, since: str, source: str) -> Schedule[Regime]:
    return schedule(
        f"margin regime at {broker}",
        ("1998-01-01", Regime.REG_T, "Regulation T and the maintenance rules alone."),
        (
            "2001-09-28",
            Regime.LEGACY_PDT,
            "NASD Rule 2520, later FINRA Rule 4210(f)(8)(B); not read in the original: date.",
        ),
        (since, Regime.INTRADAY_MARGIN, source),
    )


LAST_DAY: Final = "2027-10-20"
"""By which every broker must have changed."""

REGIMES: Final[dict[Broker, Schedule[Regime]]] = {
    Broker.SIM: _regimes(Broker.SIM, "2026-06-04", f"{_RULE}: first day."),
    **{
        broker: _regimes(broker, "2026-06-04", f"{_RULE}: changed on the first day.")
        for broker in (Broker.ALPACA, Broker.ROBINHOOD, Broker.TASTYTRADE)
    },
    **{
        broker: _regimes(broker, LAST_DAY, f"{_RULE}: the broker's day is not known; the last one allowed.")
        for broker in (Broker.IBKR, Broker.SCHWAB, Broker.TRADIER)
    },
}


@dataclass(frozen=True, slots=True)
class Requirements:
    """What positions tie up: fractions of their value, and least amounts per share."""

    initial: Decimal = Decimal("0.50")
    """Of what is held overnight."""
    long: Decimal = Decimal("0.25")
    short: Decimal = Decimal("0.30")
    short_usd: Decimal = Decimal(5)
    """Least $ per share short, at `cheap_below` and more."""
    cheap: Decimal = ONE
    """Instead of `short` below `cheap_below`."""
    cheap_usd: Decimal = Decimal("2.50")
    cheap_below: Decimal = Decimal(5)
    minimum_equity_usd: Decimal = Decimal(2000)
    """Below it nothing is lent."""


@dataclass(frozen=True, slots=True)
class HouseRequirements:
    """What a broker asks for above the rule, as fractions of the value of long positions."""

    long: Decimal = Decimal(0)
    double_fund: Decimal = Decimal(0)
    """Of a fund with twice the leverage."""
    triple_fund: Decimal = Decimal(0)


REQUIREMENTS: Final = schedule(
    "margin requirements",
    ("1998-01-01", Requirements(), "Regulation T (12 CFR 220.12); NASD 2520, FINRA Rule 4210(b) and (c)."),
)

HOUSE: Final[dict[Broker, Schedule[HouseRequirements]]] = {
    Broker.ALPACA: schedule(
        "house margin at Alpaca",
        (
            "1998-01-01",
            HouseRequirements(Decimal("0.30"), Decimal("0.50"), Decimal("0.75")),
            "Alpaca margin documentation, used for the years before it as well; not read in the original: date.",
        ),
    ),
}
"""Others ask for more, by symbol and concentration: their answer to an order is the truth."""


@dataclass(frozen=True, slots=True)
class PatternRule:
    """The rule for pattern day traders."""

    trades: int = 4
    """So many day trades in `days` make one."""
    days: int = 5
    share: Decimal = Decimal("0.06")
    """Unless they are no more than this fraction of all trades in those days."""
    equity_usd: Decimal = Decimal(25000)
    multiple: Decimal = Decimal(4)
    """Of the equity above the maintenance requirement at the last close."""


PATTERN: Final = schedule(
    "rule for pattern day traders",
    (
        "2001-09-28",
        PatternRule(),
        "NASD Rule 2520, later FINRA Rule 4210(f)(8)(B); holds where the regime still does; not read in the original.",
    ),
)


class IntradayRule(NamedTuple):
    """What follows from a deficit of intraday margin."""

    call_days: int
    """Business days in which it must be met."""
    freeze_days: int
    """Calendar days without new credit after deficits that are left unmet as a practice."""
    small_usd: Decimal
    small_fraction: Decimal
    """A deficit up to the lesser of `small_usd` and this fraction of equity has no consequence."""


INTRADAY: Final = schedule(
    "intraday margin",
    ("2026-06-04", IntradayRule(5, 90, Decimal(1000), Decimal("0.05")), _RULE),
)


def regime(broker: Broker, day: dt.date) -> Regime:
    """Return the regime of an account at this broker."""
    return REGIMES[broker].at(day)


def maintenance(
    side: Side, qty: int, price: Decimal, day: dt.date, broker: Broker = Broker.SIM, leverage: int = 1
) -> Decimal:
    """Return the $ of equity that a long (BUY) or short (SELL) position of `qty` shares at `price` ties up.

    `leverage` is that of a leveraged fund, whose requirement grows with it, to no more than the whole value of a
    long position.
    """
    rule = REQUIREMENTS.at(day)
    factor = Decimal(max(abs(leverage), 1))
    value = price * qty
    if side is Side.BUY:
        fraction = min(rule.long * factor, ONE)
        if broker in HOUSE:
            house = HOUSE[broker].at(day)
            own = house.long if factor == 1 else house.double_fund if factor == 2 else house.triple_fund
            fraction = max(fraction, own)
        return value * fraction
    if price < rule.cheap_below:
        return max(rule.cheap_usd * qty, value * rule.cheap * factor)
    return max(rule.short_usd * qty, value * rule.short * factor)


def reach(
    equity_usd: Decimal, overnight: bool, day: dt.date, broker: Broker = Broker.SIM, pattern: bool = True
) -> Decimal:
    """Return the $ of ordinary long stock that `equity_usd` carries, without positions: what sizing may count on.

    `pattern`: the account is marked as a pattern day trader's; it matters to the legacy regime alone.
    """
    rule = REQUIREMENTS.at(day)
    if equity_usd < rule.minimum_equity_usd:
        return max(equity_usd, Decimal(0))
    if overnight:
        return equity_usd / rule.initial
    now = regime(broker, day)
    if now is Regime.LEGACY_PDT and pattern and equity_usd >= PATTERN.at(day).equity_usd:
        return equity_usd * PATTERN.at(day).multiple
    if now is Regime.INTRADAY_MARGIN:
        house = HOUSE[broker].at(day).long if broker in HOUSE else rule.long
        return equity_usd / max(rule.long, house)
    return equity_usd / rule.initial


def may_day_trade(equity_usd: Decimal, made: int, trades: int, day: dt.date, broker: Broker = Broker.SIM) -> Allowed:
    """Say whether one more day trade keeps clear of the rule for pattern day traders.

    `made` are the day trades, and `trades` all trades, of this and the four business days before.
    """
    if regime(broker, day) is not Regime.LEGACY_PDT:
        return yes("there is no limit on day trades")
    rule = PATTERN.at(day)
    if equity_usd >= rule.equity_usd:
        return yes(f"equity is at least ${rule.equity_usd}")
    if made + 1 < rule.trades:
        return yes(f"day trade {made + 1} of {rule.trades - 1} in {rule.days} days")
    if made + 1 <= rule.share * (trades + 1):
        return yes(f"day trades stay within {rule.share:%} of all trades")
    return no(f"a day trade more would be number {made + 1} in {rule.days} days with less than ${rule.equity_usd}")


def deficit(equity_usd: Decimal, required_usd: Decimal, day: dt.date) -> Decimal:
    """Return the intraday margin deficit, $: what equity falls short of the requirement, zero where it is small."""
    rule = INTRADAY.at(day)
    short = required_usd - equity_usd
    small = min(rule.small_usd, max(equity_usd, Decimal(0)) * rule.small_fraction)
    return short if short > small else Decimal(0)
