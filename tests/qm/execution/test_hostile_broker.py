"""Whatever a broker does to the order of its answers, the books stay right and a flatten ends flat."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from qm.engine.core import Core
from qm.execution.orders import FINE
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.commands import CancelOrder, Flatten, ResumeEntries
from qm.model.events import Entry, Filled
from qm.model.inputs import AnyReport, Fill
from qm.model.market import clock, events
from qm.model.order import Execution, OrderStatus, Purpose, Side
from qm.strategies.api import Enter, Exit, Protect, Wish, Withdraw
from tests.qm.execution.hostile import EXITS, Held, Hostile, Puppet
from tests.qm.strategies.stage import SESSION, Stage, at, minute

NAMES = ("AAA", "BBB")
T = TypeVar("T")
MINUTES = 300
WISHES = ("buy", "buy", "short", "buy, no stop", "exit", "half", "third", "nearer", "looser", "withdraw", "up", "down")
PICK = st.integers(0, 5)
CANCELS = ("honoured",) * 4 + ("lost", "late")
COMMANDS = ("cancel", "cancel", "resume", "resume", "all")
ENCODE, DECODE = msgspec.json.Encoder().encode, msgspec.json.Decoder(Entry).decode


class Shadow:
    """A second engine that only folds what the first one journaled, and must know the same."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        table = stage.market.table
        self.market = Market(table, SESSION, Reference.empty(len(table)), prints=stage.market.prints)
        self.core = Core(stage.settings, stage.chosen, self.market, "sim", 1)
        self.folded = 0

    def follow(self) -> None:
        market = self.market
        for entry in self.stage.journal.read("stage", self.folded):
            market.replay(events(self.stage.fed[market.consumed : entry.at]))
            # Through the journal's own encoding: what cannot be read back is not known after a restart.
            self.core.book.fold(DECODE(ENCODE(entry)))
            self.folded = entry.seq


def knowledge(core: Core) -> list[Any]:
    """What must be the same after a restart, also where the digest does not look."""
    book = core.book
    orders = book.orders
    return [
        book.digest(),
        orders.refusals,
        orders.count,
        orders.unknown(),
        orders.reserved(),
        orders.entering(),
        orders.open_symbols(),
        [(w.order.id, w.left, w.done) for w in orders.all.values()],
        book.trades.heat_usd(),
        [trade.symbol for trade in book.trades.open.values() if trade.resting],
        book.unprotected,
        book.gate.stopped,
        book.leaving.wishes,
        book.leaving.parts,
        orders.kept,
        [(trade.protect, trade.protect_seq) for trade in book.trades.open.values()],
    ]


