"""What applies to a symbol at a moment: one question for risk, exchange and explanation, with sources."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from qm.model.order import OrderType
from qm.rules.access import ACCESS_FEE, access_fee_cap
from qm.rules.auctions import AUCTIONS, EXCHANGES, AuctionOrder, Venue, auction_times
from qm.rules.borrow import BORROW
from qm.rules.calendar import Phase, Session, phase
from qm.rules.dated import Schedule
from qm.rules.extended import HOURS
from qm.rules.limits import LULD, TIER_PROXY, Bands, Tier, band_fraction, luld_bands
from qm.rules.lots import ROUND_LOTS, round_lot
from qm.rules.margin import HOUSE, REGIMES, REQUIREMENTS, Broker, Regime
from qm.rules.mwcb import MWCB
from qm.rules.rates import CAT, SECTION_31, TAF, TafRate
from qm.rules.ssr import SSR_DROP, lowest_short_price, ssr_trigger
from qm.rules.ticks import TICKS, tick_size


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a symbol at the moment; None is unknown, and what needs it is not answered."""

    symbol: str
    price: Decimal | None = None
    """Last eligible trade, $."""
    prior_close: Decimal | None = None
    """Official, of the listing exchange, $."""
    average_close: Decimal | None = None
    """Of the month that decides the round lot, $."""
    tier: Tier = Tier.TWO
    leverage: float = 1.0
    """Of a leveraged fund."""
    reference: float | None = None
    """Reference price of the volatility bands, $, as `Luld.reference` has it."""
    bid: Decimal | None = None
    restricted: bool = False
    """Whether short sales are restricted now, as `ShortSaleRestriction.restricted` has it."""
    listing: Venue | None = None
    broker: Broker = Broker.SIM


class Read(NamedTuple):
    """Where a rule was read, and since when it holds."""

    rule: str
    valid_from: dt.date
    valid_to: dt.date | None
    source: str


@dataclass(frozen=True, slots=True)
class Applies:
    """The rules of the market for one symbol at one moment; None where a rule does not apply or a fact is unknown."""

    symbol: str
    ns: int
    phase: Phase
    order_types: frozenset[OrderType]
    """What is worked when it is sent now."""
    flagged: bool
    """Orders must be marked for extended hours."""
    tick: Decimal | None
    """$."""
    round_lot: int | None
    """Shares."""
    band: float | None
    """Width of the volatility bands, as a fraction of the reference price."""
    bands: Bands | None
    tier_one_usd: float
    """Average $ traded in a day that stands for the lists of tier one."""
    short_trigger: Decimal | None
    """$ at or below which a trade restricts short sales."""
    lowest_short: Decimal | None
    """$ below which nobody may sell short; None unless restricted and a bid is known."""
    market_halts: tuple[Decimal, ...]
    """Falls of the market, as fractions, at which all trading halts; empty before the rule."""
    regime: Regime
    section_31: Decimal
    """$ per million $ sold."""
    taf: TafRate
    cat: Decimal
    """$ per share."""
    access_cap: Decimal | None
    """$ per share."""
    on_close_until_ns: int | None
    """From when the listing exchange takes no more market-on-close orders."""
    sources: tuple[Read, ...]
    """Of every rule that bears on it."""

    def source(self, rule: str) -> Read:
        """Return where a rule was read, by the name of its schedule; KeyError when it is none of these."""
        for read in self.sources:
            if read.rule == rule:
                return read
        raise KeyError(rule)


_COMMON: Final[tuple[Schedule[Any], ...]] = (
    HOURS,
    TICKS,
    ROUND_LOTS,
    LULD,
    TIER_PROXY,
    MWCB,
    SSR_DROP,
    BORROW,
    REQUIREMENTS,
    SECTION_31,
    TAF,
    CAT,
    ACCESS_FEE,
)


def what_applies(facts: Facts, of: Session, ns: int) -> Applies:
    """Return the rules for a symbol at `ns` of the trading date `of`."""
    day, price, prior = of.date, facts.price, facts.prior_close
    where, halts = phase(of, ns), MWCB.at(day)
    hours = HOURS.at(day)[where]
    band, bands = _bands(facts, of, ns)
    closing = None if facts.listing is None else auction_times(facts.listing, AuctionOrder.MOC, of)
    return Applies(
        symbol=facts.symbol,
        ns=ns,
        phase=where,
        order_types=hours.types,
        flagged=hours.flagged,
        tick=None if price is None else tick_size(price, day),
        round_lot=None if facts.average_close is None else round_lot(facts.average_close, day),
        band=band,
        bands=bands,
        tier_one_usd=TIER_PROXY.at(day),
        short_trigger=None if prior is None else ssr_trigger(prior, day),
        lowest_short=None if facts.bid is None or not facts.restricted else lowest_short_price(facts.bid, day),
        market_halts=() if halts is None else halts.drops,
        regime=REGIMES[facts.broker].at(day),
        section_31=SECTION_31.at(day),
        taf=TAF.at(day),
        cat=CAT.at(day),
        access_cap=None if price is None else access_fee_cap(price, day),
        on_close_until_ns=None if closing is None else closing.enter_until_ns,
        sources=tuple(_read(table, day) for table in _tables(facts)),
    )


def _bands(facts: Facts, of: Session, ns: int) -> tuple[float | None, Bands | None]:
    if facts.prior_close is None or facts.reference is None:
        return None, None
    known = (facts.tier, float(facts.prior_close), facts.reference, of, ns, facts.leverage)
    return band_fraction(*known), luld_bands(*known)


def _tables(facts: Facts) -> list[Schedule[Any]]:
    tables = [*_COMMON, REGIMES[facts.broker]]
    if facts.broker in HOUSE:
        tables.append(HOUSE[facts.broker])
    listings = EXCHANGES if facts.listing is None else (facts.listing,)
    return [*tables, *(AUCTIONS[venue] for venue in listings)]


def _read(table: Schedule[Any], day: dt.date) -> Read:
    row = table.row(day)
    return Read(table.name, row.valid_from, row.valid_to, row.source)
