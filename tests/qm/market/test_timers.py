"""Timers fall due in an order that a restart does not change."""

from __future__ import annotations

from itertools import permutations

from qm.market.timers import NEVER, Timers

KEYS = ("minute", "beat", "plan:orb:3", "until:E1", "end")


def order(timers: Timers) -> list[str]:
    fired = []
    while timers.due != NEVER:
        fired.append(timers.pop()[1])
    return fired


def test_of_those_of_one_time_the_kind_decides_and_not_who_was_set_first() -> None:
    for keys in permutations(KEYS):
        timers = Timers()
        for key in keys:
            timers.set(10, key)
        assert order(timers) == list(KEYS)


def test_those_of_one_kind_fire_as_they_were_set_and_earlier_times_come_first() -> None:
    timers = Timers()
    for due, key in ((10, "plan:b:9"), (10, "plan:a:2"), (9, "until:E2"), (11, "minute"), (10, "flat"), (10, "end")):
        timers.set(due, key)
    assert order(timers) == ["until:E2", "plan:b:9", "plan:a:2", "flat", "end", "minute"]


def test_after_a_restart_the_order_is_that_of_a_run_without_one() -> None:
    unbroken, resumed = Timers(), Timers()
    for timers in (unbroken, resumed):
        # The engine set the minute first, and a plan within that minute wants to be woken at its end.
        timers.set(60, "minute")
        timers.set(60, "plan:orb:746")
    resumed.keep("plan:")
    resumed.set(60, "minute")
    assert order(resumed) == order(unbroken) == ["minute", "plan:orb:746"]
