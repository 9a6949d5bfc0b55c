"""Random orders on random tapes: what the simulated exchange never does, and what makes no difference to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brokers.sim.book import OWNER, Working
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import MS, SimSettings
from qm.clock import SECOND
from qm.market.levels import IDLE
from qm.model.inputs import Accepted, AnyReport, Fill, Gone, LegActive, Refusal, StopMet, Wake
from qm.model.market import Events, Kind, Status, events, quote, status, trade
from qm.model.order import Order, OrderStatus, OrderType, Purpose, Side
from tests.brokers.sim.desk import OPEN, SYMBOLS, Cents, Desk, Row, market_of, minute, order

ALL_KINDS = tuple(OrderType)
LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(frozen=True)
class Act:
    """What the trader does once the record number `after` was seen."""

    after: int
    send: Order | None = None
    leg: Order | None = None
    cancel: str = ""


@dataclass(frozen=True)
class Play:
    tape: Events
    acts: tuple[Act, ...]
    settings: SimSettings


cents = st.integers(980, 1020).map(lambda c: c / 100)
volumes = st.sampled_from([0.0, 50.0, 300.0, 1e6])


@st.composite
def bars(draw: st.DrawFn) -> list[Row]:
    rows = []
    for n in range(draw(st.integers(4, 12))):
        for sym in range(len(SYMBOLS)):
            prices = sorted(draw(st.lists(cents, min_size=4, max_size=4)))
            o, c = draw(st.permutations(prices[1:3]))
            rows.append(minute(n, o, prices[3], prices[0], c, draw(volumes), sym))
    return rows


@st.composite
def ticks(draw: st.DrawFn) -> list[Row]:
    rows, ts = [], OPEN
    for _ in range(draw(st.integers(5, 30))):
        ts += draw(st.sampled_from([0, 1, 30 * MS, 2 * SECOND, 5 * SECOND]))
        sym = draw(st.sampled_from(range(len(SYMBOLS))))
        kind = draw(st.sampled_from([Kind.TRADE, Kind.TRADE, Kind.QUOTE, Kind.QUOTE, Kind.STATUS]))
        if kind is Kind.TRADE:
            rows.append(trade(ts, sym, draw(cents), draw(volumes), draw(st.sampled_from([7, 7, 3, 4, 1, 2]))))
        elif kind is Kind.QUOTE:
            rows.append(quote(ts, sym, draw(cents), draw(cents), draw(volumes), draw(volumes)))
        else:
            rows.append(status(ts, sym, draw(st.sampled_from([Status.TRADING, Status.TRADING, Status.HALTED]))))
    return rows


def price(draw: st.DrawFn) -> str:
    return f"{draw(cents):.2f}"


@st.composite
def orders(draw: st.DrawFn, number: int, kinds: tuple[OrderType, ...]) -> tuple[Order, Order | None]:
    side = draw(st.sampled_from(list(Side)))
    kind = draw(st.sampled_from(kinds))
    purpose = draw(st.sampled_from([Purpose.ENTRY, Purpose.ENTRY, Purpose.EXIT, Purpose.PROTECT]))
    sent = order(
        side,
        draw(st.sampled_from([1, 40, 100])),
        kind,
        name=f"O{number}",
        purpose=purpose,
        stop=price(draw) if kind in STOPS else None,
        limit=price(draw) if kind in LIMITS else None,
        symbol=draw(st.sampled_from(SYMBOLS)),
    )
    if purpose is not Purpose.ENTRY or draw(st.booleans()):
        return sent, None
    kind = draw(st.sampled_from([one for one in kinds if one is not OrderType.MARKET]))
    leg = order(
        side.opposite,
        sent.qty,
        kind,
        name=f"L{number}",
        purpose=Purpose.PROTECT,
        stop=price(draw) if kind in STOPS else None,
        limit=price(draw) if kind in LIMITS else None,
        parent=sent.id,
        symbol=sent.symbol,
    )
    return sent, leg


BARS_OR_TICKS = bars() | ticks()


@st.composite
def plays(
    draw: st.DrawFn,
    tapes: st.SearchStrategy[list[Row]] = BARS_OR_TICKS,
    kinds: tuple[OrderType, ...] = ALL_KINDS,
    participation: tuple[float, ...] = (0.0, 0.1, 1.0),
) -> Play:
    tape = draw(tapes)
    acts = []
    for number in range(draw(st.integers(1, 6))):
        sent, leg = draw(orders(number, kinds))
        acts.append(Act(draw(st.integers(0, len(tape) - 1)), sent, leg))
        if draw(st.integers(0, 3)) == 0:
            acts.append(Act(draw(st.integers(0, len(tape) - 1)), cancel=draw(st.sampled_from([f"O{number}", "L0"]))))
    settings = SimSettings(
        latency_ns=draw(st.sampled_from([0, 0, 50 * MS, 20 * SECOND])),
        participation=draw(st.sampled_from(participation)),
        shorts=draw(st.booleans()),
    )
    return Play(events(tape), tuple(sorted(acts, key=lambda act: act.after)), settings)


def perform(desk: Desk, acts: tuple[Act, ...]) -> None:
    for act in acts:
        if act.send is not None:
            desk.send(act.send, act.leg)
        else:
            desk.cancel(act.cancel)


def watched(play: Play, cuts: tuple[int, ...] = ()) -> Desk:
    """Play with somebody else waking at every record, in batches cut at the given places."""
    desk = Desk(play.settings)
    for row in range(len(SYMBOLS)):
        desk.market.levels.await_next(row, "somebody")

    def react(wake: Wake) -> None:
        perform(desk, tuple(act for act in play.acts if act.after == desk.market.consumed - 1))

    edges = (0, *sorted(cuts), len(play.tape))
    for start, end in itertools.pairwise(edges):
        desk.run(play.tape[start:end], react)
    return desk


def alone(play: Play) -> Desk:
    """Play with nobody but the exchange to wake for."""
    desk = Desk(play.settings)
    start = 0
    for after, acts in itertools.groupby(play.acts, key=lambda act: act.after):
        desk.run(play.tape[start : after + 1])
        perform(desk, tuple(acts))
        start = after + 1
    desk.run(play.tape[start:])
    return desk


@given(plays(), st.data())
def test_same_reports_however_batches_are_cut_and_whoever_else_wakes(play: Play, data: st.DataObject) -> None:
    cuts = tuple(data.draw(st.lists(st.integers(0, len(play.tape)), max_size=4)))
    once = watched(play)
    assert watched(play).reports == once.reports
    assert watched(play, cuts).reports == once.reports
    quiet = alone(play)
    assert quiet.reports == once.reports
    assert quiet.wakes <= once.wakes


@given(plays())
def test_orders_fill_at_most_once_over_and_end_at_most_once(play: Play) -> None:
    sent: dict[str, Order] = {}
    for act in play.acts:
        for one in (act.send, act.leg):
            if one is not None:
                sent[one.id] = one
    filled = dict.fromkeys(sent, 0)
    live: dict[str, int] = {}
    ended: set[str] = set()
    executions = 0
    desk = alone(play)
    desk.reports += desk.exchange.end_session(desk.market.now)
    for report in desk.reports:
        assert report.order not in ended
        one = sent[report.order]
        if isinstance(report, Accepted):
            live[one.id] = report.ts + play.settings.latency_ns
            assert report.held is (one.parent is not None)
        elif isinstance(report, LegActive):
            assert one.parent is not None
            assert report.qty == filled[one.parent]
        elif isinstance(report, Fill):
            fill = report.execution
            executions += 1
            filled[one.id] += fill.qty
            assert fill.id == f"X{executions}"
            assert 0 < filled[one.id] <= (one.qty if one.parent is None else filled[one.parent])
            assert live[one.parent or one.id] <= fill.ts <= report.ts
        if isinstance(report, Refusal | Gone) or filled[one.id] == one.qty:
            ended.add(one.id)
    assert ended == set(sent)
    assert [report.ts for report in desk.reports] == sorted(report.ts for report in desk.reports)
    assert [desk.market.levels.of(row, OWNER) for row in range(len(SYMBOLS))] == [IDLE] * len(SYMBOLS)
    assert not desk.market.rows["next"].any()


@given(plays())
def test_no_fill_outside_what_traded_or_beyond_a_limit_or_in_a_halt(play: Play) -> None:
    sent = {one.id: one for act in play.acts for one in (act.send, act.leg) if one is not None}
    desk = Desk(play.settings)
    for row in range(len(SYMBOLS)):
        desk.market.levels.await_next(row, "somebody")
    seen: list[tuple[Fill, Kind, tuple[float, float]]] = []

    def react(wake: Wake) -> None:
        assert desk.market.record is not None
        kind = Kind(desk.market.record[3])
        a, b, c = desk.market.record[6:9]
        fills = [one for one in desk.reports[len(known) :] if isinstance(one, Fill)]
        known.extend(desk.reports[len(known) :])
        if fills:
            assert kind is not Kind.STATUS
            assert desk.market.rows["status"][wake.sym] < Status.HALTED
            bid, ask = float(desk.market.rows["bid"][wake.sym]), float(desk.market.rows["ask"][wake.sym])
            quoted = [side for side in (bid, ask) if side > 0]
            traded = {Kind.BAR: (c, b), Kind.QUOTE: (bid, ask), Kind.TRADE: (min([a, *quoted]), max([a, *quoted]))}
            seen.extend((one, kind, traded[kind]) for one in fills)
        perform(desk, tuple(act for act in play.acts if act.after == desk.market.consumed - 1))
        known.extend(desk.reports[len(known) :])

    known: list[AnyReport] = []
    desk.run(play.tape, react)
    for fill, _, (low, high) in seen:
        one, paid = sent[fill.order], fill.execution.price
        assert paid > 0
        assert paid % Decimal("0.01") == 0
        if one.limit is not None:
            assert (paid - one.limit) * one.side.sign <= 0
        # A limit order that waited gets its limit and no more, though the market went further.
        if one.limit is not None and paid == one.limit:
            assert one.side.sign * (float(one.limit) - (low if one.side is Side.BUY else high)) > -1e-9
        else:
            # A price inside a bar may lie between two ticks before it is rounded against the order.
            assert low - 0.01 < float(paid) < high + 0.01


@given(plays())
def test_no_exit_crosses_zero_and_nobody_is_short_when_shorts_are_off(play: Play) -> None:
    sent = {one.id: one for act in play.acts for one in (act.send, act.leg) if one is not None}
    position = dict.fromkeys(SYMBOLS, 0)
    for report in watched(play).reports:
        if not isinstance(report, Fill):
            continue
        one = sent[report.order]
        before = position[one.symbol]
        after = position[one.symbol] = before + one.side.sign * report.execution.qty
        if one.purpose is not Purpose.ENTRY:
            assert before * after >= 0
            assert abs(after) < abs(before)
        assert play.settings.shorts or after >= 0


RESTORED = (OrderType.MARKET, OrderType.STOP, OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.MOC)


@given(plays(bars(), RESTORED, (0.0,)), st.data())
def test_restored_exchange_goes_on_as_if_nothing_had_happened(play: Play, data: st.DataObject) -> None:
    whole = watched(play).reports
    cut = data.draw(st.integers(1, len(play.tape)))
    first = watched(Play(play.tape[:cut], tuple(a for a in play.acts if a.after < cut), play.settings))
    assert whole[: len(first.reports)] == first.reports

    desk = Desk(play.settings)
    desk.market = market_of()
    desk.market.replay(play.tape[:cut])
    desk.exchange = SimExchange(desk.market, Cents(), play.settings)
    desk.exchange.restore(*folded(play, first.reports))
    for row in range(len(SYMBOLS)):
        desk.market.levels.await_next(row, "somebody")

    def react(wake: Wake) -> None:
        perform(desk, tuple(act for act in play.acts if act.after == desk.market.consumed - 1))

    desk.run(play.tape[cut:], react)
    assert desk.reports == whole[len(first.reports) :]


def folded(play: Play, reports: list[AnyReport]) -> tuple[list[Working], int, dict[str, int]]:
    """What a journal knows at the end of these reports."""
    sent = {one.id: one for act in play.acts for one in (act.send, act.leg) if one is not None}
    working: dict[str, Working] = {}
    positions = dict.fromkeys(SYMBOLS, 0)
    executions = 0
    for report in reports:
        one = sent[report.order]
        if isinstance(report, Accepted):
            state = OrderStatus.HELD if report.held else OrderStatus.WORKING
            active = 0 if one.parent else None
            working[one.id] = Working(one, one.parent, 0, state, active, report.ts)
        elif isinstance(report, LegActive):
            working[one.id] = working[one.id]._replace(active=report.qty, status=OrderStatus.WORKING)
        elif isinstance(report, Fill):
            executions += 1
            positions[one.symbol] += one.side.sign * report.execution.qty
            working[one.id] = working[one.id]._replace(filled=working[one.id].filled + report.execution.qty)
            if working[one.id].filled == one.qty:
                del working[one.id]
        elif isinstance(report, StopMet):
            working[one.id] = working[one.id]._replace(triggered=True)
        elif isinstance(report, Gone):
            del working[one.id]
    return list(working.values()), executions, positions
