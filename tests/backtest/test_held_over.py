"""What cannot be closed before the end of a session is held over, told, and closed first in the next one."""

import datetime as dt
from decimal import Decimal

import msgspec

from backtest.runner import Plan, run
from brokers.sim.settings import SimSettings
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.market.reference import Reference
from qm.model.events import Anomaly, Intended, SessionEnded, TradeClosed
from qm.model.instrument import SymbolTable
from qm.model.market import bar, events
from qm.model.order import Purpose, Side
from qm.rules.calendar import next_session, session
from qm.store.reader import decode_body
from qm.strategies.api import Enter, EntrySignals, ExitSignals, Group, Params, Strategy, Wishes
from qm.strategies.api import Plan as Levels

FIRST = session(dt.date(2025, 3, 12))
SECOND = next_session(FIRST.date)


class Buys(EntrySignals):
    """Buys in the first session, half an hour after the open."""

    def on_start(self, group: Group) -> Wishes:
        wake = FIRST.open_ns + 30 * MINUTE
        return [Levels(rows=group.rows.tolist(), wake_at=wake)] if group.now < wake else []

    def on_time(self, group: Group) -> Wishes:
        return [Enter(Side.BUY, 9.0, "because", shares=1000, row=row) for row in group.rows.tolist()]


def day(of: object, thin_from: int) -> Day:
    assert isinstance(of, type(FIRST))
    rows = [
        bar(of.open_ns + (n + 1) * MINUTE, 0, 10, 10.02, 9.98, 10, 100_000 if n < thin_from else 100)
        for n in range(390)
    ]
    return Day(SymbolTable(["THIN"]), of, Reference.empty(1), False, [events(rows)])


def test_what_is_left_at_the_end_is_closed_first_in_the_next_session() -> None:
    strategy = Strategy("buys", "1", "experimental", "buys once", Params(), Buys(), ExitSignals())
    plan = Plan(
        settings=EngineSettings(scans=()),
        strategies={"buys": strategy},
        exchange=SimSettings(participation=0.05),
        assigned={"buys": ("THIN",)},
    )
    outcome = run(plan, [day(FIRST, 385), day(SECOND, 390)])
    entries = list(outcome.journal.read(outcome.header.id))

    ended = next(entry for entry in entries if isinstance(entry.body, SessionEnded))
    after = [entry for entry in entries if entry.seq > ended.seq]
    # Five shares in a hundred a minute: most of a thousand could not be sold.
    sent = [e for e in entries if isinstance(e.body, Intended) and e.body.order.purpose is not Purpose.ENTRY]
    assert all(entry.ts < FIRST.close_ns + MINUTE or entry.seq > ended.seq for entry in sent)
    (closed,) = [entry.body for entry in after if isinstance(entry.body, TradeClosed)]
    assert closed.qty == 1000
    assert closed.closed < SECOND.open_ns + 5 * MINUTE
    assert not [entry for entry in entries if isinstance(entry.body, Anomaly)]
    assert outcome.days[-1].equity_usd != Decimal(0)
    # It is sent before the first price of the session, and must still be read back as it was written.
    first = next(entry.body for entry in after if isinstance(entry.body, Intended))
    assert first.price is None
    assert all(decode_body(msgspec.json.encode(entry.body)) == entry.body for entry in entries)
