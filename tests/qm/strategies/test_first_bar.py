"""Where bars are all there is: a fill and the close of its bar become known together."""

from __future__ import annotations

import pytest

from qm.model.events import Signal
from qm.model.order import Side
from qm.strategies.api import Enter, EntrySignals, Exit, ExitSignals, Group, Params, Plan, Strategy, View, Wishes
from tests.qm.strategies.stage import Stage, minute


class Buy(EntrySignals):
    def on_start(self, group: Group) -> Wishes:
        return [Plan(rows=group.rows.tolist(), close_up=[20.0])]

    def on_close(self, view: View) -> Wishes:
        return [Enter(Side.BUY, 18.0, "above 20", resting_stop=False, shares=10)]


class Leave(ExitSignals):
    def on_open(self, view: View) -> Wishes:
        return [Plan(close_down=[19.5])]

    def on_close(self, view: View) -> Wishes:
        return [Exit("below 19.50")]


STRATEGY = Strategy("closes", "1", "experimental", "buys and sells on closes", Params(), Buy(), Leave())


@pytest.mark.parametrize(("close", "left"), [(19.5, True), (19.51, False)])
def test_a_close_level_armed_on_the_fill_meets_the_close_of_the_fills_own_bar(close: float, left: bool) -> None:
    stage = Stage(STRATEGY)
    stage.feed(minute(10, 20.0, 20.2, 20.0, 20.1))
    assert [signal.entry for signal in stage.all(Signal)] == [True]
    stage.feed(minute(11, 20.1, 20.1, 19.4, close))
    assert [signal.entry for signal in stage.all(Signal)] == [True, False][: 1 + left]
