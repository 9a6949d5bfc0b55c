"""The facts on which the rules of the market depend, gathered for one symbol when somebody decides."""

from __future__ import annotations

from math import isfinite
from typing import Final

from qm.clock import MINUTE
from qm.market.market import KEPT_MINUTES, Market
from qm.model.standing import Standing
from qm.rules.auctions import EXCHANGES, Venue
from qm.rules.borrow import TOLD, Availability
from qm.rules.calendar import Session
from qm.rules.limits import LULD, TIER_PROXY, Tier, luld_bands
from qm.rules.ssr import SSR_DROP, ssr_trigger_usd
from qm.rules.symbology import UNBANDED, named

MARKET_SYMBOL: Final = "SPY"
"""Stands for the index of the circuit breakers."""
NARROWEST: Final = 3.01
"""$: a prior close from which the narrowest bands follow; it stands for one that is unknown."""


def standing(market: Market, row: int) -> Standing:
    """Return what is known of a symbol now.

    Bands are those that the feed told last. Where it tells none they are estimated: around the mean of the prices at
    the last five minute boundaries, or of the followed bars; before there are any, the open; where nobody marks
    minutes, the start of the last bar, and of bars longer than five minutes their end. The plan's own reference price
    may differ from it: it is a mean of trades, and moves only by 1 % or more. An unknown prior close has the narrowest
    bands of its tier.
    """
    col, known, of = market.col, market.reference, market.session
    prior = _known(known.prior_close.item(row))
    adv = _known(known.adv.item(row))
    day_usd = None if adv is None or prior is None else adv * prior
    tier = tier_of(day_usd, of)
    reference, lower, upper, estimated = _bands(market, row, prior, tier)
    return Standing(
        price=_known(col["last"].item(row)),
        prior_close=prior,
        day_usd=day_usd,
        bid=_known(col["bid"].item(row)),
        tier=int(tier),
        reference=reference,
        lower=lower,
        upper=upper,
        estimated=estimated,
        restricted=restricted(market, row),
        market_pct=_market_pct(market),
        market_level=market.halted_level,
        leverage=leverage_at(market, row),
        unbanded=unbanded(market, row),
        listing=listing_of(market, row) or "",
        borrow=availability(market, row),
    )


def unbanded(market: Market, row: int) -> bool:
    """Say whether the limit-up limit-down plan leaves a symbol out, as its name tells."""
    return named(market.table.names[row]).security in UNBANDED


def leverage_at(market: Market, row: int) -> float:
    """Return the leverage of a fund; 1 for everything else, and where it is not known."""
    leverage = market.reference.leverage.item(row)
    return leverage if isfinite(leverage) else 1.0


def listing_of(market: Market, row: int) -> Venue | None:
    """Return which exchange lists a symbol; None where it is not known, or its rules are not kept."""
    place = market.reference.listing.item(row)
    return EXCHANGES[int(place)] if isfinite(place) else None


def availability(market: Market, row: int) -> Availability:
    """Return what the broker said of borrowing the shares of a symbol for this session."""
    place = market.reference.borrow.item(row)
    return TOLD[int(place)] if isfinite(place) else Availability.UNKNOWN


def bands_of(market: Market, row: int) -> tuple[float | None, float | None, float | None, bool]:
    """Return (reference, lower, upper, estimated) of a symbol's volatility bands, $; None where there are none."""
    prior, adv = _known(market.reference.prior_close.item(row)), _known(market.reference.adv.item(row))
    tier = tier_of(None if adv is None or prior is None else adv * prior, market.session)
    return _bands(market, row, prior, tier)


def _bands(
    market: Market, row: int, prior: float | None, tier: Tier
) -> tuple[float | None, float | None, float | None, bool]:
    col, of, now = market.col, market.session, market.now
    lower, upper = col["band_low"].item(row), col["band_high"].item(row)
    if lower < upper:
        return _known(col["band_ref"].item(row)), lower, upper, False
    if not of.open_ns <= now < of.close_ns or LULD.at(of.date) is None or unbanded(market, row):
        return None, None, None, False
    reference = _mean(market, row)
    if reference is None:
        return None, None, None, False
    bands = luld_bands(tier, prior or NARROWEST, reference, of, now, leverage_at(market, row))
    return (
        (reference, None, None, False) if bands is None else (reference, float(bands.lower), float(bands.upper), True)
    )


def restricted(market: Market, row: int) -> bool | None:
    """Say whether short sales of a symbol are restricted now; None where that is not known.

    Triggered by the low of regular hours so far, or carried over from the session before. It is not known where the
    prior close is not, nor, until today's own fall triggers it, where nothing is known of the session before.
    """
    if SSR_DROP.at(market.session.date) is None:
        return False
    carried = market.reference.ssr_carried.item(row)
    if carried == 1.0:
        return True
    prior = market.reference.prior_close.item(row)
    if not prior > 0.0:
        return None
    low: float = market.col["low"].item(row)
    if low <= ssr_trigger_usd(prior, market.session.date):
        return True
    return False if carried == 0.0 else None


def tier_of(day_usd: float | None, of: Session) -> Tier:
    """Return the tier that stands for the one of the plan's lists; see `TIER_PROXY`."""
    return Tier.ONE if day_usd is not None and day_usd >= TIER_PROXY.at(of.date) else Tier.TWO


def _mean(market: Market, row: int) -> float | None:
    first = max(market.session.open_ns, market.now - 5 * MINUTE) + 1
    bars = market.bars.of(row)
    marks = [bar.close for bar in list(bars)[-5:] if bar.start + MINUTE >= first] if bars else []
    if not marks:
        boundary = market.now - market.now % MINUTE
        # Where nobody marks the minutes, what the ring holds is an hour old.
        while market.marked >= boundary >= first:
            marks.append(market.closes.item(boundary // MINUTE % KEPT_MINUTES, row))
            boundary -= MINUTE
    marks = [price for price in marks if price > 0.0]
    if marks:
        return sum(marks) / len(marks)
    if market.now < market.session.open_ns + 5 * MINUTE:
        return _known(market.col["open"].item(row))
    # Nobody asks for the minutes of a few symbols on bars: what is left is where the last bar began.
    ts, began = market.col["ts"].item(row), market.col["bar_start"].item(row)
    if ts < first:
        return None
    return _known(market.col["bar_open" if ts - began <= 5 * MINUTE else "last"].item(row))


def _market_pct(market: Market) -> float | None:
    if MARKET_SYMBOL not in market.table:
        return None
    row = market.table.row(MARKET_SYMBOL)
    last, prior = market.col["last"].item(row), market.reference.prior_close.item(row)
    return 100.0 * (last / prior - 1.0) if last > 0.0 and prior > 0.0 else None


def _known(value: float) -> float | None:
    return value if isfinite(value) and value > 0.0 else None
