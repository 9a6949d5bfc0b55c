"""What the rules of the market forbid at the exchange: fills outside the bands or in a pause, and some short sales."""

from __future__ import annotations

from brokers.sim.settings import SimSettings
from qm.clock import SECOND
from qm.model.inputs import Refusal
from qm.model.market import Status, bands, quote, status, trade
from qm.model.order import OrderType, Side
from qm.rules.borrow import TOLD, Availability, ShortPolicy
from tests.brokers.sim.desk import AAA, OPEN, Desk, fills, minute, order, told

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT = OrderType.STOP, OrderType.LIMIT
SHORTS = SimSettings(shorts=True)


def at(seconds: float) -> int:
    return OPEN + int(seconds * SECOND)


def test_a_print_outside_the_bands_fills_nothing_and_triggers_nothing() -> None:
    desk = Desk().at(0)
    desk.send(order())
    desk.send(order(kind=STOP, stop="10.50", name="E2"))
    desk.feed(bands(at(1), AAA, 9.0, 11.0, 10.0))
    assert desk.feed(trade(at(2), AAA, 11.01, 500), trade(at(3), AAA, 8.99, 500)) == []
    assert told(desk.feed(trade(at(4), AAA, 11.0, 500))) == ["E1 100 at 11.00", "E2 100 at 11.00"]


def test_a_quote_beyond_a_band_cannot_be_taken() -> None:
    desk = Desk(SHORTS).at(0)
    desk.feed(bands(at(1), AAA, 9.0, 11.0, 10.0))
    desk.send(order())
    desk.send(order(SELL, name="E2"))
    assert told(desk.feed(quote(at(2), AAA, 10.9, 11.1))) == ["E2 100 at 10.90"]
    assert told(desk.feed(quote(at(3), AAA, 10.9, 11.0))) == ["E1 100 at 11.00"]
    desk.send(order(SELL, name="E3"))
    assert desk.feed(quote(at(4), AAA, 8.9, 9.1)) == []
    assert told(desk.feed(quote(at(5), AAA, 9.0, 9.1))) == ["E3 100 at 9.00"]


def test_slippage_at_a_print_stops_at_the_bands_that_were_told() -> None:
    desk = Desk(SimSettings(slippage_bps=500)).at(0)
    desk.feed(bands(at(1), AAA, 9.0, 11.0, 10.0))
    desk.send(order())
    assert told(desk.feed(trade(at(2), AAA, 10.9, 500))) == ["E1 100 at 11.00"]


def test_nothing_fills_in_a_pause_and_what_waits_fills_at_the_reopening_print() -> None:
    desk = Desk().at(0)
    desk.feed(trade(at(1), AAA, 10.0, 500))
    desk.feed(status(at(60), AAA, Status.PAUSED))
    desk.send(order())
    assert desk.feed(trade(at(61), AAA, 10.0, 500), quote(at(62), AAA, 9.9, 10.1)) == []
    reports = desk.feed(status(at(360), AAA, Status.TRADING), trade(at(360), AAA, 10.45, 500))
    assert told(reports) == ["E1 100 at 10.45"]
    assert fills(reports)[0].ts == at(360)


# --- short sales ---------------------------------------------------------------------------------------------------


def restricted() -> Desk:
    """Prior close 20.00: a trade of regular hours at 18.00 restricts short sales."""
    desk = Desk(SHORTS, prior_close=20.0).at(0)
    desk.feed(trade(at(1), AAA, 19.0, 500), quote(at(2), AAA, 18.0, 18.1), trade(at(3), AAA, 18.0, 500))
    return desk


def refused(desk: Desk, **wish: object) -> str:
    (report,) = desk.send(order(SELL, **wish))  # type: ignore[arg-type]
    assert isinstance(report, Refusal)
    return report.reason


def test_a_restricted_short_sale_must_be_a_limit_above_the_bid() -> None:
    desk = restricted()
    assert "restricted" in refused(desk)
    assert "restricted" in refused(desk, kind=STOP, stop="17.90")
    assert "18.00 lies below 18.01" in refused(desk, kind=LIMIT, limit="18.00")
    desk.send(order(SELL, kind=LIMIT, limit="18.01"))
    # It waits for a buyer, and takes nothing itself.
    assert desk.feed(trade(at(4), AAA, 18.0, 500), quote(at(5), AAA, 18.0, 18.1)) == []
    assert told(desk.feed(trade(at(6), AAA, 18.02, 500))) == ["E1 100 at 18.01"]


def test_a_trade_above_the_trigger_restricts_nothing() -> None:
    desk = Desk(SHORTS, prior_close=20.0).at(0)
    desk.feed(trade(at(1), AAA, 18.01, 500))
    desk.send(order(SELL))
    assert told(desk.feed(trade(at(2), AAA, 18.01, 500))) == ["E1 100 at 18.01"]


