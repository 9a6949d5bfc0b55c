"""What the journal says, in the trader's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest

from qm.model import events as ev
from qm.model.commands import CancelOrder, Flatten
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.runtime.sentences import LINE_CHARS, failure, price, say, usd
from tests.qm.runtime.rig import Rig

ENTRY = Order("E1", "ABCD", Side.BUY, 400, OrderType.MARKET, Purpose.ENTRY, "thrust", trade="E1")
STOP_LIMIT = Order(
    "E2", "ABCD", Side.BUY, 1400, OrderType.STOP_LIMIT, Purpose.ENTRY, "orb_robust", Decimal("4.65"), Decimal("4.60")
)
LEG = Order("P1", "ABCD", Side.SELL, 400, OrderType.STOP, Purpose.PROTECT, "thrust", stop=Decimal("4.4"), parent="E1")
STOP = Order("P2", "ABCD", Side.SELL, 400, OrderType.STOP, Purpose.PROTECT, "thrust", stop=Decimal("0.4512"))
EXIT = Order("X1", "ABCD", Side.SELL, 400, OrderType.MARKET, Purpose.EXIT, "thrust")
LOO = Order("E3", "ABCD", Side.BUY, 400, OrderType.LOO, Purpose.ENTRY, "thrust", limit=Decimal("4.6"))
MOC = Order("X2", "ABCD", Side.SELL, 400, OrderType.MOC, Purpose.FLATTEN, "thrust")
EARLY = Order("E4", "ABCD", Side.BUY, 400, OrderType.LIMIT, Purpose.ENTRY, "thrust", Decimal("4.6"), extended=True)
ORDERS = {order.id: order for order in (ENTRY, STOP_LIMIT, LEG, STOP, EXIT, LOO, MOC)}
SIZING = ev.Sizing(400, 84.2, 0.21, {}, "risk")
ROW = ev.RadarRow("ABCD", 3, 82.4, 4.61, ())


def filled(order: Order, qty: int = 400) -> ev.Filled:
    execution = Execution("X", order.id, qty, Decimal("4.61"), Decimal(0), 0)
    return ev.Filled(execution, "ABCD", order.side, 400, Decimal(0))


def closed(net: str, r: float | None) -> ev.TradeClosed:
    price = Decimal("4.61")
    return ev.TradeClosed(
        trade="E1",
        symbol="ABCD",
        strategy="thrust",
        side=Side.BUY,
        qty=400,
        opened=0,
        closed=1,
        entry_price=price,
        exit_price=price,
        gross_usd=Decimal(net),
        fees_usd=Decimal(0),
        net_usd=Decimal(net),
        risk_usd=160.0,
        r=r,
        mfe_usd=0.0,
        mae_usd=0.0,
        reason="stop",
    )


def refused(*checks: ev.Check) -> ev.Refused:
    return ev.Refused("ABCD", "thrust", (ev.Check("price", 4.0, 10_000.0, True, "$"), *checks))


SPREAD = ev.Check("spread", 80.0, 60.0, False, "bp")

LINES: list[tuple[Any, tuple[str, str]]] = [
    (ev.Hit("ABCD", "momentum", ROW, ()), ("info", "ABCD hit of momentum, rank 3, score 82")),
    (
        ev.Hit("ABCD", "momentum", ev.RadarRow("ABCD", 0, 0.0, 4.61, ()), ()),
        ("info", "ABCD hit of momentum, not ranked"),
    ),
    (ev.HitRefreshed("ABCD", "hod_momo", 4.61, 1.25), ("info", "ABCD goes on in hod_momo, +1.2% to 4.61")),
    (
        ev.HitRejected("ABCD", "momentum", "watchlist", "full", "the list is full"),
        ("info", "ABCD not taken from momentum: the list is full"),
    ),
    (ev.Banned("ABCD", "offering", today=True), ("warn", "ABCD is banned today: offering")),
    (ev.Banned("ABCD", "fraud", today=False), ("warn", "ABCD is banned for good: fraud")),
    (ev.Unbanned("ABCD", "cleared"), ("info", "ABCD is no longer banned: cleared")),
    (ev.Watched("ABCD", "pinned by the trader", 0, True), ("info", "ABCD pinned by the trader")),
    (ev.Unwatched("ABCD", "too quiet"), ("info", "ABCD left the watchlist: too quiet")),
    (ev.Allocated("ABCD", "thrust", 1e4, "takes momentum"), ("info", "ABCD goes to thrust: takes momentum")),
    (refused(SPREAD), ("warn", "ABCD refused: spread 80 bp over 60 bp")),
    (
        refused(SPREAD, ev.Check("shares", 0.0, 1.0, False, "shares")),
        ("warn", "ABCD refused: spread 80 bp over 60 bp; shares 0 shares under 1 shares"),
    ),
    (refused(ev.Check("entries allowed", 0.0, 1.0, False)), ("warn", "ABCD refused: entries are stopped")),
    (ev.Intended(ENTRY, 4.6, (), SIZING), ("info", "ABCD: buy 400 at market, risk $84 (thrust)")),
    (ev.Intended(STOP_LIMIT, 4.6), ("info", "ABCD: buy 1,400 at stop 4.60, limit 4.65 (orb_robust)")),
    (ev.Intended(STOP, 0.5), ("info", "ABCD: sell 400 at stop 0.4512 to protect the position (thrust)")),
    (ev.Intended(LOO, 4.6), ("info", "ABCD: buy 400 at limit 4.60 in the opening auction (thrust)")),
    (ev.Intended(MOC, 4.6), ("info", "ABCD: sell 400 at market in the closing auction (thrust)")),
    (ev.Intended(EARLY, 4.6), ("info", "ABCD: buy 400 at limit 4.60, also in extended hours (thrust)")),
    (
        ev.CancelRefused("X2", "it ends with the auction"),
        ("warn", "ABCD flatten order cannot be taken back: it ends with the auction"),
    ),
    (
        refused(ev.Check("cut-off of market on close orders", 381.0, 380.0, False, "min")),
        ("warn", "ABCD refused: too late for a market on close order: the next such auction is in the next session"),
    ),
    (filled(ENTRY), ("info", "bought 400 ABCD at 4.61 (thrust)")),
    (filled(EXIT), ("info", "sold 400 ABCD at 4.61 (exit)")),
    (filled(STOP), ("info", "sold 400 ABCD at 4.61 (stop)")),
    (closed("212.4", 1.3), ("good", "ABCD closed +1.3R (+$212) stop (thrust)")),
    (closed("-1.5", -0.01), ("bad", "ABCD closed -0.01R (-$1.50) stop (thrust)")),
    (closed("0", None), ("info", "ABCD closed (+$0.00) stop (thrust)")),
    (ev.Rejected("E1", "no borrow"), ("bad", "ABCD entry order rejected by the broker: no borrow")),
    (ev.Rejected("Z9", "no borrow"), ("bad", "order Z9 rejected by the broker: no borrow")),
    (ev.Canceled("E2", "asked"), ("info", "ABCD: buy 1,400 at stop 4.60, limit 4.65 canceled (orb_robust)")),
    (ev.WentUnknown("E1", "timeout"), ("warn", "ABCD entry order has an unknown outcome: timeout")),
    (ev.Unprotected("ABCD", 400), ("warn", "ABCD had 400 shares without a stop")),
    (ev.EntriesStopped("operator"), ("warn", "entries stopped: operator")),
    (ev.FlattenStarted(None, "end of day"), ("warn", "flattening everything: end of day")),
    (ev.Flattened("ABCD"), ("info", "ABCD is flat")),
    (
        ev.TapeRead(0, "trend_up", "range", "trend_up", "1", {"trend_up": 0.71}),
        ("info", "the market is trend up (71%), until now range"),
    ),
    (
        ev.Commanded("1", "pid 7", Flatten("1", "ABCD"), "accepted"),
        ("info", "pid 7 asked to flatten ABCD: accepted"),
    ),
    (ev.TradingHalted("ABCD", True, 2, 0.45), ("warn", "ABCD paused for volatility at 0.4500, halt 2 of the day")),
    (ev.TradingHalted("ABCD", False, 1, None), ("warn", "ABCD halted, halt 1 of the day")),
    (
        ev.MarketHalted(1, "SPY", 465.0, 500.0, 1_792_769_700_000_000_000),
        ("warn", "the whole market halts at level 1 (MWC1), until 11:35:00: SPY stands for the index at -7.00 %"),
    ),
    (ev.MarketResumed(2, 900.0), ("info", "the market trades again after its halt at level 2")),
    (ev.TradingResumed("ABCD", 300.0), ("info", "ABCD trades again after 5 min")),
    (
        ev.PrintBusted("ABCD", "thrust", 4.61, 4.5, "the high of the day"),
        ("warn", "ABCD: the print at 4.61, the high of the day when thrust wanted in, was corrected to 4.5"),
    ),
    (
        ev.Commanded("2", "pid 7", CancelOrder("2", "E1"), "refused: no order E1"),
        ("warn", "pid 7 asked to cancel order E1: refused: no order E1"),
    ),
]


@pytest.mark.parametrize(("event", "line"), LINES, ids=lambda value: type(value).__name__)
def test_an_event_in_words(event: ev.AnyEvent, line: tuple[str, str]) -> None:
    said = say(event, ORDERS.get)
    assert said is not None
    assert (said[0], said[2]) == line


@pytest.mark.parametrize(
    "event",
    [
        ev.Minute(0),
        ev.Beat(0, 1, "ABCD"),
        ev.TapeRead(0, "range", "range", "quiet", "1"),
        ev.Watched("ABCD", "hit of momentum", 1),
        ev.Intended(LEG, 4.6),
        ev.Intended(EXIT, 4.6),
        ev.Canceled("P1", "its parent is gone"),
        ev.Canceled("unknown", "who knows"),
        ev.Checkpoint("00"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_only_keeps_the_books_is_not_said(event: ev.AnyEvent) -> None:
    assert say(event, ORDERS.get) is None


def test_an_unknown_value_is_said_to_be_unknown() -> None:
    assert failure(ev.Check("age of the price", None, 90.0, False, "s")) == "age of the price not known"


def test_money_in_a_check() -> None:
    check = ev.Check("day result", -2150.0, -2000.0, False, "$")
    assert failure(check) == "day result -$2,150 under -$2,000"


def test_amounts_and_prices_keep_what_matters() -> None:
    assert [usd(value) for value in (1234.5, -12.4, 0.6, -0.014)] == ["+$1,234", "-$12", "+$0.60", "-$0.01"]
    assert [price(value) for value in (1234.5, 4.6, 0.45)] == ["1,234.50", "4.60", "0.4500"]


def test_words_from_outside_cannot_drive_the_terminal() -> None:
    said = say(ev.Rejected("E1", "\x1b[2Jgone\u202e\n" + "x" * 500), ORDERS.get)
    assert said is not None
    assert said[2].isprintable()
    assert len(said[2]) <= LINE_CHARS


def test_every_entry_of_a_session_can_be_said() -> None:
    rig = Rig()
    rig.feed(60)
    bodies = [entry.body for entry in rig.entries()]
    said = [say(body, lambda _: None) for body in bodies]
    assert len(set(map(type, bodies))) > 15
    assert {level for level, _, _ in filter(None, said)} <= {"info", "good", "bad", "warn"}
    assert all(symbol in rig.market.table for _, symbol, _ in filter(None, said) if symbol)


def test_events_without_words_are_known_by_name() -> None:
    """A new kind of event must be given words, or be listed here as one that needs none."""
    silent = {
        *("Minute", "Beat", "HitEnded", "Planned", "Woke"),
        *("Acked", "Activated", "Triggered", "CancelAsked", "Checkpoint"),
    }
    from qm.runtime import sentences

    assert {kind.__name__ for kind in get_args(ev.AnyEvent)} - {k.__name__ for k in sentences._SPEAKERS} == silent
