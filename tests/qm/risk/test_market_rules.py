"""The rules of the market at the gate: each at its boundary, by date, and unknown only where it may bind."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from qm.clock import MINUTE, at_ny
from qm.model.events import Check, Entry, SessionStarted, Signal, TradeClosed
from qm.model.order import FOR_AUCTIONS, OrderType, Side
from qm.risk import market_rules as rules
from qm.risk.gate import Gate
from qm.risk.limits import MarginRegime, RiskSettings
from qm.rules.borrow import ShortPolicy
from qm.rules.calendar import session
from qm.rules.day_rules import day_rules
from qm.rules.lookup import Facts, what_applies
from tests.qm.risk.test_gate import CALM, LIMITS, OF, SIGNAL, SIZING, STANDING, changed

SHORT = changed(SIGNAL, side=Side.SELL, stop=21.0)


def checks(
    signal: Signal = SIGNAL, limits: RiskSettings = LIMITS, sizing: Any = SIZING, **seen: Any
) -> dict[str, Check]:
    found = Gate(limits).judge(signal, sizing, replace(CALM, **seen))
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def stands(**facts: Any) -> dict[str, Any]:
    return {"standing": changed(STANDING, **facts)}


def test_every_type_is_worked_in_regular_hours_and_nothing_unmarked_outside() -> None:
    for kind in set(OrderType) - FOR_AUCTIONS:
        assert checks(changed(SIGNAL, type=kind))[rules.HOURS_CHECK].passed
        for ns in (OF.open_ns - 1, OF.close_ns, OF.pre_ns - 1):
            assert not checks(changed(SIGNAL, type=kind), now=ns)[rules.HOURS_CHECK].passed


@pytest.mark.parametrize(
    ("kind", "minute", "passed"),
    [
        (OrderType.MOO, -330.0, True),
        (OrderType.MOO, -2.001, True),
        (OrderType.MOO, -2.0, False),
        (OrderType.LOO, -0.5, False),
        (OrderType.MOC, 379.999, True),
        (OrderType.MOC, 380.0, False),
        (OrderType.LOC, 380.0, False),
        (OrderType.LOC, 391.0, False),
        (OrderType.MOO, -330.001, False),
    ],
)
def test_an_order_for_an_auction_comes_before_the_first_cutoff_of_all_exchanges(
    kind: OrderType, minute: float, passed: bool
) -> None:
    found = checks(changed(SIGNAL, type=kind), now=OF.open_ns + round(minute * MINUTE))
    assert rules.HOURS_CHECK not in found
    check = found[rules.CUTOFF_CHECKS[kind]]
    assert (check.passed, check.unit) == (passed, "min")
    assert check.value == pytest.approx(minute)


@pytest.mark.parametrize(
    ("listing", "kind", "last"),
    [
        # Minutes since the open, 09:30: 15:50, 15:55, 15:58 and 15:59 for the close; 09:28, 09:29:55 and 09:30 before.
        ("nyse", OrderType.MOC, 380.0),
        ("nasdaq", OrderType.MOC, 385.0),
        ("nasdaq", OrderType.LOC, 388.0),
        ("arca", OrderType.MOC, 389.0),
        ("nasdaq", OrderType.MOO, -2.0),
        ("arca", OrderType.MOO, -5 / 60),
        ("nyse", OrderType.MOO, 0.0),
    ],
)
def test_the_cutoff_is_that_of_the_exchange_that_lists_the_share(listing: str, kind: OrderType, last: float) -> None:
    for before, passed in ((1, True), (0, False)):
        now = OF.open_ns + round(last * MINUTE) - before
        check = checks(changed(SIGNAL, type=kind), now=now, **stands(listing=listing))[rules.CUTOFF_CHECKS[kind]]
        assert check.passed is passed
        assert check.limit == pytest.approx(last)


def test_an_order_for_an_auction_opens_its_position_when_that_trades() -> None:
    early = OF.open_ns - 5 * MINUTE
    assert not checks(now=early)["minutes since the open"].passed
    assert checks(changed(SIGNAL, type=OrderType.MOO), now=early)["minutes since the open"].value == 0.0
    # One for the close would be held over night, whenever it was sent.
    noon = checks(changed(SIGNAL, type=OrderType.MOC))["minutes since the open"]
    assert (noon.value, noon.passed) == (390.0, False)


def test_a_restricted_short_sale_in_an_auction_has_a_limit_above_the_bid() -> None:
    held = stands(restricted=True)
    for kind, limit, passed in (
        (OrderType.MOO, None, False),
        (OrderType.LOO, 19.99, False),
        (OrderType.LOO, 20.0, True),
        (OrderType.LOC, 20.0, True),
        (OrderType.STOP_LIMIT, 20.0, False),
    ):
        found = checks(changed(SHORT, type=kind, limit=limit), **held)
        assert found[rules.ABOVE_BID_CHECK].passed is passed


@pytest.mark.parametrize(
    ("lower", "upper", "room", "passed"),
    [
        (18.0, 20.2, 1.0, True),
        (18.0, 20.19, 0.95, False),
        (19.8, 22.0, 1.0, True),
        (19.81, 22.0, 0.95, False),
        (18.0, 19.9, -0.5, False),
    ],
)
def test_a_price_near_either_band_is_not_entered(lower: float, upper: float, room: float, passed: bool) -> None:
    check = checks(**stands(lower=lower, upper=upper))[rules.BAND_CHECK]
    assert check.value == pytest.approx(room)
    assert (check.limit, check.passed) == (1.0, passed)


def test_a_trigger_is_what_is_near_the_band() -> None:
    at = changed(SIGNAL, type=OrderType.STOP, trigger=21.9, stop=20.0)
    assert not checks(at)[rules.BAND_CHECK].passed


def test_estimated_bands_say_so() -> None:
    found = checks(**stands(estimated=True))
    assert rules.ESTIMATED_CHECK in found
    assert rules.BAND_CHECK not in found


def test_unknown_bands_fail_while_there_are_bands_and_are_no_matter_otherwise() -> None:
    unknown = stands(lower=None, upper=None)
    assert checks(**unknown)[rules.BAND_CHECK].value is None
    assert not checks(**unknown)[rules.BAND_CHECK].passed
    assert rules.BAND_CHECK not in checks(**unknown, now=OF.close_ns)
    assert rules.BAND_CHECK not in checks(**stands(lower=None, upper=None, unbanded=True))
    before = session(dt.date(2012, 6, 1))
    old: dict[str, Any] = {"rules": day_rules(before), "now": before.open_ns + 60 * MINUTE}
    assert rules.BAND_CHECK not in checks(**unknown, **old)


@pytest.mark.parametrize(("change", "passed"), [(-6.99, True), (-7.0, False), (-12.0, False), (3.0, True)])
def test_no_entry_where_the_circuit_breakers_would_stop_the_market(change: float, passed: bool) -> None:
    assert checks(**stands(market_pct=change))[rules.MARKET_CHECK].passed is passed


@pytest.mark.parametrize(
    ("level", "wall", "change", "limit", "passed"),
    [
        (1, "11:00", -7.5, 13.0, True),
        (1, "11:00", -13.0, 13.0, False),
        (2, "11:00", -19.99, 20.0, True),
        (2, "11:00", -20.0, 20.0, False),
        # From 15:25 on only the third level stops anything.
        (0, "15:24", -7.0, 7.0, False),
        (0, "15:25", -7.0, 20.0, True),
        (0, "15:25", -20.0, 20.0, False),
    ],
)
def test_a_level_whose_halt_is_over_stops_nothing_more(
    level: int, wall: str, change: float, limit: float, passed: bool
) -> None:
    now = at_ny(OF.date, wall)
    check = checks(now=now, **stands(market_pct=change, market_level=level))[rules.MARKET_CHECK]
    assert (check.limit, check.passed) == (limit, passed)


def test_without_the_market_the_circuit_breakers_are_not_asked() -> None:
    assert rules.MARKET_CHECK not in checks()
    before = session(dt.date(2012, 6, 1))
    assert rules.MARKET_CHECK not in checks(**stands(market_pct=-9.0), rules=day_rules(before))


# --- short sales ---------------------------------------------------------------------------------------------------


def failed(found: dict[str, Check]) -> list[str]:
    return [name for name, check in found.items() if not check.passed]


def test_purchases_are_not_asked_about_shorts() -> None:
    assert failed(checks(**stands(restricted=None), limits=RiskSettings(shorts=ShortPolicy.OFF))) == []


@pytest.mark.parametrize(
    ("policy", "facts", "bad"),
    [
        (ShortPolicy.PROXY, {}, []),
        (ShortPolicy.PROXY, {"day_usd": 19_999_999.0}, [rules.PROXY_DAY_CHECK]),
        (ShortPolicy.PROXY, {"day_usd": None}, [rules.PROXY_DAY_CHECK]),
        (ShortPolicy.OFF, {}, [rules.SHORTS_CHECK]),
        (ShortPolicy.EASY, {}, [rules.BORROW_CHECK]),
        (ShortPolicy.LOCATED, {}, [rules.BORROW_CHECK]),
        (ShortPolicy.EASY, {"borrow": "easy_to_borrow", "day_usd": None}, []),
        (ShortPolicy.LOCATED, {"borrow": "easy_to_borrow"}, []),
        (ShortPolicy.EASY, {"borrow": "hard_to_borrow"}, [rules.BORROW_CHECK]),
        (ShortPolicy.LOCATED, {"borrow": "hard_to_borrow"}, [rules.BORROW_CHECK]),
        (ShortPolicy.EASY, {"borrow": "not_shortable"}, [rules.BORROW_CHECK]),
        (ShortPolicy.PROXY, {"borrow": "easy_to_borrow", "day_usd": None}, []),
        (ShortPolicy.PROXY, {"borrow": "hard_to_borrow"}, [rules.BORROW_CHECK]),
        (ShortPolicy.ANY, {"borrow": "not_shortable"}, []),
        (ShortPolicy.ANY, {"day_usd": None}, []),
        (ShortPolicy.ANY, {"day_usd": None, "restricted": None}, []),
    ],
)
def test_shares_must_be_there_to_borrow(policy: ShortPolicy, facts: dict[str, Any], bad: list[str]) -> None:
    assert failed(checks(SHORT, RiskSettings(shorts=policy), **stands(**facts))) == bad


def test_what_the_broker_did_not_say_is_unknown_and_what_it_denied_is_a_no() -> None:
    etb = RiskSettings(shorts=ShortPolicy.EASY)
    assert checks(SHORT, etb)[rules.BORROW_CHECK].value is None
    assert checks(SHORT, etb, **stands(borrow="hard_to_borrow"))[rules.BORROW_CHECK].value == 0.0


def test_cheap_shares_stand_for_nothing() -> None:
    cheap = changed(SHORT, price=4.99, stop=5.5)
    assert failed(checks(cheap, **stands(lower=4.0, upper=6.0))) == [rules.PROXY_PRICE_CHECK]


def test_a_restricted_short_sale_stands_above_the_bid_or_is_refused() -> None:
    restricted = stands(restricted=True)
    assert failed(checks(SHORT, **restricted)) == [rules.ABOVE_BID_CHECK]
    for price, passed in ((19.99, False), (20.00, True)):
        limit = changed(SHORT, type=OrderType.LIMIT, limit=price)
        check = checks(limit, **restricted)[rules.ABOVE_BID_CHECK]
        assert (check.value, check.limit, check.passed) == (price, 20.0, passed)
    # A stop becomes a market order, which hits the bid.
    stop = changed(SHORT, type=OrderType.STOP_LIMIT, limit=20.5, trigger=19.9, stop=21.0)
    assert failed(checks(stop, **restricted)) == [rules.ABOVE_BID_CHECK]


def test_without_quotes_the_last_price_stands_for_the_bid() -> None:
    limit = changed(SHORT, type=OrderType.LIMIT, limit=20.01)
    assert failed(checks(limit, **stands(restricted=True, bid=None))) == []
    assert failed(checks(changed(limit, limit=20.0), **stands(restricted=True, bid=None))) == [rules.ABOVE_BID_CHECK]


def test_a_short_sale_with_an_unknown_restriction_is_refused() -> None:
    assert failed(checks(SHORT, **stands(restricted=None))) == [rules.RESTRICTED_CHECK]


# --- margin --------------------------------------------------------------------------------------------------------


def margin(signal: Signal = SIGNAL, regime: str = "intraday_margin", day: Any = None, **seen: Any) -> Check:
    of = session(day) if day else OF
    limits = RiskSettings(margin_regime=MarginRegime(regime))
    return checks(signal, limits, rules=day_rules(of), **seen)[rules.MARGIN_CHECK]


def test_a_long_position_ties_up_a_quarter_and_a_fifth_of_equity_stays_free() -> None:
    # 400 shares at $20 are $8,000: a quarter is $2,000; 80 % of $100,000 are $80,000.
    check = margin()
    assert (check.value, check.limit, check.passed) == (2_000.0, 80_000.0, True)
    assert margin(used_usd=78_000.0).passed
    assert not margin(used_usd=78_000.01).passed


@pytest.mark.parametrize(
    ("price", "needed"),
    [
        # 400 shares: 30 % above $16.67, $5 a share down to $5, the whole value or $2.50 a share below.
        (20.0, 2_400.0),
        (10.0, 2_000.0),
        (4.0, 1_600.0),
        (2.0, 1_000.0),
    ],
)
def test_a_short_position_ties_up_more(price: float, needed: float) -> None:
    assert margin(changed(SHORT, price=price, stop=price + 1)).value == pytest.approx(needed)


@pytest.mark.parametrize(
    ("leverage", "long", "short"),
    [(1.0, 2_000.0, 2_400.0), (2.0, 4_000.0, 4_800.0), (3.0, 6_000.0, 7_200.0), (5.0, 8_000.0, 12_000.0)],
)
def test_a_leveraged_fund_ties_up_as_many_times_as_much(leverage: float, long: float, short: float) -> None:
    # 400 shares at $20; 25 % and 30 % of $8,000 times the leverage, a long one at most its value.
    assert margin(**stands(leverage=leverage)).value == pytest.approx(long)
    assert margin(SHORT, **stands(leverage=leverage)).value == pytest.approx(short)


def test_nothing_is_lent_to_small_accounts() -> None:
    assert margin(equity_usd=1_999.0).value == 8_000.0
    assert margin(equity_usd=2_000.0).value == 2_000.0


@pytest.mark.parametrize(
    ("regime", "day", "equity", "needed"),
    [
        ("legacy_pdt", None, 25_000.0, 2_000.0),
        ("legacy_pdt", None, 24_999.0, 4_000.0),
        ("by_date", dt.date(2026, 6, 3), 24_999.0, 4_000.0),
        ("by_date", dt.date(2026, 6, 4), 24_999.0, 2_000.0),
        ("by_date", dt.date(2001, 9, 27), 100_000.0, 4_000.0),
        ("by_date", dt.date(2001, 9, 28), 100_000.0, 2_000.0),
    ],
)
def test_regimes(regime: str, day: Any, equity: float, needed: float) -> None:
    assert margin(regime=regime, day=day, equity_usd=equity).value == needed


def test_three_day_trades_in_five_sessions_where_they_are_counted() -> None:
    gate = Gate(RiskSettings(margin_regime=MarginRegime.LEGACY_PDT))
    closed = TradeClosed(
        "T", "AAA", "s", Side.BUY, 1, 0, 1, Decimal(1), Decimal(1), Decimal(0), Decimal(0), Decimal(0), 1.0, 0.0, 0.0,
        0.0, "r",
    )  # fmt: skip

    def allowed() -> bool:
        found = gate.judge(SIGNAL, SIZING, replace(CALM, equity_usd=20_000.0))
        return next(check.passed for check in found if check.name == rules.DAY_TRADES_CHECK)

    def begin() -> None:
        gate.appliers()[SessionStarted](Entry(1, 0, 0, 0, SessionStarted("d", "sim", Decimal(1), 1, "", ())))

    for trades in (1, 1, 0, 0):
        begin()
        for _ in range(trades):
            gate.appliers()[TradeClosed](Entry(2, 0, 0, 0, closed))
    begin()
    assert allowed()
    gate.appliers()[TradeClosed](Entry(2, 0, 0, 0, closed))
    assert not allowed()
    # The first session is the sixth now, and its day trade is forgotten.
    begin()
    assert allowed()
    rich = gate.judge(SIGNAL, SIZING, replace(CALM, equity_usd=25_000.0))
    assert rules.DAY_TRADES_CHECK not in {check.name for check in rich}


# --- by date, and with a source --------------------------------------------------------------------------------------


def test_a_stop_is_counted_in_ticks_of_the_price() -> None:
    penny = changed(SIGNAL, price=0.90, stop=0.8997)
    limits = RiskSettings(min_price=0.1)
    near = stands(lower=0.5, upper=1.5)
    assert checks(penny, limits, **near)["stop distance"].passed
    assert not checks(changed(penny, stop=0.8998), limits, **near)["stop distance"].passed


def test_every_check_of_a_rule_names_a_table_that_the_lookup_knows() -> None:
    read = {each.rule for each in what_applies(Facts("AAA"), OF, OF.open_ns).sources}
    assert set(rules.RULES.values()) <= read
