"""The rules behind a decision are told with values, dates and sources, as they held on its date."""

from __future__ import annotations

import datetime as dt
from typing import Any

from qm.journal.explain import step
from qm.journal.rulings import rulings
from qm.model.events import Check, Entry, Intended, Refused, SessionEnded
from qm.model.order import Order, OrderType, Purpose, Side
from qm.model.standing import Standing
from qm.risk.market_rules import CUTOFF_CHECKS
from qm.rules.calendar import session

NOVEMBER = session(dt.date(2026, 11, 20))
HOUR = 3_600_000_000_000
KNOWN = Standing(
    price=10.5, prior_close=10.0, day_usd=3e7, bid=10.49, reference=10.0, lower=9.0, upper=11.0, restricted=False,
    market_pct=-0.5,
)  # fmt: skip


def refusal(seen: Standing | None = KNOWN, ns: int = NOVEMBER.open_ns + HOUR) -> Entry:
    return Entry(1, ns, 0, 0, Refused("AAA", "s", (), None, seen))


def line(entry: Entry, about: str) -> str:
    (found,) = [each for each in rulings(entry) if about in each.partition("[")[0]]
    return found


def test_each_rule_is_told_with_its_value_its_dates_and_its_source() -> None:
    entry = refusal()
    assert line(entry, "tick") == (
        "rule tick $0.01 [tick size, from 1998-01-01: Regulation NMS Rule 612 (2006-01-31); "
        "used for the years before it as well, fractions are not modelled]"
    )
    bands = line(entry, "volatility bands")
    assert "9 to 11, 10% around 10 as tier 2, as the feed or its prints have them [limit-up" in bands
    assert "tier 2 by proxy: the average day's trading was $" in line(entry, "by proxy")
    assert "stand-in for the lists of tier one, from 1998-01-01: Own assumption" in line(entry, "by proxy")
    assert "at 9 or below restricts them" in line(entry, "short sales")
    assert "-7 %, -13 %, -20 %; it stood at -0.50 % by SPY" in line(entry, "the market halts")
    assert "round lot 100" in line(entry, "round lot")
    # The holiday of the activity fee, on the very date.
    assert "$0 a share, at most $0 [FINRA trading activity fee, from 2026-10-01 to 2026-12-31" in line(
        entry, "activity"
    )
    assert "$20.60 a million" in line(entry, "Section 31")
    assert set(rulings(entry)) <= set(step(entry).details)


def test_the_date_of_the_decision_decides() -> None:
    early = refusal(ns=session(dt.date(2025, 3, 12)).open_ns + HOUR)
    assert "$27.80 a million" in line(early, "Section 31")
    assert "legacy pdt" in line(early, "margin regime")
    assert "intraday margin" in line(refusal(), "margin regime")


def test_what_was_not_known_says_so() -> None:
    entry = refusal(Standing(price=None, prior_close=None, day_usd=None))
    for about, word in (
        ("tick", "not known"),
        ("round lot", "for want of a prior close"),
        ("volatility bands", "no volatility bands known"),
        ("short sales", "not known whether restricted"),
        ("the market halts", "without SPY in the feed"),
    ):
        assert word in line(entry, about)
    alone = Standing(10.0, 10.0, None, restricted=None)
    assert "whether restricted, for want of the session before" in line(refusal(alone), "short sales")
    assert "narrowest" in line(refusal(Standing(10.0, None, None, reference=10.0, lower=9.0, upper=11.0)), "bands 9")
    assert "in these hours" in line(refusal(Standing(10.0, 10.0, None), NOVEMBER.close_ns + 1), "no volatility bands")


def test_a_purchase_is_not_told_about_short_sales_and_a_restricted_sale_is_told_its_price() -> None:
    def sent(side: Side, seen: Standing) -> list[str]:
        order = Order("O1", "AAA", side, 1, OrderType.MARKET, Purpose.ENTRY, "s")
        return rulings(Entry(1, NOVEMBER.open_ns, 0, 0, Intended(order, 10.0, standing=seen)))

    restricted: Any = Standing(price=9.0, prior_close=10.0, day_usd=None, bid=8.99, restricted=True)
    assert not [each for each in sent(Side.BUY, restricted) if "short sale" in each]
    assert [each for each in sent(Side.SELL, restricted) if "restricted: not below 9.00" in each]


def test_an_order_for_an_auction_is_told_its_cutoff_the_next_auction_and_their_source() -> None:
    check = Check(CUTOFF_CHECKS[OrderType.MOC], 385.0, 380.0, False, "min")
    late = Entry(1, NOVEMBER.close_ns - HOUR // 12, 0, 0, Refused("AAA", "s", (check,), None, KNOWN))
    told = line(late, "auction")
    assert told.startswith(
        "rule the closing auction took market on close orders until 15:50; "
        "the next one, of 2026-11-23, takes them from 04:00 to 15:50, wherever it is listed [NYSE auction cut-offs, "
    )
    assert "34-85021" in told
    assert not [each for each in rulings(refusal()) if "auction" in each]


def test_other_entries_and_those_of_earlier_versions_have_none() -> None:
    assert rulings(refusal(None)) == []
    assert rulings(Entry(1, NOVEMBER.open_ns, 0, 0, SessionEnded("d", 0))) == []  # type: ignore[arg-type]
    weekend = NOVEMBER.open_ns + 24 * HOUR
    assert rulings(refusal(KNOWN, weekend)) == []