class Broker(RuleBasedStateMachine):
    """Orders, fills and answers in any order that a broker may produce them."""

    @initialize()
    def begin(self) -> None:
        self.puppet, self.venue = Puppet(), Hostile()
        self.stage = Stage(
            self.puppet.strategy(), venue=self.venue, symbols=NAMES, assigned={"puppet": NAMES}, prints=True
        )
        self.book = self.stage.core.book
        self.shadow = Shadow(self.stage)
        self.n = 0
        self.price = dict.fromkeys(NAMES, 20.0)
        self.old: list[AnyReport] = []
        self.commands = 0
        self.surprised: dict[str, None] = {}

    # --- what the market, the strategy and the operator do -------------------------------------------------------

    @rule(symbol=st.sampled_from(NAMES), wish=st.sampled_from(WISHES))
    def bar(self, symbol: str, wish: str) -> None:
        """A bar closes, and the strategy wishes something, or nothing while the price moves."""
        price = self.price[symbol]
        if wish == "exit":
            self._bar(symbol, Exit("told to"))
        elif wish == "withdraw":
            self._bar(symbol, Withdraw("told to"))
        elif wish in ("half", "third"):
            self._bar(symbol, Exit("a part", 0.5 if wish == "half" else 1 / 3))
        elif wish in ("nearer", "looser"):
            sign = 1 if self.book.portfolio.qty(symbol) > 0 else -1
            stop = price - sign * (0.4 if wish == "nearer" else 0.9)
            self._bar(symbol, Protect(stop, "told to", loosen=wish == "looser"))
        elif wish in ("up", "down"):
            self.price[symbol] = max(5.0, price + (0.7 if wish == "up" else -0.7))
            self._bar(symbol)
        else:
            side = Side.SELL if wish == "short" else Side.BUY
            self._bar(symbol, Enter(side, price - side.sign, "told to", resting_stop="no stop" not in wish))

    @rule(what=st.sampled_from([*COMMANDS, *NAMES]), pick=PICK)
    def operator(self, what: str, pick: int) -> None:
        self.commands += 1
        name = f"c{self.commands}"
        if what == "cancel":
            orders = list(self.book.orders.all)
            if orders:
                self.stage.command(CancelOrder(id=name, order=orders[pick % len(orders)]))
        elif what == "resume":
            self.stage.command(ResumeEntries(id=name))
        else:
            self.stage.command(Flatten(id=name, symbol=None if what == "all" else what))

    # --- what the broker does ------------------------------------------------------------------------------------

    @rule(mood=st.sampled_from(["ack", "ack", "refuse", "silent", "lost"]))
    def mood(self, mood: str) -> None:
        self.venue.mood = mood

    @rule(pick=PICK, part=st.sampled_from([0.3, 0.5, 1.0]))
    def fills(self, pick: int, part: float) -> None:
        able = [one for one in self.venue.orders.values() if one.room > 0]
        if able:
            one = able[pick % len(able)]
            self._fill(one, max(1, int(one.room * part)))

    @rule(pick=PICK, how=st.sampled_from(CANCELS))
    def cancel_arrives(self, pick: int, how: str) -> None:
        wanted = [one for one in self.venue.orders.values() if one.alive and one.cancel_wanted]
        if wanted:
            one = wanted[pick % len(wanted)]
            if how == "lost":
                self.venue.lose_cancel(one)
            elif how == "late" and one.room > 1:
                self.surprised[one.order.symbol] = None
                self.venue.end_late(one, one.room // 2, self._price(one))
            else:
                self.venue.end(one)

    @rule(pick=PICK)
    def replacement_arrives(self, pick: int) -> None:
        wanted = [one for one in self.venue.orders.values() if one.successor is not None]
        if wanted:
            self.venue.end_replaced(wanted[pick % len(wanted)])

    @rule(pick=PICK, count=st.integers(1, 3))
    def mail_arrives(self, pick: int, count: int) -> None:
        names = list(self.venue.mail)
        if names:
            self._tell(self.venue.deliver(names[pick % len(names)], count))

    @rule(what=st.sampled_from(["probe", "again", "stranger"]), pick=PICK)
    def oddity(self, what: str, pick: int) -> None:
        """Questions are answered; a fill is told again; a fill of an order that nobody sent."""
        if what == "probe":
            self.venue.probe()
        elif what == "again":
            fills = [report for report in self.old if isinstance(report, Fill)]
            if fills:
                self._tell([fills[pick % len(fills)]])
        else:
            before = len(self.stage.all(Filled))
            execution = Execution(f"S{len(self.old)}", "stranger", 10, Decimal(20), Decimal(0), 0)
            self._tell([Fill("stranger", 0, execution)])
            assert len(self.stage.all(Filled)) == before

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        portfolio = self.book.portfolio
        assert portfolio.imbalance() == 0
        fills = self.stage.all(Filled)
        assert len({body.execution.id for body in fills}) == len(fills)
        for symbol in NAMES:
            held = sum(body.execution.qty * body.side.sign for body in fills if body.symbol == symbol)
            assert portfolio.qty(symbol) == held
        for w in self.book.orders.all.values():
            assert 0 <= w.filled <= w.order.qty

    @invariant()
    def no_id_is_used_twice(self) -> None:
        assert len(set(self.venue.sent)) == len(self.venue.sent)

    @invariant()
    def nothing_that_closes_can_cross_zero(self) -> None:
        for symbol in NAMES:
            held = self.book.portfolio.qty(symbol)
            working = self.book.orders.open(symbol)
            leaving = sum(w.left for w in working if w.order.purpose in EXITS)
            # A stop that was placed while reports came in the wrong order may stand on the other side; it is canceled.
            stops = self.book.orders.stopping(symbol, held)
            if not held and not working:
                self.surprised.pop(symbol, None)
            # What fills after it was said to be gone leaves too much behind until that is canceled.
            if symbol not in self.surprised:
                assert leaving <= abs(held)
                assert leaving + stops <= abs(held) + self.venue.undelivered(symbol)
                assert self.venue.closing(symbol) <= abs(self.venue.position(symbol)), "at the broker, too"

    @invariant()
    def every_open_share_is_covered_or_being_left_or_handed_over(self) -> None:
        book = self.book
        for symbol, position in book.portfolio.positions.items():
            if book.leaving.wish(symbol) is not None:
                continue
            trade = book.trades.open[symbol]
            if not trade.resting and book.market.table.row(symbol) in book.desk.works:
                continue
            stops = [w for w in book.orders.open(symbol) if w.order.purpose is Purpose.PROTECT]
            replaced = [book.orders.all.get(w.order.replaces or "") for w in stops]
            pairs = zip(stops, replaced, strict=True)
            if any(self.stage.core.closing.awaits(w) for w, old in pairs if old is None or old.done):
                continue
            # A part that is being sold needs no stop; one that waits for the stop to be reduced is still covered by it.
            covering = (
                book.orders.leaving(symbol) + book.leaving.waiting(symbol) + book.orders.stopping(symbol, position.qty)
            )
            assert covering >= abs(position.qty)

    @invariant()
    def what_is_reserved_is_what_may_still_fill(self) -> None:
        orders = self.book.orders
        working = [w for symbol in NAMES for w in orders.open(symbol)]
        assert orders.unknown() == sum(w.status is OrderStatus.UNKNOWN for w in working)
        entries = [w for w in working if w.order.purpose is Purpose.ENTRY]
        assert orders.reserved()[0] == sum(round(w.price * FINE) * w.left for w in entries) / FINE
        assert all(not w.done for w in working)

    @invariant()
    def folding_the_journal_gives_the_same(self) -> None:
        self.shadow.follow()
        assert knowledge(self.shadow.core) == knowledge(self.stage.core)

    def teardown(self) -> None:
        """When the broker answers again, a flatten ends flat: at the broker, too."""
        self.venue.mood = "ack"
        self.stage.command(Flatten(id="last"))
        for _ in range(12):
            for _ in range(20):
                if not self._answer_everything():
                    break
            self._bar("AAA")
        book = self.book
        assert not book.portfolio.positions
        assert not book.orders.open_symbols()
        assert not book.leaving.any
        assert [self.venue.position(symbol) for symbol in NAMES] == [0, 0]
        self.the_books_balance()
        self.folding_the_journal_gives_the_same()

    # --- small parts ---------------------------------------------------------------------------------------------

    def _answer_everything(self) -> bool:
        venue = self.venue
        venue.probe()
        for one in list(venue.orders.values()):
            if one.successor is not None:
                venue.end_replaced(one)
            if one.alive and one.cancel_wanted:
                venue.end(one)
            elif one.room > 0 and one.order.purpose in EXITS:
                self._fill(one, one.room)
        if not venue.mail:
            return False
        for name in list(venue.mail):
            if name in venue.mail:
                self._tell(venue.deliver(name, 100))
        return True

    def _bar(self, symbol: str, wish: Wish | None = None) -> None:
        if self.n >= MINUTES:
            return
        row, price = NAMES.index(symbol), self.price[symbol]
        if wish is not None:
            self.puppet.next[row] = wish
        self.stage.feed(minute(self.n, price, price, price, price, sym=row), clock(at(self.n + 1, 0.5)))
        self.puppet.next.clear()
        self.n += 1

    def _fill(self, one: Held, qty: int) -> None:
        self.venue.fill(one, qty, self._price(one))

    def _price(self, one: Held) -> Decimal:
        return Decimal(str(round(self.price[one.order.symbol], 2)))

    def _tell(self, reports: list[AnyReport]) -> None:
        self.old += reports
        self.stage.session._report(reports)
        self.stage.session.flush()


TestHostileBroker = Broker.TestCase
TestHostileBroker.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)

