"""What the rules of the market say of an entry: checks of the gate, each with its value and its limit.

A rule that cannot bind is not among them: bands outside their hours, the circuit breakers where nobody tells the
market, the restriction of short sales at a purchase. One that may bind fails when what it depends on is unknown.
`RULES` names the tables behind each check, for the explanation.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from qm.clock import MINUTE
from qm.model.events import Check, Signal
from qm.model.order import FOR_AUCTIONS, OrderType, Side
from qm.model.standing import Standing
from qm.risk.limits import MarginRegime, RiskSettings
from qm.rules.borrow import Availability, ShortPolicy
from qm.rules.calendar import phase
from qm.rules.day_rules import DayRules
from qm.rules.margin import REGIMES, Broker, Regime
from qm.rules.ssr import LIMITED, lowest_short_price

HOURS_CHECK: Final = "order type worked now"
CUTOFF_CHECKS: Final = {kind: f"cut-off of {kind.in_words} orders" for kind in OrderType if kind in FOR_AUCTIONS}
BAND_CHECK: Final = "room to the volatility band"
ESTIMATED_CHECK: Final = "room to the estimated volatility band"
MARKET_CHECK: Final = "fall of the market, by SPY"
MARGIN_CHECK: Final = "margin required"
DAY_TRADES_CHECK: Final = "day trades in five sessions"
SHORTS_CHECK: Final = "short sales switched on"
BORROW_CHECK: Final = "easy to borrow, as the broker says"
PROXY_PRICE_CHECK: Final = "price that stands for easy to borrow"
PROXY_DAY_CHECK: Final = "day's trading that stands for easy to borrow"
RESTRICTED_CHECK: Final = "short sales restricted"
ABOVE_BID_CHECK: Final = "restricted short sale above the bid"

RULES: Final[dict[str, str]] = {
    HOURS_CHECK: "order types by trading hours",
    CUTOFF_CHECKS[OrderType.MOO]: "Nasdaq auction cut-offs",
    CUTOFF_CHECKS[OrderType.LOO]: "Nasdaq auction cut-offs",
    CUTOFF_CHECKS[OrderType.MOC]: "NYSE auction cut-offs",
    CUTOFF_CHECKS[OrderType.LOC]: "NYSE auction cut-offs",
    BAND_CHECK: "limit-up limit-down plan",
    ESTIMATED_CHECK: "limit-up limit-down plan",
    MARKET_CHECK: "market-wide circuit breakers",
    MARGIN_CHECK: "margin requirements",
    PROXY_PRICE_CHECK: "locate rule",
    PROXY_DAY_CHECK: "locate rule",
    BORROW_CHECK: "locate rule",
    RESTRICTED_CHECK: "short sale restriction",
    ABOVE_BID_CHECK: "short sale restriction",
    "stop distance": "tick size",
}
"""The schedule in which the rule behind a check stands, by the name of the check."""


def in_these_hours(signal: Signal, now: int, seen: Standing, rules: DayRules) -> Check:
    """Check that an order of this type is worked when it is sent now; the engine marks none for extended hours.

    One for an auction must come before the cut-off of the exchange that lists the share; where that is not known, the
    earliest of all holds. Value and limit are minutes since the open.
    """
    times = rules.auction(signal.type, seen.listing)
    if times is not None:
        minute, last = ((ns - rules.of.open_ns) / MINUTE for ns in (now, times.enter_until_ns))
        taken = rules.of.pre_ns <= now < times.enter_until_ns
        return Check(CUTOFF_CHECKS[signal.type], minute, last, taken, "min")
    hours = rules.hours[phase(rules.of, now)]
    taken = signal.type in hours.types and not hours.flagged
    return Check(HOURS_CHECK, 1.0 if taken else 0.0, 1.0, taken)


def off_the_bands(price: float, now: int, seen: Standing, rules: DayRules, least_pct: float) -> list[Check]:
    """Check the way to the nearer volatility band, % of the price; nothing while there are no bands."""
    if seen.unbanded or not rules.banded or not rules.of.open_ns <= now < rules.of.close_ns:
        return []
    if seen.lower is None or seen.upper is None or not price > 0.0:
        return [Check(BAND_CHECK, None, least_pct, passed=False, unit="%")]
    room = round(100.0 * min(seen.upper - price, price - seen.lower) / price, 6)
    name = ESTIMATED_CHECK if seen.estimated else BAND_CHECK
    return [Check(name, room, least_pct, room >= least_pct, "%")]


def market_open(seen: Standing, now: int, rules: DayRules) -> list[Check]:
    """Check that the market has not fallen as far as the next level of the circuit breakers, where it is told.

    A level whose halt is over stops nothing more, nor do the first two late in the day.
    """
    limit, change = rules.market_limit_pct(seen.market_level, now), seen.market_pct
    if limit is None or change is None:
        return []
    # 465 is seven per cent below 500, whatever their binary fractions say.
    fall = round(max(0.0, -change), 6)
    return [Check(MARKET_CHECK, fall, limit, fall < limit, "%")]


def short_sale(signal: Signal, price: float, seen: Standing, rules: DayRules, policy: ShortPolicy) -> list[Check]:
    """Check what a short sale needs: shares to borrow, and while it is restricted a price above the bid."""
    return (
        []
        if signal.side is Side.BUY
        else [*_borrow(price, seen, rules, policy), *_restriction(signal, seen, rules, policy)]
    )


def margin(signal: Signal, shares: int, price: float, used_usd: float, gross_usd: float, equity_usd: float,
           made: int, seen: Standing, limits: RiskSettings, rules: DayRules) -> list[Check]:  # fmt: skip
    """Check what positions tie up against the equity, less the headroom, and day trades where they are counted.

    `used_usd` is what positions and working entries tie up, `gross_usd` their value, `made` the day trades of this
    run in five sessions, today's included.
    """
    regime = limits.margin_regime
    now = REGIMES[Broker.SIM].at(rules.of.date) if regime is MarginRegime.BY_DATE else Regime(regime)
    small = equity_usd < rules.pattern_equity_usd
    if not equity_usd >= rules.minimum_equity_usd:
        needed = gross_usd + shares * price
    elif now is Regime.REG_T or (now is Regime.LEGACY_PDT and small):
        needed = max((gross_usd + shares * price) * rules.initial, used_usd)
    else:
        needed = used_usd + rules.required(signal.side.sign * shares, price, seen.leverage)
    room = equity_usd * (1.0 - limits.margin_headroom)
    checks = [Check(MARGIN_CHECK, needed, room, needed <= room, "$")]
    if now is Regime.LEGACY_PDT and small:
        most = rules.pattern_trades - 1
        checks.append(Check(DAY_TRADES_CHECK, float(made + 1), float(most), made + 1 <= most))
    return checks


def _borrow(price: float, seen: Standing, rules: DayRules, policy: ShortPolicy) -> list[Check]:
    if policy is ShortPolicy.ANY:
        return []
    if policy is ShortPolicy.OFF:
        return [Check(SHORTS_CHECK, 0.0, 1.0, passed=False)]
    told = Availability(seen.borrow)
    if policy is ShortPolicy.PROXY and told is Availability.UNKNOWN:
        usd, least = seen.day_usd, rules.proxy_day_usd
        return [
            Check(PROXY_PRICE_CHECK, price, rules.proxy_price_usd, price >= rules.proxy_price_usd, "$"),
            Check(PROXY_DAY_CHECK, usd, least, usd is not None and usd >= least, "$"),
        ]
    if told is Availability.UNKNOWN:
        return [Check(BORROW_CHECK, None, 1.0, passed=False)]
    # No broker that would locate shares is connected: those that are hard to borrow stay out of reach.
    easy = told is Availability.EASY
    return [Check(BORROW_CHECK, 1.0 if easy else 0.0, 1.0, passed=easy)]


def _restriction(signal: Signal, seen: Standing, rules: DayRules, policy: ShortPolicy) -> list[Check]:
    if seen.restricted is None:
        if policy is ShortPolicy.ANY:
            return []
        return [Check(RESTRICTED_CHECK, None, 0.0, passed=False)]
    if not seen.restricted:
        return [Check(RESTRICTED_CHECK, 0.0, 0.0, passed=True)]
    # Without quotes the last price is the nearest that is known of the bid.
    bid = seen.bid if seen.bid is not None else seen.price
    if bid is None:
        return [Check(ABOVE_BID_CHECK, None, None, passed=False, unit="$")]
    lowest = float(lowest_short_price(Decimal(repr(bid)), rules.of.date))
    limit = signal.limit if signal.type in LIMITED else None
    return [Check(ABOVE_BID_CHECK, limit, lowest, limit is not None and limit >= lowest, "$")]