def test_resting_short_sales_that_would_hit_the_bid_end_with_the_restriction() -> None:
    desk = Desk(SHORTS, prior_close=20.0).at(0)
    desk.feed(trade(at(1), AAA, 19.0, 500))
    desk.send(order(SELL, kind=STOP, stop="18.00"))
    desk.send(order(SELL, kind=LIMIT, limit="18.50", name="E2"))
    desk.feed(trade(at(2), AAA, 18.4, 500))
    # The trade that triggers the restriction would have triggered the stop as well.
    assert told(desk.feed(trade(at(3), AAA, 18.0, 500))) == ["E1 gone: short sales are restricted"]
    assert told(desk.feed(trade(at(4), AAA, 18.6, 500))) == ["E2 100 at 18.50"]


def test_a_restriction_is_carried_over_and_selling_what_is_held_is_free() -> None:
    desk = Desk(SHORTS, prior_close=20.0, ssr_carried=1.0).at(0)
    desk.feed(trade(at(1), AAA, 20.0, 500))
    assert "restricted" in refused(desk)
    desk.send(order(BUY))
    desk.feed(trade(at(2), AAA, 20.0, 500))
    desk.send(order(SELL, name="E2"))
    assert told(desk.feed(trade(at(3), AAA, 20.0, 500))) == ["E2 100 at 20.00"]


def test_on_bars_the_last_price_stands_for_the_bid() -> None:
    desk = Desk(SHORTS, prior_close=20.0).at(0)
    desk.feed(minute(0, 18.5, 18.5, 17.9, 18.0))
    assert "restricted" in refused(desk)
    desk.send(order(SELL, kind=LIMIT, limit="18.01"))
    assert told(desk.feed(minute(1, 18.0, 18.2, 17.9, 18.1))) == ["E1 100 at 18.01"]


def test_what_cannot_be_borrowed_is_not_sold_short() -> None:
    proxy = SimSettings(shorts=True, borrow=ShortPolicy.PROXY)
    desk = Desk(proxy, prior_close=20.0, adv=999_999.0).at(0)
    desk.feed(trade(at(1), AAA, 20.0, 500))
    assert "cannot be sold short" in refused(desk)
    desk = Desk(proxy, prior_close=20.0, adv=1_000_000.0).at(0)
    desk.feed(trade(at(1), AAA, 20.0, 500))
    desk.send(order(SELL))
    assert told(desk.feed(trade(at(2), AAA, 20.0, 500))) == ["E1 100 at 20.00"]


def test_what_the_broker_said_of_borrowing_stands_above_the_proxy() -> None:
    easy = SimSettings(shorts=True, borrow=ShortPolicy.EASY)
    proxy = SimSettings(shorts=True, borrow=ShortPolicy.PROXY)
    for settings, said, adv, taken in (
        (easy, Availability.EASY, 1.0, True),
        (easy, Availability.HARD, 1e9, False),
        (easy, None, 1e9, False),
        (proxy, Availability.EASY, 1.0, True),
        (proxy, Availability.NONE, 1e9, False),
    ):
        known = {} if said is None else {"borrow": float(TOLD.index(said))}
        desk = Desk(settings, prior_close=20.0, adv=adv, **known).at(0)
        desk.feed(trade(at(1), AAA, 20.0, 500))
        (report,) = desk.send(order(SELL))
        assert isinstance(report, Refusal) is not taken


# --- fees ------------------------------------------------------------------------------------------------------------


def test_fees_are_rounded_over_the_day_also_after_a_restart() -> None:
    from decimal import Decimal

    from brokers.sim.exchange import SimExchange
    from qm.rules.fees import FeeSchedule
    from tests.brokers.sim.desk import market_of

    def one_cent_fills(exchange: SimExchange, desk: Desk, first: int) -> list[Decimal]:
        desk.exchange = exchange
        for n in range(first, first + 2):
            desk.send(order(BUY, 10, name=f"B{n}"))
            desk.send(order(SELL, 10, name=f"S{n}"))
        return [x.fee for x in fills(desk.feed(trade(at(first), AAA, 100.0, 10_000)))]

    # On 2024-03-05 sales pay 8.00 $ a million and 0.000166 $ a share: 0.008 and 0.00166 for ten at 100 $.
    whole = Desk(SHORTS).at(0)
    first = one_cent_fills(SimExchange(whole.market, FeeSchedule(), SHORTS), whole, 1)
    assert first == [Decimal(0), Decimal("0.02"), Decimal(0), Decimal("0.01")]
    again = Desk(SHORTS)
    again.market = market_of()
    fresh = SimExchange(again.market, FeeSchedule(), SHORTS)
    sold = (SELL, 10, Decimal(100), "S1", "AAA", OPEN)
    fresh.restore([], 4, {}, [sold, sold])
    # 0.016 are charged as 0.02 and 0.00332 as 0.01 so far; two more make 0.032 and 0.00664.
    assert one_cent_fills(fresh, again.at(0), 3) == [0, Decimal("0.01"), 0, Decimal("0.01")]
