"""What may be sent in which hours of a trading date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qm.model.order import FOR_AUCTIONS, OrderType
from qm.rules.allowed import Allowed, no, yes
from qm.rules.auctions import may_enter
from qm.rules.calendar import Phase, Session, phase
from qm.rules.dated import schedule

ALL_TYPES: Final = frozenset(OrderType) - FOR_AUCTIONS
"""Those that can be worked at once; orders for an auction have their own cut-offs."""
LIMITS: Final = frozenset({OrderType.LIMIT})


@dataclass(frozen=True, slots=True)
class HoursRule:
    """What a broker takes in one phase of the trading date, to be worked at once."""

    types: frozenset[OrderType]
    """Empty: nothing is worked."""
    flagged: bool
    """The order must be marked for extended hours, and be good for the day."""
    stops_trigger: bool
    """Whether resting stops trigger; where they do not, the engine watches them itself."""


_REGULAR: Final = HoursRule(ALL_TYPES, flagged=False, stops_trigger=True)
_EXTENDED: Final = HoursRule(LIMITS, flagged=True, stops_trigger=False)
_NOTHING: Final = HoursRule(frozenset(), flagged=False, stops_trigger=False)

_DAY: Final = {
    Phase.PRE: _EXTENDED,
    Phase.OPEN: _REGULAR,
    Phase.POST: _EXTENDED,
    Phase.OVERNIGHT: _NOTHING,
    Phase.CLOSED: _NOTHING,
}

HOURS: Final = schedule(
    "order types by trading hours",
    ("1998-01-01", _DAY, "Alpaca, Placing Orders; used for all brokers and for the years before it as well."),
)
"""Overnight orders (Alpaca on BOATS) are a capability of the broker and off by default: no strategy trades at night."""

OVERNIGHT_TAPE: Final = schedule(
    "overnight prints on the consolidated tape",
    ("1998-01-01", False, "None before the plans were amended."),
    ("2026-12-07", True, "SEC Rel. 34-105779 and 34-105780; opens Sunday 21:00; not read in the original: on track."),
)
"""Whether the tape carries prints of 21:00 to 04:00 of the trading date; they must stay out of pre-market baselines."""


def hours_rule(of: Session, ns: int) -> HoursRule:
    """Return what is taken at `ns`."""
    return HOURS.at(of.date)[phase(of, ns)]


def may_send(kind: OrderType, flagged: bool, of: Session, ns: int) -> Allowed:
    """Say whether an order of this type, marked for extended hours or not, is worked when it is sent at `ns`.

    An order for an auction is worked when the auction still takes it.
    """
    if flagged and kind not in LIMITS:
        return no(f"only limit orders may be marked for extended hours, not {kind.in_words} orders")
    if kind in FOR_AUCTIONS:
        return may_enter(kind, of, ns)
    where = phase(of, ns)
    rule = HOURS.at(of.date)[where]
    if not rule.types:
        return no(f"nothing is worked in the hours called {where}")
    if kind not in rule.types:
        return no(f"only limit orders are worked in the hours called {where}, not {kind.in_words} orders")
    if rule.flagged and not flagged:
        return no(f"in the hours called {where} an order must be marked for extended hours")
    return yes(f"{kind.in_words} orders are worked in the hours called {where}")
