"""The limit-up limit-down plan by date: its parameters, and the bands around a reference price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.rules.calendar import Session
from qm.rules.dated import schedule

Column = npt.NDArray[np.float64]
CENT: Final = Decimal("0.01")


class Tier(IntEnum):
    """Tier of the limit-up limit-down plan: ONE is the S&P 500, the Russell 1000 and chosen funds, TWO the rest."""

    ONE = 1
    TWO = 2


@dataclass(frozen=True, slots=True)
class LuldRule:
    """Parameters of the limit-up limit-down plan; fractions of the reference price."""

    tier_one: float = 0.05
    tier_two: float = 0.10
    above: float = 3.00
    """$ of prior close above which the tiers differ."""
    middle: float = 0.20
    """Up to `above`, down to `penny` included."""
    penny: float = 0.75
    """$ of prior close below which the band is the lesser of `penny_usd` and `penny_fraction`."""
    penny_usd: float = 0.15
    penny_fraction: float = 0.75
    doubled_open_minutes: int = 0
    """Minutes from the open with bands twice as wide, for every symbol."""
    doubled_close_minutes: int = 25
    """Minutes before the close with bands twice as wide."""
    tier_two_doubles_above: bool = False
    """Whether the closing doubling holds for tier two above `above` as well."""
    reference_minutes: int = 5
    limit_state_s: int = 15
    pause_minutes: int = 5
    no_reopening_minutes: int = 10
    """A pause that begins so late, or lasts so long, goes to the closing auction."""
    update_fraction: float = 0.01
    """The mean must be this far from the reference price to become the next one."""
    update_hold_s: int = 30
    """A reference price holds at least so long."""
    collared: bool = True
    """Whether a reopening outside its collars extends the pause."""
    collar_fraction: float = 0.05
    """The collar lies this far beyond the band that led to the pause, and as much further with each extension."""
    collar_usd: float = 0.15
    """It instead of the fraction where that band is at `collar_usd_upto` or below."""
    collar_usd_upto: float = 3.00
    report_s: int = 10
    """A trade may be reported so long after it happened; such a print does not disprove a pause."""


LULD: Final = schedule(
    "limit-up limit-down plan",
    ("1998-01-01", None, "Before the plan; the single-stock circuit breakers of 2010-2013 are not modelled."),
    (
        "2013-04-08",
        LuldRule(doubled_open_minutes=15, tier_two_doubles_above=True, collared=False, report_s=30),
        "SEC Rel. 34-67091 (approved 2012-05-31, first phase 2013-04-08); not read in the original: report window.",
    ),
    (
        "2017-11-20",
        LuldRule(doubled_open_minutes=15, tier_two_doubles_above=True),
        "Amendments 12 and 13, SEC Rel. 34-79876 (reopening collars); not read in the original: date, report window.",
    ),
    (
        "2020-02-24",
        LuldRule(),
        "Amendment 18, SEC Rel. 34-84843, 34-85623: no doubling at the open; not read in the original: report window.",
    ),
)


TIER_PROXY: Final = schedule(
    "stand-in for the lists of tier one",
    ("1998-01-01", 100_000_000.0, "Own assumption, measured nowhere: the lists of the plan's tier one are not kept."),
)
"""Average $ traded in a day from which a symbol counts as tier one; unknown counts as tier two."""


class Bands(NamedTuple):
    """The prices outside which nothing may trade, $."""

    lower: Decimal
    upper: Decimal


def band_fraction(
    tier: Tier, prior_close: float, reference: float, of: Session, ns: int, leverage: float = 1.0
) -> float | None:
    """Return the width of the bands at `ns` as a fraction of the reference price, or None where there are none.

    `prior_close` (of the listing exchange, $) selects the parameters for the whole day; `leverage` is that of a
    leveraged fund. Outside regular hours, and before the plan, there are no bands.
    """
    rule = LULD.at(of.date)
    if rule is None or not of.open_ns <= ns < of.close_ns:
        return None
    if prior_close > rule.above:
        fraction = rule.tier_one if tier is Tier.ONE else rule.tier_two
    elif prior_close >= rule.penny:
        fraction = rule.middle
    else:
        fraction = min(rule.penny_usd / reference, rule.penny_fraction)
    return fraction * leverage * (2.0 if _doubled(rule, tier, prior_close, of, ns) else 1.0)


def widths(
    rule: LuldRule, large: npt.NDArray[np.bool_] | np.bool_, prior_close: Column, reference: Column
) -> npt.NDArray[np.float64]:
    """Return the width of the bands by symbol as `band_fraction` has it, neither doubled nor leveraged.

    `large` are those of tier one. Where the prior close is not known it is that between the two price levels.
    """
    above, below = prior_close > rule.above, prior_close < rule.penny
    with np.errstate(divide="ignore", invalid="ignore"):
        penny = np.minimum(rule.penny_usd / reference, rule.penny_fraction)
    found = np.where(above, np.where(large, rule.tier_one, rule.tier_two), rule.middle)
    return np.where(below, penny, found)


def luld_bands(
    tier: Tier, prior_close: float, reference: float, of: Session, ns: int, leverage: float = 1.0
) -> Bands | None:
    """Return the bands around the reference price, in whole cents, or None where there are none."""
    fraction = band_fraction(tier, prior_close, reference, of, ns, leverage)
    if fraction is None:
        return None
    middle = Decimal(repr(reference))
    width = middle * _exact(fraction)
    return Bands(
        max((middle - width).quantize(CENT, ROUND_HALF_UP), Decimal(0)),
        (middle + width).quantize(CENT, ROUND_HALF_UP),
    )


@lru_cache(maxsize=64)
def _exact(fraction: float) -> Decimal:
    return Decimal(f"{fraction:.12f}")


def _doubled(rule: LuldRule, tier: Tier, prior_close: float, of: Session, ns: int) -> bool:
    if ns < of.open_ns + rule.doubled_open_minutes * MINUTE:
        return True
    if ns < of.close_ns - rule.doubled_close_minutes * MINUTE:
        return False
    return tier is Tier.ONE or rule.tier_two_doubles_above or prior_close <= rule.above
