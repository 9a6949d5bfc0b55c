"""Entries as a session would state them, out of a few random choices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from qm.model import events as ev
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.store.chain import RunHeader

START = 1_736_000_000_000_000_000
SYMBOLS = ("AAPL", "BRK.B", "CYPH", "A")
CENTS = st.integers(1, 100_000).map(lambda cents: Decimal(cents) / 100)


def header(run: str = "sim-1", session: str = "2025-01-02", **more: Any) -> RunHeader:
    return RunHeader(id=run, mode="sim", session=session, started=START, symbols="ab", **more)


def number(bodies: list[tuple[int, ev.AnyEvent]], first: int = 1) -> list[ev.Entry]:
    """Give events their places; each names how many entries before it its cause stands, 0 for none."""
    return [
        ev.Entry(seq, START + seq * 1_000, seq * 7, seq - back if 0 < back < seq else 0, body)
        for seq, (back, body) in enumerate(bodies, first)
    ]


def order(number: int, symbol: str = "AAPL", purpose: Purpose = Purpose.ENTRY, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "id": f"S-{number}",
        "symbol": symbol,
        "side": Side.BUY if purpose is Purpose.ENTRY else Side.SELL,
        "qty": 100,
        "type": OrderType.LIMIT,
        "purpose": purpose,
        "strategy": "orb_robust",
        "trade": f"S-{number}",
    }
    return Order(**fields | more)


def started(session: str) -> ev.SessionStarted:
    return ev.SessionStarted(session, "sim", Decimal(100_000), 4, "ab", (ev.StrategyUsed("orb_robust", "1", {}),))


def intended(of: Order, *checks: ev.Check) -> ev.Intended:
    return ev.Intended(of, price=10.0, checks=checks)


def filled(of: Order, qty: int, price: str, position: int, realized: str = "0", part: int = 1) -> ev.Filled:
    fill = Execution(f"{of.id}-x{part}", of.id, qty, Decimal(price), Decimal("0.35"), START)
    return ev.Filled(fill, of.symbol, of.side, position, Decimal(realized))


def closed(entry: Order, at: int = START, **more: Any) -> ev.TradeClosed:
    fields: dict[str, Any] = {
        "trade": entry.id,
        "symbol": entry.symbol,
        "strategy": entry.strategy,
        "side": entry.side,
        "qty": entry.qty,
        "opened": at,
        "closed": at + 1,
        "entry_price": Decimal("10.00"),
        "exit_price": Decimal("10.50"),
        "gross_usd": Decimal("50.00"),
        "fees_usd": Decimal("0.70"),
        "net_usd": Decimal("49.30"),
        "risk_usd": 25.0,
        "r": 1.972,
        "mfe_usd": 60.5,
        "mae_usd": 3.25,
        "reason": "target",
    }
    return ev.TradeClosed(**fields | more)


def round_trip(number_of: int = 1, symbol: str = "AAPL") -> list[tuple[int, ev.AnyEvent]]:
    """A whole trade: signal, intent with its leg, ack, two partial fills, exit at the leg, closed trade."""
    entry = order(number_of, symbol, limit=Decimal("10.00"))
    leg = order(
        number_of,
        symbol,
        Purpose.PROTECT,
        id=f"S-{number_of}-P",
        stop=Decimal("9.50"),
        parent=entry.id,
        type=OrderType.STOP,
    )
    return [
        (0, ev.Hit(symbol, "gappers", ev.RadarRow(symbol, 1, 97.5, 10.0, ()), ())),
        (1, ev.Signal(symbol, "orb_robust", Side.BUY, entry=True, reason="break", price=10.0, features={"gap": 3.5})),
        (1, intended(entry, ev.Check("price", 10.0, 20.0, passed=True))),
        (2, intended(leg)),
        (2, ev.Acked(entry.id, "B-1")),
        (2, ev.Acked(leg.id, "B-2", held=True)),
        (4, filled(entry, 40, "10.00", 40)),
        (1, ev.Activated(leg.id, 40)),
        (2, filled(entry, 60, "10.01", 100, part=2)),
        (1, ev.Activated(leg.id, 100)),
        (1, filled(leg, 100, "9.49", 0, "-51.60")),
        (1, closed(entry)),
    ]


@st.composite
def bodies(draw: st.DrawFn) -> ev.AnyEvent:
    symbol = draw(st.sampled_from(SYMBOLS))
    of = order(draw(st.integers(1, 4)), symbol, draw(st.sampled_from(Purpose)), limit=draw(st.none() | CENTS))
    text = draw(st.text(max_size=8))
    number = draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    made: list[ev.AnyEvent] = [
        intended(of, ev.Check(text, number, number, passed=False)),
        ev.Acked(of.id, text, held=draw(st.booleans())),
        ev.Activated(of.id, draw(st.integers(1, 200))),
        ev.Rejected(of.id, text),
        ev.Canceled(of.id, text),
        ev.CancelAsked(of.id, text),
        ev.CancelRefused(of.id, text),
        ev.Expired(of.id),
        ev.WentUnknown(of.id, text),
        ev.Anomaly(of.id, text),
        filled(of, draw(st.integers(1, 100)), str(draw(CENTS)), draw(st.integers(-200, 200)), str(draw(CENTS))),
        closed(of, r=number, net_usd=draw(CENTS), reason=text),
        ev.Planned("orb", SYMBOLS, up=(number,) * 4, note={text: (1.5,)}),
        ev.Watched(symbol, text, START),
        ev.StrategyFailed("orb", draw(st.none() | st.just(symbol)), text),
        ev.EntriesStopped(text),
        started(draw(st.sampled_from(["2025-01-02", "2025-01-03"]))),
    ]
    return draw(st.sampled_from(made))


def runs(max_size: int = 40) -> st.SearchStrategy[list[ev.Entry]]:
    """Entries of a run, of any kind and in any order that numbering allows."""
    return st.lists(st.tuples(st.integers(0, 5), bodies()), max_size=max_size).map(number)
