"""Minute bars out of prints, at the very ends of minutes."""

from __future__ import annotations

import datetime as dt

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.inputs import Why
from qm.model.instrument import SymbolTable
from qm.model.market import events, trade
from qm.rules.calendar import session

OF = session(dt.date(2024, 3, 5))
END = OF.open_ns + MINUTE


def test_a_print_at_the_end_of_a_minute_opens_the_next_and_leaves_the_bar_before_whole() -> None:
    market = Market(SymbolTable(["AAA"]), OF, Reference.empty(1))
    market.levels.follow(0, "somebody")
    for boundary in (OF.open_ns, END, END + MINUTE):
        market.timers.set(boundary, "minute")
    tape = events([trade(OF.open_ns + 1, 0, 10, 100), trade(END - 1, 0, 11, 100), trade(END, 0, 12, 100)])
    index, bars = 0, []
    while index < len(tape):
        index, wake = market.run(tape, index)
        if wake is not None and wake.why & Why.TIMER:
            due, _ = market.timers.pop()
            market.mark_minute(due)
            bars += market.end_minute(due)
    assert [wake.why & Why.BAR for wake in bars] == [Why.BAR]
    assert list(market.bars.of(0)) == [Bar(OF.open_ns, 10, 11, 10, 11, 200)]
    assert market.minutes.bars_of(0) == [Bar(OF.open_ns, 10, 11, 10, 11, 200)]
    assert market.closes[END // MINUTE % len(market.closes), 0] == 11
