"""Days that end early, and those beside a change of the clocks: every rule moves with the open and the close."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.clock import MINUTE, ny
from qm.engine.settings import EngineSettings, ExitAtClose
from qm.journal.rulings import rulings
from qm.model.events import Intended, Refused, TradeClosed
from qm.model.market import bar, clock
from qm.model.order import OrderType, Purpose, Side
from qm.rules.calendar import Session, session
from qm.rules.limits import Tier
from qm.rules.lookup import Facts, what_applies
from qm.strategies.api import Enter, EntrySignals, ExitSignals, Group, Params, Plan, Strategy, Wishes
from tests.qm.strategies.stage import WIDE, Stage

DAYS = {
    "a full day": dt.date(2025, 11, 25),
    "a half day": dt.date(2025, 11, 28),
    "the last session of summer time": dt.date(2025, 10, 31),
    "the first session of winter time": dt.date(2025, 11, 3),
    "the first session of summer time": dt.date(2026, 3, 9),
}
BOTH_WAYS = (Purpose.ENTRY, Purpose.FLATTEN)


class At(EntrySignals):
    """Buys so many minutes before the close."""

    def __init__(self, before_close: int) -> None:
        self.before_close = before_close

    def on_start(self, group: Group) -> Wishes:
        return [Plan(group.rows.tolist(), wake_at=group.market.session.close_ns - self.before_close * MINUTE)]

    def on_time(self, group: Group) -> Wishes:
        return [Enter(Side.BUY, 9.0, "it is time", row=view.row) for view in group.each()]


def lived(of: Session, before_close: int, exit_at_close: ExitAtClose = ExitAtClose.MARKET) -> Stage:
    """A day at 10.00 whose one entry is wanted so many minutes before the close."""
    buys = Strategy("times", "1", "experimental", "buys late", Params(), At(before_close), ExitSignals())
    settings = EngineSettings(strategies=(), scans=(), risk=WIDE, exit_at_close=exit_at_close)
    on = Stage(buys, of=of, settings=settings, known={"prior_close": 10.0, "adv": 1e6})
    for n in range(of.minutes + 1):
        on.feed(bar(of.open_ns + (n + 1) * MINUTE, 0, 10.0, 10.0, 10.0, 10.0, 100_000.0))
    return on.feed(clock(of.close_ns + 2 * MINUTE))


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_entries_end_half_an_hour_before_the_close_and_all_is_sold_two_minutes_before_it(day: dt.date) -> None:
    of = session(day)
    on = lived(of, 31)
    opened, sold = (e.ts for e in on.entries if isinstance(e.body, Intended) and e.body.order.purpose in BOTH_WAYS)
    assert [(of.close_ns - ts) // MINUTE for ts in (opened, sold)] == [31, 2]
    assert on.only(TradeClosed).closed < of.close_ns
    refused = lived(of, 29).only(Refused)
    assert [check.name for check in refused.checks if not check.passed] == ["minutes since the open"]


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_what_goes_into_the_closing_auction_is_sent_before_its_first_cutoff(day: dt.date) -> None:
    of = session(day)
    on = lived(of, 31, ExitAtClose.AUCTION)
    (sent,) = [e for e in on.entries if isinstance(e.body, Intended) and e.body.order.purpose is Purpose.FLATTEN]
    assert isinstance(sent.body, Intended)
    assert sent.body.order.type is OrderType.MOC
    assert 10 <= (of.close_ns - sent.ts) / MINUTE <= 11.01
    assert on.only(TradeClosed).closed == of.close_ns


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_the_rules_of_the_last_minutes_come_with_the_close(day: dt.date) -> None:
    of = session(day)
    facts = Facts("AAA", tier=Tier.ONE, prior_close=None)
    assert what_applies(facts, of, of.open_ns - 1).phase == "pre"
    assert [str(what_applies(facts, of, ns).phase) for ns in (of.open_ns, of.close_ns - 1)] == ["open", "open"]
    assert [str(what_applies(facts, of, ns).phase) for ns in (of.close_ns, of.post_ns)] == ["post", "closed"]
    assert f"{ny(of.open_ns):%H:%M}" == "09:30"
    assert f"{ny(of.close_ns):%H:%M}" == ("13:00" if of.half else "16:00")
    assert f"{ny(of.post_ns):%H:%M}" == ("17:00" if of.half else "20:00")


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_the_explanation_of_a_refusal_has_the_hours_of_its_day(day: dt.date) -> None:
    on = lived(session(day), 29)
    (entry,) = [entry for entry in on.entries if isinstance(entry.body, Refused)]
    told = rulings(entry)
    assert any(line.startswith("rule hours open: ") for line in told)
    # Doubled in the last 25 minutes for tier one, and for tier two only up to 3 $: nothing is doubled here.
    assert any("volatility bands 9 to 11, 10% around 10 as tier 2" in line for line in told)
