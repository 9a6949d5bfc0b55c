"""Random days of a strategy at the simulated exchange: money and shares are conserved, and every order ends once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import MS, SimSettings
from qm.engine.settings import EngineSettings, ExitAtClose
from qm.model.events import Canceled, Entry, Expired, Filled, Intended, Rejected, TradeClosed
from qm.model.market import Status, bar, status
from qm.model.order import LIMITS, STOPS, TERMINAL, OrderType, Side
from qm.rules.fees import IBKR_FIXED, FeeSchedule
from qm.strategies.api import Enter, Exit, Protect, Wish, Withdraw
from tests.qm.execution.hostile import Puppet
from tests.qm.strategies.stage import SYMBOLS, WIDE, Row, Stage, at

START = Decimal(100_000)
MINUTES = (-12, -11, -10, -1, 0, 1, 2, 3, 4, 5, 6, 200, 201, 202, 377, 378, 385, 387, 388, 389, 390)
prices = st.integers(1960, 2040).map(lambda cents: cents / 100)
kinds = st.sampled_from(OrderType)
Step = tuple[list[Row], Wish | None]


@st.composite
def wishes(draw: st.DrawFn) -> Wish | None:
    kind = draw(st.integers(0, 6))
    if kind > 3:
        return None
    if kind == 0:
        return Exit("told to", draw(st.sampled_from([0.3, 0.5, 1.0])))
    if kind == 1:
        others: list[Wish] = [Withdraw("told to"), Protect(19.5, "told to"), Protect(20.3, "told to")]
        return draw(st.sampled_from(others))
    of, side = draw(kinds), draw(st.sampled_from(Side))
    return Enter(
        side,
        19.0 if side is Side.BUY else 21.0,
        "told to",
        of,
        trigger=draw(prices) if of in STOPS else None,
        limit=draw(prices) if of in LIMITS else None,
        resting_stop=draw(st.booleans()),
        shares=draw(st.sampled_from([1, 100, 250])),
    )


@st.composite
def days(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    for n in MINUTES:
        rows: list[Row] = []
        if draw(st.integers(0, 15)) == 0:
            rows.append(status(at(n), 0, draw(st.sampled_from([Status.PAUSED, Status.TRADING]))))
        if draw(st.integers(0, 7)):
            low, a, b, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
            volume = draw(st.sampled_from([0.0, 900.0, 1e6]))
            opened, close = draw(st.permutations([a, b]))
            rows.append(bar(at(n + 1), 0, opened, high, low, close, volume))
        steps.append((rows, draw(wishes())))
    return steps


@given(
    days(),
    st.sampled_from(ExitAtClose),
    st.sampled_from([0, 100 * MS, 10_000 * MS]),
    st.sampled_from([0.0, 0.1]),
)
def test_cash_and_shares_are_conserved_and_every_order_ends_once(
    steps: list[Step], way: ExitAtClose, latency: int, participation: float
) -> None:
    puppet = Puppet()
    settings = EngineSettings(strategies=(), scans=(), risk=WIDE, exit_at_close=way)
    exchange = SimSettings(shorts=True, latency_ns=latency, participation=participation, slippage_ticks=1)
    stage = Stage(puppet.strategy(), settings=settings, exchange=exchange, known={"prior_close": 20.0})
    stage.session.venue = SimExchange(stage.market, FeeSchedule(IBKR_FIXED), exchange)
    for rows, wish in steps:
        if wish is not None:
            puppet.next[0] = wish
        if rows:
            stage.feed(*rows)
    stage.pass_time(393)
    _conserved(stage)
    _ended(stage.entries)
    assert all(w.status in TERMINAL for w in stage.core.book.orders.all.values())
    # After a day that closed everything nothing is reserved for anything.
    assert stage.core.book.orders.reserved() == (0.0, 0.0)


def _conserved(stage: Stage) -> None:
    cash, held = START, Counter[str]()
    for body in stage.all(Filled):
        x = body.execution
        cash -= body.side.sign * x.qty * x.price + x.fee
        held[body.symbol] += body.side.sign * x.qty
        assert body.position == held[body.symbol]
    book = stage.core.book
    assert book.portfolio.cash == cash
    assert {symbol: book.portfolio.qty(symbol) for symbol in SYMBOLS} == {symbol: held[symbol] for symbol in SYMBOLS}
    if not any(held.values()):
        closed = stage.all(TradeClosed)
        assert sum((trade.net_usd for trade in closed), START) == cash == book.portfolio.equity()


def _ended(entries: list[Entry]) -> None:
    wanted: dict[str, int] = {}
    filled: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for entry in entries:
        body = entry.body
        if isinstance(body, Intended):
            assert body.order.id not in wanted
            wanted[body.order.id] = body.order.qty
        elif isinstance(body, Filled):
            name = body.execution.order
            filled[name] += body.execution.qty
            assert filled[name] <= wanted[name]
            ends[name] += filled[name] == wanted[name]
        elif isinstance(body, Rejected | Canceled | Expired):
            ends[body.order] += 1
    assert ends == Counter(dict.fromkeys(wanted, 1))
