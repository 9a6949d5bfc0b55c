"""What a trade at a displayed quote may cost, and the half-penny that is coming for tightly quoted stocks."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final, NamedTuple

from qm.rules.dated import schedule


class AccessCap(NamedTuple):
    """The most that an exchange may charge for taking a displayed quote."""

    per_share: Decimal
    """$, for quotes at $1 and more."""
    fraction: Decimal
    """Of the price, for cheaper ones."""


ACCESS_FEE: Final = schedule(
    "access fee cap",
    ("1998-01-01", None, "Before Regulation NMS."),
    (
        "2006-05-21",
        AccessCap(Decimal("0.003"), Decimal("0.003")),
        "Regulation NMS Rule 610(c); not read in the original: date.",
    ),
    (
        "2027-11-01",
        AccessCap(Decimal("0.001"), Decimal("0.001")),
        "SEC Rel. 34-101070, deferred by Rel. 34-105656; S7-2026-20 may rescind it; not read in the original.",
    ),
)


class HalfPenny(NamedTuple):
    """A smaller step for stocks whose average quoted spread was this narrow."""

    tick: Decimal
    spread: Decimal
    """$, up to and including."""


HALF_PENNY: Final = schedule(
    "half-penny tick",
    ("1998-01-01", None, "Regulation NMS Rule 612 before its amendment."),
    (
        "2027-11-01",
        HalfPenny(Decimal("0.005"), Decimal("0.015")),
        "Regulation NMS Rule 612, SEC Rel. 34-101070, deferred by Rel. 34-105656; not read in the original.",
    ),
)
"""An attribute of the symbol: the listing exchanges will publish which have it. `qm.rules.ticks` does not apply it."""


def access_fee_cap(price: Decimal, day: dt.date) -> Decimal | None:
    """Return the most, $ per share, that taking a displayed quote at `price` may cost; None before the cap."""
    cap = ACCESS_FEE.at(day)
    if cap is None:
        return None
    return cap.per_share if price >= 1 else price * cap.fraction


def quoted_tick(spread: Decimal | None, price: Decimal, day: dt.date) -> Decimal | None:
    """Return the smaller step, $, that a stock with this average quoted spread will have; None where it has none."""
    rule = HALF_PENNY.at(day)
    if rule is None or spread is None or price < 1:
        return None
    return rule.tick if spread <= rule.spread else None