CHECKS = (
    Broker.the_books_balance,
    Broker.no_id_is_used_twice,
    Broker.nothing_that_closes_can_cross_zero,
    Broker.every_open_share_is_covered_or_being_left_or_handed_over,
    Broker.what_is_reserved_is_what_may_still_fill,
    Broker.folding_the_journal_gives_the_same,
)
MOODS = ("ack",) * 6 + ("refuse", "silent", "lost")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_a_long_day_at_a_hostile_broker(seed: int) -> None:
    """The machine's own rules at random, for longer than it likes to go; a seed that fails fails again."""
    random = np.random.default_rng(seed)
    day = Broker()
    day.begin()

    def pick(several: Sequence[T]) -> T:
        return several[int(random.integers(len(several)))]

    for _ in range(250):
        match int(random.choice(6, p=[0.17, 0.03, 0.05, 0.25, 0.15, 0.35])):
            case 0:
                day.bar(pick(NAMES), pick(WISHES))
            case 1:
                day.operator(pick([*COMMANDS, *NAMES]), int(random.integers(6)))
            case 2:
                day.mood(pick(MOODS))
            case 3:
                day.fills(int(random.integers(6)), pick([0.3, 0.5, 1.0]))
            case 4:
                day.cancel_arrives(int(random.integers(6)), pick(CANCELS))
                day.replacement_arrives(int(random.integers(6)))
                day.oddity(pick(["probe", "again", "stranger"]), int(random.integers(6)))
            case _:
                day.mail_arrives(int(random.integers(6)), int(random.integers(1, 4)))
        for check in CHECKS:
            check(day)
    day.teardown()
