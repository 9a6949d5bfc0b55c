"""A decision may not depend on its future: shipped strategies pass the check, and one that peeks does not."""

import datetime as dt
import sys
from dataclasses import replace
from functools import cache
from types import FrameType

import pytest

from backtest.check import CUT, SHUFFLED, check
from backtest.runner import Plan
from cli import compose
from cli.markets import choose
from qm.engine.day import Day
from qm.engine.settings import EngineSettings, StrategyChoice
from qm.errors import UsageError
from qm.model.market import Events
from qm.model.order import Side
from qm.strategies.api import Enter, EntrySignals, Group, View, Wishes
from qm.strategies.api import Plan as Levels

FIRST, LAST = dt.date(2025, 3, 10), dt.date(2025, 3, 11)
MARKET = choose("synthetic:20:seed=4:detail=bars", FIRST, LAST)


@cache
def days() -> tuple[Day, ...]:
    """Two made-up sessions, made once: a check goes over them many times, and only reads."""
    return tuple(replace(day, batches=list(day.batches)) for day in MARKET.days())


def plan(*names: str) -> Plan:
    alone = EngineSettings(strategies=tuple(StrategyChoice(name) for name in names))
    made = compose.strategies(alone)
    engine = compose.for_strategies(alone, made, assigned=False, quotes=MARKET.quotes)
    return Plan(settings=engine, strategies=made)


def test_shipped_strategies_do_not_peek() -> None:
    found = check(plan("orb_robust", "thrust"), days, cuts=2)
    assert found.clean
    assert (found.sessions, found.trials) == (2, 4)
    # Every minute of four shortened sessions is at least one entry.
    assert found.entries > 200


class Peeking(EntrySignals):
    """Walks up the stack to the batch that is being fed, and buys what will have risen at its end."""

    def on_start(self, group: Group) -> Wishes:
        return [Levels(rows=group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Wishes:
        frame: FrameType | None = sys._getframe()
        while frame is not None and "events" not in frame.f_locals:
            frame = frame.f_back
        if frame is None or view.minute > 30:
            return ()
        records: Events = frame.f_locals["events"]
        mine = records[records["sym"] == view.row]
        if len(mine) and float(mine["d"][-1]) > 1.002 * view.last:
            return [Enter(Side.BUY, 0.97 * view.last, "I know that it will rise")]
        return ()


@pytest.mark.slow
@pytest.mark.parametrize("how", [CUT, SHUFFLED])
def test_one_that_peeks_is_found_out(how: str) -> None:
    honest = plan("thrust")
    peeking = replace(honest.strategies["thrust"], entry=Peeking())
    found = check(replace(honest, strategies={"thrust": peeking}, assigned={"thrust": ()}), days, cuts=2, seed=2)
    told = [each for each in found.differences if each.future == how]
    assert not found.clean
    assert told
    assert all(each.before != each.after and each.seq > 0 for each in told)


def test_the_same_seed_checks_the_same_moments() -> None:
    one, other = (check(plan("thrust"), days, cuts=1, seed=9) for _ in range(2))
    assert one == other


def test_nothing_to_cut_is_said() -> None:
    with pytest.raises(UsageError, match="no records"):
        check(plan("thrust"), lambda: [replace(day, batches=[]) for day in days()], cuts=1)
