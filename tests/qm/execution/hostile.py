"""A broker that answers late, twice, in another order, or not at all; and a strategy that does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from qm.model.approved import Approved
from qm.model.inputs import Accepted, AnyReport, Fill, Gone, LegActive, NoAnswer, Refusal, Wake
from qm.model.order import Execution, Order, Purpose
from qm.strategies.api import EntrySignals, ExitSignals, Group, Params, Plan, Strategy, View, Wish, Wishes

EXITS = (Purpose.EXIT, Purpose.FLATTEN)


class Held:
    """An order as the broker has it; the truth, of which reports tell sooner or later."""

    def __init__(self, order: Order, parent: Held | None = None) -> None:
        self.order, self.parent = order, parent
        self.filled = 0
        self.alive = True
        self.leg: Held | None = None
        self.cancel_wanted = False
        self.told_unknown = False
        self.successor: Held | None = None
        """What is to take its place, when the broker gets to it."""

    @property
    def room(self) -> int:
        """Shares that it may fill now."""
        most = self.order.qty if self.parent is None else min(self.order.qty, self.parent.filled)
        return most - self.filled if self.alive else 0


class Hostile:
    """A venue whose every answer waits in `mail` until somebody delivers it."""

    def __init__(self) -> None:
        self.orders: dict[str, Held] = {}
        self.lost: dict[str, None] = {}
        """Orders that never arrived, and of which we have only heard that there was no answer."""
        self.sent: list[str] = []
        self.mail: dict[str, list[AnyReport]] = {}
        """Undelivered reports by order, oldest first."""
        self.mood = "ack"
        """What becomes of the next orders: ack, refuse, silent (arrives, no answer) or lost."""
        self.executions = 0
        self.now = 0

    def submit(self, order: Approved[Order], leg: Approved[Order] | None, now: int) -> Sequence[AnyReport]:
        self.now = now
        parent = self._take(order.value, None)
        if leg is not None:
            child = self._take(leg.value, parent)
            if parent is not None:
                parent.leg = child
        return ()

    def cancel(self, order_id: str, now: int) -> Sequence[AnyReport]:
        self.now = now
        one = self.orders.get(order_id)
        if one is not None:
            one.cancel_wanted = True
        return ()

    def replace(self, order_id: str, order: Approved[Order], now: int) -> Sequence[AnyReport]:
        self.now = now
        new, old = order.value, self.orders.get(order_id)
        assert new.id not in self.sent
        if old is None or self.mood in ("refuse", "lost"):
            self._take(new, None)
            self.orders.pop(new.id, None)
            return ()
        self.sent.append(new.id)
        old.successor = Held(new)
        if self.mood == "silent":
            old.successor.told_unknown = True
            self._post(NoAnswer(new.id, now, "timed out"))
        return ()

    def end_replaced(self, old: Held) -> None:
        """Let the successor take the place of an order, when there is still enough of that."""
        new = old.successor
        assert new is not None
        old.successor = None
        if old.room < new.order.qty:
            self._post(Refusal(new.order.id, self.now, "too much of it has filled"))
            return
        self.orders[new.order.id] = new
        old.alive = False
        self._post(Gone(old.order.id, self.now, "replaced"))
        if not new.told_unknown:
            self._post(Accepted(new.order.id, self.now, f"b-{new.order.id}"))

    def closing(self, symbol: str) -> int:
        """Shares that stops and exits may still close at the broker, now."""
        closes = [one for one in self.orders.values() if one.order.purpose is not Purpose.ENTRY]
        return sum(one.room for one in closes if one.order.symbol == symbol)

    def on_wake(self, wake: Wake) -> Sequence[AnyReport]:
        return ()

    def end_session(self, now: int) -> Sequence[AnyReport]:
        return ()

    def position(self, symbol: str) -> int:
        """Signed shares that the broker says we hold."""
        return sum(one.filled * one.order.side.sign for one in self.orders.values() if one.order.symbol == symbol)

    def fill(self, one: Held, qty: int, price: Decimal) -> None:
        """Execute; the report is on its way, with that of the leg it wakes right behind it."""
        self.executions += 1
        one.filled += qty
        execution = Execution(f"H{self.executions}", one.order.id, qty, price, Decimal("0.01"), self.now)
        self._post(Fill(one.order.id, self.now, execution))
        if one.leg is not None and one.leg.alive:
            self._post(LegActive(one.leg.order.id, self.now, min(one.filled, one.leg.order.qty)))
        if one.filled == one.order.qty:
            one.alive = False

    def end(self, one: Held, reason: str = "canceled") -> None:
        """End an order, and with it a leg that will never wake."""
        one.alive = False
        self._post(Gone(one.order.id, self.now, reason))
        if one.leg is not None and one.leg.alive and not one.filled:
            self.end(one.leg, "its parent is gone")

    def end_late(self, one: Held, qty: int, price: Decimal) -> None:
        """Execute and cancel the rest, and tell of it in the wrong order."""
        self.fill(one, qty, price)
        if one.alive:
            self.end(one)
        self.mail[one.order.id].reverse()

    def lose_cancel(self, one: Held) -> None:
        """The cancel never arrived, and nobody says so: there was no answer."""
        one.cancel_wanted = False
        one.told_unknown = True
        self._post(NoAnswer(one.order.id, self.now, "timed out"))

    def probe(self) -> None:
        """Answer every question that is open: what arrived is accepted (again), what did not is refused."""
        for name in self.lost:
            self._post(Refusal(name, self.now, "not found"))
        self.lost.clear()
        for one in self.orders.values():
            if one.told_unknown and one.alive:
                self._post(Accepted(one.order.id, self.now, f"b-{one.order.id}", held=self._asleep(one)))
            one.told_unknown = False

    def deliver(self, name: str, count: int = 1) -> list[AnyReport]:
        """Take the oldest reports of an order out of the mail; a leg's news comes with its parent's fills."""
        waiting = self.mail.get(name, [])
        taken = waiting[:count]
        self.mail[name] = waiting[count:]
        if not self.mail[name]:
            del self.mail[name]
        leg = self.orders[name].leg if name in self.orders else None
        if leg is not None and any(isinstance(one, Fill) for one in taken) and leg.order.id in self.mail:
            taken += self.mail.pop(leg.order.id)
        return taken

    def undelivered(self, symbol: str) -> int:
        """Shares of entries that filled, and of which we were not told."""
        return sum(
            report.execution.qty
            for reports in self.mail.values()
            for report in reports
            if isinstance(report, Fill)
            and self.orders[report.order].order.symbol == symbol
            and self.orders[report.order].order.purpose is Purpose.ENTRY
        )

    def _asleep(self, one: Held) -> bool:
        return one.parent is not None and not one.parent.filled

    def _take(self, order: Order, parent: Held | None) -> Held | None:
        self.sent.append(order.id)
        if self.mood == "refuse":
            self._post(Refusal(order.id, self.now, "not today"))
            return None
        if self.mood == "lost":
            self.lost[order.id] = None
            self._post(NoAnswer(order.id, self.now, "timed out"))
            return None
        one = self.orders[order.id] = Held(order, parent)
        if self.mood == "silent":
            one.told_unknown = True
            self._post(NoAnswer(order.id, self.now, "timed out"))
        else:
            self._post(Accepted(order.id, self.now, f"b-{order.id}", held=parent is not None))
        return one

    def _post(self, report: AnyReport) -> None:
        self.mail.setdefault(report.order, []).append(report)


class Puppet:
    """A strategy that follows every bar and wishes what the test has put into `next`."""

    def __init__(self) -> None:
        self.next: dict[int, Wish | Exception] = {}

    def ask(self, view: View) -> Wishes:
        wish = self.next.pop(view.row, None)
        if isinstance(wish, Exception):
            raise wish
        return [] if wish is None else [wish]

    def strategy(self, name: str = "puppet", per_day: int = 1000) -> Strategy:
        puppet = self

        class Entry(EntrySignals):
            def on_start(self, group: Group) -> Wishes:
                return [Plan(rows=group.rows.tolist(), follow=True)]

            def on_bar(self, view: View) -> Wishes:
                return puppet.ask(view)

        class Exit(ExitSignals):
            def on_open(self, view: View) -> Wishes:
                return [Plan(follow=True)]

            def on_bar(self, view: View) -> Wishes:
                return puppet.ask(view)

        return Strategy(name, "1", "experimental", "does as told", Params(), Entry(), Exit(), per_day=per_day)
