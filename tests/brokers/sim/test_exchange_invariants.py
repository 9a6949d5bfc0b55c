"""A whole day of random orders on bars, prints or quotes: what holds for every fill, and for the end of every order."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import MS, Intrabar, SimSettings
from qm.clock import SECOND
from qm.model.inputs import AnyReport, CancelRefusal, Fill, Gone, Refusal, Wake
from qm.model.market import Events, Kind, Print, Status, events, quote, status, trade
from qm.model.order import FOR_AUCTIONS, LIMITS, STOPS, Order, OrderType, Purpose, Side, TimeInForce
from qm.rules.fees import FeeSchedule
from qm.rules.ssr import LIMITED
from tests.brokers.sim.desk import MINUTE, OPEN, SESSION, SYMBOLS, Desk, Row, minute, order

CLOSE = SESSION.close_ns
MINUTES: Final = (-9, -7, -6, -3, -1, 0, 1, 2, 3, 200, 378, 381, 387, 388, 389, 390, 391)
"""The ends of the day, where hours and auctions meet, and a little of what lies between."""
PRIOR = 11.0
"""The prior close: trades at 9.90 or below restrict short sales."""
TRIGGER = 9.90

cents = st.integers(980, 1020).map(lambda c: c / 100)
sizes = st.sampled_from([0.0, 35.0, 300.0, 1e6])


@dataclass(frozen=True)
class Act:
    """What the trader does once the record number `after` was seen."""

    after: int
    send: Order | None = None
    leg: Order | None = None
    cancel: str = ""


@dataclass(frozen=True)
class Day:
    tape: Events
    acts: tuple[Act, ...]
    settings: SimSettings


@st.composite
def bars(draw: st.DrawFn) -> list[Row]:
    rows = []
    for n in MINUTES:
        for sym in range(len(SYMBOLS)):
            prices = sorted(draw(st.lists(cents, min_size=4, max_size=4)))
            opened, close = draw(st.permutations(prices[1:3]))
            if draw(st.integers(0, 9)):
                rows.append(minute(n, opened, prices[3], prices[0], close, draw(sizes), sym))
    return rows


@st.composite
def ticks(draw: st.DrawFn, quotes_only: bool = False) -> list[Row]:
    rows: list[Row] = []
    kinds = [Kind.QUOTE] if quotes_only else [Kind.TRADE, Kind.TRADE, Kind.QUOTE, Kind.STATUS]
    flags = [7, 7, 7 | Print.OPENING, 7 | Print.CLOSING, 7 | Print.OPENING | Print.CLOSING, Print.VOLUME]
    for n in MINUTES:
        ts = OPEN + n * MINUTE
        for _ in range(draw(st.integers(0, 4))):
            ts += draw(st.sampled_from([0, 1, 30 * MS, 2 * SECOND, 10 * SECOND]))
            sym, kind = draw(st.sampled_from(range(len(SYMBOLS)))), draw(st.sampled_from(kinds))
            if kind is Kind.TRADE:
                rows.append(trade(ts, sym, draw(cents), draw(sizes), draw(st.sampled_from(flags))))
            elif kind is Kind.QUOTE:
                rows.append(quote(ts, sym, draw(cents), draw(cents), draw(sizes), draw(sizes)))
            else:
                rows.append(status(ts, sym, draw(st.sampled_from([Status.TRADING, Status.TRADING, Status.PAUSED]))))
    return rows


def priced(draw: st.DrawFn, kind: OrderType) -> dict[str, str | None]:
    return {
        "stop": f"{draw(cents):.2f}" if kind in STOPS else None,
        "limit": f"{draw(cents):.2f}" if kind in LIMITS else None,
    }


@st.composite
def days(draw: st.DrawFn, tapes: st.SearchStrategy[list[Row]]) -> Day:
    tape = draw(tapes.filter(bool))
    acts = []
    for number in range(draw(st.integers(1, 8))):
        side, kind = draw(st.sampled_from(Side)), draw(st.sampled_from(OrderType))
        purpose = draw(st.sampled_from([Purpose.ENTRY, Purpose.ENTRY, Purpose.EXIT]))
        symbol, qty = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from([1, 40, 100]))
        sent = order(side, qty, kind, name=f"O{number}", purpose=purpose, symbol=symbol, **priced(draw, kind))
        if draw(st.integers(0, 3)) == 0:
            sent = msgspec.structs.replace(sent, extended=True)
        leg = None
        if purpose is Purpose.ENTRY and draw(st.booleans()):
            of = draw(st.sampled_from([OrderType.STOP, OrderType.STOP_LIMIT, OrderType.LIMIT]))
            leg = order(
                side.opposite, qty, of, name=f"L{number}", purpose=Purpose.PROTECT, parent=sent.id, symbol=symbol,
                **priced(draw, of),
            )  # fmt: skip
        acts.append(Act(draw(st.integers(0, len(tape) - 1)), sent, leg))
        if draw(st.integers(0, 2)) == 0:
            acts.append(Act(draw(st.integers(0, len(tape) - 1)), cancel=draw(st.sampled_from([sent.id, "O0", "L0"]))))
    settings = SimSettings(
        latency_ns=draw(st.sampled_from([0, 50 * MS, 20 * SECOND])),
        slippage_ticks=draw(st.sampled_from([0, 2])),
        participation=draw(st.sampled_from([0.0, 0.1, 1.0])),
        tick_participation=draw(st.sampled_from([0.1, 1.0])),
        shorts=draw(st.booleans()),
        extended_hours=draw(st.booleans()),
        intrabar=draw(st.sampled_from(Intrabar)),
    )
    return Day(events(tape), tuple(sorted(acts, key=lambda act: act.after)), settings)


@dataclass
class Judge:
    """Watches a day with eyes of its own; what it holds to be true of every record it asserts at once."""

    day: Day
    sent: dict[str, Order] = field(default_factory=dict)
    position: Counter[str] = field(default_factory=Counter)
    low: dict[str, float] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)

    def run(self) -> Desk:
        desk = Desk(self.day.settings, prior_close=PRIOR)
        desk.exchange = SimExchange(desk.market, FeeSchedule(), self.day.settings)
        desk.at(MINUTES[0])
        start = 0
        self.sent = {one.id: one for act in self.day.acts for one in (act.send, act.leg) if one is not None}
        for after, acts in itertools.groupby(self.day.acts, key=lambda act: act.after):
            self._feed(desk, start, after + 1)
            for act in acts:
                if act.send is not None:
                    desk.send(act.send, act.leg)
                else:
                    desk.cancel(act.cancel)
            start = after + 1
        self._feed(desk, start, len(self.day.tape))
        last = desk.exchange.end_session(max(CLOSE + MINUTE, desk.market.now))
        desk.reports += last
        self._at_the_end([one for one in last if isinstance(one, Fill)])
        return desk

    def _feed(self, desk: Desk, start: int, end: int) -> None:
        for index in range(start, end):
            record = self.day.tape[index : index + 1]
            at, sym, kind = int(record["event_ts"][0]), int(record["sym"][0]), int(record["kind"][0])
            if OPEN <= at < CLOSE and kind in (Kind.BAR, Kind.TRADE):
                prints = kind == Kind.BAR or int(record["flag"][0]) & Print.HIGH_LOW
                told = float(record["c" if kind == Kind.BAR else "a"][0])
                if prints:
                    self.low[SYMBOLS[sym]] = min(self.low.get(SYMBOLS[sym], PRIOR), told)
            said = [one for one in desk.run(record, _nobody) if isinstance(one, Fill)]
            if said:
                self._judge(desk, said, record[0].item(), SYMBOLS[sym])

    def _judge(self, desk: Desk, said: list[Fill], record: tuple[int | float, ...], symbol: str) -> None:
        settings, kind, at = self.day.settings, int(record[3]), int(record[1])
        a, b, c, d, e = (float(value) for value in record[6:11])
        row = desk.market.table.row(symbol)
        assert desk.market.rows["status"][row] < Status.HALTED
        auction = order_book = 0
        by_side: Counter[Side] = Counter()
        for one in said:
            of, x = self.sent[one.order], one.execution
            assert of.symbol == symbol
            self._always(one)
            if of.type in FOR_AUCTIONS:
                auction += x.qty
                assert float(x.price) == a
                self._in_its_auction(of, kind, at, int(record[4]))
                continue
            assert OPEN <= at < CLOSE or (of.extended and SESSION.pre_ns <= at < SESSION.post_ns)
            order_book += x.qty
            by_side[of.side] += x.qty
            bid, ask = (float(desk.market.rows[side][row]) for side in ("bid", "ask"))
            seen = {Kind.BAR: (c, b), Kind.QUOTE: (a, b)}.get(Kind(kind), (min(a, bid or a), max(a, ask or a)))
            room = 0.02 * settings.slippage_ticks / 2 + 0.01
            traded = seen[0] - room < float(x.price) < seen[1] + room
            assert traded or (x.price == of.limit and of.side.sign * (float(x.price) - seen[of.side.sign < 0]) > 0)
        if settings.participation:
            share = settings.participation if kind == Kind.BAR else settings.tick_participation
            if kind == Kind.QUOTE:
                assert by_side[Side.BUY] <= d * share
                assert by_side[Side.SELL] <= c * share
            elif kind == Kind.TRADE:
                # Who waits trades with the print, who takes with the quote around it.
                sizes = (float(desk.market.rows[side][row]) for side in ("ask_size", "bid_size"))
                for side, shown in zip((Side.BUY, Side.SELL), sizes, strict=True):
                    assert by_side[side] <= (b + shown) * share
                assert auction <= b * settings.participation
            else:
                assert order_book + auction <= e * share

    def _in_its_auction(self, of: Order, kind: int, at: int, flag: int) -> None:
        opening = of.type.time_in_force is TimeInForce.OPG
        if kind == Kind.TRADE:
            assert flag & (Print.OPENING if opening else Print.CLOSING)
        assert OPEN <= at < (OPEN + MINUTE if kind == Kind.BAR else CLOSE) if opening else at >= CLOSE

    def _at_the_end(self, said: list[Fill]) -> None:
        """A closing auction that nobody told trades at what was seen last."""
        for one in said:
            of = self.sent[one.order]
            assert of.type.time_in_force is TimeInForce.CLS
            assert one.execution.ambiguous
            if of.limit is not None:
                assert of.side.sign * (of.limit - one.execution.price) > 0
            prices = {round(float(p), 2) for row in self.day.tape for p in (row["a"], row["d"])}
            assert float(one.execution.price) in prices
            self._always(one)

    def _always(self, one: Fill) -> None:
        of, x = self.sent[one.order], one.execution
        assert x.qty > 0
        assert x.price > 0
        assert x.price % Decimal("0.01") == 0
        if of.limit is not None:
            assert of.side.sign * (x.price - of.limit) <= 0
        before = self.position[of.symbol]
        after = self.position[of.symbol] = before + of.side.sign * x.qty
        if of.purpose is not Purpose.ENTRY:
            assert before * after >= 0
            assert abs(after) < abs(before)
        if of.side is Side.SELL and after < 0:
            assert self.day.settings.shorts
            if self.low.get(of.symbol, PRIOR) <= TRIGGER and of.purpose is Purpose.ENTRY:
                assert of.type in LIMITED
        self.fills.append(one)


def _nobody(wake: Wake) -> None:
    """Only the exchange looks."""


def _ends_once(reports: list[AnyReport], sent: dict[str, Order]) -> None:
    filled: Counter[str] = Counter()
    ended: set[str] = set()
    for report in reports:
        if isinstance(report, CancelRefusal):
            assert sent[report.order].type in FOR_AUCTIONS
        assert report.order not in ended
        if isinstance(report, Fill):
            filled[report.order] += report.execution.qty
        if isinstance(report, Refusal | Gone) or filled[report.order] == sent[report.order].qty:
            ended.add(report.order)
    assert ended == set(sent)


def check(day: Day) -> None:
    judge = Judge(day)
    desk = judge.run()
    _ends_once(desk.reports, judge.sent)
    executions = [one.execution for one in desk.reports if isinstance(one, Fill)]
    assert executions == [one.execution for one in judge.fills]
    assert [x.id for x in executions] == [f"X{n}" for n in range(1, len(executions) + 1)]
    # What was charged bit by bit is what the day costs, and the next order meets the position that the fills made.
    fees = FeeSchedule().of_day(SESSION.date)
    for x in executions:
        fees.charge(judge.sent[x.order].side, x.qty, x.price, x.order)
    assert sum((x.fee for x in executions), Decimal(0)) == fees.charged
    for symbol in SYMBOLS:
        held = judge.position[symbol]
        too_much = order(Side.SELL if held > 0 else Side.BUY, abs(held) + 1, name="Z" + symbol, purpose=Purpose.EXIT)
        (said,) = desk.send(msgspec.structs.replace(too_much, symbol=symbol))
        assert isinstance(said, Refusal)
        if held:
            whole = msgspec.structs.replace(too_much, symbol=symbol, qty=abs(held), id="Y" + symbol)
            (said,) = desk.send(whole)
            assert not isinstance(said, Refusal)


@given(days(bars()))
def test_a_day_on_bars(day: Day) -> None:
    check(day)


@given(days(ticks()))
def test_a_day_on_prints_and_quotes(day: Day) -> None:
    check(day)


@given(days(ticks(quotes_only=True)))
def test_a_day_on_quotes(day: Day) -> None:
    check(day)
