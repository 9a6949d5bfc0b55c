"""Which rules of the market held for a decision: their values, since when they hold, and where they were read."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from qm.clock import ny
from qm.errors import QmError
from qm.model.events import Entry, Intended, Refused
from qm.model.order import OrderType, Side
from qm.model.standing import Standing
from qm.risk.market_rules import CUTOFF_CHECKS
from qm.rules.auctions import AUCTIONS, Venue, first_to_refuse, may_enter
from qm.rules.calendar import Session, session
from qm.rules.limits import Tier
from qm.rules.lookup import Applies, Facts, what_applies
from qm.rules.margin import Broker

_KIND_OF: Final = {name: kind for kind, name in CUTOFF_CHECKS.items()}
LABEL: Final = "rule "
"""How every line of a rule begins."""


def rulings(entry: Entry) -> list[str]:
    """Return a line for every rule that bore on an entry order or its refusal, as the tables of today have it.

    The facts are those of the moment, out of the journal; what was not known says so.
    """
    body = entry.body
    if isinstance(body, Intended):
        symbol, side = body.order.symbol, body.order.side
    elif isinstance(body, Refused):
        symbol, side = body.symbol, None
    else:
        return []
    seen = body.standing
    if seen is None:
        return []
    try:
        of = session(ny(entry.ts).date())
    except QmError:
        return []
    applies = what_applies(facts_of(symbol, seen), of, entry.ts)
    lines = _lines(applies, seen, side)
    kind = next((_KIND_OF[check.name] for check in body.checks if check.name in _KIND_OF), None)
    if kind is not None:
        lines.insert(1, _auction(kind, seen, applies, entry.ts, of))
    return [LABEL + line for line in lines]


def facts_of(symbol: str, seen: Standing) -> Facts:
    """Return what was known of a symbol as the lookup takes it; the prior close stands for the average close."""
    prior = _exact(seen.prior_close)
    return Facts(
        symbol=symbol,
        price=_exact(seen.price),
        prior_close=prior,
        average_close=prior,
        tier=Tier(seen.tier),
        reference=seen.reference,
        bid=_exact(seen.bid if seen.bid is not None else seen.price),
        restricted=bool(seen.restricted),
        leverage=seen.leverage,
        listing=Venue(seen.listing) if seen.listing else None,
        broker=Broker(seen.broker),
    )


def _lines(applies: Applies, seen: Standing, side: Side | None) -> list[str]:
    kinds = ", ".join(sorted(kind.in_words for kind in applies.order_types)) or "nothing"
    lines = [
        _sourced(f"hours {applies.phase}: {kinds}", applies, "order types by trading hours"),
        _sourced(f"tick ${applies.tick}" if applies.tick else "tick not known", applies, "tick size"),
        _sourced(_lot(applies), applies, "round lots"),
        _sourced(_bands(applies, seen), applies, "limit-up limit-down plan"),
        *_tier(applies, seen),
        _sourced(_market(applies, seen), applies, "market-wide circuit breakers"),
    ]
    if side is not Side.BUY:
        lines.append(_sourced(_shorts(applies, seen), applies, "short sale restriction"))
    taf = f"${applies.taf.per_share} a share, at most ${applies.taf.cap}"
    return [
        *lines,
        _sourced(f"sales pay Section 31 of ${applies.section_31} a million $", applies, "SEC Section 31 fee"),
        _sourced(f"sales pay the activity fee of {taf}", applies, "FINRA trading activity fee"),
        _sourced(f"both sides pay the audit trail ${applies.cat} a share", applies, "consolidated audit trail fee"),
        _sourced(
            f"margin regime of the date: {applies.regime.replace('_', ' ')}; the setting decides",
            applies,
            f"margin regime at {seen.broker}",
        ),
    ]


def _sourced(text: str, applies: Applies, rule: str) -> str:
    read = applies.source(rule)
    until = f" to {read.valid_to}" if read.valid_to else ""
    return f"{text} [{rule}, from {read.valid_from}{until}: {read.source.rstrip('.')}]"


def _auction(kind: OrderType, seen: Standing, applies: Applies, ns: int, of: Session) -> str:
    if not seen.listing:
        table = AUCTIONS[first_to_refuse(kind, of)]
        return _sourced(f"{may_enter(kind, of, ns).reason}, wherever it is listed", applies, table.name)
    listing = Venue(seen.listing)
    return _sourced(may_enter(kind, of, ns, listing).reason, applies, AUCTIONS[listing].name)


def _lot(applies: Applies) -> str:
    if applies.round_lot is None:
        return "round lot not known, for want of a prior close"
    return f"round lot {applies.round_lot} shares, by the prior close for the month's average"


def _bands(applies: Applies, seen: Standing) -> str:
    if seen.unbanded:
        return "no volatility bands: the plan leaves warrants and rights out"
    if seen.lower is None or seen.upper is None:
        return "no volatility bands known" if applies.phase == "open" else "no volatility bands in these hours"
    how = "estimated from prices at minute boundaries" if seen.estimated else "as the feed or its prints have them"
    width = "" if applies.band is None else f", {applies.band:.0%} around {seen.reference:g} as tier {seen.tier}"
    unknown = "" if seen.prior_close is not None else "; the prior close is not known, so that the narrowest are taken"
    return f"volatility bands {seen.lower:g} to {seen.upper:g}{width}, {how}{unknown}"


def _tier(applies: Applies, seen: Standing) -> list[str]:
    """Say what stands for the lists of the plan's tiers, where bands were known."""
    if seen.lower is None:
        return []
    traded = "is not known" if seen.day_usd is None else f"was ${seen.day_usd:,.0f}"
    least = f"${applies.tier_one_usd:,.0f}"
    text = f"tier {seen.tier} by proxy: the average day's trading {traded}, tier 1 from {least}"
    return [_sourced(text, applies, "stand-in for the lists of tier one")]


def _market(applies: Applies, seen: Standing) -> str:
    if not applies.market_halts:
        return "no circuit breakers"
    levels = ", ".join(f"-{100 * drop:.0f} %" for drop in applies.market_halts)
    if seen.market_pct is None:
        return f"the market halts at {levels}; where it stood is not known without SPY in the feed"
    halted = f", after a halt at level {seen.market_level}" if seen.market_level else ""
    return f"the market halts at {levels}{halted}; it stood at {seen.market_pct:+.2f} % by SPY"


def _shorts(applies: Applies, seen: Standing) -> str:
    if seen.restricted is None:
        want = "a prior close" if seen.prior_close is None else "the session before"
        return f"short sales: not known whether restricted, for want of {want}"
    if seen.restricted:
        return f"short sales restricted: not below {applies.lowest_short}"
    trigger = (
        ""
        if applies.short_trigger is None
        else f"; a trade at {applies.short_trigger.normalize():f} or below restricts them"
    )
    return f"short sales not restricted{trigger}"


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))
