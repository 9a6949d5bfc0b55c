"""The rules of one trading date as plain numbers, looked up once, for those who ask them at every order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from qm.clock import MINUTE
from qm.model.order import OrderType
from qm.rules.auctions import EXCHANGES, AuctionTimes, Venue, earliest_times
from qm.rules.borrow import BORROW
from qm.rules.calendar import Phase, Session
from qm.rules.extended import HOURS, HoursRule
from qm.rules.limits import LULD
from qm.rules.margin import PATTERN, REQUIREMENTS
from qm.rules.mwcb import MWCB
from qm.rules.ssr import SSR_DROP
from qm.rules.ticks import TICKS


@dataclass(frozen=True, slots=True)
class DayRules:
    """Values of the dated tables on one date; the tables themselves say where each was read."""

    of: Session
    hours: dict[Phase, HoursRule]
    auctions: dict[OrderType, AuctionTimes]
    """Of the orders that trade in an auction only, wherever a share may be listed."""
    listed: dict[str, dict[OrderType, AuctionTimes]]
    """The same by the exchange that lists a share."""
    tick_edge: float
    """$ from which `tick` holds, and `fine` below it."""
    tick: float
    fine: float
    banded: bool
    """The limit-up limit-down plan holds."""
    ssr_drop: float | None
    """Fall from the prior close that restricts short sales, as a fraction; None before the rule."""
    market_halts_pct: tuple[float, ...]
    """Falls of the market that halt all trading, %, by level; empty before the rule."""
    market_late_ns: int
    """From here on only the last of them does."""
    initial: float
    """Fraction of its value that a position ties up where nothing is lent within the day beyond what is overnight."""
    long: float
    """Fraction of its value that a long position ties up."""
    short: float
    short_usd: float
    cheap: float
    cheap_usd: float
    cheap_below: float
    minimum_equity_usd: float
    proxy_price_usd: float
    """$ from which a share may stand for one that is easy to borrow."""
    proxy_day_usd: float
    pattern_trades: int
    """Day trades in five business days that make a pattern day trader."""
    pattern_equity_usd: float

    def trades_ns(self, kind: OrderType, now: int) -> int:
        """Return when an order sent now trades at the earliest: at once, or in its auction."""
        times = self.auctions.get(kind)
        return now if times is None else times.auction_ns

    def auction(self, kind: OrderType, listing: str) -> AuctionTimes | None:
        """Return the times of an order for an auction at its listing exchange, else the earliest; None for others."""
        return self.listed.get(listing, self.auctions).get(kind)

    def market_limit_pct(self, level: int, now: int) -> float | None:
        """Return the fall of the market, %, that halts it next, once `level` has; None where nothing does any more."""
        left = self.market_halts_pct[level:] if now < self.market_late_ns else self.market_halts_pct[-1:]
        return left[0] if left else None

    def tick_at(self, price: float) -> float:
        """Return the smallest step of prices there, $."""
        return self.tick if price >= self.tick_edge else self.fine

    def required(self, shares: float, price: float, leverage: float = 1.0) -> float:
        """Return the equity that a position ties up, $; `shares` are signed. Source: `REQUIREMENTS`.

        That of a leveraged fund ties up as many times as much, a long one no more than its value.
        """
        value = abs(shares) * price
        if shares >= 0:
            return value * min(self.long * leverage, 1.0)
        if price < self.cheap_below:
            return max(self.cheap_usd * -shares, value * self.cheap * leverage)
        return max(self.short_usd * -shares, value * self.short * leverage)


@lru_cache(maxsize=64)
def day_rules(of: Session) -> DayRules:
    """Return the rules of a session."""
    day = of.date
    tick, margin, borrow = TICKS.at(day), REQUIREMENTS.at(day), BORROW.at(day)
    drop, halts = SSR_DROP.at(day), MWCB.at(day)
    # The rule for pattern day traders has no value before it was made; its first one stands there for none at all.
    pattern = PATTERN.at(max(day, PATTERN.rows[0].valid_from))
    return DayRules(
        of=of,
        hours=HOURS.at(day),
        auctions=_auctions(of, None),
        listed={venue.value: _auctions(of, venue) for venue in EXCHANGES},
        tick_edge=float(tick.edge),
        tick=float(tick.coarse),
        fine=float(tick.fine),
        banded=LULD.at(day) is not None,
        ssr_drop=None if drop is None else float(drop),
        market_halts_pct=() if halts is None else tuple(float(100 * drop) for drop in halts.drops),
        market_late_ns=of.close_ns if halts is None else of.close_ns - halts.last_minutes * MINUTE,
        initial=float(margin.initial),
        long=float(margin.long),
        short=float(margin.short),
        short_usd=float(margin.short_usd),
        cheap=float(margin.cheap),
        cheap_usd=float(margin.cheap_usd),
        cheap_below=float(margin.cheap_below),
        minimum_equity_usd=float(margin.minimum_equity_usd),
        proxy_price_usd=float(borrow.proxy_price_usd),
        proxy_day_usd=float(borrow.proxy_day_usd),
        pattern_trades=pattern.trades,
        pattern_equity_usd=float(pattern.equity_usd),
    )


def _auctions(of: Session, listing: Venue | None) -> dict[OrderType, AuctionTimes]:
    return {kind: times for kind in OrderType if (times := earliest_times(kind, of, listing)) is not None}
