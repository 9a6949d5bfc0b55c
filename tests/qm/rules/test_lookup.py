"""One question about a symbol at a moment, and the source of each part of its answer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.clock import at_ny
from qm.model.order import FOR_AUCTIONS, OrderType
from qm.rules import access, auctions, borrow, extended, limits, lots, margin, mwcb, rates, ssr, ticks
from qm.rules.auctions import Venue
from qm.rules.calendar import Phase, session
from qm.rules.dated import Schedule
from qm.rules.limits import Bands, Tier
from qm.rules.lookup import Facts, what_applies
from qm.rules.margin import Broker, Regime

D = Decimal
TODAY = session(dt.date(2026, 11, 23))
KNOWN = Facts(
    "QMTX",
    price=D("12.34"),
    prior_close=D("10.00"),
    average_close=D(300),
    reference=12.0,
    bid=D("12.30"),
    restricted=True,
    listing=Venue.NASDAQ,
    broker=Broker.ALPACA,
)


def tables() -> list[Schedule[object]]:
    """Every schedule of the package."""
    found: list[Schedule[object]] = []
    for module in (access, auctions, borrow, extended, limits, lots, margin, mwcb, rates, ssr, ticks):
        for value in vars(module).values():
            candidates = value.values() if isinstance(value, dict) else [value]
            found.extend(each for each in candidates if isinstance(each, Schedule))
    return found


def test_all_that_applies_in_the_last_minutes() -> None:
    found = what_applies(KNOWN, TODAY, at_ny(TODAY.date, "15:40"))
    assert found.phase is Phase.OPEN
    assert found.order_types == set(OrderType) - FOR_AUCTIONS
    assert not found.flagged
    assert (found.tick, found.round_lot) == (D("0.01"), 40)
    assert (found.band, found.bands) == (0.1, Bands(D("10.80"), D("13.20")))
    assert (found.short_trigger, found.lowest_short) == (D("9.00"), D("12.31"))
    assert found.regime is Regime.INTRADAY_MARGIN
    assert (found.section_31, found.taf, found.cat) == (D("20.60"), (D(0), D(0)), D("0.000003"))
    assert found.access_cap == D("0.003")
    assert found.on_close_until_ns == at_ny(TODAY.date, "15:55")
    assert "34-104909" in found.source("SEC Section 31 fee").source
    assert found.source("FINRA trading activity fee").valid_to == dt.date(2026, 12, 31)
    assert {"margin regime at alpaca", "house margin at Alpaca", "Nasdaq auction cut-offs"} <= {
        read.rule for read in found.sources
    }
    with pytest.raises(KeyError, match="horoscope"):
        found.source("horoscope")


def test_what_is_unknown_is_not_answered() -> None:
    found = what_applies(Facts("QMTX", restricted=True), TODAY, at_ny(TODAY.date, "08:00"))
    unknown = (found.tick, found.round_lot, found.band, found.bands, found.short_trigger, found.lowest_short)
    assert unknown == (None,) * 6
    assert (found.access_cap, found.on_close_until_ns) == (None, None)
    assert (found.phase, found.order_types, found.flagged) == (Phase.PRE, frozenset({OrderType.LIMIT}), True)


def test_the_answer_is_that_of_the_day() -> None:
    of = session(dt.date(2012, 11, 23))
    found = what_applies(KNOWN, of, at_ny(of.date, "12:40"))
    assert (found.bands, found.round_lot, found.regime) == (None, 100, Regime.LEGACY_PDT)
    assert found.source("limit-up limit-down plan").valid_to == dt.date(2013, 4, 7)
    # A half day: the closing auction is at 13:00.
    assert found.on_close_until_ns == at_ny(of.date, "12:50")


def test_bands_of_a_leveraged_fund_and_none_outside_regular_hours() -> None:
    fund = Facts("QMTX", prior_close=D(50), reference=40.0, tier=Tier.ONE, leverage=3.0)
    assert what_applies(fund, TODAY, at_ny(TODAY.date, "11:00")).bands == Bands(D("34.00"), D("46.00"))
    assert what_applies(fund, TODAY, TODAY.close_ns).bands is None


def test_every_table_names_its_sources_and_reaches_from_the_first_day_of_its_rule_on() -> None:
    found = tables()
    assert len(found) > 20
    for table in found:
        for row in table:
            assert row.source.strip()
            assert table.row(row.valid_from) == row
            if row.valid_to is not None:
                assert table.row(row.valid_to) == row
                assert table.row(row.valid_to + dt.timedelta(days=1)) != row
        assert table.rows[-1].valid_to is None
